"""How often each query led to each item: what people did before with these very words, for a ranker to weigh."""

from __future__ import annotations

from dataclasses import dataclass, fields
from hashlib import blake2b
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shopkeeper.engine.suggestions import typed_key
from shopkeeper.release.arrays import load_array, save_arrays
from shopkeeper.release.fields import Starts, starts_of
from shopkeeper.vocabulary import Rows, Scores

CLICK_FEATURES = (
    "query_clicks",  # the logarithm of what people did with the item after this query
    "query_click_share",  # its share of all they did after it, smoothed
    "query_clicks_all",  # the logarithm of all they did after it
)
PRIOR = 5.0  # of interest, that every query is credited with in no item: one click is no custom

Keys = npt.NDArray[np.uint64]


def query_key(query: str) -> int:
    """The same, of 64 bits, for queries that differ in case, accents and blanks alone."""
    return int.from_bytes(blake2b(typed_key(query).strip().encode(errors="replace"), digest_size=8).digest())


@dataclass(frozen=True, eq=False)
class QueryClicks:
    """q queries in compressed sparse rows: keys uint64 [q], ascending, each a `query_key`; query at led to
    rows[starts[at]:starts[at + 1]], int32, ascending, with so much interest: float32. starts int64 [q + 1]. Eight bytes
    for each pair of query and item."""

    keys: Keys
    starts: Starts
    rows: Rows
    interest: Scores

    @classmethod
    def build(cls, keys: Keys, rows: Rows, interest: Scores) -> QueryClicks:
        """From what followed each search: uint64, int32 and float32 [m], in any order."""
        order = np.lexsort((rows, keys))
        keys, rows = keys[order], rows[order]
        first = np.flatnonzero(np.append(True, (np.diff(keys) != 0) | (np.diff(rows) != 0))[: len(keys)])
        sums = np.add.reduceat(interest[order].astype(np.float64), first) if len(first) else np.empty(0)
        known, counts = np.unique(keys[first], return_counts=True)
        return cls(known, starts_of(counts), rows[first].astype(np.int32), sums.astype(np.float32))

    def of(self, *queries: str) -> tuple[Rows, Scores]:
        """The items that the first known of these queries led to, int32 [k], ascending, and the interest in each,
        float32 [k]."""
        for key in map(np.uint64, map(query_key, queries)):
            at = int(self.keys.searchsorted(key))
            if at < len(self.keys) and self.keys[at] == key:
                mine = slice(int(self.starts[at]), int(self.starts[at + 1]))
                return self.rows[mine], self.interest[mine]
        return self.rows[:0], self.interest[:0]

    def features(self, rows: Rows, *queries: str) -> Scores:
        """float32 [n, len(CLICK_FEATURES)] of rows int32 [n], after the first of these queries that is known."""
        clicked, interest = self.of(*queries)
        own, total = np.zeros(len(rows), np.float32), float(interest.sum())
        if len(clicked):
            at = np.minimum(np.searchsorted(clicked, rows), len(clicked) - 1)
            own = np.where(clicked[at] == rows, interest[at], np.float32(0))
        everything = np.full(len(rows), np.log1p(total))
        return np.stack((np.log1p(own), own / (total + PRIOR), everything), axis=1).astype(np.float32)

    def save(self, directory: Path) -> None:
        save_arrays(directory, {f.name: getattr(self, f.name) for f in fields(self)})

    @classmethod
    def load(cls, directory: Path) -> QueryClicks:
        """Memory-mapped."""
        return cls(**{f.name: load_array(directory, f.name) for f in fields(cls)})
