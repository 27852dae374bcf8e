"""Sources that read what a person did, event by event, and say what comes next: recipes that differ in their network
and in its config alone. What they have in common is in `next_item.py` (how they learn) and `network.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from shopkeeper.engine.context import Material, ReleaseParts, places_among
from shopkeeper.engine.graph import Graph
from shopkeeper.engine.meaning import Meanings
from shopkeeper.engine.sources.sequence import Network, SequenceSource, TextMap
from shopkeeper.engine.vectors import Vectors
from shopkeeper.errors import SettingsError
from shopkeeper.learn.libraries import library
from shopkeeper.learn.models.config import Bert4RecConfig, Gru4RecConfig, HstuConfig, SasRecConfig, SequenceConfig
from shopkeeper.learn.models.histories import Histories
from shopkeeper.learn.taught import Taught
from shopkeeper.settings import Settings
from shopkeeper.vocabulary import Ids, Rows, Scores


class SequenceRecipe(Taught[SequenceConfig]):
    """A recipe says its name, its type of config, when to choose it, and its network: `module:class` of a `Reader`,
    imported when it is fitted. A training fits it as of several moments: each fit starts where one of an earlier moment
    ended."""

    when: ClassVar[str]
    network: ClassVar[str]
    learns_from_events = in_epochs = True

    def __init__(self, config: SequenceConfig | None = None) -> None:
        super().__init__(config)
        self._last: tuple[Ids, Settings, Any] | None = None  # of what the last fit was, and where it ended
        self._read: tuple[Ids, Meanings] | None = None  # of which items, so that they are read once for all fits

    def fit(self, material: Material) -> SequenceSource:
        """Raises MissingExtraError without PyTorch, SettingsError for a config that does not fit."""
        config = self._config_of(material.settings)
        histories = Histories.of(material.interactions)
        if not len(histories):
            empty = np.empty((0, config.width), np.float32), np.empty(0, np.int32)
            return SequenceSource(self.name, None, Vectors.build(*empty, len(material.catalogue)), material.catalogue)
        teaching = library("shopkeeper.learn.models.next_item", self.job, needs="torch")
        module, network = self.network.split(":")
        reader = getattr(library(module, self.job, needs="torch"), network)
        meanings = self._meanings(material) if config.text else None
        done = teaching.learned(self.name, reader, histories, material, config, meanings, self._earlier(material))
        self._last = material.catalogue.ids, material.settings, done.end
        vectors, rows = _with_unmet(done.vectors, histories.known, done.text, meanings)
        held = Vectors.build(vectors, rows, len(material.catalogue))
        return SequenceSource(self.name, Network(Graph(done.graph), config.length), held, material.catalogue, done.text)

    def check(self, settings: Settings) -> None:
        config = self._config_of(settings)
        if config.text and settings.encoder.model == "none":
            raise self._unread()
        if config.pretrained:
            starts = library("shopkeeper.learn.models.starts", self.job, needs="torch")
            starts.pretrained(Path(config.pretrained), f"models.{self.name}.pretrained")
        super().check(settings)

    def load(self, directory: Path, release: ReleaseParts) -> SequenceSource:
        return SequenceSource.load(self.name, directory, release)

    def _config_of(self, settings: Settings) -> SequenceConfig:
        config = self.configured(settings)
        if config.width % config.divisor:
            told, multiple = f"models.{self.name}.width is {config.width}", f"a multiple of {config.divisor}"
            raise SettingsError(told, where="shop.toml", expected=multiple)
        return config

    def _earlier(self, material: Material) -> Any:
        """Where the last fit ended, if it knew the same shop at an earlier moment: nothing that is later now. Without a
        clock no moment is earlier than another."""
        if self._last is None:
            return None
        ids, settings, end = self._last
        same = ids is material.catalogue.ids and settings == material.settings
        return end if same and material.interactions.has_clock and end.now < material.now else None

    def _meanings(self, material: Material) -> Meanings:
        if self._read is None or self._read[0] is not material.catalogue.ids:
            if material.meanings is None:
                raise self._unread()
            self._read = material.catalogue.ids, material.meanings
        return self._read[1]

    def _unread(self) -> SettingsError:
        told, expected = "the texts of items are read by an encoder, and there is none", 'not "none"'
        return SettingsError(told, where="encoder.model", expected=f"{expected}, or models.{self.name}.text = false")


def _with_unmet(vectors: Scores, known: Rows, text: TextMap | None, meanings: Meanings | None) -> tuple[Scores, Rows]:
    """float32 [m, d], rows int32 [m], ascending: the vectors of items that nobody met as well, by their texts."""
    if text is None or meanings is None:
        return vectors, known
    unmet = places_among(known, meanings.rows) < 0
    rows = np.concatenate((known, meanings.rows[unmet]))
    order = np.argsort(rows)
    return np.concatenate((vectors, text(meanings.vectors[unmet])))[order], rows[order]


class SasRec(SequenceRecipe):
    name, config_type = "sasrec", SasRecConfig
    when = "many or long histories and minutes to spare: reads the order of all that was done"
    network = "shopkeeper.learn.models.sasrec:SasRec"


class Gru4Rec(SequenceRecipe):
    name, config_type = "gru4rec", Gru4RecConfig
    when = "short visits of which the last events say most, and minutes to spare"
    network = "shopkeeper.learn.models.gru4rec:Gru4Rec"


class Bert4Rec(SequenceRecipe):
    name, config_type = "bert4rec", Bert4RecConfig
    when = "histories whose order is loose, and hours to spare: reads them from both sides"
    network = "shopkeeper.learn.models.bert4rec:Bert4Rec"


class Hstu(SequenceRecipe):
    name, config_type = "hstu", HstuConfig
    when = "long histories in a shop with a clock, and minutes to spare: reads how long ago things were, and how often"
    network = "shopkeeper.learn.models.hstu:Hstu"
