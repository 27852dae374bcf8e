"""What a shop shows to those who have not asked yet: everything that may stand on a surface."""

from __future__ import annotations

from secrets import token_hex
from typing import TYPE_CHECKING

import numpy as np

from shopkeeper.engine.context import Context
from shopkeeper.engine.facets import count
from shopkeeper.engine.slate import Stopwatch
from shopkeeper.engine.sorting import first_sorted
from shopkeeper.engine.visible import told_facets
from shopkeeper.vocabulary import Banner, Mask, Placement, Rows, Slate

if TYPE_CHECKING:
    from shopkeeper.engine.pipeline import Engine


def browse(engine: Engine, context: Context) -> Slate:
    """See Engine.browse."""
    watch, request = Stopwatch(), context.request
    allowed = _allowed(engine, context)
    rows = np.flatnonzero(allowed).astype(np.int32)
    facets = told_facets(count(engine.catalogue, rows, request), context.visible, engine.catalogue)
    watch.lap("facets")
    page = _order(engine, context, allowed)[request.offset : request.offset + request.size]
    placements = tuple(
        Placement(item=item, position=position, score=0.0)
        for position, item in enumerate(engine.catalogue.items(page), start=request.offset + 1)
    )
    watch.lap("items")
    rules = engine.policies.rules.holding(context)
    return Slate(
        id=token_hex(8),
        surface=request.surface,
        placements=placements,
        total=len(rows),
        facets=facets,
        rules=tuple(each.id for each in rules),
        redirect=next((each.rule.redirect for each in rules if each.rule.redirect), ""),
        banners=tuple(each.rule.banner for each in rules if each.rule.banner != Banner()),
        release=engine.release,
        timings=watch.timings,
    )


def matching(engine: Engine, context: Context) -> Rows:
    """See Engine.matching."""
    text, allowed = engine.text_source(context.request.surface), _allowed(engine, context)
    if text is None or not context.request.query.strip():
        return np.flatnonzero(allowed).astype(np.int32)
    return text.matches(context.request.query, allowed, len(allowed))[0]


def _allowed(engine: Engine, context: Context) -> Mask:
    return np.ones(len(engine.catalogue), np.bool_) if context.allowed is None else context.allowed


def _order(engine: Engine, context: Context, allowed: Mask) -> Rows:
    """Those allowed: as the request sorts, else those that rules pin, then by interest."""
    request = context.request
    if request.sort:
        rows = np.flatnonzero(allowed).astype(np.int32)
        return first_sorted(request.sort, rows, request.offset + request.size + 1, engine.catalogue, engine.statistics)
    pinned = engine.policies.pinned(context)
    rest = allowed.copy()
    rest[pinned] = False
    order = engine.statistics.order
    return np.concatenate((pinned, order[rest[order]]))
