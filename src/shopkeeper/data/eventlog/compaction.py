"""Compaction: what is settled leaves events.sqlite, and the ids of events stay known."""

from __future__ import annotations

import sqlite3
import time
from collections import defaultdict
from collections.abc import Iterable
from functools import partial
from hashlib import blake2b

from shopkeeper.data.eventlog.commit import GroupCommit
from shopkeeper.data.eventlog.file import EVENTS, Stream
from shopkeeper.data.eventlog.unanswered import forget as forget_unanswered
from shopkeeper.vocabulary import Change

STEP = 5_000  # rows that one transaction takes out, so that nobody who writes waits long
DAY_S = 86_400


def digest(id_: str) -> bytes:
    """What is remembered of an id: 128 bits."""
    return blake2b(id_.encode(), digest_size=16).digest()


def clear(commit: GroupCommit, stream: Stream, last: int) -> None:
    """Take out of SQLite what lies in parts, up to the place `last`, and remember the ids of its events."""
    today = int(time.time()) // DAY_S
    rows = f"SELECT place, {'id' if stream is EVENTS else 'NULL'} FROM {stream.table} WHERE place <= ?"

    def step(connection: sqlite3.Connection) -> int:
        found = connection.execute(f"{rows} ORDER BY place LIMIT {STEP}", (last,)).fetchall()
        known = [(digest(id_), today) for _, id_ in found if id_ is not None]
        connection.executemany("INSERT OR IGNORE INTO remembered VALUES (?, ?)", known)
        if found:
            connection.execute(f"DELETE FROM {stream.table} WHERE place <= ?", found[-1][:1])
        return len(found)

    while commit.run(step) == STEP:
        pass


def forget(commit: GroupCommit, days: int) -> None:
    """Let go of the ids that were taken out more than `days` ago, and of unanswered searches as old."""
    commit.run(partial(forget_unanswered, before=time.time() - days * DAY_S))
    first = int(time.time()) // DAY_S - days

    def step(connection: sqlite3.Connection) -> int:
        old = f"SELECT digest FROM remembered WHERE day < ? LIMIT {STEP}"
        return connection.execute(f"DELETE FROM remembered WHERE digest IN ({old})", (first,)).rowcount

    while commit.run(step) == STEP:
        pass


def drop_overruled(commit: GroupCommit, changes: Iterable[tuple[int, Change]]) -> None:
    """Take out the words on items that later ones overrule; `changes` with their places, the newest first."""
    places = [(place,) for place in overruled(changes)]
    for at in range(0, len(places), STEP):
        some = places[at : at + STEP]
        commit.run(partial(_drop, places=some))


def _drop(connection: sqlite3.Connection, places: list[tuple[int]]) -> None:
    connection.executemany("DELETE FROM changes WHERE place = ?", places)


def overruled(changes: Iterable[tuple[int, Change]]) -> list[int]:
    """The places of words on an item without which the same holds of it, whatever of the rest a reader knows already.

    A whole item overrules all before it, a deletion all but the last whole item, which tells what it was called, and
    figures the same figures. The first whole word on each item stays: it says since when the shop has it.
    """
    told: defaultdict[str, set[str]] = defaultdict(set)
    out, first = [], dict[str, int]()
    for place, change in changes:
        if change.item is not None:
            first[change.id] = place
        later = told[change.id]
        if change.item is not None:
            says, over = {"item"}, {"item"} <= later
        elif change.deleted:
            says, over = {"deleted"}, bool({"item", "deleted"} & later)
        else:
            says = set(change.figures)
            over = bool(later) and (says <= later or bool({"item", "deleted"} & later))
        if over:
            out.append(place)
        later |= says
    stays = set(first.values())
    return [place for place in out if place not in stays]
