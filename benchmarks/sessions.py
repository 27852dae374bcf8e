"""What comes next in a visit, by the protocols of published figures, and what is bought next. Full ranking; what was
met before is not left out, as it may come again.

    python benchmarks/sessions.py [--data ../shared/data] [--sources NAME,…] [--requests N] [DATA SET…]

diginetica: the usual split of 186,670 sessions to learn from and 60,858 beginnings of later ones, each with what came
next. They have an order and no times: those to learn from are spread evenly over DIGINETICA_DAYS. yoochoose-clicks: the
sessions of the last day are the test, and every click after the first of each is asked for. taobao-user-behavior: the
last day is the test, and every purchase is asked for, by what its person did until then.

What serves is chosen by requests of the last part of what there is to learn from, of which the sources then know
nothing; with it they are fitted anew, and the test is looked at once. --requests: of the test, a sample drawn by
chance, for a look at a busy machine. `repeats`: the share of the requests whose answer the person had met. Prints
Markdown.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from shopkeeper.data.schema import items_table
from shopkeeper.engine.context import Material
from shopkeeper.engine.interest import DAY, interest_of
from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.ranking.statistics import Statistics
from shopkeeper.engine.sources import recipes
from shopkeeper.learn.evaluate import evaluate
from shopkeeper.learn.requests import Asked
from shopkeeper.learn.tournament import Winner, compete
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.release.interactions import Interactions
from shopkeeper.settings import DataSettings, Settings, Surface, TrainSettings
from shopkeeper.vocabulary import EventType, Ids, Item, Mask, Request, silent

SOURCES = ("popular", "recent", "item_knn", "viewed_together", "slist", "session_knn")
DIGINETICA_DAYS, CHOOSING_SHARE, CHOOSING = 150.0, 0.05, 5_000
EAST = 8 * 3600.0  # seconds that a day begins earlier in China
SILENCE = 1800.0  # seconds that end a visit
SHELF, K = "home", 20
BEHAVIOUR = {"pv": EventType.VIEW, "fav": EventType.FAVOURITE, "cart": EventType.CART, "buy": EventType.PURCHASE}
VIEW = EventType.VIEW.code

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Part:
    """known bool [n]: the events that sources may be fitted on; asked int64 [m]: those that are asked for; now:
    seconds, the moment of the fit."""

    known: Mask
    asked: Integers
    now: float


@dataclass(frozen=True)
class Log:
    """All events; gap: minutes of silence that end a visit."""

    all: Interactions
    choosing: Part
    test: Part
    gap: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--sources", default=",".join(SOURCES))
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--budget", type=float, default=20.0, help="minutes for each fit of a network")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("sets", nargs="*", default=list(READERS))
    arguments = parser.parse_args()
    if unknown := set(arguments.sets) - set(READERS):
        sys.exit(f"there is no reader for {', '.join(sorted(unknown))}; there is one for {', '.join(READERS)}")
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}.\n")
    print(f"| set | requests | repeats | system | HR@{K} | 95 % interval | MRR@{K} | coverage@{K} |")
    print("|---|---:|---:|---|---:|---|---:|---:|")
    remarks = []
    for name in arguments.sets:
        if not (arguments.data / name).is_dir():
            sys.exit(f"there is no {arguments.data / name}; name the folder of the data sets with --data")
        begin = time.perf_counter()
        why = measure(name, READERS[name](arguments.data / name), arguments)
        remarks.append(f"{name}: {why}; {time.perf_counter() - begin:.0f} s.")
    print("", *remarks, sep="\n")


def measure(name: str, log: Log, arguments: argparse.Namespace) -> str:
    """Prints the rows of a set, and says why what serves was chosen."""
    sources = tuple(arguments.sources.split(","))
    settings = Settings(
        data=DataSettings(session_gap_minutes=log.gap),
        train=TrainSettings(threads=arguments.threads, budget_minutes=arguments.budget),
        surfaces={SHELF: Surface(sources=sources, exclude="nothing")},
    )
    choosing = requests_of(log, log.choosing, CHOOSING)
    engine = engine_of(log, log.choosing, settings)
    winner = compete(engine, SHELF, choosing, seed=0, progress=silent)
    asked = requests_of(log, log.test, arguments.requests)
    figures = evaluate(engine_of(log, log.test, settings, winner), asked, (K,))
    met = np.mean([one.rows[0] in met_before(log.all, one) for one in asked])
    for system, measures in figures.systems.items():
        hr, mrr, coverage = (measures[f"{metric}@{K}"] for metric in ("hr", "mrr", "coverage"))
        told = f"served ({winner.choice.winner})" if system == "served" else system
        line = f"{told} | {hr.value:.4f} | {hr.low:.4f}–{hr.high:.4f} | {mrr.value:.4f} | {coverage.value:.3f}"
        print(f"| {name} | {figures.requests:,} | {met:.2f} | {line} |", flush=True)
    return winner.choice.why


def engine_of(log: Log, part: Part, settings: Settings, winner: Winner | None = None) -> Engine:
    """As the release would have it at the part's moment; its histories go on until each request."""
    items = items_table(Item(id=str(row)) for row in range(int(log.all.items.max()) + 1))
    catalogue, known = Catalogue.build(items), log.all.where(part.known)
    material = Material(catalogue, items, known, part.now, settings)
    names = settings.surfaces[SHELF].sources
    if winner:
        settings = msgspec.structs.replace(settings, surfaces={SHELF: winner.surface})
    return Engine(
        catalogue=catalogue,
        interactions=log.all,
        actors=Ids([str(person) for person in range(log.all.n_users)]),
        sources={name: recipe.fit(material) for name, recipe in recipes(names).items()},
        statistics=Statistics.fit(catalogue, known, part.now),
        settings=settings,
        rankers={SHELF: winner.ranker} if winner and winner.ranker else {},
    )


def requests_of(log: Log, part: Part, limit: int) -> list[Asked]:
    """In order of time, a sample where there are more than `limit`."""
    chosen = np.random.default_rng(0).permutation(part.asked)[:limit]
    chosen = chosen[np.argsort(log.all.times[chosen], kind="stable")]
    gains = interest_of(log.all.codes[chosen])
    return [
        Asked(
            Request(surface=SHELF, user=str(log.all.users[at]), time=float(log.all.times[at])),
            log.all.items[at : at + 1],
            gains[place : place + 1],
        )
        for place, at in enumerate(chosen)
    ]


def met_before(done: Interactions, one: Asked) -> npt.NDArray[np.int32]:
    past = done.of(int(one.request.user or -1))
    return done.items[past][done.times[past] < (one.request.time or 0.0)]


def diginetica(folder: Path) -> Log:
    """Each beginning with what came next is a session of its own."""
    train = pq.read_table(folder / "sessions_train.parquet").column("items").combine_chunks()
    test = pq.read_table(folder / "sessions_test.parquet")
    prefixes = test.column("prefix").combine_chunks()
    told, begun = np.diff(np.asarray(train.offsets)), np.diff(np.asarray(prefixes.offsets))
    later = np.insert(np.asarray(prefixes.values), np.cumsum(begun), np.asarray(test.column("target")))
    n, sizes = len(told), np.append(told, begun + 1)
    people, last = np.repeat(np.arange(len(sizes)), sizes), np.cumsum(sizes) - 1
    began = np.minimum(people / n, 1.0) * DIGINETICA_DAYS * DAY
    times = began + np.arange(len(people)) - np.searchsorted(people, people)
    items = np.append(np.asarray(train.values), later)
    done = interactions_of(people, people, items, np.full(len(items), VIEW, np.int8), times)
    end = DIGINETICA_DAYS * DAY
    cut = (1.0 - CHOOSING_SHARE) * end
    choosing = Part(began < cut, np.flatnonzero((began >= cut) & (people < n) & followed(done)), cut)
    return Log(done, choosing, Part(people < n, last[n:], end), gap=100_000)


def yoochoose(folder: Path) -> Log:
    tables = [pq.read_table(folder / f"{part}.parquet") for part in ("train", "test")]
    sessions, items, times = (
        np.concatenate([np.asarray(table.column(name)) for table in tables]) for name in ("SessionId", "ItemId", "Time")
    )
    test = np.repeat([False, True], [len(table) for table in tables])
    order = np.lexsort((times, sessions))
    people, test = np.unique(sessions, return_inverse=True)[1][order], test[order]
    done = interactions_of(people, people, items[order], np.full(len(items), VIEW, np.int8), times[order])
    ends = done.times[done.starts[1:] - 1][people]
    end = float(ends[~test].max()) + 1.0
    later = ~test & (ends >= end - DAY)
    choosing = Part(~test & ~later, np.flatnonzero(later & followed(done)), end - DAY)
    return Log(done, choosing, Part(~test, np.flatnonzero(test & followed(done)), end), gap=100_000)


def taobao(folder: Path) -> Log:
    table = (
        pq.read_table(folder / "events.parquet")
        .drop_null()
        .sort_by([("user_id", "ascending"), ("timestamp", "ascending")])
    )
    people, items = (np.asarray(table.column(name)) for name in ("user_id", "item_id"))
    times = np.asarray(table.column("timestamp")).astype(np.float64)
    codes = np.array([BEHAVIOUR[kind].code for kind in table.column("behavior_type").to_pylist()], np.int8)
    people = np.unique(people, return_inverse=True)[1]
    fresh = np.append(True, (np.diff(people) > 0) | (np.diff(times) > SILENCE))
    done = interactions_of(people, np.cumsum(fresh) - 1, items, codes, times)
    day = np.floor((times + EAST) / DAY)
    last = np.quantile(day, 0.999)  # some times lie years away
    bought = done.codes == EventType.PURCHASE.code
    first, second = ((last - back) * DAY - EAST for back in (0, 1))
    choosing = Part(times < second, np.flatnonzero(bought & (day == last - 1)), second)
    return Log(
        done, choosing, Part(times < first, np.flatnonzero(bought & (day == last)), first), gap=int(SILENCE / 60)
    )


def followed(done: Interactions) -> Mask:
    """Which events have one of the same person before them."""
    return np.arange(len(done)) > done.starts[done.users]


def interactions_of(
    people: Integers, visits: Integers, items: Integers, codes: npt.NDArray[np.int8], times: npt.NDArray[np.float64]
) -> Interactions:
    """Of events in order of (person, time); people are numbered from 0, items by any numbers."""
    return Interactions(
        users=people.astype(np.int32),
        items=np.unique(items, return_inverse=True)[1].astype(np.int32),
        codes=codes,
        times=times,
        sessions=visits.astype(np.int32),
        quantities=np.full(len(items), np.nan, np.float32),
        starts=np.searchsorted(people, np.arange(int(people[-1]) + 2)),
    )


READERS: dict[str, Callable[[Path], Log]] = {
    "diginetica": diginetica,
    "yoochoose-clicks": yoochoose,
    "taobao-user-behavior": taobao,
}

if __name__ == "__main__":
    main()
