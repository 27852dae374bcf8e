"""The world that events happen in, and one block of its visits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from shopkeeper.data.simulate.assortment import DAY, NONE, Assortment, Bools, Floats, Ints, Micros
from shopkeeper.data.simulate.coupons import Coupons
from shopkeeper.data.simulate.queries import Queries
from shopkeeper.data.simulate.shoppers import FAVOURITES, HUMAN, Shoppers, best_of
from shopkeeper.vocabulary import EventType

DIRECT, SEARCH, SHELF = range(3)  # how a visit begins: on a product page, with a query, on the home page

Events = npt.NDArray[Any]  # of dtype EVENT

EVENT = np.dtype(
    [
        ("time", "i8"), ("visit", "i8"), ("user", "i4"), ("type", "i1"), ("item", "i4"), ("query", "i4"),
        ("slate", "i8"), ("position", "i2"), ("swap", "i1"), ("sponsored", "?"), ("quantity", "i2"), ("price", "f4"),
        ("order", "i8"), ("coupon", "i2"), ("rating", "i1"), ("phone", "?"),
    ]
)  # fmt: skip
_BLANK = np.array((0, 0, -1, 0, -1, -1, -1, 0, 0, False, 0, np.nan, -1, -1, 0, False), EVENT)


@dataclass(frozen=True)
class World:
    """Everything that decides what happens. season float64 [days, leaves]: how much each leaf is wanted each day;
    start: the first midnight.

    predictability: 1, all choices follow tastes and likeness; 0, every item is as likely as any other, always.
    """

    shop: Assortment
    shoppers: Shoppers
    queries: Queries
    coupons: Coupons
    season: npt.NDArray[np.float64]
    start: int
    predictability: float

    def days(self, times: Micros) -> Ints:
        day: Ints = np.clip((times - self.start) // DAY, 0, len(self.season) - 1).astype(np.int32)
        return day

    def wanted(self, days: Ints, rng: np.random.Generator) -> Ints:
        """A leaf for each day, by season."""
        n_leaves = self.season.shape[1]
        place = np.searchsorted(self._ladder, days + rng.random(days.shape), side="right")
        leaf: Ints = np.clip(place - days.astype(np.int64) * n_leaves, 0, n_leaves - 1).astype(np.int32)
        return leaf

    @cached_property
    def _ladder(self) -> npt.NDArray[np.float64]:
        """The cumulated shares of all days one after the other, day d from d to d + 1."""
        shares = np.cumsum(self.season, axis=1)
        ladder: npt.NDArray[np.float64] = (shares / shares[:, -1:] + np.arange(len(shares))[:, None]).ravel()
        return ladder


@dataclass(frozen=True)
class Visits:
    """v visits. user int32; anonymous bool; time int64, when it begins; leaf and target int32, what the visitor has in
    mind; kind int8 (DIRECT, SEARCH, SHELF); phone bool."""

    user: Ints
    anonymous: Bools
    time: Micros
    leaf: Ints
    target: Ints
    kind: npt.NDArray[np.int8]
    phone: Bools

    def __len__(self) -> int:
        return len(self.user)


@dataclass(frozen=True)
class Block:
    """Visits of one stretch of time in a world, and the chance that decides in them."""

    world: World
    visits: Visits
    rng: np.random.Generator

    @property
    def shop(self) -> Assortment:
        return self.world.shop

    @property
    def trust(self) -> float:
        return self.world.predictability

    def rows(self, kind: EventType, count: int, **columns: Any) -> Events:
        """`count` events of a kind; columns that are not given are blank."""
        rows = np.full(count, _BLANK)
        rows["type"] = kind.code
        for name, values in columns.items():
            rows[name] = values
        return rows

    def blindly(self, items: Ints, trust: float | None = None) -> Ints:
        """Replace a share of choices, 1 - trust, by any item of the shop."""
        return _blindly(self.shop, items, self.trust if trust is None else trust, self.rng)

    def liking(self, visit: npt.NDArray[np.int64], items: Ints) -> Floats:
        """How much the visitors like the items now: by taste, by whether it is the kind of thing they came for, and
        most of all the very thing."""
        visits, shop = self.visits, self.shop
        taste = self.world.shoppers.utility(shop, visits.user[visit], items)
        astray = shop.leaf[items] != visits.leaf[visit]
        liking: Floats = (taste - 1.5 * astray + 1.5 * (items == visits.target[visit])).astype(np.float32)
        return liking

    @cached_property
    def human(self) -> Bools:
        people: Bools = self.world.shoppers.bot[self.visits.user] == HUMAN
        return people


def plan(world: World, times: Micros, rng: np.random.Generator) -> Block:
    """Who comes at these times, and what for."""
    shop, shoppers, n = world.shop, world.shoppers, len(times)
    user = shoppers.draw(n, rng)
    slot = rng.choice(FAVOURITES, n, p=[0.5, 0.3, 0.2])
    usual = rng.random(n) < 0.7
    leaf = np.where(usual, shoppers.favourites[user, slot], world.wanted(world.days(times), rng)).astype(np.int32)
    loyal = usual & (rng.random(n) < 0.3)
    target = np.where(loyal, shoppers.loved[user, slot], best_of(shop, shoppers, user, leaf, rng)).astype(np.int32)
    target = _blindly(shop, target, world.predictability, rng)
    visits = Visits(
        user=user,
        anonymous=rng.random(n) < 0.1,
        time=times,
        leaf=shop.leaf[target],
        target=target,
        kind=rng.choice(np.array([DIRECT, SEARCH, SHELF], np.int8), n, p=[0.25, 0.55, 0.2]),
        phone=rng.random(n) < 0.6,
    )
    return Block(world, visits, rng)


def sigmoid(x: npt.NDArray[np.floating]) -> Floats:
    return np.asarray(1 / (1 + np.exp(-x)), np.float32)


def _blindly(shop: Assortment, items: Ints, trust: float, rng: np.random.Generator) -> Ints:
    any_item = rng.integers(0, len(shop), items.shape, np.int32)
    return np.where(rng.random(items.shape, np.float32) < trust, items, any_item).astype(np.int32)


def on_sale(shop: Assortment, events: Events) -> Events:
    """The events whose item is launched by then (or that have none)."""
    item = events["item"]
    kept: Events = events[(item == NONE) | (shop.launched[item] <= events["time"])]
    return kept
