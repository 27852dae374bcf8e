"""How items get vectors from what they are, as it was learned elsewhere (`learn/models/item_tower.py`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shopkeeper.engine.context import places_among
from shopkeeper.engine.item_features import Described, ItemFeatures
from shopkeeper.release.arrays import load_array, save_arrays
from shopkeeper.vocabulary import Rows, Scores

ARRAYS = ("terms", "meanings", "inner", "outer", "known", "own")
_BLOCK = 10_000  # items at a time


@dataclass(frozen=True, eq=False)
class ItemTower:
    """terms float32 [t, d] of the vocabulary; meanings float32 [e, d]; inner float32 [d, h], outer float32 [h, d], a
    hidden layer of h units, with 0 of which the tower is linear; known int32 [m], ascending: the rows of the items that
    have something of their own, float32 [m, d], besides what they are."""

    features: ItemFeatures
    terms: Scores
    meanings: Scores
    inner: Scores
    outer: Scores
    known: Rows
    own: Scores

    def vectors(self, items: Described, rows: Rows) -> Scores:
        """float32 [n, d], of any length, of items that are rows int32 [n] of the catalogue; zeros for one of which
        nothing is known. Meanings of another width than was learned from say nothing."""
        vectors = np.zeros((len(rows), self.terms.shape[1]), np.float32)
        for first, last in _blocks(len(rows)):
            begin, end = items.starts[first], items.starts[last]
            filled = first + np.flatnonzero(np.diff(items.starts[first : last + 1]))
            if len(filled):
                weighted = self.terms[items.places[begin:end]] * items.weights[begin:end, None]
                vectors[filled] = np.add.reduceat(weighted, items.starts[filled] - begin, axis=0)
        if items.meanings.shape[1] == len(self.meanings):
            vectors[items.readable] += items.meanings @ self.meanings
        for first, last in _blocks(len(rows)):
            block = vectors[first:last]
            block += np.maximum(block @ self.inner, 0.0) @ self.outer
        at = places_among(self.known, rows)
        vectors[at >= 0] += self.own[at[at >= 0]]
        return vectors

    def save(self, directory: Path) -> None:
        self.features.save(directory)
        save_arrays(directory, {name: getattr(self, name) for name in ARRAYS})

    @classmethod
    def load(cls, directory: Path) -> ItemTower:
        """Memory-mapped."""
        return cls(ItemFeatures.load(directory), **{name: load_array(directory, name) for name in ARRAYS})


def _blocks(n: int) -> Iterator[tuple[int, int]]:
    return ((first, min(first + _BLOCK, n)) for first in range(0, n, _BLOCK))
