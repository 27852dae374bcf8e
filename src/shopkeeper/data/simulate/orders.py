"""From a product page to the cart, to the till, and back: carts, purchases, coupons redeemed, returns, ratings."""

from __future__ import annotations

import numpy as np

from shopkeeper.data.simulate.assortment import DAY, NONE, SECOND, Floats, Ints
from shopkeeper.data.simulate.world import Block, Events, on_sale, sigmoid
from shopkeeper.vocabulary import EventType

_COMPLEMENT_SHARE = 0.3  # of carts, to which what goes with it is added
_HIGHEST = 0.5  # the highest probability that a cart is bought, before coupons, so that a lift never passes 1


def act(block: Block, views: Events) -> Events:
    """Everything that people do after the views of a block."""
    views = views[block.human[views["visit"]]]
    wishes = _follow(block, EventType.FAVOURITE, views[block.rng.random(len(views)) < 0.06])
    carts, along = _carts(block, views)
    bought, offered = _decide(block, carts)
    purchases = _purchases(block, carts[bought], offered[bought])
    redeemed = purchases[purchases["coupon"] >= 0].copy()
    redeemed["type"] = EventType.REDEEM.code
    dropped = carts[~bought]
    uncarts = _follow(block, EventType.UNCART, dropped[block.rng.random(len(dropped)) < 0.2], seconds=120)
    return np.concatenate([wishes, along, carts, uncarts, purchases, redeemed, _later(block, purchases)])


def _follow(block: Block, kind: EventType, before: Events, seconds: int = 30) -> Events:
    """One event of a kind after each of the given ones, on the same item: or any other, in a world without sense."""
    loyalty = 1 - (1 - block.trust) ** 4
    return block.rows(
        kind,
        len(before),
        time=before["time"] + block.rng.integers(seconds // 2, seconds, len(before)) * SECOND,
        visit=before["visit"],
        item=block.blindly(before["item"], loyalty),
    )


def _carts(block: Block, views: Events) -> tuple[Events, Events]:
    """What is put into carts, with what goes with it; and the views of the latter."""
    rng = block.rng
    liking = block.liking(views["visit"], views["item"])
    carts = _follow(block, EventType.CART, views[rng.random(len(views)) < sigmoid(block.trust * liking - 1.0)])
    partner = block.shop.complements[carts["item"]]
    tempted = (partner >= 0) & (rng.random(len(carts)) < _COMPLEMENT_SHARE * block.trust)
    along = carts[tempted].copy()
    along["item"] = block.blindly(partner[tempted])
    along["time"] += 40 * SECOND
    seen = along.copy()
    seen["type"] = EventType.VIEW.code
    seen["time"] -= 15 * SECOND
    carts = on_sale(block.shop, np.concatenate([carts, along]))
    carts["quantity"] = 1 + (rng.random(len(carts)) < 0.15) + (rng.random(len(carts)) < 0.05)
    return carts, seen


def _decide(block: Block, carts: Events) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.bool_]], Ints]:
    """Which carts are bought, and the coupon that was offered for each (-1 for none), whose lift is in it."""
    world, visits = block.world, block.visits
    visit, item = carts["visit"], carts["item"]
    known = np.where(visits.anonymous[visit], NONE, visits.user[visit])
    offered = world.coupons.offered(block.shop, known, item, world.days(carts["time"]))
    taste = world.shoppers.utility(block.shop, visits.user[visit], item)
    chance: Floats = _HIGHEST * sigmoid(block.trust * taste + 0.5)
    lift = np.where(offered >= 0, world.coupons.lift(world.shoppers.thrift[visits.user[visit]], offered), 0.0)
    return block.rng.random(len(carts)) < chance * (1 + lift), offered


def _purchases(block: Block, carts: Events, offered: Ints) -> Events:
    """One order for each visit that buys, paid a while after its last cart."""
    till = np.zeros(len(block.visits), np.int64)
    np.maximum.at(till, carts["visit"], carts["time"] + 90 * SECOND)
    purchases = carts.copy()
    purchases["type"] = EventType.PURCHASE.code
    purchases["time"] = till[carts["visit"]]
    purchases["order"] = carts["visit"]
    purchases["coupon"] = offered
    purchases["item"] = block.blindly(carts["item"], 1 - (1 - block.trust) ** 4)
    return purchases


def _later(block: Block, purchases: Events) -> Events:
    """Returns and ratings, days after: what is sent back is rated lower."""
    rng, shop = block.rng, block.shop
    loyalty = 1 - (1 - block.trust) ** 4
    item = purchases["item"]
    sent_back = rng.random(len(purchases)) < shop.returns[item]
    rated = rng.random(len(purchases)) < 0.35
    returns, ratings = purchases[sent_back].copy(), purchases[rated].copy()
    returns["type"], ratings["type"] = EventType.RETURN.code, EventType.RATING.code
    returns["time"] += (rng.uniform(2, 21, len(returns)) * DAY).astype(np.int64)
    ratings["time"] += (rng.uniform(1, 15, len(ratings)) * DAY).astype(np.int64)
    opinion = 3.9 + block.trust * (0.7 * shop.quality[item] - 1.5 * sent_back) + rng.normal(0.0, 0.7, len(item))
    ratings["rating"] = np.clip(np.round(opinion[rated]), 1, 5)
    ratings["quantity"], ratings["coupon"] = 0, NONE
    later = np.concatenate([returns, ratings])
    later["item"] = block.blindly(later["item"], loyalty)
    return later
