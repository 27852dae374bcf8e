"""How the items of an answer divide: by brand, by category, by attribute, by price."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shopkeeper.release.catalogue import Catalogue
from shopkeeper.release.facts import PATH
from shopkeeper.vocabulary import Facet, FacetValue, Rows

SEPARATOR = " > "  # between the levels of a path
USEFUL = "*"  # asks for the facets that divide the answer best
MAX_USEFUL = 8
RAREST = 1 / 200  # a value of fewer items says little of how an answer divides
FIRST = ("category", "brand")  # what shoppers look for first, where it divides at all
NOT_OFFERED = ("category_path", "available")  # said by category, and by being there


class Tally(NamedTuple):
    """The label values that some items have, int32 ascending, how many of the items have each, int64, and the position
    of the field that each belongs to, int64."""

    codes: Rows
    counts: npt.NDArray[np.int64]
    fields: npt.NDArray[np.int64]


def count(catalogue: Catalogue, rows: Rows, names: Sequence[str], limit: int = 10) -> tuple[Facet, ...]:
    """Exact counts over matching rows int32 [k] (unique), in the order of `names`; "*" stands for the most useful.

    A label field gives its `limit` most frequent values, a numeric one its range; "category_path.1" the paths of the
    second level alone, ".0" those of the first. Raises RequestError for a field that no item has.
    """
    codes, counts = np.unique(catalogue.labels.gather(rows).codes, return_counts=True)
    tally = Tally(codes, counts, catalogue.labels.field_of(codes))
    wanted: dict[str, None] = {}
    for name in names:
        wanted |= dict.fromkeys(_useful(catalogue, rows, tally, limit) if name == USEFUL else (name,))
    return tuple(_facet(catalogue, rows, tally, name, limit) for name in wanted)


def _useful(catalogue: Catalogue, rows: Rows, tally: Tally, limit: int) -> list[str]:
    """The at most MAX_USEFUL fields that divide `rows` best.

    A field is worth the entropy of its `limit` most frequent values: little where few items know it, where all say
    the same, and where each says something else.
    """
    labels = catalogue.labels
    common = tally.counts >= max(2.0, RAREST * len(rows))
    owners, counts = tally.fields[common], tally.counts[common]
    by_field = np.lexsort((-counts, owners))
    owners, shares = owners[by_field], counts[by_field] / max(1, len(rows))
    places = np.arange(len(owners)) - np.searchsorted(owners, owners)  # a value's place within its field
    worth = np.bincount(owners, np.where(places < limit, -shares * np.log(shares), 0.0), minlength=len(labels))
    worth[np.bincount(owners, minlength=len(labels)) < 2] = 0.0
    best = [labels.names[position] for position in np.argsort(-worth, kind="stable") if worth[position] > 0.0]
    prices = catalogue.prices[rows]
    found = ["price"] if np.unique(prices[~np.isnan(prices)]).size > 1 else []
    found += [name for name in FIRST if name in best]
    found += [name for name in best if name not in (*FIRST, *NOT_OFFERED)]
    return found[:MAX_USEFUL]


def _facet(catalogue: Catalogue, rows: Rows, tally: Tally, name: str, limit: int) -> Facet:
    if (level := level_of(name)) is not None and PATH in catalogue.labels:
        return Facet(name=name, values=_at_level(catalogue, tally, level)[:limit])
    is_label, is_number = name in catalogue.labels, name in catalogue.numbers
    if not is_label and not is_number:
        raise catalogue.unknown_field(name, "facets")
    values: tuple[FacetValue, ...] = ()
    minimum = maximum = mean = total = None
    if is_label:
        own = np.flatnonzero(tally.fields == catalogue.labels.position(name))
        top = own[np.argsort(-tally.counts[own], kind="stable")[:limit]]
        texts = catalogue.labels.texts_of(tally.codes[top])
        values = tuple(map(FacetValue, texts, tally.counts[top].tolist()))
    if is_number:
        numbers = catalogue.numbers.of(name, rows)
        known = numbers[~np.isnan(numbers)]
        if len(known):
            minimum, maximum = (float(str(edge)) for edge in (known.min(), known.max()))  # 0.95, not 0.949999988
            total = float(known.sum(dtype=np.float64))
            mean = total / len(known)
    return Facet(name=name, values=values, minimum=minimum, maximum=maximum, mean=mean, sum=total)


def level_of(name: str) -> int | None:
    """The level of paths that a facet asks for, 0 the widest: 1 for "category_path.1"; None where it is a field."""
    field, _, level = name.rpartition(".")
    return int(level) if field == PATH and level.isdecimal() else None


def _at_level(catalogue: Catalogue, tally: Tally, level: int) -> tuple[FacetValue, ...]:
    own = np.flatnonzero(tally.fields == catalogue.labels.position(PATH))
    own = own[np.argsort(-tally.counts[own], kind="stable")]
    texts = catalogue.labels.texts_of(tally.codes[own])
    values = map(FacetValue, texts, tally.counts[own].tolist())
    return tuple(value for value in values if value.value.count(SEPARATOR) == level)
