"""The source `sasrec`: a transformer that reads what a person did and says what comes next (`transformer.py`)."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from shopkeeper.engine.context import Material, ReleaseParts
from shopkeeper.engine.sources.sequence import Network, Sequence
from shopkeeper.engine.vectors import Vectors
from shopkeeper.errors import MissingExtraError, SettingsError
from shopkeeper.learn.models.config import SasRecConfig
from shopkeeper.learn.models.histories import Histories
from shopkeeper.settings import model_settings


class SasRec:
    """The recipe."""

    name, learns_from_events = "sasrec", True
    when = "many or long histories and minutes to spare: reads the order of all that was done"

    config_type = SasRecConfig

    def __init__(self, config: SasRecConfig | None = None) -> None:
        self.config = config

    def fit(self, material: Material) -> Sequence:
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
            return Sequence(self.name, None, nothing, material.catalogue)
        graph, vectors = _learn().learned(histories, config, material.settings.train, material.work)
        held = Vectors.build(vectors, histories.known, len(material.catalogue))
        return Sequence(self.name, Network(graph, config.length), held, material.catalogue)

    def load(self, directory: Path, release: ReleaseParts) -> Sequence:
        return Sequence.load(self.name, directory, release)


def _learn() -> Any:
    """What needs PyTorch, which is not there where a release is only served."""
    try:
        return import_module("shopkeeper.learn.models.next_item")
    except ImportError as error:
        raise MissingExtraError("fitting a sequence model", "train", "torch") from error
