"""events.sqlite: its tables, and how a connection to it is opened.

A *place* is the number of a row in the order of writing. It is never given twice, whatever is deleted.
"""

from __future__ import annotations

import secrets
import sqlite3
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from shopkeeper.data.durable import taking_turns

VERSION = 4
BUSY_S = 30.0  # for which a process waits while others write

EVENT_COLUMNS = (
    "id", "type", "time", "user_id", "session_id", "item_id", "query", "quantity", "price", "rating", "order_id",
    "slate_id", "position", "attributes",
)  # fmt: skip

_TABLES = (
    "CREATE TABLE IF NOT EXISTS log (id TEXT NOT NULL)",  # one row: what tells this log from another
    """CREATE TABLE IF NOT EXISTS events (
        place INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, type TEXT NOT NULL, time REAL NOT NULL,
        user_id TEXT, session_id TEXT, item_id TEXT, query TEXT, quantity REAL, price REAL, rating REAL, order_id TEXT,
        slate_id TEXT, position INTEGER, attributes TEXT
    )""",
    """CREATE TABLE IF NOT EXISTS changes (
        place INTEGER PRIMARY KEY AUTOINCREMENT, item_id TEXT NOT NULL, change TEXT NOT NULL
    )""",
    "CREATE TABLE IF NOT EXISTS shown (place INTEGER PRIMARY KEY AUTOINCREMENT, slate TEXT NOT NULL)",
    # Searches without a good answer; dropped: a list as JSON; person: a digest.
    """CREATE TABLE IF NOT EXISTS unanswered (
        time REAL NOT NULL, query TEXT NOT NULL, dropped TEXT NOT NULL, person BLOB
    )""",
    "CREATE INDEX IF NOT EXISTS unanswered_by_time ON unanswered (time)",
    # The ids of the events that were moved to parts, and the day (since the epoch) on which they were.
    "CREATE TABLE IF NOT EXISTS remembered (digest BLOB PRIMARY KEY, day INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS remembered_by_day ON remembered (day)",
)
_OF_VERSION_1 = "shopkeeper_events"  # a table of events without places of its own, and nothing else


class Stream(NamedTuple):
    """What ingest reads of a table, and compaction moves out of it. select: place and EVENT_COLUMNS of what was written
    after a place up to another, by place; of at most so many rows of the table."""

    name: str
    table: str
    select: str


EVENTS = Stream(
    "events",
    "events",
    f"SELECT place, {', '.join(EVENT_COLUMNS)} FROM events WHERE place > ? AND place <= ? ORDER BY place LIMIT ?",
)
IMPRESSIONS = Stream(
    "impressions",
    "shown",
    files("shopkeeper.data.eventlog").joinpath("impressions.sql").read_text(encoding="utf-8"),
)


def connect(path: Path) -> sqlite3.Connection:
    """A connection for any thread, in which transactions are begun by name. Raises sqlite3.Error."""
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = FULL")  # in WAL mode: the disk has it when COMMIT returns
    return connection


def create(path: Path) -> sqlite3.Connection:
    """A connection to a file with all tables: made where there are none; the events of a file of version 1 keep their
    order. Raises sqlite3.Error and OSError."""
    with taking_turns(path.parent):  # a file that is becoming a database in WAL mode refuses others, without waiting
        connection = connect(path)
        connection.execute("PRAGMA journal_mode = WAL")
        _make_tables(connection)
    return connection


def _make_tables(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        if connection.execute("PRAGMA user_version").fetchone()[0] >= VERSION:
            return
        for statement in _TABLES:
            connection.execute(statement)
        if connection.execute("SELECT 1 FROM log").fetchone() is None:
            connection.execute("INSERT INTO log VALUES (?)", (secrets.token_hex(8),))
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (_OF_VERSION_1,)).fetchone():
            names = ", ".join(EVENT_COLUMNS)
            connection.execute(
                f"INSERT INTO events (place, {names}) SELECT rowid, {names} FROM {_OF_VERSION_1} ORDER BY rowid"
            )
            connection.execute(f"DROP TABLE {_OF_VERSION_1}")
        connection.execute(f"PRAGMA user_version = {VERSION}")


def begin_after(connection: sqlite3.Connection, table: str, place: int) -> None:
    """Give no place up to this one any more: a file that was put back from an older copy goes on behind its parts."""
    connection.execute(
        "INSERT INTO sqlite_sequence (name, seq) SELECT ?, 0 WHERE NOT EXISTS"
        " (SELECT 1 FROM sqlite_sequence WHERE name = ?)",
        (table, table),
    )
    connection.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", (place, table))
