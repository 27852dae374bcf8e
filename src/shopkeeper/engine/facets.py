"""How the items of an answer divide: by brand, by category, by attribute, by price."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shopkeeper.release.catalogue import Catalogue
from shopkeeper.release.fields import gather
from shopkeeper.vocabulary import Facet, FacetValue, Mask, Rows

USEFUL = "*"  # asks for the facets that divide the answer best
MAX_USEFUL, SAMPLE = 8, 2000
FIRST = ("category", "brand")  # what shoppers look for first, where it divides at all
NOT_OFFERED = ("category_path", "available")  # said by category, and by being there


def count(catalogue: Catalogue, rows: Rows, names: Sequence[str], limit: int = 10) -> tuple[Facet, ...]:
    """Exact counts over matching rows int32 [k] (unique), in the order of `names`; "*" stands for the most useful.

    A label field gives its `limit` most frequent values, a numeric one its range. Raises RequestError for a field
    that no item has.
    """
    mask = np.zeros(len(catalogue), np.bool_)
    mask[rows] = True
    wanted = dict.fromkeys(
        name for asked in names for name in (useful(catalogue, rows, limit) if asked == USEFUL else (asked,))
    )
    return tuple(_facet(catalogue, mask, name, limit) for name in wanted)


def useful(catalogue: Catalogue, rows: Rows, limit: int = 10) -> list[str]:
    """The at most MAX_USEFUL fields that divide `rows` best, judged by an even sample of them.

    A field is worth the entropy of its `limit` most frequent values: little where few items know it, where all say
    the same, and where each says something else.
    """
    if not len(rows):
        return []
    sample = rows[:: -(-len(rows) // SAMPLE)]
    labels = catalogue.labels
    codes, counts = np.unique(gather(labels.starts, labels.codes, sample).codes, return_counts=True)
    owners = labels.field_of(codes)
    by_field = np.lexsort((-counts, owners))
    owners, shares = owners[by_field], counts[by_field] / len(sample)
    places = np.arange(len(owners)) - np.searchsorted(owners, owners)  # a value's place within its field
    worth = np.bincount(owners, np.where(places < limit, -shares * np.log(shares), 0.0), minlength=len(labels))
    worth[np.bincount(owners, minlength=len(labels)) < 2] = 0.0
    best = [labels.names[position] for position in np.argsort(-worth, kind="stable") if worth[position] > 0.0]
    prices = catalogue.prices[sample]
    found = ["price"] if np.unique(prices[~np.isnan(prices)]).size > 1 else []
    found += [name for name in FIRST if name in best]
    found += [name for name in best if name not in (*FIRST, *NOT_OFFERED)]
    return found[:MAX_USEFUL]


def _facet(catalogue: Catalogue, mask: Mask, name: str, limit: int) -> Facet:
    is_label, is_number = name in catalogue.labels, name in catalogue.numbers
    if not is_label and not is_number:
        raise catalogue.unknown_field(name, "facets")
    values: tuple[FacetValue, ...] = ()
    minimum = maximum = None
    if is_label:
        counts = catalogue.labels.counts(name, mask)
        top = np.argsort(-counts, kind="stable")[:limit]
        first = catalogue.labels.codes_of(name).start
        texts = catalogue.labels.texts
        values = tuple(FacetValue(texts[first + int(code)].as_py(), int(counts[code])) for code in top if counts[code])
    if is_number:
        numbers = catalogue.numbers[name][mask]
        known = numbers[~np.isnan(numbers)]
        if len(known):
            minimum, maximum = (float(str(edge)) for edge in (known.min(), known.max()))  # 0.95, not 0.949999988
    return Facet(name=name, values=values, minimum=minimum, maximum=maximum)
