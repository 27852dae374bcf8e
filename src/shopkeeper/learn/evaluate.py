"""How good the answers are, measured through the engine that serves them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec
import numpy as np

from shopkeeper.engine.pipeline import Engine
from shopkeeper.learn import metrics
from shopkeeper.learn.metrics import Comparison, Estimate, Ranks
from shopkeeper.learn.replay import POPULARITY, Scorer, replay
from shopkeeper.learn.requests import Asked
from shopkeeper.vocabulary import Mask, Progress, silent

Told = TypeVar("Told")

SERVED = "served"
MEASURE = "ndcg@10"  # by which systems are compared and chosen
K = 10
OF_GROUPS = (MEASURE, f"hr@{K}")
SURE, FEWEST_TO_BE_SURE = 0.99, 30  # of a loss; requests of a group: there are many groups, for chance to lose in


class GroupFigures(msgspec.Struct, frozen=True):
    """The same of the requests of one group, of OF_GROUPS alone; without requests there are no figures. beaten_by: the
    best of the systems that surely are better here than the first, "" where none is."""

    requests: int
    systems: dict[str, dict[str, Estimate]] = {}
    against: dict[str, Comparison] = {}
    beaten_by: str = ""


class Figures(msgspec.Struct, frozen=True):
    """The measures of one surface on the same requests. systems: name → "ndcg@10" → estimate; "served" is what the
    shop answers, "popularity" the most popular items, the others one source alone. against: how much better the first
    system, what is served, is than each other one, by MEASURE, in pairs; chances: system → other system → the share of
    the resamples in which it is better; groups: of requests (learn/groups.py)."""

    requests: int
    systems: dict[str, dict[str, Estimate]]
    against: dict[str, Comparison]
    chances: dict[str, dict[str, float]] = {}
    groups: dict[str, GroupFigures] = {}


def distinct(systems: Mapping[str, Told]) -> dict[str, Told]:
    """The systems, without popularity where a source alone says all the same."""
    sources = [told for name, told in systems.items() if name not in (SERVED, POPULARITY)]
    return {name: told for name, told in systems.items() if name != POPULARITY or told not in sources}


def evaluate(
    engine: Engine,
    asked: Sequence[Asked],
    ks: Sequence[int] = (K,),
    *,
    scorers: Mapping[str, Scorer] | None = None,
    groups: Mapping[str, Mask] | None = None,
    among_judged: bool = False,
    seed: int = 0,
    progress: Progress = silent,
    stage: str = "evaluate",
) -> Figures:
    """Answer requests of one surface by the engine and hold the answers against what people wanted; full ranking.

    scorers: what orders the candidates, by name; by default the engine itself, as "served". groups: bool [requests],
    by name.
    """
    scorers = scorers or {SERVED: engine.score}
    answers = replay(engine, asked, scorers, max((*ks, K)), among_judged=among_judged, progress=progress, stage=stage)
    return figures_of(engine, asked, answers, ks, groups=groups or {}, seed=seed)


def figures_of(
    engine: Engine,
    asked: Sequence[Asked],
    answers: Mapping[str, Ranks],
    ks: Sequence[int] = (K,),
    *,
    groups: Mapping[str, Mask],
    seed: int,
) -> Figures:
    """The figures of answers int32 [requests, at least k], by system, the one first that is held against the others."""
    systems: dict[str, dict[str, Estimate]] = {name: {} for name in answers}
    values: dict[str, dict[str, metrics.Values]] = {name: {} for name in answers}
    for k in sorted({*ks, K}):
        for name, rows in answers.items():
            measured = {f"{metric}@{k}": column for metric, column in measure(engine, rows[:, :k], asked).items()}
            values[name] |= measured
            systems[name] |= _estimates(measured, seed)
            share = metrics.coverage(rows[:, :k], len(engine.catalogue))
            systems[name][f"coverage@{k}"] = Estimate(share, share, share)
    return Figures(
        requests=len(asked),
        systems=systems,
        against=_against(values, seed),
        chances=metrics.chances({name: measured[MEASURE] for name, measured in values.items()}, seed),
        groups={name: _of_group(values, mask, seed) for name, mask in groups.items()},
    )


def _of_group(values: Mapping[str, Mapping[str, metrics.Values]], mask: Mask, seed: int) -> GroupFigures:
    if not mask.any():
        return GroupFigures(0)
    inside = {system: {name: measured[name][mask] for name in OF_GROUPS} for system, measured in values.items()}
    systems = {system: _estimates(measured, seed) for system, measured in inside.items()}
    return GroupFigures(int(np.count_nonzero(mask)), systems, _against(inside, seed), _beaten_by(inside, seed))


def _beaten_by(values: Mapping[str, Mapping[str, metrics.Values]], seed: int) -> str:
    ours, *_ = (measured[MEASURE] for measured in values.values())
    others = {name: measured[MEASURE] for name, measured in list(values.items())[1:]}
    if not others or len(ours) < FEWEST_TO_BE_SURE:
        return ""
    better = [name for name, chance in metrics.best_of_many(others, ours, seed).items() if chance >= SURE]
    return max(better, key=lambda name: float(others[name].mean()), default="")


def _estimates(measured: Mapping[str, metrics.Values], seed: int) -> dict[str, Estimate]:
    columns = np.stack(list(measured.values()), axis=1)
    return dict(zip(measured, metrics.estimates(columns, seed), strict=True))


def _against(values: Mapping[str, Mapping[str, metrics.Values]], seed: int) -> dict[str, Comparison]:
    first, *others = values
    if not others:
        return {}
    ahead = np.stack([values[first][MEASURE] - values[name][MEASURE] for name in others], axis=1)
    return dict(zip(others, metrics.comparisons(ahead, seed), strict=True))


def measure(engine: Engine, answers: Ranks, asked: Sequence[Asked]) -> dict[str, metrics.Values]:
    """Each metric's float64 [requests] for answers int32 [requests, k]."""
    gains, ideal = metrics.gains_at(answers, [one.rows for one in asked], [one.gains for one in asked])
    interest = engine.statistics.interest.astype(np.float64) + 1.0
    return {
        **{name: metric(gains, ideal) for name, metric in metrics.ACCURACY.items()},
        "diversity": metrics.diversity(answers, engine.catalogue.narrowest_categories()),
        "novelty": metrics.novelty(answers, interest / interest.sum()),
    }
