"""One item for each value of a field: the variants of a product, shown once."""

from __future__ import annotations

from typing import NamedTuple

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


class Sizes(NamedTuple):
    """How many rows each group has: found int64 [g], ascending, and counts int64 [g]."""

    found: Groups
    counts: Groups

    @classmethod
    def of(cls, groups: Groups) -> Sizes:
        return cls(*np.unique(groups, return_counts=True))

    def others(self, shown: Groups) -> list[int]:
        """How many more rows there are of the group of each of those shown."""
        places = np.minimum(np.searchsorted(self.found, shown), len(self.found) - 1)
        others: list[int] = np.where(self.found[places] == shown, self.counts[places] - 1, 0).tolist()
        return others
