"""The words of titles in their order: where in a title a query stands, and which numbers a title says."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from shopkeeper.release.arrays import load_array, save_arrays
from shopkeeper.release.fields import Starts, picked, places_of
from shopkeeper.release.tiers import Places
from shopkeeper.vocabulary import Mask, Rows

LAST_SLOT = np.uint32((1 << 16) - 1)
MOST_TERMS = 48  # of a title: what stands behind is no place to look at


class Told(NamedTuple):
    """The terms of some titles, one title after the other: owners int64 [m], the position among those asked for; places
    int64 [m], from 0 within the title; hashes uint32 [m]; numeric bool [m]."""

    owners: Places
    places: Places
    hashes: npt.NDArray[np.uint32]
    numeric: Mask


@dataclass(frozen=True)
class Titles:
    """n titles in compressed sparse rows: title r says hashes[starts[r]:starts[r + 1]] (uint32), in order; numeric
    bool: which of these are numbers; starts int64 [n + 1]."""

    hashes: npt.NDArray[np.uint32]
    numeric: Mask
    starts: Starts

    def of(self, rows: Rows) -> Told:
        owners, entries = places_of(self.starts, rows)
        places = entries - self.starts[rows].take(owners)
        return Told(owners, places, self.hashes.take(entries), self.numeric.take(entries))

    def followed(self, kept: Places, other: Titles) -> Titles:
        """Those of `kept` and behind them those of the other, in memory."""
        starts, entries = picked(self.starts, kept)
        return Titles(
            np.concatenate((self.hashes[entries], other.hashes)),
            np.concatenate((self.numeric[entries], other.numeric)),
            np.concatenate((starts, other.starts[1:] + starts[-1])),
        )

    def save(self, directory: Path) -> None:
        save_arrays(directory, {f.name: getattr(self, f.name) for f in fields(self)})

    @classmethod
    def load(cls, directory: Path) -> Titles:
        """Memory-mapped."""
        return cls(**{f.name: load_array(directory, f.name) for f in fields(cls)})


class TitlesBuilder:
    """Collects titles in row order."""

    def __init__(self) -> None:
        self._hashes, self._numeric, self._ends = array("I"), array("B"), array("q", [0])

    def add(self, terms: Sequence[str], hashes: Sequence[int]) -> None:
        self._hashes.extend(hashes[:MOST_TERMS])
        self._numeric.extend(is_number(term) for term in terms[:MOST_TERMS])
        self._ends.append(len(self._hashes))

    def build(self) -> Titles:
        return Titles(
            np.array(self._hashes, np.uint32), np.array(self._numeric, np.bool_), np.array(self._ends, np.int64)
        )


def found_among(
    hashes: npt.NDArray[np.uint32], keys: npt.NDArray[np.uint32]
) -> tuple[Places, npt.NDArray[np.integer[Any]]]:
    """Which of hashes uint32 [m] are among keys uint32 [k], ascending: int64 [h], ascending, and where each stands
    there, [h].

    By a table of 16 bits, which is many times as fast as a search where m is large; what meets another key's slot there
    is searched for.
    """
    table = np.full(int(LAST_SLOT) + 1, -1, np.int32)
    order, slots = np.arange(len(keys), dtype=np.int32), keys & LAST_SLOT
    table[slots] = order
    hits = np.flatnonzero(table.take(hashes & LAST_SLOT) >= 0)
    if not len(hits):
        return hits, order[:0]
    met = hashes.take(hits)
    at = table.take(met & LAST_SLOT)
    right = keys.take(at) == met
    ousted = order[table.take(slots) != order]  # of keys that share a slot, the last has it
    if len(ousted):
        others = np.flatnonzero(~right)
        at[others] = ousted.take(np.minimum(np.searchsorted(keys[ousted], met[others]), len(ousted) - 1))
        right[others] = keys.take(at[others]) == met[others]
    return hits[right], at[right]


def is_number(term: str) -> bool:
    return term[:1].isdecimal() and term.replace(".", "").isdecimal()


def side_by_side(parts: Sequence[tuple[Places, Told]]) -> Told:
    """The titles of several parts as those of one: each with the positions that its rows have there, int64 [k]."""
    owners = np.concatenate([at[told.owners] for at, told in parts])
    order = np.argsort(owners, kind="stable")
    columns = (np.concatenate(column)[order] for column in zip(*(told[1:] for _, told in parts), strict=True))
    return Told(owners[order], *columns)
