"""History through the engine: requests of the past answered as of their moment, to learn from and to be measured on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from shopkeeper.engine.context import Context
from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.ranking.fusion import Pool
from shopkeeper.engine.ranking.ranker import Ranker
from shopkeeper.engine.ranking.recipe import Examples
from shopkeeper.learn.metrics import Ranks
from shopkeeper.learn.requests import Asked
from shopkeeper.settings import Fusion
from shopkeeper.vocabulary import UNKNOWN_ROW, Progress, Rows, Scores, silent

Scorer = Callable[[Context, Pool], Scores]

POPULARITY = "popularity"
AT_ONCE = 64  # requests
ROWS, FEWEST_OF_A_REQUEST = 400_000, 60  # candidates that all requests together teach, and each at least


def replay(
    engine: Engine,
    asked: Sequence[Asked],
    scorers: Mapping[str, Scorer],
    k: int,
    *,
    among_judged: bool = False,
    progress: Progress = silent,
    stage: str = "replay",
) -> dict[str, Ranks]:
    """The first k of every request, int32 [requests, k], padded with UNKNOWN_ROW, by system: each of `scorers` through
    the engine and its policies, each source of the surface alone, and plain popularity. The whole catalogue is ranked:
    what no source proposes is not found.

    among_judged: leave out of every list the items that nobody has graded.
    """
    popular = np.argsort(-engine.statistics.interest, kind="stable").astype(np.int32)
    sources = engine.sources_of(asked[0].request.surface) if asked else {}
    answers = {name: np.full((len(asked), k), UNKNOWN_ROW, np.int32) for name in (*scorers, *sources, POPULARITY)}
    for at, (one, context, pool) in enumerate(answered(engine, asked, progress, stage)):
        lists: dict[str, Rows] = {
            name: engine.arrange(context, pool, score(context, pool)).rows for name, score in scorers.items()
        }
        for column, name in enumerate(pool.sources):
            order = np.argsort(pool.ranks[:, column], kind="stable")
            lists[name] = pool.rows[order[: np.count_nonzero(~np.isnan(pool.ranks[:, column]))]]
        lists[POPULARITY] = popular if context.allowed is None else popular[context.allowed[popular]]
        for name, rows in lists.items():
            kept = rows[np.isin(rows, one.judged)] if among_judged and one.judged is not None else rows
            answers[name][at, : min(k, len(kept))] = kept[:k]
    return answers


def answered(
    engine: Engine, asked: Sequence[Asked], progress: Progress, stage: str
) -> Iterator[tuple[Asked, Context, Pool]]:
    """Each request as of its moment, with its candidates."""
    for first in range(0, len(asked), AT_ONCE):
        progress(stage, first, len(asked))
        block = asked[first : first + AT_ONCE]
        contexts = [engine.context(one.request) for one in block]
        yield from zip(block, contexts, engine.candidates_of(contexts), strict=True)
    progress(stage, len(asked), len(asked))


def fused(engine: Engine, way: Fusion) -> Scorer:
    """What orders candidates by another fusion than the surface's own."""

    def score(context: Context, pool: Pool) -> Scores:
        return engine.fused(context, pool, way)

    return score


def learned(engine: Engine, ranker: Ranker) -> Scorer:
    """What orders candidates by a ranker that the engine itself does not hold."""
    return lambda context, pool: ranker.score(engine.features(context, pool))


def examples_of(
    engine: Engine, asked: Sequence[Asked], *, seed: int, progress: Progress = silent, stage: str = "examples"
) -> Examples:
    """What the ranker learns from: of each request the candidates that were wanted, and an even sample of the others.
    (To prefer the hard ones would teach that what the fusion puts last is good.) Where people have graded, the graded
    candidates and no others: that nobody graded an item says how the judges came by theirs, and nothing of the item.
    Requests without a wanted candidate teach nothing and are left out."""
    generator = np.random.default_rng(seed)
    most = max(ROWS // max(len(asked), 1), FEWEST_OF_A_REQUEST)
    features, labels, weights = [], [], []
    for one, context, pool in answered(engine, asked, progress, stage):
        gains = gains_of(pool.rows, one)
        if not gains.any():
            continue
        if one.judged is None:
            taught = _taught(gains, most, generator)
        else:
            taught = np.flatnonzero(np.isin(pool.rows, one.judged))
        features.append(engine.features(context, pool)[taught])  # some features depend on the whole pool
        labels.append(gains[taught])
        weights.append(one.weight)
    width = len(engine.feature_names(asked[0].request.surface)) if asked else 0
    return Examples(
        features=np.concatenate(features or [np.empty((0, width), np.float32)]),
        labels=np.concatenate(labels or [np.empty(0, np.float32)]),
        sizes=np.array([len(gains) for gains in labels], np.int64),
        weights=np.array(weights, np.float32),
    )


def gains_of(rows: Rows, one: Asked) -> Scores:
    """float32 [n]: what each row was worth to the person, 0 where it was not wanted. rows int32 [n], ascending."""
    gains = np.zeros(len(rows), np.float32)
    if len(rows):
        at = np.minimum(np.searchsorted(rows, one.rows), len(rows) - 1)
        found = rows[at] == one.rows
        gains[at[found]] = one.gains[found]
    return gains


def _taught(gains: Scores, most: int, generator: np.random.Generator) -> npt.NDArray[np.int64]:
    """The places of the candidates to learn from, ascending: int64 [at most `most`, or as many as are wanted]."""
    wanted, others = np.flatnonzero(gains), np.flatnonzero(gains == 0)
    drawn = generator.choice(others, min(max(most - len(wanted), 1), len(others)), replace=False)
    return np.sort(np.concatenate((wanted, drawn)))
