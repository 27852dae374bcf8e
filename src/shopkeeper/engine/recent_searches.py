"""What each person searched for, for their own eyes: in the release, and since, live."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shopkeeper.engine.state import LIVE_PEOPLE, actors_of
from shopkeeper.engine.text import folded_line
from shopkeeper.release.arrays import load_array, save_arrays
from shopkeeper.release.fields import one_chunk, read_table, write_table
from shopkeeper.release.ids import load_ids, save_ids
from shopkeeper.vocabulary import Event, EventType, Ids

KEPT = 20  # searches of one person, the newest
FORGOTTEN_KEPT = 300  # of one person; with more, whatever the release knows of that person is forgotten
LONGEST = 200  # characters of one that are kept
FORGOTTEN = "forgotten_query"  # the attribute of a search event by which a person has one forgotten; "*": all


@dataclass(frozen=True, eq=False)
class PastSearches:
    """actors: those who searched; starts int64 [n + 1]; queries: large_string [m], those of one actor oldest first."""

    actors: Ids
    starts: npt.NDArray[np.int64]
    queries: pa.Array

    @classmethod
    def none(cls) -> PastSearches:
        return cls(Ids([]), np.zeros(1, np.int64), pa.array([], pa.large_string()))

    def of(self, actor: str) -> list[str]:
        row = self.actors.row(actor)
        return [] if row < 0 else list(self.queries[int(self.starts[row]) : int(self.starts[row + 1])].to_pylist())

    def save(self, directory: Path) -> None:
        save_ids(self.actors, directory / "actors")
        save_arrays(directory, {"starts": self.starts})
        write_table(pa.table({"query": self.queries}), directory / "queries.arrow")

    @classmethod
    def load(cls, directory: Path) -> PastSearches:
        """Memory-mapped."""
        queries = one_chunk(read_table(directory / "queries.arrow").column("query"))
        return cls(load_ids(directory / "actors"), load_array(directory, "starts"), queries)


class RecentSearches:
    """The searches of the release, and what the log tells since. For any number of threads.

    A search counts that was told as one, or whose words come with what the person did next: not every beginning of a
    query for which a page fetched results.
    """

    def __init__(self, past: PastSearches) -> None:
        self._past = past
        self._live: OrderedDict[str, dict[str, str | None]] = OrderedDict()  # by key: the words, None where forgotten
        self._lock = Lock()

    def record(self, events: Sequence[Event]) -> None:
        with self._lock:
            for event in events:
                forgotten = event.attributes.get(FORGOTTEN) if event.type is EventType.SEARCH else None
                actors = actors_of(event.user, event.session)
                if isinstance(forgotten, str):
                    for actor in actors:
                        self._forget(actor, forgotten)
                elif event.query and event.query.strip() and actors and event.type is not EventType.IMPRESSION:
                    self._add(actors[0], event.query)

    def of(self, user: str | None, session: str | None) -> list[str]:
        """The newest first, each once, in the words of the last time."""
        found: dict[str, str | None] = {}
        with self._lock:
            for actor in actors_of(user, session):
                live = self._live.get(actor, {})
                past = [] if _ALL in live else self._past.of(actor)
                for key, query in [*reversed(live.items()), *((folded_line(query), query) for query in reversed(past))]:
                    found.setdefault(key, query)
        return [query for query in found.values() if query][:KEPT]

    def _add(self, actor: str, query: str) -> None:
        told = self._live.setdefault(actor, {})
        told.pop(folded_line(query), None)
        told[folded_line(query)] = _plain(query)
        self._trim(actor, told)

    def _forget(self, actor: str, query: str) -> None:
        told = self._live.setdefault(actor, {})
        if query == _ALL:
            told.clear()
        told[folded_line(query)] = None
        self._trim(actor, told)

    def _trim(self, actor: str, told: dict[str, str | None]) -> None:
        """What is forgotten is remembered as that, while the release may still know it."""
        words = [key for key, query in told.items() if query is not None]
        forgotten = [key for key, query in told.items() if query is None and key != _ALL]
        for key in (*words[:-KEPT], *forgotten[:-FORGOTTEN_KEPT]):
            del told[key]
        if len(forgotten) > FORGOTTEN_KEPT:
            told[_ALL] = None
        self._live.move_to_end(actor)
        while len(self._live) > LIVE_PEOPLE:
            self._live.popitem(last=False)


_ALL = "*"


def kept_of(searched: Iterable[tuple[str, bool]]) -> list[str]:
    """Of one actor's words, oldest first, each searched for or (True) forgotten: the newest KEPT, each once."""
    told: dict[str, str] = {}
    for query, forgotten in searched:
        told.pop(folded_line(query), None)
        if forgotten and query == _ALL:
            told.clear()
        elif not forgotten:
            told[folded_line(query)] = _plain(query)
    return list(told.values())[-KEPT:]


def _plain(query: str) -> str:
    return " ".join(query.split())[:LONGEST]
