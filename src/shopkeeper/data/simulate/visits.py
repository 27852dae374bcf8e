"""Visits become events: lists and clicks, walks from product page to product page, carts and orders, and bots."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from shopkeeper.data.simulate.assortment import NONE, SECOND, Ints, Micros
from shopkeeper.data.simulate.lists import show
from shopkeeper.data.simulate.orders import act
from shopkeeper.data.simulate.shoppers import BOOSTER
from shopkeeper.data.simulate.world import DIRECT, Block, Events, World, on_sale, plan
from shopkeeper.vocabulary import EventType

_STEPS = 4  # at most, from a product page to others
_GO_ON = 0.5  # the probability of each step
_BOT_VIEWS = (20, 60)  # in a visit, at least and below

_PRICED = [kind.code for kind in (EventType.VIEW, EventType.CART, EventType.UNCART, EventType.FAVOURITE)]
_PAID = [kind.code for kind in (EventType.PURCHASE, EventType.REDEEM, EventType.RETURN)]


def unfold(world: World, times: Micros, rng: np.random.Generator) -> Events:
    """What happens in the visits that begin at `times` (int64 [v], microseconds): events in no order.

    `visit` numbers the visits of the block from 0; `slate` and `order` are numbered by visit too.
    """
    block = plan(world, times, rng)
    lists, clicks = show(block)
    views = _walk(block, np.concatenate([clicks, _arrivals(block)]))
    events = np.concatenate([lists, views, act(block, views), _bots(block)])
    return on_sale(world.shop, _signed(block, events))


def _arrivals(block: Block) -> Events:
    """The views of those who come straight to what they have in mind, by a link or a bookmark."""
    visits = block.visits
    visit = np.flatnonzero((visits.kind == DIRECT) & block.human)
    return block.rows(EventType.VIEW, len(visit), time=visits.time[visit], visit=visit, item=visits.target[visit])


def _walk(block: Block, views: Events) -> Events:
    """The views, those not on sale yet left out, with the views that follow: what replaces an item comes after it."""
    rng = block.rng
    step = on_sale(block.shop, views)
    steps = [step]
    for _ in range(_STEPS):
        before = step[rng.random(len(step)) < _GO_ON]
        step = on_sale(
            block.shop,
            block.rows(
                EventType.VIEW,
                len(before),
                time=before["time"] + rng.integers(15, 60, len(before)) * SECOND,
                visit=before["visit"],
                item=block.blindly(block.shop.substitutes(before["item"], rng)),
            ),
        )
        steps.append(step)
    return np.concatenate(steps)


def _bots(block: Block) -> Events:
    """Scrapers read the catalogue in its order, boosters open one page again and again; none of them buys."""
    rng, visits, shop = block.rng, block.visits, block.shop
    bots = np.flatnonzero(~block.human)
    views = rng.integers(*_BOT_VIEWS, len(bots))
    visit = np.repeat(bots, views)
    turn = np.arange(len(visit)) - np.repeat(np.cumsum(views) - views, views)
    booster = block.world.shoppers.bot[visits.user[visit]] == BOOSTER
    item: Ints = ((visits.target[visit] + np.where(booster, 0, turn)) % len(shop)).astype(np.int32)
    time = visits.time[visit] + turn * 2 * SECOND
    return block.rows(EventType.VIEW, len(visit), time=time, visit=visit, item=block.blindly(item))


def _signed(block: Block, events: Events) -> Events:
    """Add what an event takes from its visit and from its item."""
    visits, visit, item, kind = block.visits, events["visit"], events["item"], events["type"]
    events["user"] = np.where(visits.anonymous[visit], NONE, visits.user[visit])
    events["phone"] = visits.phone[visit]
    paid = np.isin(kind, _PAID)
    discount = np.append(block.world.coupons.discount, np.float32(0))[events["coupon"]]  # the last is for no coupon
    price: npt.NDArray[np.float32] = block.shop.price[item] * (1 - discount)
    events["price"] = np.where(paid | np.isin(kind, _PRICED), price, np.nan)
    return events
