"""Which of hundreds of attributes are worth a facet: those that divide an answer best."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shopkeeper.release.catalogue import Catalogue
from shopkeeper.release.fields import Counts
from shopkeeper.vocabulary import Rows

MAX_USEFUL = 8
SEEN_VALUES = 10  # of a field: a shopper who looks for the eleventh searches for it
SAMPLED = 4_000  # items by which fields are chosen; they are counted over all
RAREST = 1 / 200  # a value of fewer items says little of how an answer divides
FIRST = ("category", "brand")  # what shoppers look for first, where it divides at all
NOT_OFFERED = ("category_path", "available", "stock")  # said by category, and by being there


class Tally(NamedTuple):
    """The label values that some items have, as Counts, and the position of the field that each belongs to, int64."""

    codes: Rows
    counts: npt.NDArray[np.int64]
    fields: npt.NDArray[np.int64]


def useful(catalogue: Catalogue, rows: Rows) -> list[str]:
    """The at most MAX_USEFUL fields that divide rows int32 [k] best.

    A field is worth the entropy of its SEEN_VALUES most frequent values: little where few items know it, where all say
    the same, and where each says something else.
    """
    sample = rows[:: max(1, len(rows) // SAMPLED)]
    labels = catalogue.labels
    found = Counts.of(labels.gather(sample).codes)
    tally = Tally(found.codes, found.counts, labels.field_of(found.codes))
    common = tally.counts >= max(2.0, RAREST * len(sample))
    owners, counts = tally.fields[common], tally.counts[common]
    by_field = np.lexsort((-counts, owners))
    owners, shares = owners[by_field], counts[by_field] / max(1, len(sample))
    places = np.arange(len(owners)) - np.searchsorted(owners, owners)  # a value's place within its field
    worth = np.bincount(owners, np.where(places < SEEN_VALUES, -shares * np.log(shares), 0.0), minlength=len(labels))
    worth[np.bincount(owners, minlength=len(labels)) < 2] = 0.0
    best = [labels.names[position] for position in np.argsort(-worth, kind="stable") if worth[position] > 0.0]
    prices = catalogue.prices[sample]
    names = ["price"] if np.unique(prices[~np.isnan(prices)]).size > 1 else []
    names += [name for name in FIRST if name in best]
    names += [name for name in best if name not in (*FIRST, *NOT_OFFERED)]
    return names[:MAX_USEFUL]
