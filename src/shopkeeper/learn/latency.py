"""How long an answer takes, part by part, and what of a surface fits into its budget."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import msgspec
import numpy as np

from shopkeeper.engine.context import Context, lookups_of
from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.ranking.fusion import Pool
from shopkeeper.learn.metrics import Values
from shopkeeper.learn.replay import Scorer
from shopkeeper.learn.requests import Asked
from shopkeeper.vocabulary import Progress, silent

FEWEST_TO_TIME, TIMED = 50, 150  # requests
WARM_UP = 20  # requests that are answered first: what is read or compiled at the first answer is not of each
SLOWEST = 0.95  # the share of the answers that must be as quick: a shopper who waits at every twentieth page leaves
# A machine that has other things to do as well decides nothing: a part's time is the least of a few, but for sources
# that remember what they are asked, and of a few stretches of requests the median counts.
REPEATS, STRETCHES = 3, 5
ROOM = 0.8  # of the budget, for what sources are left when some are dropped: the rest is a ranker's

Clock = Callable[[], float]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Laps:
    """What the parts of the same answers took, milliseconds, float64 [requests]. context: to look up the person and lay
    proposals together; sources: to retrieve, by source; scorers: to order the candidates and apply the policies, by
    what orders them."""

    context: Values
    sources: Mapping[str, Values]
    scorers: Mapping[str, Values]

    def answer_ms(self, scorer: str, sources: Collection[str]) -> float:
        """Milliseconds within which SLOWEST of the answers come that ask these sources, ordered by `scorer`."""
        return slowest(self.context + self.scorers[scorer] + sum(self.sources[name] for name in sources))

    def ordered_by(self, other: Laps) -> Laps:
        """With the scorers of `other`, timed on the same requests."""
        return replace(self, scorers={**self.scorers, **other.scorers})


class Pace(msgspec.Struct, frozen=True):
    """How long the contestants for a surface take. budget_ms: the surface's, 0 for none; answer_ms: by contestant, the
    milliseconds within which 95 of 100 answers come; made_of: by contestant, the sources that it asks."""

    budget_ms: float = 0.0
    answer_ms: dict[str, float] = {}
    made_of: dict[str, tuple[str, ...]] = {}

    @classmethod
    def of(cls, laps: Laps, made_of: dict[str, tuple[str, ...]], fused: str, budget_ms: float) -> Pace:
        """fused: the scorer of contestants that have none of their own."""
        took = {
            name: laps.answer_ms(name if name in laps.scorers else fused, sources) for name, sources in made_of.items()
        }
        return cls(budget_ms, took, made_of)

    def fits(self, name: str) -> bool:
        return not self.budget_ms or self.answer_ms[name] <= self.budget_ms


def slowest(times: Values) -> float:
    """The SLOWEST quantile of times float64 [n], the median of those of some stretches."""
    stretches = np.array_split(times, min(STRETCHES, len(times)))
    return float(np.median([np.quantile(stretch, SLOWEST) for stretch in stretches]))


def time_answers(
    engine: Engine,
    asked: Sequence[Asked],
    scorers: Mapping[str, Scorer],
    *,
    progress: Progress = silent,
    clock: Clock = time.perf_counter,
) -> Laps:
    """The parts of the answers to the newest requests of a surface, one at a time, as they are served: what a source
    remembers of queries helps with those that come again."""
    surface = asked[0].request.surface
    progress(f"time {surface}", 0, 1)
    for one in asked[:WARM_UP]:
        _laps(engine, one, scorers, clock)
    laps = [_laps(engine, one, scorers, clock) for one in asked[-TIMED:]]
    progress(f"time {surface}", 1, 1)
    parts = {name: 1e3 * np.array([lap[name] for lap in laps]) for name in laps[0]}
    return Laps(
        context=parts["context", "person"] + parts["context", "pool"],
        sources={name: parts["source", name] for name in engine.sources_of(surface)},
        scorers={name: parts["scorer", name] for name in scorers},
    )


def fitting(laps: Laps, scorer: str, budget_ms: float) -> tuple[str, ...]:
    """The sources that answer together within the budget (0: any time), ordered by `scorer`: all, or those that are
    left when the slowest are dropped one by one, the quickest at least."""
    kept = list(laps.sources)
    if budget_ms and laps.answer_ms(scorer, kept) > budget_ms:
        while len(kept) > 1 and laps.answer_ms(scorer, kept) > ROOM * budget_ms:
            kept.remove(max(kept, key=lambda name: slowest(laps.sources[name])))
    return tuple(kept)


def _laps(engine: Engine, one: Asked, scorers: Mapping[str, Scorer], clock: Clock) -> dict[tuple[str, str], float]:
    """Seconds by kind of part and its name."""
    seconds = dict[tuple[str, str], float]()

    def timed(kind: str, name: str, job: Callable[[], Result], repeats: int = REPEATS) -> Result:
        for _ in range(repeats):
            begin = clock()
            result = job()
            took = clock() - begin
            seconds[kind, name] = min(took, seconds.get((kind, name), took))
        return result

    context = timed("context", "person", lambda: engine.context(one.request))
    limit = engine.settings.surfaces[one.request.surface].candidates
    proposals = {
        name: timed(
            "source", name, partial(source.retrieve, context, limit), REPEATS if lookups_of(source) is None else 1
        )
        for name, source in engine.sources_of(one.request.surface).items()
    }
    pool = timed("context", "pool", lambda: engine.pool(context, proposals))
    for name, score in scorers.items():
        timed("scorer", name, partial(_ordered, engine, context, pool, score))
    return seconds


def _ordered(engine: Engine, context: Context, pool: Pool, score: Scorer) -> None:
    engine.arrange(context, pool, score(context, pool))
