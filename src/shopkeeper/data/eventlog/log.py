"""EventLog: one SQLite file that many threads and processes write and follow, and the parts moved out of it."""

from __future__ import annotations

import contextlib
import math
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from shopkeeper.data.durable import alone
from shopkeeper.data.eventlog import unanswered
from shopkeeper.data.eventlog.commit import GroupCommit, Result, Work
from shopkeeper.data.eventlog.compaction import clear, digest, drop_overruled, forget
from shopkeeper.data.eventlog.file import EVENT_COLUMNS, EVENTS, IMPRESSIONS, Stream, begin_after, connect, create
from shopkeeper.data.eventlog.parts import FOLDER, Parts, Row, read_rows
from shopkeeper.data.eventlog.rows import change_of, change_row, event_of, event_row, shown_row
from shopkeeper.data.eventlog.slates import SlateQueue
from shopkeeper.data.eventlog.unanswered import Unanswered
from shopkeeper.errors import DataError
from shopkeeper.vocabulary import Change, Event, Shown

BATCH = 10_000  # rows that are read at a time
FEWEST = 10_000  # places that are worth a part
FOREVER = 2**62  # a place that is never reached

_INSERT_EVENT = (
    f"INSERT OR IGNORE INTO events ({', '.join(EVENT_COLUMNS)}) SELECT {', '.join('?' * len(EVENT_COLUMNS))}"
    " WHERE NOT EXISTS (SELECT 1 FROM remembered WHERE digest = ?)"
)
_CHANGES_AFTER = "SELECT place, change FROM changes WHERE place > ? ORDER BY place LIMIT ?"
_CHANGES_TO = (
    "SELECT change FROM changes WHERE place > ? AND item_id IN (SELECT value FROM json_each(?)) ORDER BY place"
)
_NEWEST = "SELECT " + ", ".join(
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
            self.id = str(self._reader.execute("SELECT id FROM log").fetchone()[0])
            self._parts = {stream: Parts(path, self.id, stream.name) for stream in (EVENTS, IMPRESSIONS)}
            for stream, parts in self._parts.items():
                self._go_on_behind(stream.table, parts.last())
            self._file = _identity(path)
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
            rows = [(*event_row(event), digest(event.id)) for event in timed]
            return self._write(insert) if rows else []

    def change(self, changes: Sequence[Change]) -> int:
        """Keep the shop's newer word on its items: of two words on one item, the later in the log holds.

        Returns the place of the last. All or none. Raises DataError when the disk refuses, or a change cannot be kept.
        """

        def insert(connection: sqlite3.Connection) -> int:
            connection.executemany("INSERT INTO changes (item_id, change) VALUES (?, ?)", rows)
            return int(connection.execute("SELECT coalesce(max(place), 0) FROM changes").fetchone()[0])

        with self._told("the changes could not be kept", "Send them again later."):
            rows = [change_row(change) for change in changes]
            return self._write(insert)

    def show(self, shown: Sequence[Shown]) -> None:
        """Have slates written soon. Never waits for the disk and never fails: what cannot be kept counts as `lost`."""
        self._slates.put(shown)

    def check(self) -> None:
        """Write something that changes nothing. Raises DataError when the disk refuses."""
        with self._told("the log cannot be written", "See that the disk has room and may be written."):
            self._write(lambda connection: connection.execute("UPDATE log SET id = id"))

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

    def compact(self, places: Places, remember_days: int = 90) -> None:
        """Move the events and slates up to `places` into parts, once they are many (FEWEST), and drop the words on
        items that later ones overrule. Ids that were moved count as known for `remember_days` more.

        Whenever it stops, nothing is lost or doubled, and the next one goes on. Raises DataError when the disk refuses,
        or another process is at it.
        """
        places = self.known(places)
        with alone(self.path.parent / FOLDER, "compaction", DataError), self._told("the log could not be compacted"):
            for stream, place in ((EVENTS, places.events), (IMPRESSIONS, places.shown)):
                parts = self._parts[stream]
                parts.sweep()
                last = parts.last()
                if place - last >= FEWEST:
                    parts.write(last + 1, place, self.rows(stream, last, place))
                clear(self._commit, stream, parts.last())
            newest_first = "SELECT place, change FROM changes WHERE place <= ? ORDER BY place DESC LIMIT ?"
            changes = ((place, change_of((text,))) for place, text in self._rows(newest_first, places.changes, FOREVER))
            drop_overruled(self._commit, changes)
            forget(self._commit, remember_days)

    # --- following ---

    def events_after(self, place: int = 0, size: int = BATCH) -> Iterator[tuple[int, list[Event]]]:
        """What was written after `place`, in batches of at most `size`, until there is no more; with each batch the
        place of its last event.

        The order is that of writing, whatever time an event claims: so none is passed over, and none comes twice.
        """
        for rows in self.rows(EVENTS, place, FOREVER, size):
            yield rows[-1][0], [event_of(row[1:]) for row in rows]

    def changes_after(self, place: int = 0, size: int = BATCH) -> Iterator[tuple[int, list[Change]]]:
        """The item changes that were written after `place`, as `events_after`. Of words that a later one overrules,
        some may be missing."""
        while rows := self._rows(_CHANGES_AFTER, place, size):
            place = rows[-1][0]
            yield place, [change_of(row[1:]) for row in rows]

    def changes_to(self, items: Iterable[str], after: int = 0) -> list[Change]:
        """The changes of these items that were written after a place, in order."""
        named = msgspec.json.encode(list(items)).decode()
        return [change_of(row) for row in self._rows(_CHANGES_TO, after, named)]

    def rows(self, stream: Stream, after: int, until: int, size: int = BATCH) -> Iterator[list[Row]]:
        """What was written after a place and up to another, in parts and in SQLite, in order."""
        parts = self._parts[stream]
        while after < until:
            found = self._rows(stream.select, after, until, size)
            # Slates without items have places, but no rows.
            last = found[-1][0] if found else self._last_of(stream, after, until, size)
            # SQLite was asked first: what has left it by then is in a part that can be seen now.
            if part := parts.after(after):
                yield from read_rows(part, after, until, size)
                after = part.last
            elif last is None:
                return
            else:
                if found:
                    yield found
                after = last

    def unanswered(self, since: float = 0.0, limit: int = 100) -> list[Unanswered]:
        """Searches since a moment (seconds since the epoch) that found nothing, or not with all of their words: by
        query, newest first."""
        with self._told("the unanswered searches cannot be read"):
            return [unanswered.told(row) for row in self._rows(unanswered.SELECT, since, limit)]

    def newest(self) -> Places:
        """The places that were written last."""
        events, changes, shown = self._rows(_NEWEST)[0]
        events, shown = max(events, self._parts[EVENTS].last()), max(shown, self._parts[IMPRESSIONS].last())
        return Places(self.id, events, changes, shown)

    def known(self, places: Places) -> Places:
        """The places, if they are of this log; of another one a reader knows nothing, and begins at the beginning.

        Where the file was put back from an older copy, what is written from now on comes behind them.
        """
        if places.log != self.id:
            return BEGINNING
        with contextlib.suppress(sqlite3.Error):  # what cannot be written gives no places either
            for table in ("events", "changes", "shown"):
                self._go_on_behind(table, getattr(places, table))
        return places

    def version(self) -> int:
        """A number that changes when anyone, in whatever process, has written to the log. Costs a few microseconds;
        means nothing to another process."""
        with self._watching:
            return int(self._watch.execute("PRAGMA data_version").fetchone()[0])

    def parts(self, stream: Stream) -> Parts:
        """What was moved out of SQLite."""
        return self._parts[stream]

    def __len__(self) -> int:
        """How many events the log holds."""
        parts = self._parts[EVENTS]
        return parts.count() + int(self._rows("SELECT count(*) FROM events WHERE place > ?", parts.last())[0][0])

    def _last_of(self, stream: Stream, after: int, until: int, size: int) -> int | None:
        """The place of the last of the next `size` rows of a table; None where it ends."""
        some = f"SELECT place FROM {stream.table} WHERE place > ? AND place <= ? ORDER BY place LIMIT ?"
        place: int | None = self._rows(f"SELECT max(place) FROM ({some})", after, until, size)[0][0]
        return place

    def _rows(self, select: str, *values: float | str) -> list[tuple[Any, ...]]:
        with self._reading:
            return self._reader.execute(select, values).fetchall()

    def _go_on_behind(self, table: str, place: int) -> None:
        given = self._rows(f"SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = '{table}'")[0][0]
        if place > given:
            self._commit.run(partial(begin_after, table=table, place=place))

    def _write(self, work: Work[Result]) -> Result:
        """In a transaction. Raises OSError where the file is no longer that which was opened: what is written to it
        would be lost."""
        if _identity(self.path) != self._file:
            raise OSError("the file was moved or replaced while it was open: start the server again")
        return self._commit.run(work)

    def _keep_shown(self, shown: Sequence[Shown]) -> None:
        def insert(connection: sqlite3.Connection) -> None:
            connection.executemany("INSERT INTO shown (slate) VALUES (?)", rows)
            connection.executemany(unanswered.INSERT, without_answer)

        with self._told("the slates shown could not be kept"):
            rows = [shown_row(one) for one in shown]
            without_answer = list(unanswered.rows_of(shown, self.id))
            self._write(insert)

    @contextlib.contextmanager
    def _told(self, what: str, remedy: str = "See that the disk has room and may be written.") -> Iterator[None]:
        """The errors of SQLite and the disk, and those of values that cannot be held, become a DataError."""
        try:
            yield
        except (sqlite3.Error, pa.ArrowException, OSError, ValueError, OverflowError) as error:
            raise DataError(f"{what} ({error})", where=str(self.path), remedy=remedy) from error


def _identity(path: Path) -> tuple[int, int]:
    """What tells a file from another that is put in its place."""
    status = path.stat()
    return status.st_dev, status.st_ino
