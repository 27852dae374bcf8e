"""What people did, cut into stretches that a sequence model learns from, in batches of like length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shopkeeper.engine.sources.sequence import read
from shopkeeper.release.interactions import Interactions
from shopkeeper.vocabulary import Codes, Rows, Seconds

Places = npt.NDArray[np.int64]

PADDING = -1
SORTED_TOGETHER = 50  # batches' worth of stretches, drawn at random, that are ordered by length before they are cut


class Batch(NamedTuple):
    """b stretches of t events, the older first, padded behind: items int64 [b, t], PADDING there; codes int64 [b, t],
    EventType.code, 0 there; times float64 [b, t], seconds since the epoch, NaN there and without a clock."""

    items: Places
    codes: Places
    times: Seconds


@dataclass(frozen=True)
class Histories:
    """The histories of w people: events [starts[i], starts[i + 1]) are one person's, old to new. items int32 [n],
    places among `known`; codes int8 [n]; times float64 [n], seconds since the epoch, NaN without a clock; people int32
    [w], their user rows; known int32 [m], ascending, the catalogue rows of the items that they met."""

    items: Rows
    codes: Codes
    times: Seconds
    starts: Places
    people: Rows
    known: Rows

    @classmethod
    def of(cls, interactions: Interactions) -> Histories:
        """Those of people who met two items at least."""
        kept = np.flatnonzero(read(interactions.items, interactions.codes, interactions.starts))
        users = interactions.users[kept]
        kept = kept[(np.bincount(users, minlength=interactions.n_users) > 1)[users]]  # who met enough
        users = interactions.users[kept]
        known, items = np.unique(interactions.items[kept], return_inverse=True)
        starts = np.append(np.flatnonzero(np.diff(users, prepend=-1)), len(users))
        codes, times = interactions.codes[kept], interactions.times[kept]
        return cls(items.astype(np.int32), codes, times, starts, users[starts[:-1]], known)

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def has_clock(self) -> bool:
        return not bool(np.isnan(self.times).any())

    def without_last(self, people: Places) -> Histories:
        """Without the last event of each of these people, int64 [k]."""
        kept = np.ones(len(self.items), np.bool_)
        kept[self.starts[people + 1] - 1] = False
        lengths = np.diff(self.starts)
        lengths[people] -= 1
        starts = np.concatenate(([0], np.cumsum(lengths)))
        return replace(self, items=self.items[kept], codes=self.codes[kept], times=self.times[kept], starts=starts)

    def last(self, people: Places, length: int) -> Batch:
        """The newest `length` events of each of these people, int64 [k]."""
        ends = self.starts[people + 1]
        return self._batch(np.maximum(self.starts[people], ends - length), ends)

    def batches(self, length: int, tokens: int, generator: np.random.Generator) -> Iterator[Batch]:
        """Everything once, in random order: stretches of at most `length` events and the one after them, at most about
        `tokens` events a batch."""
        begins, ends = self._stretches(length)
        order = generator.permutation(len(begins))
        together = max(1, SORTED_TOGETHER * tokens // (length + 1))
        batches: list[Places] = []
        for first in range(0, len(order), together):
            some = order[first : first + together]
            some = some[np.argsort((begins - ends)[some], kind="stable")]  # the longest first
            while len(some):
                size = max(1, tokens // int(ends[some[0]] - begins[some[0]]))
                batches.append(some[:size])
                some = some[size:]
        for at in generator.permutation(len(batches)):
            yield self._batch(begins[batches[at]], ends[batches[at]])

    def _stretches(self, length: int) -> tuple[Places, Places]:
        """Where each stretch begins and ends, so that each event but a person's first is what follows in just one; a
        person's newest is full."""
        steps = np.maximum(np.diff(self.starts) - 1, 0)  # events that follow another
        counts = -(-steps // length)
        owners = np.repeat(np.arange(len(self)), counts)
        back = np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts, counts)
        ends = self.starts[owners + 1] - back * length
        return np.maximum(self.starts[owners], ends - length - 1), ends

    def _batch(self, begins: Places, ends: Places) -> Batch:
        longest = int((ends - begins).max(initial=0))
        at = begins[:, None] + np.arange(longest)
        there = at < ends[:, None]
        at = np.where(there, at, 0)
        return Batch(
            np.where(there, self.items[at], PADDING).astype(np.int64),
            np.where(there, self.codes[at], 0).astype(np.int64),
            np.where(there, self.times[at], np.nan),
        )
