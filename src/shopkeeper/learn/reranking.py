"""Whether a cross-encoder earns its place: learned from older requests, it is held against the same answers without it
on later ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.ranking.reranker import Reader, Reranker
from shopkeeper.engine.rereading import texts_of
from shopkeeper.errors import DivergedError
from shopkeeper.learn.evaluate import K, measure
from shopkeeper.learn.judged import InFolds, folds_of, judged_ndcg
from shopkeeper.learn.latency import time_answers
from shopkeeper.learn.libraries import library
from shopkeeper.learn.metrics import Comparison, Values, compare
from shopkeeper.learn.replay import Scorer, answered, gains_of, replay
from shopkeeper.learn.requests import Asked
from shopkeeper.learn.tournament import CONFIDENCE, FEWEST_TO_JUDGE, LEARN_SHARE, WATCH_SHARE
from shopkeeper.settings import CrossEncoderSettings
from shopkeeper.vocabulary import Progress, Scores

WEIGHTS = (0.25, 0.5, 1.0, 2.0)  # of what is read, against what ordered the candidates
FEWEST_WATCHED = 10  # requests, to stop and to choose a weight by
WITHOUT, WITH, STANDING = "without", "with it", "with that of the current release"
STAYS = "; that of the current release stays"
JOB = "learning the cross-encoder"


@dataclass(frozen=True)
class Lessons:
    """learning, watching, judging: of the requests to one surface, none in two of them; graded: whether the last are
    queries that people have graded. unseen: where the ranker learned from these, the same in folds."""

    learning: Sequence[Asked]
    watching: Sequence[Asked]
    judging: Sequence[Asked]
    graded: bool = False
    unseen: InFolds | None = None

    @classmethod
    def by_clicks(cls, asked: Sequence[Asked], readers: Sequence[Asked]) -> Lessons:
        """asked: the requests that chose what serves, oldest first; readers: judged queries that teach networks that
        read."""
        learn, watch = (int(len(asked) * share) for share in (LEARN_SHARE, LEARN_SHARE + WATCH_SHARE))
        return cls([*asked[:learn], *readers], asked[learn:watch], asked[watch:])

    @classmethod
    def by_judgements(cls, readers: Sequence[Asked], judged: Sequence[Asked], unseen: InFolds | None) -> Lessons:
        """judged: the queries that chose what serves."""
        watched = folds_of([one.request.query for one in readers]) == 0
        learning, watching = (
            [one for one, out in zip(readers, watched.tolist(), strict=True) if out is held] for held in (False, True)
        )
        return cls(learning, watching, judged, graded=True, unseen=unseen)


def check(settings: CrossEncoderSettings) -> None:
    """Raises SettingsError where there is no such model, MissingExtraError."""
    if settings.model != "none":
        library("shopkeeper.learn.models.cross_encoder", JOB, needs="torch").opened(settings)


def earned(
    engine: Engine, name: str, lessons: Lessons, work: Path, progress: Progress, standing: Reranker | None = None
) -> tuple[Reranker | None, str]:
    """What reads the first answers of the surface `name` again, where that is surely better and quick enough, and what
    came of it, in a sentence. engine: as it would serve without; standing: what reads them in the release that serves
    now, which stays unless it is surely beaten, by what is learned now or by nothing.

    Raises as `check`.
    """
    watching, judging = len(lessons.watching), len(lessons.judging)
    if watching < FEWEST_WATCHED or judging < FEWEST_TO_JUDGE:
        why = f"too few requests to stop it by ({watching}), or to judge it ({judging})"
        return standing, why + (STAYS if standing else "")
    teaching = library("shopkeeper.learn.models.cross_encoder", JOB, needs="torch")
    lists, watched = (
        [teaching.Graded(*told) for told in shown(engine, asked, progress)]
        for asked in (lessons.learning, lessons.watching)
    )
    settings, training = engine.settings.cross_encoder, engine.settings.train
    progress(JOB, 0, 1)
    try:
        encoder = teaching.learned(lists, watched, settings, training, work / "cross_encoder", work / "models")
    except DivergedError as error:
        return standing, error.why + (STAYS if standing else "")
    progress(JOB, 1, 1)
    return decided(engine, weighed(engine, name, encoder, lessons, progress), standing, lessons, progress)


def shown(engine: Engine, asked: Sequence[Asked], progress: Progress) -> Iterator[tuple[str, list[str], Scores, float]]:
    """Of each request what `Graded` of models/cross_encoder.py has: the first candidates and those that were wanted, or
    what people have graded and nothing else. Those that found nothing that was wanted teach nothing."""
    depth = engine.settings.cross_encoder.depth
    for one, context, pool in answered(engine, asked, progress, JOB):
        gains = gains_of(pool.rows, one)
        if one.judged is not None:
            kept = np.isin(pool.rows, one.judged)
        else:
            kept = gains > 0
            kept[engine.by_score(pool, engine.score(context, pool))[:depth]] = True
        if gains.any() and np.count_nonzero(kept) > 1:
            yield context.meant, texts_of(engine.catalogue, pool.rows[kept]), gains[kept], one.weight


def weighed(engine: Engine, name: str, reader: Reader, lessons: Lessons, progress: Progress) -> Reranker:
    """With the weight, of WEIGHTS, with which the requests that are watched are answered best, and the usual spread of
    what is read of these."""
    once, depth = Once(reader), engine.settings.cross_encoder.depth
    reading = engine.rereading(Reranker(once, name, depth, weight=1.0))
    for _, context, pool in answered(engine, lessons.watching, progress, JOB):
        reading.score(context, pool)
    rerankers = {str(weight): Reranker(once, name, depth, weight, once.spread) for weight in WEIGHTS}
    scorers = {weight: engine.rereading(each).score for weight, each in rerankers.items()}
    values = _values(engine, lessons.watching, scorers, lessons, progress)
    return replace(rerankers[max(scorers, key=lambda weight: float(values[weight].mean()))], reader=reader)


def decided(
    engine: Engine, learned: Reranker, standing: Reranker | None, lessons: Lessons, progress: Progress
) -> tuple[Reranker | None, str]:
    """As `earned`, of one that is learned."""
    rerankers = {WITHOUT: None, WITH: learned} | ({STANDING: standing} if standing else {})
    tried = _Tried.of(engine, learned.surface, rerankers, lessons, progress)
    stands = STANDING in tried.quick and not tried.surely_better(WITHOUT, STANDING)
    serves = STANDING if stands else WITHOUT
    gained, ndcg, ms = tried.compared(WITH, serves).difference, tried.ndcg, tried.ms
    said = (
        f"NDCG@{K} is {ndcg[WITH]:.3f} with it and {ndcg[serves]:.3f} {serves} "
        f"({gained.value:+.3f}, {gained.low:+.3f} to {gained.high:+.3f}), on the {len(lessons.judging):,} requests "
        f"that chose; 95 of 100 answers come within {ms[WITH]:.3g} ms with it and {ms[WITHOUT]:.3g} without any; "
        f"what it reads weighs {learned.weight:g} in the order"
    )
    if not tried.surely_better(WITH, serves):
        return rerankers[serves], f"not kept, as it is not surely better: {said}"
    if WITH not in tried.quick:
        return rerankers[serves], f"not kept, as it takes more than the {tried.budget_ms:g} ms of the surface: {said}"
    return learned, f"kept: {said}"


@dataclass(frozen=True)
class _Tried:
    """Rerankers, and none, on the requests that judge. values: float64 [requests] of each; ms: within which 95 of 100
    answers come."""

    values: Mapping[str, Values]
    ms: Mapping[str, float]
    budget_ms: float
    seed: int

    @classmethod
    def of(
        cls,
        engine: Engine,
        surface: str,
        rerankers: Mapping[str, Reranker | None],
        lessons: Lessons,
        progress: Progress,
    ) -> _Tried:
        engines = {system: engine.rereading(reranker) for system, reranker in rerankers.items()}
        scorers: dict[str, Scorer] = {
            system: each.score if lessons.unseen is None else lessons.unseen.scorer(each)
            for system, each in engines.items()
        }
        values = _values(engine, lessons.judging, scorers, lessons, progress)
        laps = time_answers(engine, lessons.judging, scorers, progress=progress)
        ms = {system: laps.answer_ms(system, laps.sources) for system in scorers}
        return cls(values, ms, engine.settings.surfaces[surface].budget_ms, engine.settings.train.seed)

    @property
    def ndcg(self) -> dict[str, float]:
        return {system: float(values.mean()) for system, values in self.values.items()}

    @property
    def quick(self) -> set[str]:
        """Those within the budget of the surface."""
        return {system for system, ms in self.ms.items() if not self.budget_ms or ms <= self.budget_ms}

    def compared(self, one: str, other: str) -> Comparison:
        return compare(self.values[one], self.values[other], self.seed)

    def surely_better(self, one: str, other: str) -> bool:
        return self.compared(one, other).chance_better >= CONFIDENCE


def _values(
    engine: Engine, asked: Sequence[Asked], scorers: Mapping[str, Scorer], lessons: Lessons, progress: Progress
) -> dict[str, Values]:
    """float64 [requests] of each scorer, by what the winner of the surface was chosen by."""
    answers = partial(replay, engine, asked, scorers, K, progress=progress, stage="read the first answers again")
    rows = answers()
    if not lessons.graded:
        return {system: measure(engine, rows[system], asked)["ndcg"] for system in scorers}
    among = answers(among_judged=True)
    return {system: judged_ndcg(engine, rows[system], among[system], asked) for system in scorers}


class Once:
    """A reader that remembers what it has read: weights are compared on one reading."""

    def __init__(self, reader: Reader) -> None:
        self._reader, self._read = reader, dict[tuple[str, ...], Scores]()
        self.save, self.unknown_shares = reader.save, reader.unknown_shares

    def score(self, query: str, texts: Sequence[str]) -> Scores:
        told = (query, *texts)
        if told not in self._read:
            self._read[told] = self._reader.score(query, texts)
        return self._read[told]

    @property
    def spread(self) -> float:
        """The median deviation of what was read of one answer; 0 where nothing was."""
        return float(np.median([read.std() for read in self._read.values()] or [0.0]))
