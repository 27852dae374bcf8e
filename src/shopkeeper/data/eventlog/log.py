"""EventLog: one SQLite file that many threads and processes write and follow."""

from __future__ import annotations

import contextlib
import math
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from shopkeeper.data.eventlog.commit import GroupCommit
from shopkeeper.data.eventlog.file import EVENT_COLUMNS, connect, create
from shopkeeper.data.eventlog.rows import change_of, change_row, event_of, event_row, shown_row
from shopkeeper.data.eventlog.slates import SlateQueue
from shopkeeper.errors import DataError
from shopkeeper.vocabulary import Change, Event, Shown

BATCH = 10_000  # rows that are read at a time

Row = TypeVar("Row")

_INSERT_EVENT = (
    f"INSERT OR IGNORE INTO events ({', '.join(EVENT_COLUMNS)}) VALUES ({', '.join('?' * len(EVENT_COLUMNS))})"
)
_EVENTS_AFTER = f"SELECT place, {', '.join(EVENT_COLUMNS)} FROM events WHERE place > ? ORDER BY place LIMIT ?"
_CHANGES_AFTER = "SELECT place, change FROM changes WHERE place > ? ORDER BY place LIMIT ?"
_NEWEST = "SELECT id, " + ", ".join(
    f"(SELECT coalesce(max(place), 0) FROM {table})" for table in ("events", "changes", "shown")
)


class Places(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far a reader of a log has come: the places of the last event, item change and slate shown that it knows.
    `log` is the id of that log: in another one, nothing is known."""

    log: str = ""
    events: int = 0
    changes: int = 0
    shown: int = 0


BEGINNING = Places()


class EventLog:
    """The log of one shop, `events.sqlite`: events, item changes, slates shown. Safe to use from many threads, and from
    many processes that each open it for themselves (after a fork, not before).

    What `append` and `change` were given survives a power cut once they return. Places are numbers in the order of
    writing; they never go backwards, and none is given twice.
    """

    def __init__(self, path: Path) -> None:
        """Raises DataError when there is no log at `path` and none can be made."""
        self.path = path
        self._reading, self._watching = threading.Lock(), threading.Lock()
        try:
            self._commit = GroupCommit(create(path))
            self._reader, self._watch = connect(path), connect(path)
        except (sqlite3.Error, OSError) as error:
            raise DataError(
                f"the event log cannot be opened ({error})",
                where=str(path),
                remedy="Check that the directory may be written; if the file is damaged, move it aside.",
            ) from error
        self._slates = SlateQueue(self._keep_shown)

    # --- writing ---

    def append(self, events: Sequence[Event]) -> list[Event]:
        """Keep the events whose id is new, and return them with their time filled in (now, where they had none).

        All or none: an error leaves the log as it was. Raises DataError when the disk refuses, or an event cannot be
        kept.
        """
        now = time.time()
        timed = [event if event.time is not None else msgspec.structs.replace(event, time=now) for event in events]

        def insert(connection: sqlite3.Connection) -> list[Event]:
            pairs = zip(timed, rows, strict=True)
            return [event for event, row in pairs if connection.execute(_INSERT_EVENT, row).rowcount]

        with self._told("the events could not be kept", "Send them again later."):
            if not all(math.isfinite(event.time or 0.0) for event in timed):
                raise ValueError("a time that is no number")
            rows = [event_row(event) for event in timed]
            return self._commit.run(insert) if rows else []

    def change(self, changes: Sequence[Change]) -> int:
        """Keep the shop's newer word on its items: of two words on one item, the later in the log holds.

        Returns the place of the last. All or none. Raises DataError when the disk refuses, or a change cannot be kept.
        """

        def insert(connection: sqlite3.Connection) -> int:
            connection.executemany("INSERT INTO changes (item_id, change) VALUES (?, ?)", rows)
            return int(connection.execute("SELECT coalesce(max(place), 0) FROM changes").fetchone()[0])

        with self._told("the changes could not be kept", "Send them again later."):
            rows = [change_row(change) for change in changes]
            return self._commit.run(insert)

    def show(self, shown: Sequence[Shown]) -> None:
        """Have slates written soon. Never waits for the disk and never fails: what cannot be kept counts as `lost`."""
        self._slates.put(shown)

    def check(self) -> None:
        """Write something that changes nothing. Raises DataError when the disk refuses."""
        with self._told("the log cannot be written", "See that the disk has room and may be written."):
            self._commit.run(lambda connection: connection.execute("UPDATE log SET id = id"))

    @property
    def lost(self) -> int:
        """How many slates shown could not be kept since the log was opened."""
        return self._slates.lost

    def flush(self) -> None:
        """Write the slates that are queued."""
        self._slates.flush()

    def close(self) -> None:
        """Write what is queued, and close the file."""
        self._slates.close()
        for connection in (self._reader, self._watch, self._commit):
            connection.close()

    # --- following ---

    def events_after(self, place: int = 0, size: int = BATCH) -> Iterator[tuple[int, list[Event]]]:
        """What was written after `place`, in batches of at most `size`, until there is no more; with each batch the
        place of its last event.

        The order is that of writing, whatever time an event claims: so none is passed over, and none comes twice.
        """
        return self._after(_EVENTS_AFTER, event_of, place, size)

    def changes_after(self, place: int = 0, size: int = BATCH) -> Iterator[tuple[int, list[Change]]]:
        """The item changes that were written after `place`, as `events_after`."""
        return self._after(_CHANGES_AFTER, change_of, place, size)

    def newest(self) -> Places:
        """The places that were written last."""
        with self._reading:
            return Places(*self._reader.execute(f"{_NEWEST} FROM log").fetchone())

    def known(self, places: Places) -> Places:
        """The places, if they are of this log; of another one a reader knows nothing, and begins at the beginning."""
        return places if places.log == self.newest().log else BEGINNING

    def version(self) -> int:
        """A number that changes when anyone, in whatever process, has written to the log. Costs a few microseconds;
        means nothing to another process."""
        with self._watching:
            return int(self._watch.execute("PRAGMA data_version").fetchone()[0])

    def __len__(self) -> int:
        """How many events the log holds."""
        with self._reading:
            return int(self._reader.execute("SELECT count(*) FROM events").fetchone()[0])

    def _after(
        self, select: str, read: Callable[[tuple[Any, ...]], Row], place: int, size: int
    ) -> Iterator[tuple[int, list[Row]]]:
        while rows := self._rows(select, place, size):
            place = rows[-1][0]
            yield place, [read(row[1:]) for row in rows]

    def _rows(self, select: str, place: int, size: int) -> list[tuple[Any, ...]]:
        with self._reading:
            return self._reader.execute(select, (place, size)).fetchall()

    def _keep_shown(self, shown: Sequence[Shown]) -> None:
        def insert(connection: sqlite3.Connection) -> None:
            connection.executemany("INSERT INTO shown (slate) VALUES (?)", rows)

        with self._told("the slates shown could not be kept", "See that the disk has room and may be written."):
            rows = [shown_row(one) for one in shown]
            self._commit.run(insert)

    @contextlib.contextmanager
    def _told(self, what: str, remedy: str) -> Iterator[None]:
        """SQLite's errors, and those of values that it cannot hold, become a DataError."""
        try:
            yield
        except (sqlite3.Error, ValueError, OverflowError) as error:
            raise DataError(f"{what} ({error})", where=str(self.path), remedy=remedy) from error
