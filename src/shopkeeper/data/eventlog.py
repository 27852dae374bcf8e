"""What happened since the last ingest: an append-only log in SQLite, durable before it is acknowledged."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from shopkeeper.data.mapping import ColumnMapping, FileMapping
from shopkeeper.errors import DataError
from shopkeeper.vocabulary import Event

BATCH = 10_000  # events that are read at a time
TABLE = "shopkeeper_events"  # ingest sees it beside the shop's own exports, so no other file should be called so

# Its columns, each the Event field it holds (`order` is a word of SQL), and its meaning for ingest.
_COLUMNS = {
    "id": ("id TEXT PRIMARY KEY", "event_id"),
    "type": ("type TEXT NOT NULL", "event_type"),
    "time": ("time REAL NOT NULL", "time"),
    "user": ("user_id TEXT", "user_id"),
    "session": ("session_id TEXT", "session_id"),
    "item": ("item_id TEXT", "item_id"),
    "query": ("query TEXT", "query"),
    "quantity": ("quantity REAL", "quantity"),
    "price": ("price REAL", "price"),
    "rating": ("rating REAL", "rating"),
    "order": ("order_id TEXT", "order_id"),
    "slate": ("slate_id TEXT", "slate_id"),
    "position": ("position INTEGER", "position"),
    "attributes": ("attributes TEXT", "attributes"),
}
_NAMES = [declaration.split()[0] for declaration, _ in _COLUMNS.values()]

# What the log says to ingest, so that live events become tables by the same road as any export.
LOG_MAPPING = FileMapping(
    path=TABLE,
    role="events",
    evidence="the shop's own event log",
    columns={
        name: ColumnMapping(field, format={"time": "epoch_s", "attributes": "json"}.get(field, ""))
        for name, (_, field) in zip(_NAMES, _COLUMNS.values(), strict=True)
    },
)


class EventLog:
    """The log of one shop, `events.sqlite`. Safe to use from many threads, and to read while it is written.

    Writes are in WAL mode with full synchronisation: `append` returns when the events would survive a power cut.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            self._connection = sqlite3.connect(path, check_same_thread=False, timeout=30.0)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            with self._connection:
                declarations = ", ".join(declaration for declaration, _ in _COLUMNS.values())
                self._connection.execute(f"CREATE TABLE IF NOT EXISTS {TABLE} ({declarations})")
        except sqlite3.Error as error:
            raise DataError(
                f"the event log cannot be opened ({error})",
                where=str(path),
                remedy="Check that the directory may be written; if the file is damaged, move it aside.",
            ) from error

    def append(self, events: Sequence[Event]) -> list[Event]:
        """Keep the events whose id is new, and return them with their time filled in (now, where they had none).

        All or none: an error leaves the log as it was. Raises DataError when the disk refuses.
        """
        now = time.time()
        fresh: list[Event] = []
        sql = f"INSERT OR IGNORE INTO {TABLE} ({', '.join(_NAMES)}) VALUES ({', '.join('?' * len(_NAMES))})"
        try:
            with self._lock, self._connection:
                for event in events:
                    timed = event if event.time is not None else msgspec.structs.replace(event, time=now)
                    if self._connection.execute(sql, _to_row(timed)).rowcount:
                        fresh.append(timed)
        except sqlite3.Error as error:
            raise DataError(
                f"the events could not be kept ({error})", where=str(self.path), remedy="Send them again later."
            ) from error
        return fresh

    def after(self, event_id: str = "", size: int = BATCH) -> Iterator[list[Event]]:
        """What was written after the event of this id, in the order it was written, in batches of at most `size`, until
        there is no more; everything, where the log does not hold that event.

        The order is that of writing, whatever time an event claims: so none is passed over, and none comes twice.
        """
        place = self._place(event_id)
        while rows := self._rows_after(place, size):
            place = rows[-1][0]
            yield [_from_row(row[1:]) for row in rows]

    def newest(self) -> tuple[int, str]:
        """The place and the id of the event that was written last; (0, "") while there is none.

        Places count in the order of writing, as nothing is ever deleted.
        """
        newest = f"SELECT rowid, id FROM {TABLE} ORDER BY rowid DESC LIMIT 1"
        with self._lock:
            place, event_id = self._connection.execute(newest).fetchone() or (0, "")
        return int(place), str(event_id)

    def __len__(self) -> int:
        with self._lock:
            return int(self._connection.execute(f"SELECT count(*) FROM {TABLE}").fetchone()[0])

    def close(self) -> None:
        self._connection.close()

    def _place(self, event_id: str) -> int:
        """0 for an event that is not here."""
        with self._lock:
            row = self._connection.execute(f"SELECT rowid FROM {TABLE} WHERE id = ?", (event_id,)).fetchone()
        return int(row[0]) if row else 0

    def _rows_after(self, place: int, size: int) -> list[tuple[Any, ...]]:
        select = f"SELECT rowid, {', '.join(_NAMES)} FROM {TABLE} WHERE rowid > ? ORDER BY rowid LIMIT ?"
        with self._lock:
            return self._connection.execute(select, (place, size)).fetchall()


def _to_row(event: Event) -> tuple[Any, ...]:
    attributes = msgspec.json.encode(event.attributes).decode() if event.attributes else None
    values = (getattr(event, name) for name in _COLUMNS if name not in ("type", "attributes"))
    first, *rest = values
    return (first, event.type.value, *rest, attributes)


def _from_row(row: tuple[Any, ...]) -> Event:
    fields = {name: value for name, value in zip(_COLUMNS, row, strict=True) if value is not None}
    if "attributes" in fields:
        fields["attributes"] = msgspec.json.decode(fields["attributes"])
    return msgspec.convert(fields, Event)
