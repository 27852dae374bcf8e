"""A ranking becomes a slate: what matches besides, sorted or explored, one page of whole items with their reasons."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from secrets import token_hex
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from shopkeeper.engine.context import Context, places_among, positions_of, reasons_of
from shopkeeper.engine.exploration import Propensities, explore
from shopkeeper.engine.facets import count
from shopkeeper.engine.grouping import Sizes, firsts_of, groups_of
from shopkeeper.engine.item_text import names_of
from shopkeeper.engine.paging import MAX_SEEN, n_seen, rows_seen, seen_by, token_after
from shopkeeper.engine.sorting import first_sorted
from shopkeeper.engine.understanding.applied import BOOST, SORT
from shopkeeper.engine.visible import told_facets, told_words
from shopkeeper.release.fields import fold_text
from shopkeeper.vocabulary import Banner, Facet, Placement, Reason, Request, Rows, Slate, Snippet

if TYPE_CHECKING:
    from shopkeeper.engine.pipeline import Engine, Ranking

STAND_IN = Reason("popular", "popular in this shop")
MATCH_CAP = 10_000  # text matches that are paged through by relevance


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
    asked, seen = request, seen_by(request)
    context = engine.context(asked, within)
    request = context.request  # as rules and what was understood want it searched
    watch.lap("context")
    ranking = (engine if request.size else engine.rereading(None)).rank(context, watch)  # an empty page has no order
    matching = _matching(engine, context, ranking.rows)
    watch.lap("matching")
    facets = _facets(engine, context, matching) if _asks_for_facets(request) else ()
    watch.lap("facets")
    order = _order(engine, context, ranking, matching, request.offset + request.size + n_seen(seen))
    movable = np.flatnonzero(~np.isin(ranking.rows, engine.policies.pinned(context)))
    order, propensities = explore(
        order, movable, request, context.now, engine.settings.surfaces[request.surface].explore
    )
    sizes = Sizes.of(groups_of(engine.catalogue, request.group_by, matching)) if request.group_by else None
    left = _left(engine, request, order, seen)
    shown = left[request.offset : request.offset + request.size]
    rows = order[shown]
    placements = _placements(engine, context, ranking, rows, propensities[shown], n_seen(seen), sizes)
    watch.lap("items")
    reading = _Reading.of(engine, context, rows, len(matching))
    total = len(matching) if sizes is None else len(sizes.found)
    reach = request.offset + len(shown) + n_seen(seen)
    goes_on = len(left) > request.offset + request.size > 0 and reach < MAX_SEEN
    rules = engine.policies.rules.holding(context)
    return Slate(
        id=token_hex(8),
        surface=request.surface,
        placements=placements,
        total=total,
        facets=facets,
        matched=_matched(engine, request, placements),
        understood=context.understood,
        rules=tuple(each.id for each in rules),
        redirect=next((each.rule.redirect for each in rules if each.rule.redirect), ""),
        banners=tuple(each.rule.banner for each in rules if each.rule.banner != Banner()),
        corrected=reading.corrected,
        did_you_mean=reading.did_you_mean,
        dropped=reading.dropped,
        snippets=_snippets(engine, request, placements),
        notes=(*_notes(engine, context, ranking), *reading.notes, *_limit_told(total, reach, goes_on=goes_on)),
        next=_next(engine, asked, seen, order[left[: request.offset + request.size]]) if goes_on else "",
        release=engine.release,
        timings=watch.timings,
        candidates=ranking.pool.proposed(),
    )


def _matching(engine: Engine, context: Context, proposed: Rows) -> Rows:
    """All rows that answer the request, int32 ascending: every text match, and what was proposed."""
    text = engine.text_source(context.request.surface)
    if text is None:
        return np.sort(proposed)
    request = context.request
    if context.wordless and context.allowed is not None:
        return np.flatnonzero(context.allowed).astype(np.int32)
    rows, _ = text.matches(request.query, context.allowed, len(engine.catalogue), verbatim=request.verbatim)
    besides = proposed[places_among(rows, proposed) < 0]
    return np.sort(np.concatenate((rows, besides))) if len(besides) else rows


def _asks_for_facets(request: Request) -> bool:
    return bool(request.facets or request.facet_queries or request.facet_ranges)


def _facets(engine: Engine, context: Context, matching: Rows) -> tuple[Facet, ...]:
    def without(key: str | None) -> Rows:
        """What would match, were nothing chosen in the field of this folded name, or in any."""
        chosen = {} if key is None else context.request.refinements
        others = {name: values for name, values in chosen.items() if fold_text(name) != key}
        freer = replace(context, request=msgspec.structs.replace(context.request, refinements=others))
        freer = replace(freer, allowed=engine.allowed(freer))
        return _matching(engine, freer, engine.besides_text(freer))

    return told_facets(count(engine.catalogue, matching, context.request, without), context.visible, engine.catalogue)


def _order(engine: Engine, context: Context, ranking: Ranking, matching: Rows, needed: int) -> Rows:
    """The rows as they are shown, at least the first `needed` and one more, as far as there are so many: sorted, or
    else the ranking, and behind it the text matches beyond the candidates. Of groups, all that can be reached."""
    request, text = context.request, engine.text_source(context.request.surface)
    if request.sort:
        most = len(matching) if request.group_by else needed + 1
        return _sorted(engine, context, matching, most)
    if text is None or len(ranking.rows) == len(matching) or (needed < len(ranking.rows) and not request.group_by):
        return ranking.rows
    rest = engine.most_popular(context, MATCH_CAP) if context.wordless else text.retrieve(context, MATCH_CAP).rows
    return np.concatenate((ranking.rows, rest[positions_of(rest, ranking.rows) < 0]))


def whole_order(engine: Engine, context: Context, ranking: Ranking) -> Rows:
    """All rows that can be paged to, int32, as they are shown; exploration may have two of them change places."""
    matching = _matching(engine, context, ranking.rows)
    return _order(engine, context, ranking, matching, len(matching))


def _left(engine: Engine, request: Request, order: Rows, seen: bytes) -> npt.NDArray[np.int64]:
    """The positions in `order` that are left to show: one of each group, and none that was seen."""
    groups = groups_of(engine.catalogue, request.group_by, order)
    left = firsts_of(groups) if request.group_by else np.arange(len(order))
    if not seen:
        return left
    gone = groups_of(engine.catalogue, request.group_by, rows_seen(seen, engine.catalogue.ids))
    return left[~np.isin(groups[left], gone)]


def _next(engine: Engine, request: Request, seen: bytes, rows: Rows) -> str:
    return token_after(request, seen, engine.catalogue.ids.ids(rows))


def _limit_told(total: int, reach: int, *, goes_on: bool) -> tuple[str, ...]:
    if goes_on or reach >= total or reach < min(MATCH_CAP, MAX_SEEN):
        return ()
    return (f"the first {reach:,} of {total:,} can be paged through: narrow the search to see others",)


def _matched(engine: Engine, request: Request, placements: Sequence[Placement]) -> tuple[str, ...]:
    text = engine.text_source(request.surface)
    if text is None or not request.query:
        return ()
    names = (name for placement in placements for name in names_of(placement.item))
    return text.matched(request.query, names, verbatim=request.verbatim)


def _snippets(engine: Engine, request: Request, placements: Sequence[Placement]) -> tuple[Snippet, ...]:
    text = engine.text_source(request.surface)
    if text is None or not (request.snippets and request.query):
        return ()
    descriptions = (placement.item.description for placement in placements)
    return tuple(text.snippet(request.query, said, verbatim=request.verbatim) for said in descriptions)


class _Reading(NamedTuple):
    """How the query of a request was read, as a Slate says it."""

    corrected: str = ""
    did_you_mean: str = ""
    dropped: tuple[str, ...] = ()

    @classmethod
    def of(cls, engine: Engine, context: Context, rows: Rows, total: int) -> _Reading:
        """rows int32 [k]: of the page; total: how many match."""
        text, request = engine.text_source(context.request.surface), context.request
        if text is None or not request.query:
            return cls()
        plan = text.plan(request.query, request.verbatim)
        relaxed = plan.needed and not text.holds_all(request.query, rows, verbatim=request.verbatim)
        dropped = text.dropped(request.query, context.allowed, verbatim=request.verbatim) if relaxed else ()
        corrected, suggestion = (
            told_words(said, request.query, context.visible, text) for said in (plan.corrected, plan.suggestion)
        )
        if corrected:  # words are named as they were read
            read_as = {wanted.word: wanted.readings[0].text for wanted in plan.wanted}
            dropped = tuple(read_as[word] for word in dropped)
        return cls(corrected if total else "", suggestion, dropped)

    @property
    def notes(self) -> list[str]:
        notes = []
        if self.corrected:
            notes.append(f"read as “{self.corrected}”")
        if self.dropped:
            notes.append(f"nothing has all of the words; passed over: {', '.join(self.dropped)}")
        return notes


def _sorted(engine: Engine, context: Context, rows: Rows, needed: int) -> Rows:
    """As `first_sorted`; where the order was read in the query, what is of the category that it names comes first: the
    cheapest laptop is a laptop, not a sleeve."""

    def in_order(some: Rows) -> Rows:
        return first_sorted(context.request.sort, some, needed, engine.catalogue, engine.statistics)

    named = [chip for chip in context.understood if chip.applied == BOOST and chip.field == "category"]
    if not named or not any(chip.applied == SORT for chip in context.understood):
        return in_order(rows)
    of_category = np.logical_or.reduce([engine.policies.masks.mask(chip.filter)[rows] for chip in named])
    return np.concatenate((in_order(rows[of_category]), in_order(rows[~of_category])))


def _placements(
    engine: Engine,
    context: Context,
    ranking: Ranking,
    rows: Rows,
    propensities: Propensities,
    before: int,
    sizes: Sizes | None,
) -> tuple[Placement, ...]:
    """before: how many were shown already; sizes: of the groups of all that match, where each is shown once."""
    positions = positions_of(rows, ranking.rows)
    ranked = rows[positions >= 0].tolist()  # the others match beyond the candidates
    positions = positions[positions >= 0]
    why = dict(zip(ranked, reasons(engine, context, ranking, positions), strict=True))
    scores = dict(zip(ranked, ranking.scores[positions].tolist(), strict=True))
    first = context.request.offset + before + 1
    own = groups_of(engine.catalogue, context.request.group_by, rows)
    others = [0] * len(rows) if sizes is None else sizes.others(own)
    return tuple(
        Placement(
            item=item,
            position=position,
            score=scores.get(row, 0.0),
            reasons=why.get(row, ()),
            propensity=propensity,
            others=more,
        )
        for position, (row, item, propensity, more) in enumerate(
            zip(rows.tolist(), engine.catalogue.items(rows), propensities.tolist(), others, strict=True), start=first
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
    for each, told in zip(said, engine.policies.rules.told(context, rows), strict=True):
        each += [Reason("rules", text) for text in told]
    return [tuple(each) or (STAND_IN,) for each in said]


def _notes(engine: Engine, context: Context, ranking: Ranking) -> tuple[str, ...]:
    surface, request = engine.settings.surfaces[context.request.surface], context.request
    rewriting = [each.label for each in engine.policies.rules.holding(context) if each.rule.use][:1]
    notes = [*context.notes]
    notes += [f"searched for “{request.query}” instead, by {label}" for label in rewriting]
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
