"""Nearest neighbours among the items' vectors: exact while they are few, approximate above."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from shopkeeper.engine.context import Candidates, Context, places_among
from shopkeeper.release.arrays import load_array, save_arrays
from shopkeeper.release.tiers import Places, Slots, Tier
from shopkeeper.vocabulary import Mask, Rows, Scores

_faiss: Any = faiss  # its stubs know the C++ signatures alone

EXACT_BELOW = 50_000  # vectors; a NumPy product over more takes longer than an inverted file
_PROBED_LISTS = 64
_OVERSAMPLE = 4  # the shortlist of quantised neighbours is so much longer, and ranked again exactly
_FEW_ALLOWED = 20_000  # below this, exact is faster than a filtered index, and misses nothing
_TRAIN_PER_LIST = 64
_FEWEST_TO_QUANTISE = 16  # values that four bits tell apart
_BLOCK = 20_000  # vectors copied at a time: millions fit into memory once, not three times

Matrix = npt.NDArray[np.float16] | npt.NDArray[np.float32]
Positions = npt.NDArray[np.int64]


class Vectors:
    """Unit vectors of some items of a catalogue.

    matrix: float32 (float16 from EXACT_BELOW up) [m, d], zero vectors left out; rows: int32 [m], ascending, the
    catalogue rows they belong to. Similarity is the inner product, that is the cosine.
    """

    def __init__(self, matrix: Matrix, rows: Rows, n_items: int, index: Any = None) -> None:
        self.matrix, self.rows, self.n_items, self._index = matrix, rows, n_items, index

    @classmethod
    def build(cls, vectors: Scores, rows: Rows, n_items: int, *, exact_below: int = EXACT_BELOW) -> Vectors:
        """From float32 [m, d], one for each of `rows`; zero vectors are left out, the others scaled to length 1."""
        lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))  # unlike norm, without a copy
        kept = np.flatnonzero(lengths)
        few = len(kept) < max(exact_below, _FEWEST_TO_QUANTISE)
        unit = np.empty((len(kept), vectors.shape[1]), np.float32 if few else np.float16)
        for block in _blocks(len(kept)):
            unit[block] = vectors[kept[block]] / lengths[kept[block], None]
        return cls(unit, rows[kept].astype(np.int32), n_items, None if few else _inverted_file(unit))

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def dimension(self) -> int:
        return int(self.matrix.shape[1])

    def of(self, rows: Rows) -> Scores:
        """float32 [len(rows), d]; zeros for an item without a vector."""
        vectors = np.zeros((len(rows), self.dimension), np.float32)
        positions = places_among(self.rows, rows)
        vectors[positions >= 0] = self.matrix[positions[positions >= 0]]
        return vectors

    def has(self, rows: Rows) -> Mask:
        """bool [len(rows)]: which items have a vector."""
        return places_among(self.rows, rows) >= 0

    def search(self, query: Scores, limit: int, allowed: Mask | None = None) -> tuple[Rows, Scores]:
        """The nearest items to `query` (float32 [d]): rows int32 [k] and cosines float32 [k], nearest first,
        k ≤ limit. `allowed` is bool [n_items]."""
        held = self._selected(allowed)
        n_held = len(self) if held is None else int(np.count_nonzero(held))
        if self._index is not None and n_held > max(limit, _FEW_ALLOWED):
            possible = self._shortlist(query, min(_OVERSAMPLE * limit, n_held), held)
        else:
            possible = np.arange(len(self)) if held is None else np.flatnonzero(held)
        if self._index is None and 4 * n_held > len(self):  # one pass over all is faster than gathering much
            scores = (self.matrix @ query)[possible]
        else:
            scores = self.matrix[possible].astype(np.float32) @ query
        best = _top(scores, limit)
        return self.rows[possible[best]], scores[best]

    def propose(self, wanted: Scores, context: Context, limit: int) -> Candidates:
        """The items nearest to `wanted` (float32 [d]) that are allowed, and no anchors."""
        rows, scores = self.search(wanted, limit + len(context.anchors), context.allowed)
        other = ~np.isin(rows, context.anchors)
        return Candidates.top(rows[other], scores[other], limit)

    def nearest_of(self, rows: Rows, among: Rows) -> Positions:
        """The place in `among` of the item nearest to each of rows int32 [k]: int64 [k]."""
        return np.asarray(np.argmax(self.of(rows) @ self.of(among).T, axis=1))

    def _selected(self, allowed: Mask | None) -> Mask | None:
        """bool [m]: which vectors belong to allowed items; None: all may be found."""
        if allowed is None:
            return None
        whole = len(self) == self.n_items  # every item has a vector: the positions are the rows
        return allowed if whole else allowed[self.rows]

    def _shortlist(self, query: Scores, size: int, held: Mask | None) -> Positions:
        """About the `size` nearest of those `held` (None: of all), by the index: where the lists nearest to the query
        hold too few of them, more lists are looked through."""
        selector = None
        if held is not None:
            selector = _faiss.IDSelectorBitmap(np.packbits(held, bitorder="little"))
        probed, n_lists = _PROBED_LISTS, int(self._index.nlist)
        while True:
            parameters = _faiss.SearchParametersIVF(sel=selector, nprobe=min(probed, n_lists))
            _, found = self._index.search(query[None], size, params=parameters)
            known: Positions = np.sort(found[0][found[0] >= 0])
            if len(known) >= size or probed >= n_lists:
                return known
            probed *= 4

    def updated(self, vectors: Scores, rows: Rows, n_items: int) -> LiveVectors:
        """With float32 [k, d] in the place of what was known of `rows` (int32 [k]) of n_items; zeros for no vector."""
        return LiveVectors(self, _unit(vectors), Slots.none(self.n_items).taken(rows, n_items)[1])

    def save(self, directory: Path) -> None:
        save_arrays(directory, {"vectors": self.matrix, "rows": self.rows, "n_items": np.array(self.n_items)})
        if self._index is not None:
            faiss.write_index(self._index, str(directory / "index.faiss"))

    @classmethod
    def load(cls, directory: Path) -> Vectors:
        """Memory-mapped, so that many processes share one copy; but the index, a quarter of a byte for each number of
        the vectors, is read into each process."""
        path = directory / "index.faiss"
        index = faiss.read_index(str(path), faiss.IO_FLAG_READ_ONLY) if path.exists() else None
        n_items = int(np.load(directory / "n_items.npy"))
        return cls(load_array(directory, "vectors"), load_array(directory, "rows"), n_items, index)


class LiveVectors(Tier[Scores], Vectors):
    """Those of a release, and few newer ones, the last of each row, which are searched exactly."""

    def __init__(self, base: Vectors, newer: Scores, slots: Slots) -> None:
        super().__init__(base, newer, slots)
        self.matrix, self.rows, self.n_items = base.matrix, base.rows, len(slots)
        self._held = slots.places[: base.n_items] < 0

    def __len__(self) -> int:
        return len(self.base) + len(self.newer)

    def of(self, rows: Rows) -> Scores:
        at_base, at_newer, places = self.slots.split(rows)
        vectors = np.empty((len(rows), self.dimension), np.float32)
        vectors[at_base] = self.base.of(rows[at_base])
        vectors[at_newer] = self.newer[places]
        return vectors

    def has(self, rows: Rows) -> Mask:
        at_base, at_newer, places = self.slots.split(rows)
        there = np.empty(len(rows), np.bool_)
        there[at_base] = self.base.has(rows[at_base])
        there[at_newer] = self.newer[places].any(axis=1)
        return there

    def search(self, query: Scores, limit: int, allowed: Mask | None = None) -> tuple[Rows, Scores]:
        held = self._held if allowed is None else self._held & allowed[: len(self._held)]
        rows, scores = self.base.search(query, limit, held)
        newer = slice(None) if allowed is None else np.flatnonzero(allowed[self.slots.rows])
        rows = np.concatenate((rows, self.slots.rows[newer]))
        scores = np.concatenate((scores, self.newer[newer] @ query))
        best = _top(scores, limit)
        return rows[best], scores[best]

    def updated(self, vectors: Scores, rows: Rows, n_items: int) -> LiveVectors:
        return self.with_newer(_unit(vectors), rows, n_items)

    def followed(self, kept: Places, newer: Scores) -> Scores:
        return np.concatenate((self.newer[kept], newer))


def _unit(vectors: Scores) -> Scores:
    """Each of length 1; zeros stay."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Scores = np.zeros(vectors.shape, np.float32)
    np.divide(vectors, lengths, out=unit, where=lengths > 0)
    return unit


def _top(scores: Scores, limit: int) -> Positions:
    """Positions of the `limit` highest, highest first, ties in order of position."""
    if limit < len(scores):
        best = np.sort(np.argpartition(-scores, limit)[:limit])
        return best[np.argsort(-scores[best], kind="stable")]
    return np.argsort(-scores, kind="stable")


def _blocks(n: int) -> Iterator[slice]:
    return (slice(first, first + _BLOCK) for first in range(0, n, _BLOCK))


def _inverted_file(unit: Matrix) -> Any:
    """An inverted file of product-quantised vectors, two numbers in four bits, whose distances the processor looks up
    in its registers (André, Kermarrec and Le Scouarnec, "Quicker ADC", 2019): a sixteenth of the memory of float32, or
    an eighth where the dimension is odd, as then each number has four bits of its own."""
    n, dimension = unit.shape
    lists = max(1, int(2 * np.sqrt(n)))
    pieces = dimension // 2 if dimension % 2 == 0 else dimension
    index = faiss.index_factory(dimension, f"IVF{lists},PQ{pieces}x4fs", faiss.METRIC_INNER_PRODUCT)
    sample = np.random.default_rng(0).choice(n, min(n, lists * _TRAIN_PER_LIST), replace=False)
    index.train(unit[np.sort(sample)].astype(np.float32))
    for block in _blocks(n):
        index.add(unit[block].astype(np.float32))
    return index
