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
                self._connection.execute(f"CREATE INDEX IF NOT EXISTS shopkeeper_events_time ON {TABLE} (time)")
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

    def since(self, time: float) -> Iterator[Event]:
        """The events later than `time` (seconds since the epoch), old to new."""
        with self._lock:
            rows = self._connection.execute(
                f"SELECT {', '.join(_NAMES)} FROM {TABLE} WHERE time > ? ORDER BY time, rowid", (time,)
            ).fetchall()
        return map(_from_row, rows)

    def __len__(self) -> int:
        with self._lock:
            return int(self._connection.execute(f"SELECT count(*) FROM {TABLE}").fetchone()[0])

    def settle(self) -> None:
        """Bring what is written into the one file, so that whoever looks at that file alone sees that it has grown."""
        with self._lock:
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        self._connection.close()


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
