"""What a shop shows to those who have not asked yet: everything that may stand on a surface."""

from __future__ import annotations

from functools import lru_cache
from secrets import token_hex
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from shopkeeper.engine.context import Context, first_of
from shopkeeper.engine.facets import count
from shopkeeper.engine.grouping import Sizes, firsts_of, groups_of
from shopkeeper.engine.slate import Stopwatch
from shopkeeper.engine.sorting import first_sorted
from shopkeeper.engine.visible import told_facets
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.vocabulary import Banner, Facet, Mask, Placement, Request, Rows, Slate

if TYPE_CHECKING:
    from shopkeeper.engine.pipeline import Engine

REMEMBERED, SIZES_REMEMBERED = 64, 2  # sizes take up to 16 bytes of an item


class Overview:
    """What is counted over all items of one catalogue that can be bought: most of what is browsed is asked again."""

    def __init__(self, catalogue: Catalogue) -> None:
        def rows() -> Rows:
            return np.flatnonzero(catalogue.available).astype(np.int32)

        self.total = int(np.count_nonzero(catalogue.available))
        self._facets = lru_cache(maxsize=REMEMBERED)(
            lambda asked: count(catalogue, rows(), msgspec.json.decode(asked, type=Request))
        )
        self.sizes = lru_cache(maxsize=SIZES_REMEMBERED)(lambda name: Sizes.of(groups_of(catalogue, name, rows())))

    def facets(self, request: Request) -> tuple[Facet, ...]:
        """As `count`. Raises RequestError."""
        asked = Request(
            facets=request.facets,
            max_values=request.max_values,
            facet_order=request.facet_order,
            facet_queries=request.facet_queries,
            facet_ranges=request.facet_ranges,
        )
        return self._facets(msgspec.json.encode(asked))


def browse(engine: Engine, context: Context) -> Slate:
    """See Engine.browse."""
    watch, request, catalogue = Stopwatch(), context.request, engine.catalogue
    allowed, overview = _allowed(engine, context), engine.overview
    if allowed is catalogue.available:
        total, facets = overview.total, overview.facets(request)
        sizes = overview.sizes(request.group_by) if request.group_by else None
    else:
        rows = np.flatnonzero(allowed).astype(np.int32)
        total = len(rows)
        facets = told_facets(count(catalogue, rows, request), context.visible, catalogue)
        sizes = Sizes.of(groups_of(catalogue, request.group_by, rows)) if request.group_by else None
    watch.lap("facets")
    page = _page(engine, context, allowed)
    others = [0] * len(page) if sizes is None else sizes.others(groups_of(catalogue, request.group_by, page))
    placements = tuple(
        Placement(item=item, position=position, score=0.0, others=more)
        for position, (item, more) in enumerate(
            zip(catalogue.items(page), others, strict=True), start=request.offset + 1
        )
    )
    watch.lap("items")
    rules = engine.policies.rules.holding(context)
    return Slate(
        id=token_hex(8),
        surface=request.surface,
        placements=placements,
        total=total if sizes is None else len(sizes.found),
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


def _page(engine: Engine, context: Context, allowed: Mask) -> Rows:
    """Those to show, one of each group."""
    request = context.request
    end = needed = request.offset + request.size
    rows = _first(engine, context, allowed, needed)
    while request.group_by:
        firsts = firsts_of(groups_of(engine.catalogue, request.group_by, rows))
        if len(firsts) >= end or len(rows) < needed:
            rows = rows[firsts]
            break
        needed *= 4
        rows = _first(engine, context, allowed, needed)
    return rows[request.offset : end]


def _first(engine: Engine, context: Context, allowed: Mask, needed: int) -> Rows:
    """At least the first `needed` of those allowed, as far as there are so many: as the request sorts, else those that
    rules pin, then by interest."""
    if context.request.sort:
        rows = np.flatnonzero(allowed).astype(np.int32)
        return first_sorted(context.request.sort, rows, needed, engine.catalogue, engine.statistics)
    pinned = engine.policies.pinned(context)
    rest = first_of(engine.statistics.order, needed, lambda rows: allowed[rows] & ~np.isin(rows, pinned))
    return np.concatenate((pinned, rest))
