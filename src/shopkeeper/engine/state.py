"""Who did what until now: the released history of a person, and what they did since, live."""

from __future__ import annotations

import time as clock
from collections import OrderedDict, deque
from collections.abc import Sequence
from threading import Lock
from typing import NamedTuple

import numpy as np

from shopkeeper.release.interactions import Interactions
from shopkeeper.vocabulary import Codes, Event, EventType, Ids, Mask, Rows, Seconds

LIVE_PEOPLE = 100_000  # the least recently active are forgotten first: their events are in the event log
LIVE_EVENTS = 500  # of one person, the newest
LIVE_EVENTS_OF_ALL = 2_000_000  # about half a GB
HISTORY = 1_000  # events of one person that a request looks back on


class Past(NamedTuple):
    """A person's events, old to new: rows int32 [h], codes int8 [h], times float64 [h] (NaN without a clock);
    session: how many of the last ones belong to the present visit."""

    user: int
    rows: Rows
    codes: Codes
    times: Seconds
    session: int

    def within(self, mask: Mask) -> Past:
        """What they did with the items that a mask bool [n_items] lets through."""
        kept = mask[self.rows]
        return Past(
            self.user,
            self.rows[kept],
            self.codes[kept],
            self.times[kept],
            int(np.count_nonzero(kept[len(kept) - self.session :])),
        )


class _Live(NamedTuple):
    """An event. row is UNKNOWN_ROW where the item was not known yet when it came."""

    time: float
    row: int
    code: int
    item: str


class State:
    """Histories by person. Reading and recording may happen in many threads at once.

    items: may be replaced by ids with more rows behind the same ones, as items come into the shop.
    """

    def __init__(
        self, interactions: Interactions, actors: Ids, items: Ids, *, session_gap_minutes: float = 30.0
    ) -> None:
        self._interactions, self._actors, self.items = interactions, actors, items
        self._gap = session_gap_minutes * 60.0
        self._live: OrderedDict[str, deque[_Live]] = OrderedDict()
        self._held = 0  # events in all of them
        self._lock = Lock()

    def record(self, events: Sequence[Event]) -> None:
        """Take in what people just did, each event once; the next request knows it.

        An event without a person or an item is left out, and so is an impression, which is the shop's act. One with an
        item that is not known yet counts from when it is.
        """
        now = clock.time()
        with self._lock:
            for event in events:
                actor = _actor(event.user, event.session)
                if event.item and actor is not None and event.type is not EventType.IMPRESSION:
                    time, row = now if event.time is None else event.time, self.items.row(event.item)
                    self._append(actor, _Live(time, row, event.type.code, event.item))

    def past(
        self, user: str | None, session: str | None, until: float | None = None, n_items: int | None = None
    ) -> Past:
        """What a person did strictly before `until` (None: until now, all that is known), with the first `n_items`
        items (None: with any).

        A visit's nameless events join those of the person who signed in during it.
        """
        keys = actors_of(user, session)
        known = [self._actors.row(key) for key in keys]
        parts = [self._interactions.of(row) for row in known if row >= 0]
        rows = np.concatenate([self._interactions.items[part] for part in parts] or [np.empty(0, np.int32)])
        codes = np.concatenate([self._interactions.codes[part] for part in parts] or [np.empty(0, np.int8)])
        times = np.concatenate([self._interactions.times[part] for part in parts] or [np.empty(0, np.float64)])
        visits = np.concatenate([self._interactions.sessions[part] for part in parts] or [np.empty(0, np.int32)])
        live = self._live_of(keys, len(self.items) if n_items is None else n_items)
        if live:
            rows = np.concatenate((rows, np.array([event.row for event in live], np.int32)))
            codes = np.concatenate((codes, np.array([event.code for event in live], np.int8)))
            times = np.concatenate((times, np.array([event.time for event in live], np.float64)))
            visits = np.concatenate((visits, np.full(len(live), -1, np.int32)))
        if until is not None:
            kept = ~(times >= until)  # an unknown time is the past
            rows, codes, times, visits = rows[kept], codes[kept], times[kept], visits[kept]
        order = np.argsort(np.nan_to_num(times, nan=-np.inf), kind="stable")[-HISTORY:]
        rows, codes, times, visits = rows[order], codes[order], times[order], visits[order]
        size = self._session_size(times, visits, clock.time() if until is None else until)
        return Past(next((row for row in known if row >= 0), -1), rows, codes, times, size)

    def _live_of(self, keys: Sequence[str], n_items: int) -> list[_Live]:
        with self._lock:
            events = [event for key in keys for event in self._live.get(key, ())]
        found = (event if event.row >= 0 else event._replace(row=self.items.row(event.item)) for event in events)
        return [event for event in found if 0 <= event.row < n_items]

    def _session_size(self, times: Seconds, visits: Rows, now: float) -> int:
        """The present visit ends where a silence longer than the gap lies; without a clock, where its number ends."""
        if not len(times):
            return 0
        if np.isnan(times[-1]):
            ended = visits != visits[-1] if visits[-1] >= 0 else np.ones(len(visits), dtype=bool)
        else:
            ended = ~(np.append(times[1:], now) - times <= self._gap)
        return int(np.argmax(ended[::-1])) if ended.any() else len(times)

    def _append(self, actor: str, event: _Live) -> None:
        events = self._live.setdefault(actor, deque(maxlen=LIVE_EVENTS))
        self._held += len(events) < LIVE_EVENTS
        events.append(event)
        self._live.move_to_end(actor)
        while len(self._live) > LIVE_PEOPLE or self._held > LIVE_EVENTS_OF_ALL:
            self._held -= len(self._live.popitem(last=False)[1])


def actors_of(user: str | None, session: str | None) -> list[str]:
    """The keys of the histories of whoever asks: the person's first, then that of the visit."""
    return list(dict.fromkeys(key for key in (_actor(user, None), _actor(None, session)) if key is not None))


def _actor(user: str | None, session: str | None) -> str | None:
    """The key of a history, as the tables' `actor` column has it."""
    if user:
        return user
    return f"session:{session}" if session else None
