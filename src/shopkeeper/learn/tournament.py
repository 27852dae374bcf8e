"""What may serve a surface: its fusion, each of its sources alone, a learned ranker. They compete on requests that none
of them has seen, and the fusion stays unless it is beaten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import numpy as np

from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.ranking.ranker import Ranker
from shopkeeper.learn import metrics
from shopkeeper.learn.evaluate import K
from shopkeeper.learn.metrics import Comparison, Estimate
from shopkeeper.learn.ranker import fit_ranker
from shopkeeper.learn.replay import POPULARITY, Scorer, examples_of, learned, replay
from shopkeeper.learn.requests import Asked
from shopkeeper.settings import Surface
from shopkeeper.vocabulary import Progress

FUSED, LEARNED = "fused", "learned"
CONFIDENCE = 0.9  # the share of resamples in which a challenger must beat the fusion
LEARN_SHARE, WATCH_SHARE = 0.6, 0.15  # of the requests, the oldest: to learn from, to stop by; the rest judge
FEWEST_TO_LEARN, FEWEST_TO_JUDGE = 100, 30  # requests


class Contest(msgspec.Struct, frozen=True):
    """How a surface's new choice did against that of the release before, the incumbent, on requests that neither had
    learned from. kept: whether the incumbent's stays; beats: by how much the new one is better, where both answered."""

    incumbent: str
    kept: bool
    why: str
    requests: int = 0
    beats: Comparison | None = None


class Choice(msgspec.Struct, frozen=True):
    """How a surface's tournament went. ndcg: of each contestant; popularity stands beside them and cannot win; beats:
    by how much the winner (without one, the best) beats the fusion; why: in a sentence; importance: each feature's
    share in the learned ranker, empty without one; until: seconds, the last event that it was chosen by, None without
    a clock; contest: with the incumbent's choice, where it was held against one; dropped: contestants that dropped out
    before, when time was short, each with why."""

    winner: str
    why: str
    requests: int = 0
    ndcg: dict[str, Estimate] = {}
    beats: Comparison | None = None
    importance: dict[str, float] = {}
    until: float | None = None
    contest: Contest | None = None
    dropped: dict[str, str] = {}


@dataclass(frozen=True)
class Winner:
    """What the release gets: the surface's settings, with the ranker where one was learned and won."""

    surface: Surface
    ranker: Ranker | None
    choice: Choice = field(repr=False)

    def noting(self, **told: Any) -> Winner:
        """The same, with these fields of its choice."""
        return replace(self, choice=msgspec.structs.replace(self.choice, **told))


def compete(
    engine: Engine, name: str, asked: Sequence[Asked], *, seed: int, threads: int, progress: Progress
) -> Winner:
    """Choose what serves the surface `name`, by its validation requests, oldest first. `engine` has no rankers."""
    surface = engine.settings.surfaces[name]
    learn, watch = (int(len(asked) * share) for share in (LEARN_SHARE, LEARN_SHARE + WATCH_SHARE))
    judging = asked[watch:]
    if len(judging) < FEWEST_TO_JUDGE:
        why = f"only {len(asked)} requests in the validation part: too few to choose by"
        return Winner(surface, None, Choice(FUSED, why, len(judging)))
    scorers: dict[str, Scorer] = {FUSED: engine.score}
    ranker, importance = None, dict[str, float]()
    if surface.rank == LEARNED:
        ranker, importance = _learned(engine, name, asked[:learn], asked[learn:watch], seed, threads, progress)
    if ranker is not None:
        scorers[LEARNED] = learned(engine, ranker)
    answers = replay(engine, judging, scorers, K, progress=progress, stage=f"compare {name}")
    wanted, gains = [one.rows for one in judging], [one.gains for one in judging]
    values = {system: metrics.ndcg(*metrics.gains_at(rows, wanted, gains)) for system, rows in answers.items()}
    figures = metrics.estimates(np.stack(list(values.values()), axis=1), seed)
    contestants = [
        system for system in values if system != POPULARITY and not (surface.weights and system in surface.sources)
    ]
    best, winner, beats = judge({system: values[system] for system in contestants}, seed)
    choice = Choice(
        winner=winner,
        why=_why(winner, best, ranker),
        requests=len(judging),
        ndcg=dict(zip(values, figures, strict=True)),
        beats=beats,
        importance=importance,
    )
    if winner in surface.sources:
        alone = {source: float(source == winner) for source in surface.sources}
        return Winner(msgspec.structs.replace(surface, weights=alone, rank=FUSED), None, choice)
    return Winner(surface, ranker if winner == LEARNED else None, choice)


def judge(values: Mapping[str, metrics.Values], seed: int) -> tuple[str, str, Comparison]:
    """The contestant with the highest mean; the winner, the highest among those that surely beat the fusion, else the
    fusion; and how the winner (without one, the highest) compares to the fusion. values: float64 [requests] each."""
    ahead = sorted(values, key=lambda system: -float(values[system].mean()))
    against = {system: metrics.compare(values[system], values[FUSED], seed) for system in ahead}
    sure = (system for system in ahead if system != FUSED and against[system].chance_better >= CONFIDENCE)
    winner = next(sure, FUSED)
    return ahead[0], winner, against[ahead[0] if winner == FUSED else winner]


def _learned(
    engine: Engine,
    name: str,
    learning: Sequence[Asked],
    watching: Sequence[Asked],
    seed: int,
    threads: int,
    progress: Progress,
) -> tuple[Ranker | None, dict[str, float]]:
    """None where too few requests found what was wanted."""
    examples = examples_of(engine, learning, seed=seed, progress=progress, stage=f"replay {name}")
    watched = examples_of(engine, watching, seed=seed, progress=progress, stage=f"replay {name} (to stop by)")
    if len(examples) < FEWEST_TO_LEARN or not len(watched):
        return None, {}
    progress(f"learn {name}", 0, 1)
    ranker, importance = fit_ranker(examples, watched, engine.feature_names(name), seed=seed, threads=threads)
    progress(f"learn {name}", 1, 1)
    return ranker, importance


def _why(winner: str, best: str, ranker: Ranker | None) -> str:
    if winner == LEARNED:
        return "the learned ranker beat the fusion of the sources"
    if winner != FUSED:
        return f"{winner} alone beat the fusion of the sources"
    if best != FUSED:
        return f"{best} was ahead of the fusion of the sources, but not by enough to be sure"
    if ranker is None:
        return "the fusion of the sources did best; there was too little to learn a ranker from"
    return "the fusion of the sources did best"
