"""What each stage of an answer costs and brings, so that a shop can switch one off with open eyes. A stage is left out
when the candidates are ordered, and nothing is fitted again: what would be learned without it may lose less."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import msgspec
import numpy as np

from shopkeeper.engine.context import Context
from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.ranking.fusion import Pool
from shopkeeper.engine.rereading import reread
from shopkeeper.learn import metrics
from shopkeeper.learn.evaluate import SERVED, K, measure
from shopkeeper.learn.latency import time_answers
from shopkeeper.learn.metrics import Comparison
from shopkeeper.learn.replay import Scorer, replay
from shopkeeper.learn.requests import Asked
from shopkeeper.vocabulary import Progress, Scores, silent

ASKED = 200  # requests of each surface, the newest: each is ordered once for every stage
RANKER, PERSON, CONTEXT = "learned order", "what is known of the person", "looking up the person"
READER = "cross-encoder"


class Stage(msgspec.Struct, frozen=True):
    """ms: the median of its part of an answer, None where it has none of its own; share: of the whole answer; brings:
    NDCG@10 that is lost without it, None where it cannot be left out."""

    ms: float | None = None
    share: float | None = None
    brings: Comparison | None = None


def stages_of(engine: Engine, asked: Sequence[Asked], *, seed: int, progress: Progress = silent) -> dict[str, Stage]:
    """By stage, of the surface that is asked: its sources, its learned order, what is known of the person, and the
    cross-encoder."""
    if not asked:
        return {}
    name, asked = asked[0].request.surface, asked[-ASKED:]
    sources = list(engine.sources_of(name))
    without: dict[str, Scorer] = {source: partial(_without_source, engine, source) for source in sources}
    without = without if len(sources) > 1 else {}
    if name in engine.rankers:
        without[RANKER] = partial(_without_ranker, engine)
        without[PERSON] = partial(_without_person, engine)
    order, unread = RANKER if name in engine.rankers else "fusion", engine.rereading(None).score
    timed: dict[str, Scorer] = {order: unread}
    if engine.reranker is not None and engine.reranker.surface == name:
        without[READER], timed[READER] = unread, engine.score
    laps = time_answers(engine, asked, timed, progress=progress)
    took = {CONTEXT: laps.context, **laps.sources, **laps.scorers}
    if READER in took:
        took[READER] = took[READER] - took[order]
    ms = {stage: float(np.median(times)) for stage, times in took.items()}
    answers = replay(
        engine, asked, {SERVED: engine.score, **_named(without)}, K, progress=progress, stage=f"leave out of {name}"
    )
    ndcg = {system: measure(engine, rows, asked)["ndcg"] for system, rows in answers.items()}
    brings = {stage: metrics.compare(ndcg[SERVED], ndcg[f"without {stage}"], seed) for stage in without}
    whole = max(sum(ms.values()), 1e-9)
    return {
        stage: Stage(ms.get(stage), ms[stage] / whole if stage in ms else None, brings.get(stage))
        for stage in dict.fromkeys((*ms, *brings))
    }


def _named(without: dict[str, Scorer]) -> dict[str, Scorer]:
    return {f"without {stage}": scorer for stage, scorer in without.items()}


def _without_source(engine: Engine, source: str, context: Context, pool: Pool) -> Scores:
    """What this source alone proposes stands last."""
    silenced = np.array([name == source for name in pool.sources])
    ranks, scores = np.where(silenced, np.nan, pool.ranks), np.where(silenced, np.nan, pool.scores)
    kept = np.isfinite(ranks).any(axis=1) | np.isnan(pool.ranks).all(axis=1)
    order = np.empty(len(pool.rows), np.float32)
    left = engine.score(context, Pool(pool.sources, pool.rows[kept], ranks[kept], scores[kept]))
    order[kept], order[~kept] = left, float(left.min(initial=0.0)) - 1.0
    return order


def _without_ranker(engine: Engine, context: Context, pool: Pool) -> Scores:
    way = engine.settings.surfaces[context.request.surface].fusion
    return reread(engine, context, pool, engine.fused(context, pool, way))


def _without_person(engine: Engine, context: Context, pool: Pool) -> Scores:
    """The candidates stay; their order knows nothing of the person."""
    nobody = replace(
        context,
        user=-1,
        history=context.history[:0],
        history_codes=context.history_codes[:0],
        history_times=context.history_times[:0],
        session=context.session[:0],
    )
    return engine.score(nobody, pool)
