"""A ranking becomes a slate: what matches besides, sorted or explored, one page of whole items with their reasons."""

from __future__ import annotations

import time
from collections.abc import Sequence
from secrets import token_hex
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from shopkeeper.engine.context import Context, positions_of, reasons_of
from shopkeeper.engine.exploration import Propensities, explore
from shopkeeper.engine.facets import count
from shopkeeper.engine.item_text import names_of
from shopkeeper.engine.requests import sort_values
from shopkeeper.vocabulary import Placement, Reason, Request, Rows, Slate

if TYPE_CHECKING:
    from shopkeeper.engine.pipeline import Engine, Ranking

PINNED, STAND_IN = Reason("rules", "chosen by the shop"), Reason("popular", "popular in this shop")
MATCH_CAP = 10_000  # matching items that are counted by facets, sorted and paged through


class Stopwatch:
    """Milliseconds by stage."""

    def __init__(self) -> None:
        self.timings: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.timings[stage] = round((now - self._last) * 1000.0, 3)
        self._last = now


def answer(engine: Engine, request: Request, within: str = "") -> Slate:
    """See Engine.answer."""
    watch = Stopwatch()
    context = engine.context(request, within)
    watch.lap("context")
    ranking = engine.rank(context, watch)
    matching, total = _matching(engine, context, ranking)
    rows = _sorted(engine, request.sort, matching) if request.sort else _unrolled(engine, context, ranking)
    movable = range(len(engine.policies.pinned(context)), len(ranking.rows))
    rows, propensities = explore(rows, movable, request, context.now, engine.settings.surfaces[request.surface].explore)
    facets = count(engine.catalogue, matching, request.facets) if request.facets else ()
    watch.lap("facets")
    page = slice(request.offset, request.offset + request.size)
    placements = _placements(engine, context, ranking, rows[page], propensities[page])
    watch.lap("items")
    return Slate(
        id=token_hex(8),
        surface=request.surface,
        placements=placements,
        total=total,
        facets=facets,
        matched=_matched(engine, request, placements),
        notes=_notes(engine, context, ranking),
        release=engine.release,
        timings=watch.timings,
        candidates=ranking.pool.proposed(),
    )


def _matching(engine: Engine, context: Context, ranking: Ranking) -> tuple[Rows, int]:
    """All rows that answer the request, ascending, up to a cap, and how many they are: every text match besides
    the candidates."""
    text = engine.text_source(context.request.surface)
    if text is None:
        return np.sort(ranking.rows), len(ranking.rows)
    rows, total = text.matches(context.request.query, context.allowed, MATCH_CAP)
    matching = np.union1d(rows, ranking.rows)
    return matching, max(total, len(matching))


def _unrolled(engine: Engine, context: Context, ranking: Ranking) -> Rows:
    """The ranking, then the text matches beyond the candidates, where the page reaches so far."""
    request, text = context.request, engine.text_source(context.request.surface)
    if text is None or request.offset + request.size <= len(ranking.rows):
        return ranking.rows
    rest = text.retrieve(context, MATCH_CAP).rows
    return np.concatenate((ranking.rows, rest[positions_of(rest, ranking.rows) < 0]))


def _matched(engine: Engine, request: Request, placements: Sequence[Placement]) -> tuple[str, ...]:
    text = engine.text_source(request.surface)
    if text is None or not request.query:
        return ()
    return text.matched(request.query, (name for placement in placements for name in names_of(placement.item)))


def _sorted(engine: Engine, sort: str, rows: Rows) -> Rows:
    values = sort_values(sort, engine.catalogue, engine.statistics)[rows]
    return rows[np.argsort(values, kind="stable")]


def _placements(
    engine: Engine, context: Context, ranking: Ranking, rows: Rows, propensities: Propensities
) -> tuple[Placement, ...]:
    positions = positions_of(rows, ranking.rows)
    ranked = rows[positions >= 0].tolist()  # the others match beyond the candidates
    positions = positions[positions >= 0]
    why = dict(zip(ranked, reasons(engine, context, ranking, positions), strict=True))
    scores = dict(zip(ranked, ranking.scores[positions].tolist(), strict=True))
    first = context.request.offset + 1
    return tuple(
        Placement(
            item=item,
            position=position,
            score=scores.get(row, 0.0),
            reasons=why.get(row, ()),
            propensity=propensity,
        )
        for position, (row, item, propensity) in enumerate(
            zip(rows.tolist(), engine.catalogue.items(rows), propensities.tolist(), strict=True), start=first
        )
    )


def reasons(
    engine: Engine, context: Context, ranking: Ranking, positions: npt.NDArray[np.int64]
) -> list[tuple[Reason, ...]]:
    """Why the rows at `positions` (int64 [k]) of the ranking stand there: by source, with the source's rank. Each
    source is asked once."""
    rows, ranks = ranking.rows[positions], ranking.pool.ranks[ranking.places[positions]]
    said: list[list[Reason]] = [[] for _ in rows]
    for column, name in enumerate(ranking.pool.sources):
        own = np.flatnonzero(~np.isnan(ranks[:, column]))
        texts = reasons_of(engine.sources[name], context, rows[own]) if len(own) else []
        for at, text, rank in zip(own.tolist(), texts, ranks[own, column].tolist(), strict=True):
            said[at].append(Reason(name, text, int(rank)))
    if all(said):
        return [tuple(each) for each in said]
    pinned = set(engine.policies.pinned(context).tolist())
    return [
        tuple(each) or (PINNED if row in pinned else STAND_IN,) for row, each in zip(rows.tolist(), said, strict=True)
    ]


def _notes(engine: Engine, context: Context, ranking: Ranking) -> tuple[str, ...]:
    surface, request = engine.settings.surfaces[context.request.surface], context.request
    notes = []
    if absent := [name for name in surface.sources if name not in engine.sources]:
        notes.append(f"not in this release: {', '.join(absent)}; train again to have them")
    if unknown := [item for item in request.items if item not in engine.catalogue.ids]:
        notes.append(f"unknown items passed over: {', '.join(unknown[:5])}")
    if np.isnan(ranking.pool.ranks).all():
        notes.extend(
            filter(None, (getattr(source, "silent", "") for source in engine.sources_of(request.surface).values()))
        )
        if not len(ranking.rows):
            notes.append("nothing matches")
        elif not surface.seeks:
            notes.append(f"nothing in particular for {request.surface}: the most popular items stand in")
    return tuple(notes)
