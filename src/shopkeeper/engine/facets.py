"""How the items of an answer divide: by brand, by category, by attribute, by price."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shopkeeper.engine.ranges import ranges_asked, round_ranges
from shopkeeper.engine.useful import useful
from shopkeeper.errors import RequestError
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.release.facts import PATH, SEPARATOR
from shopkeeper.release.fields import Counts, fold_text, fold_texts
from shopkeeper.vocabulary import Facet, FacetRange, FacetValue, Request, Rows

USEFUL = "*"  # asks for the facets that divide the answer best
COUNT, ALPHABET = "count", "alphabet"
ENOUGH = 50  # items by which to say what divides them
MAX_VALUES, MAX_FACETS = 1_000, 100

Wish = TypeVar("Wish")


def count(
    catalogue: Catalogue, rows: Rows, request: Request, without: Callable[[str | None], Rows] | None = None
) -> tuple[Facet, ...]:
    """The facets that a request asks for over matching rows int32 [k] (unique, ascending), in its order, with exact
    counts; "*" stands for the most useful, "category_path.1" for the paths of the second level alone.

    without: the rows that would match were nothing chosen in a field, over which it is then counted; for None, were
    nothing chosen at all, by which "*" goes where little is left. Raises RequestError for a field that no item has, and
    for what is no range.
    """
    chosen = {fold_text(name): values for name, values in request.refinements.items() if values}
    wanted: dict[str, None] = {}
    few = without is not None and chosen and len(rows) < ENOUGH and USEFUL in request.facets
    divided = without(None) if without is not None and few else rows
    for name in (*request.facets, *request.facet_queries, *request.facet_ranges):
        wanted |= dict.fromkeys(useful(catalogue, divided, chosen) if name == USEFUL else (name,))
    facets = []
    for name in wanted:
        key = fold_text(name)
        own = without(key) if without is not None and key in chosen else rows
        facets.append(_facet(catalogue, own, name, request, chosen.get(key, ())))
    return tuple(facets)


def check(request: Request) -> None:
    """Raises RequestError when a request asks for more than is given, or in an order that there is not."""
    if not 0 <= request.max_values <= MAX_VALUES:
        raise RequestError(f"max_values is {request.max_values}", where="max_values", expected=f"0 to {MAX_VALUES:,}")
    if request.facet_order not in (COUNT, ALPHABET):
        raise RequestError(
            f"there is no order {request.facet_order!r}", where="facet_order", expected=f'"{COUNT}" or "{ALPHABET}"'
        )
    for name in ("facets", "refinements", "facet_queries", "facet_ranges"):
        if (n := len(getattr(request, name))) > MAX_FACETS:
            raise RequestError(f"{n} fields", where=name, expected=f"at most {MAX_FACETS}")


def _facet(catalogue: Catalogue, rows: Rows, name: str, request: Request, chosen: Sequence[str]) -> Facet:
    if (level := level_of(name)) is not None and PATH in catalogue.labels:
        return Facet(name=name, values=_at_level(catalogue, rows, level)[: request.max_values])
    is_label, is_number = name in catalogue.labels, name in catalogue.numbers
    if not is_label and not is_number:
        raise catalogue.unknown_field(name, "facets")
    values: tuple[FacetValue, ...] = ()
    ranges: tuple[FacetRange, ...] = ()
    n_values, n_said, minimum, maximum = 0, 0, None, None
    mean = total = None
    if is_label:
        found = catalogue.labels.counts(name, rows)
        n_values, values = _values(catalogue, found, name, request, chosen)
        n_said = int(found.counts.sum())
    if is_number:
        numbers = catalogue.numbers.of(name, rows)
        known = numbers[~np.isnan(numbers)]
        asked = _of(request.facet_ranges, name)
        if asked is not None:
            ranges = ranges_asked(name, asked, known)
        elif 2 * len(known) > n_said:  # else few of its texts are numbers
            ranges = round_ranges(known)
        if len(known):
            minimum, maximum = (float(str(edge)) for edge in (known.min(), known.max()))  # 0.95, not 0.949999988
            total = float(known.sum(dtype=np.float64))
            mean = total / len(known)
    return Facet(
        name=name,
        values=values,
        n_values=n_values,
        minimum=minimum,
        maximum=maximum,
        mean=mean,
        sum=total,
        ranges=ranges,
    )


def level_of(name: str) -> int | None:
    """The level of paths that a facet asks for, 0 the widest: 1 for "category_path.1"; None where it is a field."""
    field, _, level = name.rpartition(".")
    return int(level) if field == PATH and level.isdecimal() and len(level) <= 2 else None


def _at_level(catalogue: Catalogue, rows: Rows, level: int) -> tuple[FacetValue, ...]:
    found = catalogue.labels.counts(PATH, rows)
    order = np.argsort(-found.counts, kind="stable")
    texts = catalogue.labels.texts_of(found.codes[order])
    values = map(FacetValue, texts, found.counts[order].tolist())
    return tuple(value for value in values if value.value.count(SEPARATOR) == level)


def _values(
    catalogue: Catalogue, found: Counts, name: str, request: Request, chosen: Sequence[str]
) -> tuple[int, tuple[FacetValue, ...]]:
    """How many values were found, and those to show: the first of them, and whatever is chosen."""
    labels, limit, sought = catalogue.labels, request.max_values, _of(request.facet_queries, name)
    is_path = fold_text(name) == PATH
    if sought is None and not is_path and request.facet_order == COUNT:
        top = _most_frequent(found, limit)
        texts = labels.texts_of(found.codes[top])
        shown = list(map(FacetValue, texts, found.counts[top].tolist()))
        return len(found.codes), (*shown, *_chosen_besides(catalogue, found, name, shown, chosen))
    texts = labels.texts_of(found.codes)
    keys = fold_texts(pa.array(texts, pa.string()))
    kept = np.arange(len(texts)) if sought is None else _holding(keys, sought)
    groups = _levels(keys.to_pylist(), kept.tolist(), chosen) if is_path and sought is None else [kept]
    shown = []
    for group in groups:
        order = _ordered(keys, found.counts, group, request.facet_order)[:limit]
        shown += [FacetValue(texts[at], int(found.counts[at])) for at in order.tolist()]
    more = _chosen_besides(catalogue, found, name, shown, chosen) if sought is None else ()
    return len(kept), (*shown, *more)


def _most_frequent(found: Counts, limit: int) -> npt.NDArray[np.int64]:
    """The positions of the `limit` values of most items, ties by code."""
    counts = found.counts
    if len(counts) > 4 * limit > 0:
        kept = np.flatnonzero(counts >= np.partition(counts, -limit)[-limit])
        return kept[np.argsort(-counts[kept], kind="stable")[:limit]]
    return np.argsort(-counts, kind="stable")[:limit]


def _ordered(
    keys: pa.Array, counts: npt.NDArray[np.int64], kept: npt.NDArray[np.int64], order: str
) -> npt.NDArray[np.int64]:
    """Positions `kept`, by count or by alphabet, where numbers stand before words in their own order."""
    if order == COUNT:
        return kept[np.argsort(-counts[kept], kind="stable")]
    said = keys.take(pa.array(kept)).to_pylist()
    return kept[sorted(range(len(said)), key=lambda at: _alphabetic(said[at]))]


def _alphabetic(text: str) -> tuple[float, str]:
    try:
        return float(text), text
    except ValueError:
        return np.inf, text


def _holding(keys: pa.Array, text: str) -> npt.NDArray[np.int64]:
    return np.flatnonzero(pc.match_substring(keys, fold_text(text)).to_numpy(zero_copy_only=False))


def _levels(keys: Sequence[str], kept: Iterable[int], chosen: Sequence[str]) -> list[npt.NDArray[np.int64]]:
    """The positions of paths by what they lie below: the first level, then what is directly below each node of the
    chosen paths, from above. Where nothing is chosen, a first level of one path is opened."""
    if not chosen and len(roots := {keys[at].partition(SEPARATOR)[0] for at in kept}) == 1:
        chosen = tuple(roots)
    opened: dict[str, list[int]] = {"": []}
    for path in map(fold_text, chosen):
        steps = path.split(SEPARATOR)
        for depth in range(1, len(steps) + 1):
            opened.setdefault(SEPARATOR.join(steps[:depth]), [])
    for at in kept:
        above = keys[at].rpartition(SEPARATOR)[0]
        if above in opened:
            opened[above].append(at)
    return [np.array(each, np.int64) for each in opened.values()]


def _chosen_besides(
    catalogue: Catalogue, found: Counts, name: str, shown: Sequence[FacetValue], chosen: Sequence[str]
) -> list[FacetValue]:
    """What is chosen, and not shown yet: a page must be able to take it back."""
    if not chosen:
        return []
    there = {fold_text(value.value) for value in shown}
    missing = {key: value for value in chosen if (key := fold_text(value)) not in there}
    if not missing:
        return []
    keys = fold_texts(pa.array(catalogue.labels.texts_of(found.codes), pa.string())).to_pylist()
    counts = dict(zip(keys, found.counts.tolist(), strict=True))
    texts = {key: value for key, value in missing.items() if catalogue.labels.code_of(name, value) >= 0}
    return [FacetValue(value, counts.get(key, 0)) for key, value in texts.items()]


def _of(wishes: Mapping[str, Wish], name: str) -> Wish | None:
    """What is wished of a field, in any case."""
    key = fold_text(name)
    return next((wish for field, wish in wishes.items() if fold_text(field) == key), None)
