"""Searches that the shop had no good answer to: they found nothing, or nothing with all of their words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any

import msgspec

from shopkeeper.vocabulary import Shown

INSERT = "INSERT INTO unanswered (time, query, dropped, person) VALUES (?, ?, ?, ?)"
# The other columns are those of the newest of each group, which is what SQLite gives beside max().
SELECT = """
    SELECT query, count(*), count(DISTINCT person), max(time) AS newest, dropped FROM unanswered WHERE time >= ?
    GROUP BY lower(trim(query)) ORDER BY newest DESC LIMIT ?
"""
FORGET = "DELETE FROM unanswered WHERE time < ?"


class Unanswered(msgspec.Struct, frozen=True):
    """A query: how often it was asked, by how many people, when last (seconds since the epoch, UTC), and the words that
    were passed over then; none where nothing was found at all."""

    query: str
    times: int
    people: int
    last: float
    dropped: tuple[str, ...] = ()


def rows_of(shown: Iterable[Shown], log: str) -> Iterator[tuple[float, str, str, bytes | None]]:
    """Of the slates that are first pages of such searches. Of a person only a digest is kept, to count people by."""
    for slate in shown:
        if slate.query.strip() and not slate.offset and (slate.total == 0 or slate.dropped):
            person = slate.user or slate.session
            mark = blake2b(person.encode(), digest_size=8, key=log.encode()[:64]).digest() if person else None
            yield slate.time, slate.query, msgspec.json.encode(slate.dropped).decode(), mark


def told(row: tuple[Any, ...]) -> Unanswered:
    query, times, people, last, dropped = row
    return Unanswered(query, times, people, last, tuple(msgspec.json.decode(dropped)))


def forget(connection: sqlite3.Connection, before: float) -> None:
    connection.execute(FORGET, (before,))
