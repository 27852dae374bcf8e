"""Newer parts laid over older ones: of which rows something newer is known, and where it stands."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

import numpy as np
import numpy.typing as npt

from shopkeeper.vocabulary import Rows

Places = npt.NDArray[np.int64]
Newer = TypeVar("Newer")

RECENT = 512  # rows that are told of in a tier of their own


@dataclass(frozen=True, eq=False)
class Slots:
    """Of which rows a newer part tells: places int32 [n], where in that part each row stands, -1 where the older part
    still holds; rows int32 [k], the row of each place."""

    places: Rows
    rows: Rows

    @classmethod
    def none(cls, n: int) -> Slots:
        return cls(np.full(n, -1, np.int32), np.empty(0, np.int32))

    def __len__(self) -> int:
        return len(self.places)

    def taken(self, rows: Rows, n: int) -> tuple[Places, Slots]:
        """Over n rows, of which int32 [k] are told anew: the places that the newer part keeps, ascending, and what
        holds when it has these in front and the rows behind."""
        again = self.places[rows[rows < len(self)]]
        kept = np.delete(np.arange(len(self.rows)), again[again >= 0])
        told = np.concatenate((self.rows[kept], rows))
        places = np.full(n, -1, np.int32)
        places[told] = np.arange(len(told))
        return kept, Slots(places, told)

    def split(self, rows: Rows) -> tuple[Places, Places, Rows]:
        """Of rows int32 [k]: the positions of those that the older part tells of, if any part does, and of the others
        with their places in the newer part."""
        known = np.flatnonzero(rows < len(self))
        places = np.full(len(rows), -1, np.int32)
        places[known] = self.places[rows[known]]
        newer = np.flatnonzero(places >= 0)
        return np.flatnonzero(places < 0), newer, places[newer]

    def older(self, rows: Rows) -> Rows:
        """Those of rows int32 [k] that the older part tells of."""
        kept: Rows = rows[self.places[rows] < 0]
        return kept


class Tier(ABC, Generic[Newer]):
    """A newer part laid over an older one: what was told since a release over it, and what was told last over both, as
    all that the newest part holds is put together again with each new word.

    slots: of which rows `newer` tells, and where.
    """

    base: Any
    newer: Newer
    slots: Slots

    def __init__(self, base: Any, newer: Newer, slots: Slots) -> None:
        self.base, self.newer, self.slots = base, newer, slots

    def with_newer(self, newer: Newer, rows: Rows, n: int) -> Self:
        """With what `newer` says of rows int32 [k] of n, in the place of what was said of them before."""
        if not isinstance(self.base, Tier) and len(self.slots.rows) > RECENT:
            return type(self)(self, newer, Slots.none(len(self.slots)).taken(rows, n)[1])
        joined = self._joined(newer, rows, n)
        if isinstance(self.base, type(self)) and len(joined.slots.rows) > RECENT:
            return self.base._joined(joined.newer, joined.slots.rows, n)
        return joined

    def _joined(self, newer: Newer, rows: Rows, n: int) -> Self:
        kept, slots = self.slots.taken(rows, n)
        return type(self)(self.base, self.followed(kept, newer), slots)

    @abstractmethod
    def followed(self, kept: Places, newer: Newer) -> Newer:
        """What `self.newer` holds at the places `kept`, and behind it another such part."""
