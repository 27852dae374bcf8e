"""What may serve a surface: its fusion, other fusions, each of its sources alone, its learned rankers. They compete on
requests that none of them has seen, and the fusion stays unless it is beaten, whatever the luck of many."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import msgspec
import numpy as np

from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.ranking.fusion import FUSIONS
from shopkeeper.engine.ranking.ranker import Ranker
from shopkeeper.learn import metrics
from shopkeeper.learn.costs import Cost
from shopkeeper.learn.dense import without_idle_meaning
from shopkeeper.learn.evaluate import MEASURE, Figures, K, figures_of, measure
from shopkeeper.learn.judged import InFolds, judged_ndcg
from shopkeeper.learn.latency import Clock, Laps, Pace, fitting, time_answers
from shopkeeper.learn.metrics import Comparison, Estimate, Ranks
from shopkeeper.learn.replay import POPULARITY, Scorer, fused, replay
from shopkeeper.learn.requests import Asked
from shopkeeper.learn.school import ByClicks, ByJudgements, School, Taught
from shopkeeper.settings import Fusion, Surface
from shopkeeper.vocabulary import Progress

FUSED = "fused"  # as `Surface.rank` has it; the fusion stands under its name in the tournament
EVERYTHING = "fused, every source"  # beside the fusion, where that goes without the sources that are too slow
CONFIDENCE = 0.9  # that the best of the challengers is better than the fusion
LEARN_SHARE, WATCH_SHARE = 0.6, 0.15  # of the requests, the oldest: to learn from, to stop by; the rest judge
FEWEST_TO_JUDGE = 30  # requests


class Contest(msgspec.Struct, frozen=True):
    """How a surface's new choice did against that of the release before, the incumbent, on requests that neither had
    learned from. kept: whether the incumbent's stays; beats: by how much the new one is better, where both answered."""

    incumbent: str
    kept: bool
    why: str
    requests: int = 0
    beats: Comparison | None = None


class Choice(msgspec.Struct, frozen=True):
    """How a surface's tournament went. figures: of each contestant, the fusion held against the others (None in what an
    older Shopkeeper tells); popularity stands beside them and cannot win; beats: by how much the winner (without one,
    the best) beats the fusion; why: in a sentence; importances: by ranker that can say, each feature's share in it, the
    largest first; until: seconds, the last event that it was chosen by, None without a clock; contest: with the
    incumbent's choice, where it was held against one; dropped: contestants that dropped out before, as time was
    short, they learned nothing, or the fusion is better without them, with why; pace: how long the contestants' answers
    take; costs: of every ranker;
    by_judgements: whether people's judgements decided, and no clicks; from_judgements: whether the winner learned from
    them."""

    winner: str
    why: str
    requests: int = 0
    figures: Figures | None = None
    beats: Comparison | None = None
    importances: dict[str, dict[str, float]] = {}
    until: float | None = None
    contest: Contest | None = None
    dropped: dict[str, str] = {}
    pace: Pace = Pace()
    costs: dict[str, Cost] = {}
    by_judgements: bool = False
    from_judgements: bool = False

    @property
    def ndcg(self) -> dict[str, Estimate]:
        """By contestant, the measure that it was chosen by."""
        return {name: measures[MEASURE] for name, measures in self.figures.systems.items()} if self.figures else {}


@dataclass(frozen=True)
class Winner:
    """What the release gets: the surface's settings, with the ranker where one was learned and won. unseen: where it
    learned from judgements, the same in folds, for figures of queries that it has not learned from; taught: all rankers
    that competed."""

    surface: Surface
    ranker: Ranker | None
    choice: Choice = field(repr=False)
    unseen: InFolds | None = field(default=None, repr=False)
    taught: Taught = field(default_factory=Taught, repr=False)

    def noting(self, **told: Any) -> Winner:
        """The same, with these fields of its choice."""
        return replace(self, choice=msgspec.structs.replace(self.choice, **told))


def compete(
    engine: Engine,
    name: str,
    asked: Sequence[Asked],
    *,
    seed: int,
    progress: Progress,
    clock: Clock = time.perf_counter,
    judged: Sequence[Asked] = (),
) -> Winner:
    """Choose what serves the surface `name`, by its validation requests, oldest first. `engine` has no rankers. clock:
    seconds, by which answers are timed. judged: queries that people have graded, from which rankers may learn too."""
    surface = engine.settings.surfaces[name]
    learn, watch = (int(len(asked) * share) for share in (LEARN_SHARE, LEARN_SHARE + WATCH_SHARE))
    judging = asked[watch:]
    if why := _no_contest(engine, surface, asked, judging):
        return Winner(surface, None, Choice(FUSED, why, len(judging)))
    older = asked[:watch]

    def measured(one: Engine) -> metrics.Values:
        rows = replay(one, older, {FUSED: one.score}, K, progress=progress, stage=f"weigh meaning in {name}")
        return measure(one, rows[FUSED], older)["ndcg"]

    engine, dropped = without_idle_meaning(engine, name, measured)
    school = ByClicks(name, asked[:learn], asked[learn:watch], judged, seed, progress)
    field = _field(engine, name, asked, school, progress, clock)
    answers = _answers(engine, field, judging, progress)
    values = {system: measure(field.quick, rows, judging)["ndcg"] for system, rows in answers.items()}
    return _won(field, surface, judging, answers, values, seed, dropped)


def compete_judged(
    engine: Engine,
    name: str,
    asked: Sequence[Asked],
    *,
    seed: int,
    progress: Progress,
    clock: Clock = time.perf_counter,
) -> Winner:
    """Choose what serves the surface `name` where no clicks can decide, by queries that people have graded. Rankers
    compete in folds: each query is answered by one that learned from the other folds; who wins learns from all."""
    surface = engine.settings.surfaces[name]
    if len(asked) < FEWEST_TO_JUDGE or mute(engine, asked):
        return Winner(
            surface, None, Choice(FUSED, f"only {len(asked)} judged queries: too few to choose by", len(asked))
        )

    def measured(one: Engine) -> metrics.Values:
        answered = partial(
            replay, one, asked, {FUSED: one.score}, K, progress=progress, stage=f"weigh meaning in {name}"
        )
        return judged_ndcg(one, answered()[FUSED], answered(among_judged=True)[FUSED], asked)

    engine, dropped = without_idle_meaning(engine, name, measured)
    field = _field(engine, name, asked, ByJudgements(name, asked, seed, progress), progress, clock)
    answers = _answers(engine, field, asked, progress)
    condensed = _answers(engine, field, asked, progress, among_judged=True)
    values = {system: judged_ndcg(field.quick, rows, condensed[system], asked) for system, rows in answers.items()}
    return _won(field, surface, asked, answers, values, seed, dropped).noting(by_judgements=True)


def _won(
    field: _Field,
    surface: Surface,
    judging: Sequence[Asked],
    answers: Mapping[str, Ranks],
    values: Mapping[str, metrics.Values],
    seed: int,
    dropped: Mapping[str, str],
) -> Winner:
    """By `values`, float64 [requests] of each system. surface: as the settings have it; dropped: sources that did not
    compete, with why."""
    pace = _pace(field.laps, answers, field.surface)
    contestants = [
        system for system in values if system != POPULARITY and not (surface.weights and system in surface.sources)
    ]
    quick_enough = [system for system in contestants if system == FUSED or pace.fits(system)]
    best, winner, beats = judge({system: values[system] for system in quick_enough}, seed)
    means = {system: float(values[system].mean()) for system in contestants}
    choice = Choice(
        winner=winner,
        why=_too_slow(pace, means) + _why(winner, best, field.taught.rankers) + field.taught.unlearned,
        requests=len(judging),
        figures=figures_of(field.quick, judging, answers, groups={}, seed=seed),
        beats=beats,
        importances={
            ranker: dict(fitted.importance) for ranker, fitted in field.taught.rankers.items() if fitted.importance
        },
        dropped={**dropped, **field.taught.dropped},
        pace=pace,
        costs=field.costs,
        from_judgements=winner in field.taught.in_folds,
    )
    unseen = field.taught.in_folds[winner]() if winner in field.taught.in_folds else None
    serving = _serving(field.surface, winner, surface.sources)
    return Winner(serving, field.taught.rankers.get(winner), choice, unseen, field.taught)


def _no_contest(engine: Engine, surface: Surface, asked: Sequence[Asked], judging: Sequence[Asked]) -> str:
    """Why nothing competes for the surface, "" where something does. To order what stands in for silent sources would
    win the surface for what it is not."""
    if len(judging) < FEWEST_TO_JUDGE:
        return f"only {len(asked)} requests in the validation part: too few to choose by"
    if mute(engine, judging):
        instead = "" if surface.seeks else ", and the most popular items stand in"
        return f"its sources have nothing to say in this shop{instead}"
    return ""


def mute(engine: Engine, asked: Sequence[Asked]) -> bool:
    """Whether the sources of a surface propose nothing at all to these requests."""
    pools = (engine.candidates(engine.context(one.request)) for one in asked)
    return all(np.isnan(pool.ranks).all() for pool in pools)


def judge(values: Mapping[str, metrics.Values], seed: int) -> tuple[str, str, Comparison]:
    """The contestant with the highest mean; the winner, the highest among those that surely beat the fusion, however
    many tried, else the fusion; and how the winner (without one, the highest) compares to the fusion. values: float64
    [requests] each."""
    ahead = sorted(values, key=lambda system: -float(values[system].mean()))
    challengers = {system: values[system] for system in ahead if system != FUSED}
    chances = metrics.best_of_many(challengers, values[FUSED], seed) if challengers else {}
    winner = next((system for system, chance in chances.items() if chance >= CONFIDENCE), FUSED)
    told = ahead[0] if winner == FUSED else winner
    return ahead[0], winner, metrics.compare(values[told], values[FUSED], seed)


@dataclass(frozen=True)
class _Field:
    """What competes for a surface. quick: an engine that asks the sources which fit its budget alone; scorers: what
    orders their candidates, the fusion first; laps: what the parts of their answers take; taught: its
    rankers."""

    name: str
    quick: Engine
    taught: Taught
    scorers: Mapping[str, Scorer]
    laps: Laps

    @property
    def surface(self) -> Surface:
        return self.quick.settings.surfaces[self.name]

    @property
    def costs(self) -> dict[str, Cost]:
        """Of each ranker; its answer is to order the candidates."""
        return {
            name: Cost(self.taught.fit_s[name], float(np.median(self.laps.scorers[name])), ranker.size_mb)
            for name, ranker in self.taught.rankers.items()
        }


def _field(
    engine: Engine,
    name: str,
    asked: Sequence[Asked],
    school: School,
    progress: Progress,
    clock: Clock,
) -> _Field:
    laps = time_answers(engine, asked, {FUSED: engine.score}, progress=progress, clock=clock)
    quick = engine.asking(name, fitting(laps, FUSED, engine.settings.surfaces[name].budget_ms))
    taught = school(quick)
    challengers: dict[str, Scorer] = {
        **{way: fused(quick, way) for way in _other_fusions(quick, name)},
        **taught.scorers(quick),
    }
    if challengers:
        laps = laps.ordered_by(time_answers(quick, asked, challengers, progress=progress, clock=clock))
    return _Field(name, quick, taught, {FUSED: quick.score, **challengers}, laps)


def _other_fusions(engine: Engine, name: str) -> list[Fusion]:
    """Whoever wrote weights has chosen the fusion that they are for, and of a single source all make the same."""
    surface = engine.settings.surfaces[name]
    several = len(engine.sources_of(name)) > 1 and not surface.weights
    return [way for way in FUSIONS if way != surface.fusion] if several else []


def _answers(
    whole: Engine, field: _Field, judging: Sequence[Asked], progress: Progress, *, among_judged: bool = False
) -> dict[str, Ranks]:
    """By contestant, the fusion first. What the whole engine could answer is measured too, so that a shop sees what its
    budget costs."""
    name, quick = field.name, field.quick
    answered = partial(replay, asked=judging, k=K, among_judged=among_judged, progress=progress)
    answers = answered(quick, scorers=field.scorers, stage=f"compare {name}")
    if len(quick.sources_of(name)) < len(whole.sources_of(name)):
        others = answered(whole, scorers={EVERYTHING: whole.score}, stage=f"compare all of {name}")
        answers |= {system: rows for system, rows in others.items() if system not in answers}
    return answers


def _pace(laps: Laps, systems: Collection[str], quick: Surface) -> Pace:
    """Of the contestants among `systems`. quick: the surface with the sources that fit its budget."""
    made_of = {EVERYTHING: tuple(laps.sources), **{source: (source,) for source in laps.sources}}
    made_of |= dict.fromkeys(laps.scorers, quick.sources)
    return Pace.of(
        laps, {system: made_of[system] for system in systems if system != POPULARITY}, FUSED, quick.budget_ms
    )


def _serving(quick: Surface, winner: str, sources: Collection[str]) -> Surface:
    """The surface as its winner serves it. A source alone is followed by what the others propose, where they fit the
    budget with it. quick: the surface with those that do; sources: all that could be asked."""
    if winner in FUSIONS:
        return msgspec.structs.replace(quick, fusion=winner)
    if winner not in sources:
        return quick
    asked = quick.sources if winner in quick.sources else (winner,)
    alone = {source: float(source == winner) for source in asked}
    return msgspec.structs.replace(quick, sources=asked, weights=alone, rank=FUSED)


def _too_slow(pace: Pace, means: Mapping[str, float]) -> str:
    """What the budget kept from serving, to be followed by why the winner won. means: of MEASURE, by contestant."""
    limit, said = f"the {pace.budget_ms:g} ms of the surface", []
    best = max(means, key=lambda system: means[system])
    if not pace.fits(best):
        said.append(f"{best} was best at {means[best]:.3f} but takes {pace.answer_ms[best]:.3g} ms, above {limit}")
    if EVERYTHING in pace.made_of:
        dropped = ", ".join(name for name in pace.made_of[EVERYTHING] if name not in pace.made_of[FUSED])
        together = f"together the sources take {pace.answer_ms[EVERYTHING]:.3g} ms, and {dropped} had to be left out"
        said.append(together)
    if not pace.fits(FUSED):
        said.append(f"nothing is within {limit}, and the quickest serves, at {pace.answer_ms[FUSED]:.3g} ms")
    return "; ".join(said) + ": " if said else ""


def _why(winner: str, best: str, rankers: Collection[str]) -> str:
    if winner in rankers:
        return f"the ranker {winner} beat the fusion of the sources"
    if winner in FUSIONS:
        return f"the fusion by {winner} beat the usual one"
    if winner != FUSED:
        return f"{winner} alone beat the fusion of the sources"
    if best != FUSED:
        return f"{best} was ahead of the fusion of the sources, but not by enough to be sure"
    return "the fusion of the sources did best"
