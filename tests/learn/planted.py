"""Small engines for tests of what judges: their sources answer as planted, and take as long as planted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from source_contract import items_table
from worlds import catalogue

from shopkeeper.engine.context import Candidates, Context, FittedSource
from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.ranking.statistics import Statistics
from shopkeeper.learn.requests import Asked
from shopkeeper.learn.split import Part
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.settings import Settings, Surface
from shopkeeper.vocabulary import Ids, Request

USERS = 6


@dataclass
class Hands:
    """A clock that only moves when it is told to."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Planted:
    """Proposes what `answer` says, and takes `ms` by the clock."""

    name: str
    answer: Callable[[Context], Sequence[int]]
    hands: Hands
    ms: float = 0.0

    def retrieve(self, context: Context, limit: int) -> Candidates:
        self.hands.now += self.ms / 1e3
        rows = np.array(self.answer(context)[:limit], np.int32)
        return Candidates(rows, -np.arange(len(rows), dtype=np.float32))

    def reason(self, context: Context, row: int) -> str:  # noqa: ARG002
        return "planted"

    def save(self, directory: Path) -> None:
        raise NotImplementedError


def engine_of(
    part: Part,
    n_items: int,
    sources: Sequence[FittedSource] = (),
    *,
    launched: Mapping[int, float] | None = None,
    surface: Surface | None = None,
) -> Engine:
    """As `Workshop.engine_of`, of the people u0, u1, … and the items i0, i1, …; "home" asks the sources. launched:
    seconds, by row of the item."""
    built = Catalogue.build(items_table(catalogue(n_items)))
    times = np.full(n_items, np.nan)
    for row, time in (launched or {}).items():
        times[row] = time
    built = replace(built, launched=times)
    home = surface or Surface(sources=tuple(source.name for source in sources), rank="fused")
    return Engine(
        catalogue=built,
        interactions=part.history,
        actors=Ids([f"u{at}" for at in range(USERS)]),
        sources={source.name: source for source in sources},
        statistics=Statistics.fit(built, part.known, part.now),
        settings=Settings(surfaces={"home": home}),
    )


def asked(user: int, *rows: int, time: float, gains: Sequence[float] = (), query: str = "") -> Asked:
    """A request to "home" of somebody who wants these items."""
    request = Request(surface="home", query=query, user=f"u{user}", time=time)
    return Asked(request, np.array(rows, np.int32), np.array(gains or [1.0] * len(rows), np.float32))
