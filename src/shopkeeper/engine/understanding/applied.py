"""What a query was understood to ask for, applied to its request: as a filter, an order, or a lift of candidates.

A sure price is a filter, and a superlative ("cheapest") an order, as long as items remain; their words are no longer
looked for. The other readings lift what agrees with them, or, where a shop wants it ("hard") and they are sure,
leave out what does not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import msgspec
import numpy as np
import numpy.typing as npt

from shopkeeper.engine.context import Context
from shopkeeper.engine.filters import narrowed
from shopkeeper.engine.text import parse_query
from shopkeeper.engine.understanding import (
    CATEGORY,
    ITEM,
    LABEL,
    MEASURE,
    ORDER,
    ORDER_FIELD,
    PRICE,
    Reading,
)
from shopkeeper.settings import SearchSettings
from shopkeeper.vocabulary import Chip, Mask, Rows, Scores

UNDERSTOOD_FEATURES = tuple(
    f"understood_{what}" for what in ("category", "brand", "attribute", "order", "agreement", "readings")
)
LIFT = 0.15  # by which the score of an item rises that agrees with one reading that is certain
MOST_LIFT = 0.5
FILTER, BOOST, SORT = "filter", "boost", "sort"

MaskOf = Callable[[str], Mask]
Matching = Callable[[str, Mask], int]  # how many items match words within a mask
Agreeing = Callable[[Chip, Rows], Scores]


def applied(
    context: Context, readings: Sequence[Reading], search: SearchSettings, mask: MaskOf, matching: Matching
) -> Context:
    """The context with the readings that its request does not refuse. mask: of a filter's text."""
    request = context.request
    readings = [each for each in readings if each.id not in request.without and each.confidence >= search.likely]
    if not readings or context.allowed is None:
        return context
    chips = {
        each.id: _chip(each, request.query, _use(each, search, sorted_already=bool(request.sort))) for each in readings
    }
    allowed, notes = context.allowed, list[str]()
    for reading in readings:
        chip = chips[reading.id]
        if chip.applied != FILTER:
            continue
        rest = _rest(request.query, [*chips.values()])
        remaining = allowed & mask(chip.filter)
        fewest = (
            search.fewest if reading.kind != PRICE else 1 if rest else 0
        )  # without words, the price is all there is
        left = matching(rest, remaining) if rest else int(np.count_nonzero(remaining))
        if left >= fewest:
            allowed = remaining
            request = msgspec.structs.replace(request, filter=narrowed(request.filter, chip.filter))
        elif reading.kind == PRICE:
            notes.append(f"nothing fits with {chip.filter}: shown without it")
            del chips[reading.id]
        else:
            chips[reading.id] = msgspec.structs.replace(chip, applied=BOOST)
    kept = tuple(chips.values())
    dropped = [_chip(each, request.query, FILTER) for each in readings if each.id not in chips]
    request = msgspec.structs.replace(request, query=_rest(request.query, [*kept, *dropped]))
    order = next((chip.value for chip in kept if chip.applied == SORT), request.sort)
    request = msgspec.structs.replace(request, sort=order)
    return replace(context, request=request, allowed=allowed, understood=kept, notes=tuple(notes))


def unplaced(context: Context) -> Context:
    """The context whose readings are of a query that nobody typed: they have no place in what was typed."""
    chips = (msgspec.structs.replace(chip, text="", start=0, end=0) for chip in context.understood)
    return replace(context, understood=tuple(chips))


def understood_features(context: Context, rows: Rows, agreeing: Agreeing) -> Scores:
    """float32 [n, len(UNDERSTOOD_FEATURES)]: the confidence in a reading of each kind that the row agrees with, and the
    share of all confidence; NaN where nothing of the kind was read. The last column counts the readings."""
    said = agreements(context, rows, agreeing)
    columns = np.full((len(rows), len(UNDERSTOOD_FEATURES)), np.nan, np.float32)
    for chip, agreement in said:
        column = {"category": 0, "brand": 1, "sort": 3}.get(chip.field, 2)
        columns[:, column] = np.fmax(columns[:, column], chip.confidence * agreement)
    if said:
        total = sum(chip.confidence for chip, _ in said)
        columns[:, 4] = sum(chip.confidence * agreement for chip, agreement in said) / max(total, 1e-9)
    columns[:, 5] = len(said)
    return columns


def lifted(context: Context, rows: Rows, scores: Scores, agreeing: Agreeing) -> Scores:
    """Scores float32 [n] of the candidates without a ranker: the higher, the surer the readings that each agrees
    with."""
    lift: npt.NDArray[np.float32] = np.zeros(len(rows), np.float32)
    for chip, agreement in agreements(context, rows, agreeing):
        lift += np.float32(LIFT * chip.confidence) * agreement
    return np.asarray(scores * (1.0 + np.minimum(lift, MOST_LIFT)), np.float32)


def agreements(context: Context, rows: Rows, agreeing: Agreeing) -> list[tuple[Chip, Scores]]:
    """Each chip that lifts, and how much each row agrees with it, float32 [n] in [0, 1]."""
    return [(chip, agreeing(chip, rows)) for chip in context.understood if chip.applied == BOOST]


def cheapness(values: npt.NDArray[np.float64]) -> Scores:
    """float32 [n] from 1 (the lowest of the values) to 0; 0 where a value is not known (NaN)."""
    known = np.flatnonzero(~np.isnan(values))
    ranks = np.zeros(len(values), np.float32)
    order = known[np.argsort(values[known], kind="stable")]
    ranks[order] = 1.0 - np.arange(len(order), dtype=np.float32) / max(len(order) - 1, 1)
    return ranks


def _use(reading: Reading, search: SearchSettings, *, sorted_already: bool) -> str:
    sure = reading.confidence >= search.sure
    if reading.kind == ORDER:
        return SORT if sure and not sorted_already else BOOST
    if reading.kind == PRICE:
        return FILTER if sure else BOOST
    return (
        FILTER
        if search.understanding == "hard" and sure and reading.kind in (LABEL, MEASURE, CATEGORY, ITEM)
        else BOOST
    )


def _chip(reading: Reading, query: str, use: str) -> Chip:
    return Chip(
        id=reading.id,
        field=reading.field,
        value=reading.value,
        text=query[reading.start : reading.end],
        start=reading.start,
        end=reading.end,
        confidence=round(reading.confidence, 4),
        applied=use,
        filter=reading.filter,
    )


def _rest(query: str, chips: Sequence[Chip]) -> str:
    """The query without the words that say an order, or a price or measure that filters; "" where what is left only
    excludes."""
    rest = query
    for chip in sorted(chips, key=lambda chip: -chip.start):
        consumed = chip.field == ORDER_FIELD or (
            chip.applied == FILTER and (chip.field == "price" or _is_measure(chip))
        )
        if consumed and chip.end > chip.start:
            rest = f"{rest[: chip.start]} {rest[chip.end :]}"
    if rest == query:
        return query
    only_excludes = parse_query(query).excluded and not parse_query(rest).excluded  # as `Context.passing` does already
    return "" if only_excludes else " ".join(rest.split())


def _is_measure(chip: Chip) -> bool:
    return ">=" in chip.filter
