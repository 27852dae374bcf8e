"""How good the answers are, measured through the engine that serves them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from shopkeeper.engine.pipeline import Engine
from shopkeeper.learn import metrics
from shopkeeper.learn.metrics import Comparison, Estimate, Ranks
from shopkeeper.learn.replay import Scorer, replay
from shopkeeper.learn.requests import Asked
from shopkeeper.vocabulary import Progress, silent

SERVED = "served"
MEASURE = "ndcg@10"  # by which systems are compared and chosen
K = 10


class Figures(msgspec.Struct, frozen=True):
    """The measures of one surface on the same requests. systems: name → "ndcg@10" → estimate; "served" is what the
    shop answers, "popularity" the most popular items, the others one source alone. against: how much better the served
    answers are than each other system's, by MEASURE, in pairs."""

    requests: int
    systems: dict[str, dict[str, Estimate]]
    against: dict[str, Comparison]


def evaluate(
    engine: Engine,
    asked: Sequence[Asked],
    ks: Sequence[int] = (K,),
    *,
    scorers: Mapping[str, Scorer] | None = None,
    among_judged: bool = False,
    seed: int = 0,
    progress: Progress = silent,
    stage: str = "evaluate",
) -> Figures:
    """Answer requests of one surface by the engine and hold the answers against what people wanted; full ranking.

    scorers: what orders the candidates, by name; by default the engine itself, as "served".
    """
    scorers = scorers or {SERVED: engine.score}
    answers = replay(engine, asked, scorers, max((*ks, K)), among_judged=among_judged, progress=progress, stage=stage)
    names, values = list(answers), dict[str, metrics.Values]()
    systems: dict[str, dict[str, Estimate]] = {name: {} for name in names}
    for k in sorted({*ks, K}):
        for name in names:
            measured = measure(engine, answers[name][:, :k], asked)
            if k == K:
                values[name] = measured["ndcg"]
            figures = metrics.estimates(np.stack(list(measured.values()), axis=1), seed)
            systems[name] |= {f"{metric}@{k}": figure for metric, figure in zip(measured, figures, strict=True)}
            share = metrics.coverage(answers[name][:, :k], len(engine.catalogue))
            systems[name][f"coverage@{k}"] = Estimate(share, share, share)
    first = next(iter(scorers))
    against = {name: metrics.compare(values[first], values[name], seed) for name in names if name != first}
    return Figures(len(asked), systems, against)


def measure(engine: Engine, answers: Ranks, asked: Sequence[Asked]) -> dict[str, metrics.Values]:
    """Each metric's float64 [requests] for answers int32 [requests, k]."""
    gains, ideal = metrics.gains_at(answers, [one.rows for one in asked], [one.gains for one in asked])
    interest = engine.statistics.interest.astype(np.float64) + 1.0
    return {
        **{name: metric(gains, ideal) for name, metric in metrics.ACCURACY.items()},
        "diversity": metrics.diversity(answers, engine.catalogue.narrowest_categories()),
        "novelty": metrics.novelty(answers, interest / interest.sum()),
    }
