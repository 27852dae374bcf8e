"""One item for each value of a field: the variants of a product, shown once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from shopkeeper.release.catalogue import Catalogue
from shopkeeper.vocabulary import Rows

PRODUCT = "product"  # what a shop's variants have in common; see Catalogue.groups

Groups = npt.NDArray[np.int64]


def groups_of(catalogue: Catalogue, name: str, rows: Rows) -> Groups:
    """int64 [k]: a number for each of rows int32 [k], the same for those of one group; a row alone, by its first
    value of the field, or without any, has a number below 0 of its own. An empty name groups nothing.

    Raises RequestError for a field that no item has.
    """
    alone: Groups = -1 - rows.astype(np.int64)
    if not name:
        return alone
    if name in catalogue.labels:
        owners, codes = catalogue.labels[name].of(rows)
        firsts = np.flatnonzero(np.diff(owners, prepend=-1))
        alone[owners[firsts]] = codes[firsts]
        return alone
    if name in catalogue.numbers:
        numbers = catalogue.numbers.of(name, rows).astype(np.float64)
        known = ~np.isnan(numbers)
        alone[known] = (numbers[known] + 0.0).view(np.int64)  # the bits: of no number are they -2 ** 32 to -1
        return alone
    if name.casefold() == PRODUCT:
        return catalogue.groups[rows].astype(np.int64)
    raise catalogue.unknown_field(name, "group_by")


def firsts_of(groups: Groups) -> npt.NDArray[np.int64]:
    """The positions at which each group stands first, ascending."""
    return np.sort(np.unique(groups, return_index=True)[1])


def others_of(groups: Groups, shown: Groups) -> list[int]:
    """How many more of `groups` [k] are of the group of each of those shown."""
    found, counts = np.unique(groups, return_counts=True)
    places = np.minimum(np.searchsorted(found, shown), len(found) - 1)
    others: list[int] = np.where(found[places] == shown, counts[places] - 1, 0).tolist()
    return others
