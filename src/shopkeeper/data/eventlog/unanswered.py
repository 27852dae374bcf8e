"""Searches that the shop had no good answer to: they found nothing, or nothing with all of their words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any

import msgspec

from shopkeeper.vocabulary import Shown

INSERT = "INSERT INTO unanswered (time, query, dropped, person) VALUES (?, ?, ?, ?)"
# The other columns are those of the newest of each group, which is what SQLite gives beside max(). Of what a page asks
# for while somebody types, only the longest counts: not what goes on within ten seconds.
SELECT = """
    SELECT query, count(*), count(DISTINCT person), max(time) AS newest, dropped FROM unanswered AS asked
    WHERE time >= ? AND NOT EXISTS (
        SELECT 1 FROM unanswered AS longer
        WHERE longer.time BETWEEN asked.time AND asked.time + 10 AND longer.person = asked.person
            AND length(trim(longer.query)) > length(trim(asked.query))
            AND lower(substr(trim(longer.query), 1, length(trim(asked.query)))) = lower(trim(asked.query))
    )
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
