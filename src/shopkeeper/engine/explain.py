"""Why an item stands where it stands, or why it is absent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from shopkeeper.engine.context import Context
from shopkeeper.engine.rereading import reranker_of
from shopkeeper.engine.slate import reasons, whole_order
from shopkeeper.errors import did_you_mean
from shopkeeper.vocabulary import Chip, Explanation, Reason, Request

if TYPE_CHECKING:
    from shopkeeper.engine.pipeline import Engine, Ranking

TOP_FEATURES = 6
OFTEN = 0.5  # of what a person did of late, from where on they often choose a label
NEAR_IDS = 100_000  # in a larger catalogue, looking for a misspelt id takes longer than a request may


def explain(engine: Engine, request: Request, item_id: str, within: str) -> Explanation:
    """See Engine.explain. Raises RequestError when the request itself cannot be answered."""
    context = engine.context(request, within)
    explanation = _explained(engine, context, item_id)
    if not context.understood:
        return explanation
    said = "; ".join(map(_understood, context.understood))
    return msgspec.structs.replace(
        explanation, text=f"{explanation.text.removesuffix('.')}. Understood: {said}", understood=context.understood
    )


def _understood(chip: Chip) -> str:
    words = f"“{chip.text}”" if chip.text else "the query"
    return f"{words} as {chip.id} ({chip.applied}, {chip.confidence:.0%} sure)"


def _explained(engine: Engine, context: Context, item_id: str) -> Explanation:
    request = context.request
    row = engine.catalogue.ids.row(item_id)
    if row < 0:
        ids = engine.catalogue.ids
        near = (did_you_mean(item_id, ids) if len(ids) <= NEAR_IDS else None) or ""
        text = f"no item of this release has the id {item_id!r}. {near}".strip()
        return Explanation(item=item_id, surface=request.surface, verdict="unknown item", text=text)
    (told,) = engine.policies.rules.told(context, np.array([row]))
    if rule := engine.policies.why_not(context, row):
        text = "; ".join((rule, *told))
        return Explanation(item=item_id, surface=request.surface, verdict="filtered", text=text)
    ranking = engine.rank(context)
    order = whole_order(engine, context, ranking)
    rank, at = np.flatnonzero(order == row) + 1, np.flatnonzero(ranking.rows == row)
    if not len(rank):
        text = "; ".join([*(_word_of(engine, context, name, row) for name in ranking.pool.sources), *told])
        return Explanation(item=item_id, surface=request.surface, verdict="not a candidate", text=text)
    return _placed(engine, context, ranking, int(at[0]) if len(at) else -1, (int(rank[0]), len(order)), item_id)


def _placed(
    engine: Engine, context: Context, ranking: Ranking, at: int, place: tuple[int, int], item_id: str
) -> Explanation:
    """at: where the item stands in the ranking, -1 behind it; place: its rank as it is shown, and of how many."""
    request, (rank, many) = context.request, place
    verdict = "shown" if request.offset < rank <= request.offset + request.size else "ranked"
    told = f"{verdict} {_ordinal(rank)} of {many}"
    if at < 0:
        text = f"{told}: it matches, beyond the candidates that are ranked"
        return Explanation(item=item_id, surface=request.surface, verdict=verdict, text=text, rank=rank)
    features = _top_features(engine, context, ranking, int(ranking.places[at]))
    (said,) = reasons(engine, context, ranking, np.array([at]))
    said += _tastes(engine, features, item_id)
    by_score = int(np.flatnonzero(engine.by_score(ranking, ranking.scores) == at)[0]) + 1
    said += _read_again(engine, context, ranking, int(ranking.places[at]), by_score)
    mover = f"sorted by {request.sort}" if request.sort else "moved by variety or rules"
    moved = f", {_ordinal(by_score)} by score, {mover}" if by_score != rank else ""
    why = "; ".join(
        f"{reason.source} ranks it {_ordinal(reason.rank)}: {reason.text}" if reason.rank else reason.text
        for reason in said
    )
    weighed = f"; decided chiefly by {', '.join(list(features)[:3])}" if features else ""
    return Explanation(
        item=item_id,
        surface=request.surface,
        verdict=verdict,
        text=f"{told}{moved}, because {why}{weighed}",
        rank=rank,
        score=float(ranking.scores[at]),
        reasons=said,
        features=features,
    )


def _tastes(engine: Engine, features: Mapping[str, float], item_id: str) -> tuple[Reason, ...]:
    """What the person often chose before, where it is among what moves the item most: a label that most of their
    history shares."""
    item = engine.catalogue.item(engine.catalogue.ids.row(item_id))
    named = {"history_brand": item.brand, "history_category": item.categories[-1] if item.categories else ""}
    often = [label for feature, label in named.items() if label and features.get(feature, 0.0) >= OFTEN]
    return tuple(Reason("taste", f"you often choose {label}") for label in often)


def _read_again(engine: Engine, context: Context, ranking: Ranking, place: int, by_score: int) -> tuple[Reason, ...]:
    """What the cross-encoder made of it, where it is among the first, which are read."""
    reranker = reranker_of(engine, context, ranking.pool)
    if reranker is None:
        return ()
    pool = ranking.pool
    before = engine.by_score(pool, engine.rereading(None).score(context, pool))
    stood = int(np.flatnonzero(before == place)[0]) + 1
    if stood > reranker.depth:
        return ()
    moved = f"moves it from {_ordinal(stood)} to" if by_score != stood else "leaves it"
    return (Reason("cross-encoder", f"its text, read together with the query, {moved} {_ordinal(by_score)}"),)


def _word_of(engine: Engine, context: Context, name: str, row: int) -> str:
    """What a source says of an item that it did not propose."""
    limit = engine.settings.surfaces[context.request.surface].candidates
    found = engine.sources[name].retrieve(context, len(engine.catalogue)).rows
    if not len(found):
        return f"{name} has nothing to say here"
    place = np.flatnonzero(found == row)
    if not len(place):
        return f"{name} does not find it"
    return f"{name} ranks it {_ordinal(int(place[0]) + 1)}, beyond its {limit} candidates"


def _top_features(engine: Engine, context: Context, ranking: Ranking, place: int) -> dict[str, float]:
    """The features that move the item's score most when they are taken away, the strongest first, with their values;
    empty where the surface has no learned ranker."""
    ranker = engine.rankers.get(context.request.surface)
    if ranker is None:
        return {}
    features = engine.features(context, ranking.pool)[place]
    without = np.tile(features, (len(features) + 1, 1))
    np.fill_diagonal(without, np.nan)  # the last row keeps all of them
    scores = ranker.score(without)
    shift = np.abs(scores[-1] - scores[:-1])
    first = [at for at in np.argsort(-shift, kind="stable")[:TOP_FEATURES] if shift[at] > 0]
    return {ranker.names[at]: float(features[at]) for at in first}


def _ordinal(rank: int) -> str:
    suffix = "th" if rank % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(rank % 10, "th")
    return f"{rank}{suffix}"
