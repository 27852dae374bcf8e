"""What is like the items at hand, by what is written about them: needs no events, so new items are found at once.

An item's vector joins its sentence vector, where the encoder can read it, with a random projection (Achlioptas, 2003)
of its TF-IDF words, category, brand and attributes, which serves every language and shops that know only labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shopkeeper.engine.context import Candidates, Context, Material, ReleaseParts
from shopkeeper.engine.item_terms import item_terms
from shopkeeper.engine.vectors import Vectors
from shopkeeper.release.arrays import load_array, save_arrays
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.vocabulary import Rows, Scores

DIMENSION = 256  # of the projection: cosines are kept to about ±0.06
_SENTENCE_SHARE = 0.5  # of the squared length, where there is a sentence vector
_FLOOR = 0.3  # a cosine below is chance
_RECENT = 10  # items of the history that stand in for anchors
_RECENCY = 0.8  # the weight of each, relative to the one after it
_BLOCK = 100_000  # terms projected at a time


class Alike:
    """A source: neighbours of the anchors, or, without anchors, of the recent history. likeness: “similar to”, as its
    reasons say it."""

    def __init__(self, name: str, likeness: str, vectors: Vectors, catalogue: Catalogue) -> None:
        self.name, self._likeness, self.vectors, self._catalogue = name, likeness, vectors, catalogue

    def retrieve(self, context: Context, limit: int) -> Candidates:
        rows, weights = _at_hand(context)
        centre = weights @ self.vectors.of(rows)
        length = float(np.linalg.norm(centre))
        if not length:
            return Candidates.none()
        found, scores = self.vectors.search((centre / length).astype(np.float32), limit + len(rows), context.allowed)
        kept = (scores >= _FLOOR) & ~np.isin(found, rows)
        return Candidates(found[kept][:limit], scores[kept][:limit])

    def reason(self, context: Context, row: int) -> str:
        return self.reasons(context, np.array([row], np.int32))[0]

    def reasons(self, context: Context, rows: Rows) -> list[str]:
        at_hand, _ = _at_hand(context)
        nearest = self.vectors.nearest_of(rows, at_hand)
        names = self._catalogue.names(at_hand)
        return [f"{self._likeness} “{names[at]}”" for at in nearest.tolist()]

    def save(self, directory: Path) -> None:
        self.vectors.save(directory)


class SimilarSource(Alike):
    """By words, attributes and meaning."""

    reads_meaning = True  # so that it is updated again when an item's meaning is known

    def __init__(self, vectors: Vectors, terms: Projection, catalogue: Catalogue) -> None:
        super().__init__("similar", "similar to", vectors, catalogue)
        self._terms = terms

    def updated(self, changed: Material, rows: Rows) -> SimilarSource:
        vectors = _joined(self._terms.vectors(changed.items), changed)
        newer = self.vectors.updated(vectors, rows, len(changed.catalogue))
        return SimilarSource(newer, self._terms, changed.catalogue)

    def save(self, directory: Path) -> None:
        super().save(directory)
        self._terms.save(directory / "terms")


class Similar:
    """The recipe of SimilarSource."""

    name = "similar"
    learns_from_events = False
    when = "shops with few events, and items that are new: by words, attributes and meaning alone"

    def fit(self, material: Material) -> SimilarSource:
        terms, vectors = Projection.fit(material.items)
        vectors = _joined(vectors, material)
        rows = np.arange(len(vectors), dtype=np.int32)
        return SimilarSource(Vectors.build(vectors, rows, len(vectors)), terms, material.catalogue)

    def load(self, directory: Path, release: ReleaseParts) -> SimilarSource:
        return SimilarSource(Vectors.load(directory), Projection.load(directory / "terms"), release.catalogue)


def _joined(terms: Scores, material: Material) -> Scores:
    """float32 [n, d]: projected terms, float32 [n, DIMENSION], with sentence vectors where there is an encoder."""
    meanings = material.meanings
    if meanings is None:
        return terms
    vectors = np.zeros((len(terms), DIMENSION + meanings.vectors.shape[1]), np.float32)
    np.multiply(terms, np.float32(np.sqrt(1 - _SENTENCE_SHARE)), out=vectors[:, :DIMENSION])
    vectors[meanings.rows, DIMENSION:] = meanings.vectors * np.float32(np.sqrt(_SENTENCE_SHARE))
    return vectors


@dataclass(frozen=True)
class Projection:
    """TF-IDF terms under random signs. hashes uint32 [t], ascending: the terms of the shop; counts int32 [t]: how many
    items have each; n_items int64 [1]."""

    hashes: npt.NDArray[np.uint32]
    counts: Rows
    n_items: npt.NDArray[np.int64]

    @classmethod
    def fit(cls, items: pa.Table, dimension: int = DIMENSION) -> tuple[Projection, Scores]:
        """From a table of schema ITEMS, and the vectors of these items, float32 [n, dimension]."""
        sizes, codes, weights = item_terms(items)
        hashes, at, counts = np.unique(codes, return_inverse=True, return_counts=True)
        projection = cls(hashes, counts.astype(np.int32), np.array([len(sizes)]))
        return projection, projection._project(sizes, at, weights, dimension)

    def vectors(self, items: pa.Table) -> Scores:
        """float32 [n, DIMENSION], each of length 1, or zero for an item that shares no term with another. Terms that
        the shop did not have say nothing."""
        sizes, codes, weights = item_terms(items)
        if not len(self.hashes):
            return np.zeros((len(sizes), DIMENSION), np.float32)
        at = np.minimum(np.searchsorted(self.hashes, codes), len(self.hashes) - 1)
        return self._project(sizes, at, weights * (self.hashes[at] == codes), DIMENSION)

    def _project(
        self, sizes: npt.NDArray[np.int64], at: npt.NDArray[np.int64], weights: Scores, dimension: int
    ) -> Scores:
        """Of items of `sizes` terms each, the terms being hashes[at]."""
        rarity = np.log(max(int(self.n_items[0]), 1) / np.maximum(self.counts, 1)) * (self.counts > 1)
        weights = weights * rarity[at].astype(np.float32)
        ends = np.cumsum(sizes)
        vectors = np.zeros((len(sizes), dimension), np.float32)
        for first, last in _blocks(ends):
            start, end = int(ends[first] - sizes[first]), int(ends[last - 1])
            filled = first + np.flatnonzero(sizes[first:last])
            if len(filled):
                distinct, own = np.unique(at[start:end], return_inverse=True)
                terms = _signs(self.hashes[distinct], dimension)[own] * weights[start:end, None]
                vectors[filled] = np.add.reduceat(terms, ends[filled] - sizes[filled] - start, axis=0)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        np.divide(vectors, lengths, out=vectors, where=lengths > 0)
        return vectors

    def save(self, directory: Path) -> None:
        save_arrays(directory, {f.name: getattr(self, f.name) for f in fields(self)})

    @classmethod
    def load(cls, directory: Path) -> Projection:
        """Memory-mapped."""
        return cls(**{f.name: load_array(directory, f.name) for f in fields(cls)})


def _signs(hashes: npt.NDArray[np.uint32], dimension: int) -> npt.NDArray[np.int8]:
    """int8 [k, dimension] (a multiple of 64), 1 or -1: those of a term follow from its hash, by the finaliser of
    SplitMix64 (Steele, Lea and Flood, 2014), so that they need no place in memory."""
    words = dimension // 64
    mixed: Any = hashes.astype(np.uint64)[:, None] * np.uint64(words)  # mypy takes uint64 for float64
    mixed = (mixed + np.arange(1, words + 1, dtype=np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed = mixed ^ (mixed >> np.uint64(31))
    bits = np.unpackbits(mixed.view(np.uint8), axis=1)
    return bits.astype(np.int8) * np.int8(2) - np.int8(1)


def _blocks(ends: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Ranges of items that hold about _BLOCK terms each."""
    first = 0
    while first < len(ends):
        before = int(ends[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(ends, before + _BLOCK, side="right")))
        yield first, last
        first = last


def _at_hand(context: Context) -> tuple[Rows, Scores]:
    """The anchors, or else the newest distinct items of the history: rows int32 [k] and weights float32 [k]."""
    if len(context.anchors):
        rows = np.unique(context.anchors)
        return rows, np.ones(len(rows), np.float32)
    newest = context.history[::-1]
    firsts = np.sort(np.unique(newest, return_index=True)[1])[:_RECENT]
    return newest[firsts], (_RECENCY ** np.arange(len(firsts))).astype(np.float32)
