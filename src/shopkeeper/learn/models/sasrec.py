"""The source `sasrec`: a transformer that reads what a person did and says what comes next (`transformer.py`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from shopkeeper.engine.context import Material, ReleaseParts
from shopkeeper.engine.sources.sequence import Network, SequenceSource
from shopkeeper.engine.vectors import Vectors
from shopkeeper.errors import SettingsError
from shopkeeper.learn.libraries import library
from shopkeeper.learn.models.config import SasRecConfig
from shopkeeper.learn.models.histories import Histories
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.settings import Settings, model_settings


class SasRec:
    """The recipe. A training fits it as of several moments: each fit starts where one of an earlier moment ended."""

    name, learns_from_events = "sasrec", True
    when = "many or long histories and minutes to spare: reads the order of all that was done"

    config_type = SasRecConfig

    def __init__(self, config: SasRecConfig | None = None) -> None:
        self.config = config
        self._last: tuple[Catalogue, Settings, float, Any] | None = None  # of what the last fit was, and where it ended

    def fit(self, material: Material) -> SequenceSource:
        """Raises MissingExtraError without PyTorch, SettingsError for a config that does not fit."""
        config = self.config or model_settings(material.settings, self.name, SasRecConfig)
        if config.width % (2 * config.heads):
            multiple = f"a multiple of {2 * config.heads}, twice the heads"
            raise SettingsError(f"models.{self.name}.width is {config.width}", where="shop.toml", expected=multiple)
        histories = Histories.of(material.interactions)
        if not len(histories):
            nothing = Vectors.build(
                np.empty((0, config.width), np.float32), np.empty(0, np.int32), len(material.catalogue)
            )
            return SequenceSource(self.name, None, nothing, material.catalogue)
        start = self._start(material)
        teaching = library("shopkeeper.learn.models.next_item", "fitting the source sasrec", needs="torch")
        done = teaching.learned(histories, config, material.settings.train, material.work, start)
        self._last = material.catalogue, material.settings, material.now, done.start
        held = Vectors.build(done.vectors, histories.known, len(material.catalogue))
        return SequenceSource(self.name, Network(done.graph, config.length), held, material.catalogue)

    def _start(self, material: Material) -> Any:
        """Where the last fit ended, if it knew the same shop at an earlier moment: nothing that is later now. Without a
        clock no moment is earlier than another."""
        if self._last is None:
            return None
        catalogue, settings, now, end = self._last
        same = catalogue is material.catalogue and settings == material.settings
        return end if same and material.interactions.has_clock and now < material.now else None

    def load(self, directory: Path, release: ReleaseParts) -> SequenceSource:
        return SequenceSource.load(self.name, directory, release)
