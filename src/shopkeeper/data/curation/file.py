"""curation.sqlite: its tables, and how a connection to it is opened.

A *publication* is a number in the order of publishing; an entry as published is the newest that a publication kept of
it. What is published never changes. The audit tells of every change, and the file itself refuses to alter or delete a
line of it.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from shopkeeper.data.durable import taking_turns

BUSY_S = 30.0  # for which a process waits while others write
VERSION = 1

_TABLES = (
    "CREATE TABLE IF NOT EXISTS publications (number INTEGER PRIMARY KEY AUTOINCREMENT, time REAL NOT NULL)",
    """CREATE TABLE IF NOT EXISTS kept (
        kind TEXT NOT NULL, id TEXT NOT NULL, publication INTEGER NOT NULL, version INTEGER NOT NULL, body TEXT,
        PRIMARY KEY (kind, id, publication)
    ) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS drafts (
        kind TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, body TEXT, PRIMARY KEY (kind, id)
    ) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS audit (
        place INTEGER PRIMARY KEY AUTOINCREMENT, time REAL NOT NULL, who TEXT NOT NULL, deed TEXT NOT NULL,
        kind TEXT NOT NULL, id TEXT NOT NULL, before TEXT, after TEXT, comment TEXT NOT NULL, publication INTEGER
    )""",
    *(
        f"CREATE TRIGGER IF NOT EXISTS audit_no_{deed} BEFORE {deed} ON audit"
        " BEGIN SELECT raise(ABORT, 'the audit is never changed'); END"
        for deed in ("UPDATE", "DELETE")
    ),
)


def create(path: Path) -> sqlite3.Connection:
    """A connection for any thread, to a file with all tables, in which transactions are begun by name. Raises
    sqlite3.Error and OSError."""
    with taking_turns(path.parent):  # a file that is becoming a database in WAL mode refuses others, without waiting
        connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        if connection.execute("PRAGMA user_version").fetchone()[0] < VERSION:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                for statement in _TABLES:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("PRAGMA synchronous = FULL")  # in WAL mode: the disk has it when COMMIT returns
    return connection
