"""Sources that read what items are beside what people did with them: recipes that differ in their network and in its
config alone. What they have in common is in `item_tower.py` (vectors of items) and `tower_lessons.py` (how they learn).
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa

from shopkeeper.engine.context import Material, ReleaseParts
from shopkeeper.engine.encoder import Encoder
from shopkeeper.engine.graph import Graph
from shopkeeper.engine.item_features import Described, ItemFeatures
from shopkeeper.engine.item_tower import ItemTower
from shopkeeper.engine.meaning import Meanings
from shopkeeper.engine.sources.towers import CrossedSource, NearestSource, TowerSource
from shopkeeper.engine.vectors import EXACT_BELOW, Vectors
from shopkeeper.learn.libraries import library
from shopkeeper.learn.models.config import HybridConfig, NeuMfConfig, TowerConfig, TwoTowerConfig
from shopkeeper.learn.models.histories import Histories
from shopkeeper.learn.taught import Taught
from shopkeeper.vocabulary import Ids, Rows


class TowerRecipe(Taught[TowerConfig]):
    """network: `module:class` of a `Tower`, imported when it is fitted; source: what serves it."""

    when: ClassVar[str]
    network: ClassVar[str]
    source: ClassVar[type[TowerSource]]
    exact_below: ClassVar[int] = EXACT_BELOW
    learns_from_events = in_epochs = True

    def __init__(self, config: TowerConfig | None = None) -> None:
        super().__init__(config)
        self._read: tuple[Ids, Encoder | None, Meanings | None] | None = None
        self._told: tuple[pa.Table, ItemFeatures, Described] | None = None

    def fit(self, material: Material) -> TowerSource:
        """Raises MissingExtraError without PyTorch, SettingsError for a config that does not fit."""
        config = self.configured(material.settings)
        rows = self.partaking(material, config)
        part = np.zeros(len(material.catalogue), np.bool_)
        part[rows] = True
        done = material.interactions
        histories = Histories.of(done.where(part[done.items]))
        if not len(histories):
            return self._silent(material)
        teaching = library("shopkeeper.learn.models.tower_lessons", self.job, needs="torch")
        module, network = self.network.split(":")
        features, described = self._described(material)
        model = teaching.fitted(
            self.name,
            getattr(library(module, self.job, needs="torch"), network),
            histories,
            described.of(histories.known),
            len(features),
            config,
            material.settings.train,
            material.work,
            material.course(self.name),
        )
        arrays = teaching.learned(model)._asdict()
        graph = arrays.pop("graph")
        tower = ItemTower(features, known=histories.known, **arrays)
        vectors = tower.vectors(described.of(rows), rows)
        held = Vectors.build(vectors, rows, len(material.catalogue), exact_below=self.exact_below)
        return self.source(self.name, Graph(graph), config.length, tower, held, material.catalogue)

    def partaking(self, material: Material, config: TowerConfig) -> Rows:  # noqa: ARG002
        """int32 [k], ascending: the items that take part."""
        return np.arange(len(material.catalogue), dtype=np.int32)

    def load(self, directory: Path, release: ReleaseParts) -> TowerSource:
        return self.source.load(self.name, directory, release)

    def _described(self, material: Material) -> tuple[ItemFeatures, Described]:
        """Once for all fits of a training, which are of other moments, but of the same items and texts, and mostly of
        the same prices."""
        ids, items = material.catalogue.ids, material.items
        if self._read is None or self._read[0] is not ids or self._read[1] is not material.encoder:
            self._read, self._told = (ids, material.encoder, material.meanings), None
        if self._told is None or self._told[0] is not items:
            features = ItemFeatures.fit(items)
            self._told = items, features, features.of(items, self._read[2])
        return self._told[1:]

    def _silent(self, material: Material) -> TowerSource:
        """Where nobody met two items."""
        nothing, none = np.empty((0, 1), np.float32), np.empty(0, np.int32)
        tower = ItemTower(
            ItemFeatures(np.empty(0, np.uint32), np.empty(0, np.float32)),
            nothing,
            nothing,
            nothing.T,
            nothing,
            none,
            nothing,
        )
        vectors = Vectors.build(nothing, none, len(material.catalogue))
        return self.source(self.name, None, 1, tower, vectors, material.catalogue)


class TwoTower(TowerRecipe):
    name, config_type = "two_tower", TwoTowerConfig
    when = "items that come and go, described by words, labels or texts, and minutes to spare: new ones count at once"
    network, source = "shopkeeper.learn.models.two_tower:TwoTower", NearestSource


class Hybrid(TowerRecipe):
    name, config_type = "hybrid", HybridConfig
    when = "as `two_tower` with nothing but sums: few events, and items told by their labels"
    network, source = "shopkeeper.learn.models.two_tower:TwoTower", NearestSource


class NeuMf(TowerRecipe):
    name, config_type = "neumf", NeuMfConfig
    when = "some thousand items and minutes to spare: asks about each item anew how it fits a person"
    network, source = "shopkeeper.learn.models.neumf:NeuMf", CrossedSource
    exact_below = 2**31  # all are asked about, so no index is looked into

    def partaking(self, material: Material, config: TowerConfig) -> Rows:
        """Those with the most events."""
        most = config.items if isinstance(config, NeuMfConfig) else len(material.catalogue)
        counts = np.bincount(material.interactions.items, minlength=len(material.catalogue))
        return np.sort(np.argsort(-counts, kind="stable")[:most]).astype(np.int32)
