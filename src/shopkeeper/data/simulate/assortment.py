"""What the simulated shop sells, as arrays by item row: what its shoppers see, like and choose from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Micros = npt.NDArray[np.int64]

SECOND = 10**6  # in microseconds, as all times of the simulation
DAY = 86_400 * SECOND

FACETS = ("colour", "brand", "trait", "pattern")  # the rows of Assortment.facets
COLOUR, BRAND, TRAIT, PATTERN = range(4)
NONE = -1  # the code of a value that an item does not have

_CONCENTRATION = 2.0  # how far the favourites of a group outsell the rest: a draw is at rank size × u ** this


@dataclass(frozen=True)
class Groups:
    """Rows by key, each group in an order of its own (the best first).

    rows int32 [m]; starts int64 [n_keys + 1]: the group of key k is rows[starts[k]:starts[k + 1]].
    """

    rows: Ints
    starts: npt.NDArray[np.int64]

    @classmethod
    def of(cls, keys: npt.NDArray[np.integer], order: npt.NDArray[np.generic], n_keys: int) -> Groups:
        """Group the rows 0…len(keys) by key, ascending in `order` within each; a negative key is left out."""
        rows = np.lexsort((order, keys)).astype(np.int32)
        rows = rows[np.count_nonzero(keys < 0) :]
        return cls(rows, np.searchsorted(keys[rows], np.arange(n_keys + 1)))

    @cached_property
    def sizes(self) -> npt.NDArray[np.int64]:
        return np.diff(self.starts)

    def draw(self, keys: npt.NDArray[np.integer], rng: np.random.Generator) -> Ints:
        """One row from each key's group, those in front more often; -1 from an empty group."""
        if not len(self.rows):
            return np.full(keys.shape, NONE, np.int32)
        sizes = self.sizes[keys]
        ranks = (sizes * rng.random(keys.shape, np.float32) ** _CONCENTRATION).astype(np.int64)
        places = self.starts[keys] + np.minimum(ranks, sizes - 1)
        return np.where(sizes > 0, self.rows[np.minimum(places, len(self.rows) - 1)], NONE).astype(np.int32)


@dataclass(frozen=True)
class Assortment:
    """n items in c leaf categories of d departments.

    ids: string [n]; leaf int32 [n]; facets int32 [4, n], codes by FACETS, -1 where an item has none;
    price float32 [n] (NaN unknown); dearness float32 [n], the price against its leaf's, in log standard deviations;
    quality and fame float32 [n], standard normal: what people think once they know it, and how well known it is;
    returns float32 [n], the share of purchases sent back; launched int64 [n], microseconds since the epoch;
    style int32 [n]: the items of a leaf in an order in which neighbours replace each other;
    department int32 [c]; goes_with int32 [c], -1 for none; peak int32 [c], day of the year, 0 for none.
    """

    ids: pa.Array
    leaf: Ints
    facets: Ints
    price: Floats
    dearness: Floats
    quality: Floats
    fame: Floats
    returns: Floats
    launched: Micros
    sponsored: Bools
    style: Ints
    department: Ints
    goes_with: Ints
    peak: Ints
    leaf_names: tuple[str, ...]
    department_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.leaf)

    @cached_property
    def by_leaf(self) -> Groups:
        """The items of each leaf, the best known first."""
        return Groups.of(self.leaf, -self.fame, len(self.leaf_names))

    @cached_property
    def by_facet(self) -> tuple[Groups, ...]:
        """For each facet, the items by `facet_key`, the best known first."""
        return tuple(
            Groups.of(
                np.where(codes < 0, NONE, self.facet_key(facet, self.leaf, codes)),
                -self.fame,
                len(self.leaf_names) * self._widths[facet],
            )
            for facet, codes in enumerate(self.facets)
        )

    def facet_key(self, facet: int, leaf: Ints, value: Ints) -> npt.NDArray[np.int64]:
        """The key in by_facet[facet] of a leaf and a value."""
        return leaf.astype(np.int64) * self._widths[facet] + value

    @cached_property
    def _widths(self) -> tuple[int, ...]:
        return tuple(int(codes.max(initial=0)) + 1 for codes in self.facets)

    @cached_property
    def advertised(self) -> Groups:
        """The sponsored items of each leaf."""
        return Groups.of(np.where(self.sponsored, self.leaf, NONE), self.style, len(self.leaf_names))

    @cached_property
    def _by_style(self) -> Groups:
        return Groups.of(self.leaf, self.style, len(self.leaf_names))

    @cached_property
    def complements(self) -> Ints:
        """int32 [n]: the item that is bought along with each, the one as well known in the leaf that goes with its own;
        -1 for none."""
        groups, leaf = self.by_leaf, self.leaf
        rank = np.empty(len(self), np.int64)
        rank[groups.rows] = np.arange(len(self)) - groups.starts[leaf[groups.rows]]
        other = self.goes_with[leaf]
        share = rank / np.maximum(groups.sizes[leaf], 1)
        place = groups.starts[other] + (share * groups.sizes[other]).astype(np.int64)
        found = (other >= 0) & (groups.sizes[other] > 0)
        return np.where(found, groups.rows[np.minimum(place, len(self) - 1)], NONE).astype(np.int32)

    def substitutes(self, items: Ints, rng: np.random.Generator) -> Ints:
        """For each item one that replaces it: at most three places away in the style of its leaf."""
        groups, leaf = self._by_style, self.leaf[items]
        steps = rng.choice(np.array([-3, -2, -1, 1, 2, 3]), len(items), p=[0.05, 0.1, 0.25, 0.35, 0.15, 0.1])
        places = (self.style[items] + steps) % groups.sizes[leaf]
        alike: Ints = groups.rows[groups.starts[leaf] + places]
        return alike


def style_order(leaf: Ints, *attributes: npt.NDArray[np.generic]) -> Ints:
    """The place of each item in its leaf, by attributes (the weightiest first): neighbours are alike."""
    order = np.lexsort((*reversed(attributes), leaf))
    starts = np.searchsorted(leaf[order], leaf[order])
    style = np.empty(len(leaf), np.int32)
    style[order] = np.arange(len(leaf)) - starts
    return style


def dearness(price: Floats, leaf: Ints, n_leaves: int) -> Floats:
    """log(price) against the mean of its leaf, in the leaf's standard deviations; 0 where the price is unknown."""
    known = np.isfinite(price) & (price > 0)
    logs = np.where(known, np.log(np.where(known, price, 1.0)), 0.0)
    count = np.maximum(np.bincount(leaf, known, n_leaves), 1)
    mean = np.bincount(leaf, logs, n_leaves) / count
    spread = np.sqrt(np.bincount(leaf, np.where(known, (logs - mean[leaf]) ** 2, 0.0), n_leaves) / count)
    return np.where(known, (logs - mean[leaf]) / np.maximum(spread[leaf], 1e-3), 0.0).astype(np.float32)


def numbered(prefix: str, numbers: npt.NDArray[np.integer], width: int) -> pa.Array:
    """string [n]: `prefix` and each number in `width` digits, such as P000042."""
    head = np.frombuffer(prefix.encode("ascii"), np.uint8)
    text = np.empty((len(numbers), len(head) + width), np.uint8)
    text[:, : len(head)] = head
    rest = np.asarray(numbers, np.int64)
    for column in range(len(head) + width - 1, len(head) - 1, -1):
        rest, digit = np.divmod(rest, 10)
        text[:, column] = digit + ord("0")
    offsets = np.arange(0, text.size + 1, text.shape[1], dtype=np.int32)
    return pa.StringArray.from_buffers(len(numbers), pa.py_buffer(offsets), pa.py_buffer(text))
