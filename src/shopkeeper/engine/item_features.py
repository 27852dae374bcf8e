"""What items are, as numbers that a model learns from: their terms, their prices and the meaning of their texts.

A term stands in a vocabulary of hashes (Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", ICML
2009, with hardly a collision), so that a new item is described as one that was there at the fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shopkeeper.engine.context import places_among
from shopkeeper.engine.item_terms import Terms, hash_of, item_terms
from shopkeeper.engine.meaning import Meanings
from shopkeeper.release.arrays import load_array, save_arrays
from shopkeeper.release.fields import Starts, picked, starts_of
from shopkeeper.vocabulary import Mask, Rows, Scores

MOST_TERMS = 50_000  # the most frequent are kept
FEWEST_ITEMS = 2  # that share a term: what one item alone has says nothing of others
PRICE_STEPS = 2  # for each doubling of a price
_PRICE_WEIGHT = 0.5
_LEAST_RARITY = 1e-3  # so that what all items say is not divided by nothing


class Described(NamedTuple):
    """n items. Item r has the terms places[starts[r]:starts[r + 1]], int32 [m], places in a vocabulary, with weights
    float32 [m], whose squares sum to 1; the items int32 [k], ascending, have meanings, float32 [k, e], of length 1."""

    starts: Starts
    places: Rows
    weights: Scores
    readable: Rows
    meanings: Scores

    @property
    def told(self) -> Mask:
        """bool [n]: of which items anything is said."""
        told = np.diff(self.starts) > 0
        told[self.readable] = True
        return told

    def of(self, rows: Rows) -> Described:
        """Those of rows int32 [k], ascending."""
        starts, at = picked(self.starts, rows)
        where = places_among(self.readable, rows)
        read = np.flatnonzero(where >= 0).astype(np.int32)
        return Described(starts, self.places[at], self.weights[at], read, self.meanings[where[read]])


@dataclass(frozen=True, eq=False)
class ItemFeatures:
    """hashes uint32 [t], ascending: the terms that several items of the shop share; rarity float32 [t]: the logarithm
    of how many items there are for each that has the term."""

    hashes: npt.NDArray[np.uint32]
    rarity: Scores

    @classmethod
    def fit(cls, items: pa.Table) -> ItemFeatures:
        """From a table of schema ITEMS."""
        hashes, counts = np.unique(_terms(items).hashes, return_counts=True)
        shared = np.flatnonzero(counts >= FEWEST_ITEMS)
        most = shared[np.argsort(-counts[shared], kind="stable")[:MOST_TERMS]]
        kept = np.sort(most)
        return cls(hashes[kept], np.log(max(items.num_rows, 1) / counts[kept]).astype(np.float32))

    def __len__(self) -> int:
        return len(self.hashes)

    def of(self, items: pa.Table, meanings: Meanings | None) -> Described:
        """Of a table of schema ITEMS, and what an encoder makes of it. Terms that the shop did not have say nothing."""
        terms = _terms(items)
        at = places_among(self.hashes, terms.hashes)
        owners, n = np.repeat(np.arange(len(terms.sizes)), terms.sizes)[at >= 0], len(terms.sizes)
        weights = terms.weights[at >= 0] * np.maximum(self.rarity[at[at >= 0]], _LEAST_RARITY)
        lengths = np.sqrt(np.bincount(owners, weights**2, minlength=n))
        rows, vectors = meanings or (np.empty(0, np.int32), np.empty((0, 0), np.float32))
        return Described(
            starts_of(np.bincount(owners, minlength=n)),
            at[at >= 0].astype(np.int32),
            (weights / lengths[owners]).astype(np.float32),
            rows,
            vectors,
        )

    def save(self, directory: Path) -> None:
        save_arrays(directory, {"hashes": self.hashes, "rarity": self.rarity})

    @classmethod
    def load(cls, directory: Path) -> ItemFeatures:
        """Memory-mapped."""
        return cls(load_array(directory, "hashes"), load_array(directory, "rarity"))


def _terms(items: pa.Table) -> Terms:
    """With the price of each item, to a step of PRICE_STEPS, behind its other terms."""
    terms = item_terms(items)
    prices = pc.fill_null(items.column("price").cast(pa.float64()), np.nan).to_numpy()
    priced = np.flatnonzero(np.isfinite(prices) & (prices > 0))
    steps = np.rint(PRICE_STEPS * np.log2(prices[priced])).astype(np.int64)
    sizes, ends = terms.sizes.copy(), np.cumsum(terms.sizes)[priced]
    sizes[priced] += 1
    hashes = np.array([hash_of(f"price={step}") for step in steps.tolist()], np.uint32)
    return Terms(sizes, np.insert(terms.hashes, ends, hashes), np.insert(terms.weights, ends, _PRICE_WEIGHT))
