"""Items that go together: what people looked at, or bought, close to one another.

Neighbours are counted in sequence: for each event, the few events before and after it by the same person. An item that
follows soon counts more than one that follows late, following more than preceding, the same visit more than another
one, last week more than last year. Counts become a cosine with shrinkage; each item keeps its best neighbours.
After session-based nearest neighbours (Ludewig and Jannach, "Evaluation of session-based recommendation algorithms",
UMUAI 2018) and item-to-item collaborative filtering (Linden, Smith and York, IEEE Internet Computing 2003).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from shopkeeper.engine.configured import Configured
from shopkeeper.engine.context import Candidates, Context, Material, ReleaseParts
from shopkeeper.engine.interest import decay, interest_of
from shopkeeper.release.arrays import load_array, save_arrays
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.release.fields import places_of, starts_of
from shopkeeper.release.interactions import Interactions
from shopkeeper.settings import Settings
from shopkeeper.shop_toml import Config
from shopkeeper.vocabulary import INTEREST, EventType, Mask, Rows, Scores

Integers = npt.NDArray[np.int64]
PairsOf = Callable[[Integers, int], Iterator[tuple[Integers, Scores]]]

PAIRS_AT_ONCE = 8_000_000  # bounds the memory of counting
LOOK_BACK = 30  # events of a history, the newest, whose neighbours are proposed
RECENCY = 0.7  # the weight of each of them against the one after it


@dataclass(frozen=True)
class Closeness:
    """What makes two events of a person belong together."""

    window: int = 10  # events before and after that are looked at
    step: float = 0.8  # an event n places away counts step ** (n - 1)
    preceding: float = 0.2  # what a preceding event counts against a following one
    across: float = 0.3  # what an event of another visit counts
    popularity: float = 0.25  # the power by which a neighbour's own frequency is divided out: 0.5 is a cosine
    shrinkage: float = 20.0  # events that an item is credited with, so that few coincidences weigh little
    neighbours: int = 150  # kept of each item


@dataclass(frozen=True)
class Neighbours:
    """Compressed sparse rows: the neighbours of item r are rows[starts[r]:starts[r + 1]], int32, ascending,
    with weights float32. starts int64 [n + 1]."""

    starts: Integers
    rows: Rows
    weights: Scores

    def around(self, anchors: Rows, weights: Scores) -> tuple[Integers, Rows, Scores]:
        """The neighbours of several items: for each link the anchor's position, the neighbour's row, and the link's
        weight times the anchor's."""
        owners, places = places_of(self.starts, anchors)
        return owners, self.rows[places], self.weights[places] * weights[owners]

    def save(self, directory: Path) -> None:
        save_arrays(directory, {f.name: getattr(self, f.name) for f in fields(self)})

    @classmethod
    def load(cls, directory: Path) -> Neighbours:
        """Memory-mapped."""
        return cls(**{f.name: load_array(directory, f.name) for f in fields(cls)})


class Trail(NamedTuple):
    """Everyone's events of interest, person by person, old to new, without immediate repeats."""

    users: Rows
    items: Rows
    visits: Rows
    times: npt.NDArray[np.float64]
    weights: Scores


class Counts(NamedTuple):
    """The weighted count of each pair (item, neighbour): unique pairs, ordered."""

    items: Integers
    neighbours: Integers
    counts: Scores


def count_together(
    interactions: Interactions, n_items: int, now: float, half_life_days: float, closeness: Closeness
) -> Neighbours:
    """The neighbours of every item, counted block of items by block of items in bounded memory."""
    trail = trail_of(interactions, now, half_life_days)
    frequency = np.bincount(trail.items, trail.weights, minlength=n_items) + closeness.shrinkage
    discount = (frequency**-closeness.popularity).astype(np.float32)
    lengths, rows, weights = np.zeros(n_items, dtype=np.int64), [], []
    pairs = partial(_pairs, trail, n_items=n_items, closeness=closeness)
    for items, neighbours, counts in counted(trail, n_items, closeness.window, pairs):
        strength = counts * discount[neighbours] * frequency[items] ** (closeness.popularity - 1.0)
        kept = strongest(items, strength, closeness.neighbours)
        lengths += np.bincount(items[kept], minlength=n_items)
        rows.append(neighbours[kept].astype(np.int32))
        weights.append(strength[kept].astype(np.float32))
    return Neighbours(
        starts_of(lengths),
        np.concatenate(rows or [np.empty(0, np.int32)]),
        np.concatenate(weights or [np.empty(0, np.float32)]),
    )


def strongest(items: Integers, strength: npt.NDArray[np.floating[Any]], limit: int) -> Mask:
    """Which links, ordered by item, are among the `limit` strongest of their item."""
    kept = np.ones(len(items), dtype=np.bool_)
    for begin, end in pairwise(np.append(np.flatnonzero(np.diff(items, prepend=-1)), len(items))):
        if end - begin > limit:
            own = strength[begin:end]
            floor = np.partition(own, -limit)[-limit]
            kept[begin:end] = own > floor
            ties = begin + np.flatnonzero(own == floor)
            kept[ties[: limit - np.count_nonzero(kept[begin:end])]] = True
    return kept


def trail_of(interactions: Interactions, now: float, half_life_days: float) -> Trail:
    users = np.repeat(np.arange(interactions.n_users, dtype=np.int32), np.diff(interactions.starts))
    items, codes = np.asarray(interactions.items), np.asarray(interactions.codes)
    kept = interest_of(codes) > 0
    users, items, visits, times = users[kept], items[kept], interactions.sessions[kept], interactions.times[kept]
    if len(items):
        fresh = np.append(True, (items[1:] != items[:-1]) | (users[1:] != users[:-1]))
        users, items, visits, times = users[fresh], items[fresh], visits[fresh], times[fresh]
    return Trail(users, items, visits, times, decay(times, now, half_life_days))


def counted(trail: Trail, n_items: int, window: int, pairs_of: PairsOf) -> Iterator[Counts]:
    """The weighted counts of all pairs, unique, some items at a time.

    pairs_of: of these events (places in the trail), whose items count from `first`, each pair with another of at most
    2 · window events: key, (item - first) · n_items + other item, and weight.
    """
    by_item = np.argsort(trail.items, kind="stable")
    ends = np.cumsum(np.bincount(trail.items, minlength=n_items))
    first = 0
    while first < n_items:
        begin = int(ends[first - 1]) if first else 0
        last = int(np.searchsorted(ends, begin + PAIRS_AT_ONCE // (2 * window), side="right"))
        last = min(max(last, first + 1), n_items)
        events = np.sort(by_item[begin : ends[last - 1]])  # near in memory what is near in time
        cells = (last - first) * n_items
        pairs = pairs_of(events, first)
        keys, counts = _sum_dense(pairs, cells) if cells <= PAIRS_AT_ONCE else _sum_sparse(pairs)
        yield Counts(keys // n_items + first, keys % n_items, counts)
        first = last


def _pairs(
    trail: Trail, events: Integers, first: int, *, n_items: int, closeness: Closeness
) -> Iterator[tuple[Integers, Scores]]:
    """(key, weight) of the pairs of some events with their neighbours in time; key: (item - first) * n_items + item."""
    for step in range(1, closeness.window + 1):
        later, earlier = events[events < len(trail.items) - step], events[events >= step]
        for mine, theirs, direction in ((later, later + step, 1.0), (earlier, earlier - step, closeness.preceding)):
            paired = (trail.users[mine] == trail.users[theirs]) & (trail.items[mine] != trail.items[theirs])
            mine, theirs = mine[paired], theirs[paired]
            same_visit = trail.visits[mine] == trail.visits[theirs]
            at_once = same_visit & (trail.times[mine] == trail.times[theirs])  # an order's lines have no order
            weights = trail.weights[np.maximum(mine, theirs)] * np.where(same_visit, 1.0, closeness.across)
            weights *= np.where(at_once, 1.0, direction * closeness.step ** (step - 1))
            yield (trail.items[mine].astype(np.int64) - first) * n_items + trail.items[theirs], weights


def _sum_dense(pairs: Iterator[tuple[Integers, Scores]], cells: int) -> tuple[Integers, Scores]:
    total = np.zeros(cells)
    for keys, weights in pairs:
        np.add.at(total, keys, weights)
    keys = np.flatnonzero(total)
    return keys, total[keys].astype(np.float32)


def _sum_sparse(pairs: Iterator[tuple[Integers, Scores]]) -> tuple[Integers, Scores]:
    every = list(pairs)
    keys, weights = np.concatenate([k for k, _ in every]), np.concatenate([w for _, w in every])
    order = np.argsort(keys)
    keys, weights = keys[order], weights[order]
    begins = np.flatnonzero(np.append(True, keys[1:] != keys[:-1])[: len(keys)])
    return keys[begins], np.add.reduceat(weights, begins).astype(np.float32) if len(begins) else weights


class Together:
    """A fitted source: the neighbours of the anchors, or else of what the person last showed interest in."""

    def __init__(
        self,
        name: str,
        reason: str,
        neighbours: Neighbours,
        catalogue: Catalogue,
        recency: float = RECENCY,
        look_back: int = LOOK_BACK,
    ) -> None:
        """reason: to which “with …” is added where an item is to be named; recency: what an event of the history counts
        against the one after it; look_back: the events that are asked, the newest."""
        self.name, self._reason, self._recency, self._look_back = name, reason, recency, look_back
        self._neighbours, self._catalogue = neighbours, catalogue

    def retrieve(self, context: Context, limit: int) -> Candidates:
        _, links, strength = self._neighbours.around(*self._anchors(context))
        rows, at = np.unique(links, return_inverse=True)
        scores = np.bincount(at, strength.astype(np.float64), minlength=len(rows))
        return Candidates.within(context, rows, scores, limit)

    def reason(self, context: Context, row: int) -> str:
        return self.reasons(context, np.array([row], np.int32))[0]

    def reasons(self, context: Context, rows: Rows) -> list[str]:
        """Each names the anchor to which the row is tied most strongly."""
        anchors, weights = self._anchors(context)
        owners, neighbours, strength = self._neighbours.around(anchors, weights)
        links = np.flatnonzero(np.isin(neighbours, rows))
        links = links[np.lexsort((-strength[links], neighbours[links]))]
        tied, firsts = np.unique(neighbours[links], return_index=True)
        strongest = anchors[owners[links[firsts]]]
        names = dict(zip(tied.tolist(), self._catalogue.names(strongest), strict=True))
        return [f"{self._reason} with “{names[row]}”" if row in names else self._reason for row in rows.tolist()]

    def save(self, directory: Path) -> None:
        self._neighbours.save(directory)

    def _anchors(self, context: Context) -> tuple[Rows, Scores]:
        """Where neighbours are looked for, and how much each place counts."""
        if len(context.anchors):
            return context.anchors, np.ones(len(context.anchors), dtype=np.float32)
        told = interest_of(context.history_codes) > 0
        recent = context.history[told][: -self._look_back - 1 : -1]  # newest first
        return recent, (self._recency ** np.arange(len(recent))).astype(np.float32)


class FromNeighbours(Configured[Config]):
    """A recipe whose fit ends with neighbours of items. reason: as `Together` has it; its config says `recency` and
    `look_back`, which are those of `Together`."""

    reason: ClassVar[str]

    def load(self, directory: Path, release: ReleaseParts) -> Together:
        return self.source(Neighbours.load(directory), release.catalogue, release.settings)

    def source(self, neighbours: Neighbours, catalogue: Catalogue, settings: Settings) -> Together:
        """Raises SettingsError."""
        config: Any = self.configured(settings)
        return Together(self.name, self.reason, neighbours, catalogue, config.recency, config.look_back)


class TogetherRecipe:
    """How a source of items that go together comes to be; `types` are the events it counts."""

    learns_from_events = True

    def __init__(self, name: str, verb: str, when: str, types: Iterable[EventType]) -> None:
        self.name, self.verb, self.when, self.types = name, verb, when, tuple(types)

    def fit(self, material: Material) -> Together:
        interactions = material.interactions.of_types(self.types)
        half_life = material.settings.train.half_life_days
        neighbours = count_together(interactions, len(material.catalogue), material.now, half_life, Closeness())
        return self._source(neighbours, material.catalogue)

    def load(self, directory: Path, release: ReleaseParts) -> Together:
        return self._source(Neighbours.load(directory), release.catalogue)

    def _source(self, neighbours: Neighbours, catalogue: Catalogue) -> Together:
        return Together(self.name, f"{self.verb} together", neighbours, catalogue)


ViewedTogether = TogetherRecipe(
    "viewed_together",
    "viewed",
    "every shop with some thousand events: seconds to fit at any size, and its reasons are plain",
    INTEREST,
)
BoughtTogether = TogetherRecipe(
    "bought_together", "bought", "beside a cart, where baskets hold several things", (EventType.PURCHASE,)
)
