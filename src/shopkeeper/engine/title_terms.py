"""The words of titles in their order: where in a title a query stands, and which numbers a title says."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import NamedTuple

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
        return Told(owners, entries - self.starts[rows][owners], self.hashes[entries], self.numeric[entries])

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


def places_of_hashes(hashes: npt.NDArray[np.uint32], keys: npt.NDArray[np.uint32]) -> npt.NDArray[np.int16]:
    """Where each of hashes uint32 [m] stands among keys uint32 [k], distinct; -1 where it does not: int16 [m].

    By a table of 16 bits, which is many times as fast as a search where m is large. Of keys that share a slot only the
    last is found: of 20 keys, at one request in some hundred.
    """
    table = np.full(int(LAST_SLOT) + 1, -1, np.int16)
    keys = keys[: np.iinfo(np.int16).max]
    table[keys & LAST_SLOT] = np.arange(len(keys), dtype=np.int16)
    at: npt.NDArray[np.int16] = table[hashes & LAST_SLOT]
    if len(keys):
        at[keys[at] != hashes] = -1
    return at


def is_number(term: str) -> bool:
    return term[:1].isdecimal() and term.replace(".", "").isdecimal()


def side_by_side(parts: Sequence[tuple[Places, Told]]) -> Told:
    """The titles of several parts as those of one: each with the positions that its rows have there, int64 [k]."""
    owners = np.concatenate([at[told.owners] for at, told in parts])
    order = np.argsort(owners, kind="stable")
    columns = (np.concatenate(column)[order] for column in zip(*(told[1:] for _, told in parts), strict=True))
    return Told(owners[order], *columns)
