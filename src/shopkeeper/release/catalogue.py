"""The items of a release as arrays: what filters, facets, features and policies read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shopkeeper.vocabulary import Ids, Item, Mask, Rows, Scores, Seconds


@dataclass(frozen=True)
class Labels:
    """A many-valued label field of n items (brand, category, an attribute): compressed sparse rows.

    values: the distinct values, value code → text; starts int64 [n + 1] and codes int32 [m]: the values of item
    row r are codes[starts[r]:starts[r + 1]].
    """

    values: tuple[str, ...]
    starts: npt.NDArray[np.int64]
    codes: Rows


@dataclass(frozen=True)
class Catalogue:
    """prices float32 [n] (NaN unknown); launched float64 [n] seconds (NaN unknown); available bool [n];
    labels: "brand", "category" (every level of the path) and each attribute that has at most a few thousand values;
    numbers: numeric fields and attributes, float32 [n], NaN unknown; always holds "price".
    """

    ids: Ids
    prices: Scores
    launched: Seconds
    available: Mask
    labels: dict[str, Labels]
    numbers: dict[str, Scores]

    def __len__(self) -> int:
        return len(self.ids)

    def item(self, row: int) -> Item:
        """The whole item, for showing."""
        raise NotImplementedError
