"""What fits a history, by what items are as well as by what people did with them, so that an item counts from the
moment that it comes. Networks are fitted elsewhere (`learn/models/towers.py`); here they are arrays and graphs of ONNX.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from shopkeeper.engine.context import Candidates, Context, Material, ReleaseParts
from shopkeeper.engine.graph import Graph
from shopkeeper.engine.item_tower import ItemTower
from shopkeeper.engine.sources.sequence import newest
from shopkeeper.engine.vectors import Vectors
from shopkeeper.release.arrays import load_array, save_arrays
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.vocabulary import Rows

GRAPH, TOWER, VECTORS = "network.onnx", "tower", "vectors"
AT_ONCE = 8_192  # items that are crossed with a history together


@dataclass(frozen=True, eq=False)
class TowerSource(ABC):
    """A fitted source. graph: None where nobody met two items, and then it is silent; length: the most events of a
    history that are read; vectors: of every item of which anything is known."""

    name: str
    graph: Graph | None
    length: int
    tower: ItemTower
    vectors: Vectors
    catalogue: Catalogue

    reads_meaning: ClassVar[bool] = True  # so that it is updated again when an item's meaning is known

    @abstractmethod
    def found(
        self, graph: Graph, items: Rows, codes: npt.NDArray[np.int64], context: Context, limit: int
    ) -> Candidates:
        """The best for a history of items int32 [t], which have vectors, and what was done with each, int64 [t]."""

    def retrieve(self, context: Context, limit: int) -> Candidates:
        items, codes = self._read(context)
        if self.graph is None or not len(items):
            return Candidates.none()
        return self.found(self.graph, items, codes, context, limit)

    def reason(self, context: Context, row: int) -> str:
        return self.reasons(context, np.array([row], np.int32))[0]

    def reasons(self, context: Context, rows: Rows) -> list[str]:
        """Each names the item of the history to which the row is nearest."""
        items, _ = self._read(context)
        if not len(items):
            return ["fits what you looked at"] * len(rows)
        nearest = items[self.vectors.nearest_of(rows, items)]
        return [f"goes well with “{name}”" for name in self.catalogue.names(nearest)]

    def updated(self, changed: Material, rows: Rows) -> Self:
        """A changed item keeps what was learned of it besides what it is."""
        described = self.tower.features.of(changed.items, changed.meanings)
        vectors = self.vectors.updated(self.tower.vectors(described, rows), rows, len(changed.catalogue))
        return replace(self, vectors=vectors, catalogue=changed.catalogue)

    def save(self, directory: Path) -> None:
        save_arrays(directory, {"length": np.array(self.length)})
        self.tower.save(directory / TOWER)
        self.vectors.save(directory / VECTORS)
        if self.graph is not None:
            self.graph.save(directory / GRAPH)

    @classmethod
    def load(cls, name: str, directory: Path, release: ReleaseParts) -> Self:
        return cls(
            name,
            Graph.load(directory / GRAPH) if (directory / GRAPH).exists() else None,
            int(load_array(directory, "length")),
            ItemTower.load(directory / TOWER),
            Vectors.load(directory / VECTORS),
            release.catalogue,
        )

    def _read(self, context: Context) -> tuple[Rows, npt.NDArray[np.int64]]:
        """The items that the network reads, the newest last, and what was done with each."""
        items, codes, _ = newest(context, self.vectors.has, self.length)
        return items, codes


class NearestSource(TowerSource):
    """graph: history float32 [b, t, d], codes int64 [b, t] → float32 [b, t, d], of length 1: after each event, where
    items are looked for."""

    def found(
        self, graph: Graph, items: Rows, codes: npt.NDArray[np.int64], context: Context, limit: int
    ) -> Candidates:
        wanted = graph(history=self.vectors.of(items)[None], codes=codes[None])[0, -1]
        return self.vectors.propose(wanted, context, limit)


class CrossedSource(TowerSource):
    """graph: history float32 [t, d], codes int64 [t], items float32 [n, d] → float32 [n]: how well each item fits. All
    that may be proposed are asked about, so that an answer costs what they are many."""

    def found(
        self, graph: Graph, items: Rows, codes: npt.NDArray[np.int64], context: Context, limit: int
    ) -> Candidates:
        history = self.vectors.of(items)
        rows = np.arange(self.vectors.n_items, dtype=np.int32)
        if context.allowed is not None:
            rows = rows[context.allowed[: len(rows)]]
        rows = rows[self.vectors.has(rows) & ~np.isin(rows, context.anchors)]
        scores = np.empty(len(rows), np.float32)
        for first in range(0, len(rows), AT_ONCE):
            block = slice(first, first + AT_ONCE)
            scores[block] = graph(history=history, codes=codes, items=self.vectors.of(rows[block]))
        return Candidates.top(rows, scores, limit)
