"""What is like the items at hand, by what is written about them: needs no events, so new items are found at once.

An item's vector joins its sentence vector, where the encoder can read it, with a random projection (Achlioptas, 2003)
of its TF-IDF words, category, brand and attributes, which serves every language and shops that know only labels.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shopkeeper.engine.context import Candidates, Context, Material, ReleaseParts
from shopkeeper.engine.item_text import ItemText, item_texts
from shopkeeper.engine.text import fold, words
from shopkeeper.engine.vectors import Vectors
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.vocabulary import Rows, Scores

DIMENSION = 256  # of the projection: cosines are kept to about ±0.06
_SENTENCE_SHARE = 0.5  # of the squared length, where there is a sentence vector
_WEIGHTS = {"title": 1.0, "category": 1.5, "brand": 0.7, "attribute": 0.5}
_FLOOR = 0.3  # a cosine below is chance
_RECENT = 10  # items of the history that stand in for anchors
_RECENCY = 0.8  # the weight of each, relative to the one after it
_BLOCK = 100_000  # terms projected at a time


class SimilarSource:
    """Neighbours of the anchors, or, without anchors, of the recent history."""

    name = "similar"

    def __init__(self, vectors: Vectors, catalogue: Catalogue) -> None:
        self.vectors, self._catalogue = vectors, catalogue

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
        nearest = np.argmax(self.vectors.of(rows) @ self.vectors.of(at_hand).T, axis=1)
        names = self._catalogue.names(at_hand)
        return [f"similar to “{names[at]}”" for at in nearest.tolist()]

    def save(self, directory: Path) -> None:
        self.vectors.save(directory)


class Similar:
    """The recipe of SimilarSource."""

    name = "similar"
    learns_from_events = False

    def fit(self, material: Material) -> SimilarSource:
        vectors = project_terms(material.items, DIMENSION)
        if meanings := material.meanings:
            terms, n_sentence = vectors, meanings.vectors.shape[1]
            vectors = np.zeros((len(terms), DIMENSION + n_sentence), np.float32)
            np.multiply(terms, np.float32(np.sqrt(1 - _SENTENCE_SHARE)), out=vectors[:, :DIMENSION])
            vectors[meanings.rows, DIMENSION:] = meanings.vectors * np.float32(np.sqrt(_SENTENCE_SHARE))
        rows = np.arange(len(vectors), dtype=np.int32)
        return SimilarSource(Vectors.build(vectors, rows, len(vectors)), material.catalogue)

    def load(self, directory: Path, release: ReleaseParts) -> SimilarSource:
        return SimilarSource(Vectors.load(directory), release.catalogue)


def project_terms(items: pa.Table, dimension: int, seed: int = 0) -> Scores:
    """float32 [n, dimension]: the TF-IDF terms of items (schema ITEMS) under random signs; each of length 1, or zero
    for an item that shares no term with another."""
    counts, codes, weights = _terms(items)
    distinct, at, frequencies = np.unique(codes, return_inverse=True, return_counts=True)
    rarity = np.log(max(len(counts), 1) / np.maximum(frequencies, 1)) * (frequencies > 1)
    weights *= rarity[at].astype(np.float32)
    signs = np.random.default_rng(seed).integers(0, 2, (len(distinct), dimension), dtype=np.int8) * np.int8(
        2
    ) - np.int8(1)
    ends = np.cumsum(counts)
    vectors = np.zeros((len(counts), dimension), np.float32)
    for first, last in _blocks(ends):
        start, end = int(ends[first] - counts[first]), int(ends[last - 1])
        filled = first + np.flatnonzero(counts[first:last])
        if len(filled):
            terms = signs[at[start:end]] * weights[start:end, None]
            vectors[filled] = np.add.reduceat(terms, ends[filled] - counts[filled] - start, axis=0)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    np.divide(vectors, lengths, out=vectors, where=lengths > 0)
    return vectors


def _terms(items: pa.Table) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32], Scores]:
    """How many terms each item has; the hash and the weight of each term, item after item."""
    counts, codes, weights = array("q"), array("I"), array("f")
    for item in item_texts(items):
        terms = dict(_weighted_terms(item))
        counts.append(len(terms))
        codes.extend(zlib.crc32(term.encode()) for term in terms)
        weights.extend(terms.values())
    return np.array(counts, np.int64), np.array(codes, np.uint32), np.array(weights, np.float32)


def _weighted_terms(item: ItemText) -> Iterator[tuple[str, float]]:
    for word in words(item.title):
        yield word, _WEIGHTS["title"]
    for label in item.category.splitlines():
        if label:
            yield f"category={fold(label)}", _WEIGHTS["category"]
    if item.brand:
        yield f"brand={fold(item.brand)}", _WEIGHTS["brand"]
    for name, text in item.labels:
        yield f"{name}={fold(text)}", _WEIGHTS["attribute"]


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
