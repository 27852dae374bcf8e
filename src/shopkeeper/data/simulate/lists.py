"""The lists that the shop shows, on the home page and as answers to queries, and what is clicked in them.

A shopper looks at place k with the probability EXAMINATION[k - 1], whoever they are and whatever stands there, and
clicks on what they looked at and like: the position-based model of Richardson et al., "Predicting clicks" (WWW 2007).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from shopkeeper.data.simulate.assortment import FACETS, NONE, SECOND, Bools, Floats, Ints, Micros
from shopkeeper.data.simulate.world import SEARCH, SHELF, Block, Events, sigmoid
from shopkeeper.vocabulary import EventType

LISTS_PER_VISIT = 2  # at most
LONGEST, SHORTEST = 8, 4  # items in a list on a computer and on a phone
EXAMINATION: Floats = (1.0 / np.arange(1, LONGEST + 1) ** 0.7).astype(np.float32)
SWAP_SHARE = 0.2  # of the lists, in which places 1 and k are exchanged, k drawn evenly

_POOL = 16  # items that the shop considers for a list
_FACET_SHARES = (0.42, 0.23, 0.15, 0.15, 0.05)  # of queries: by leaf alone, then by FACETS

Visit = npt.NDArray[np.int64]


def show(block: Block) -> tuple[Events, Events]:
    """The searches and impressions of a block, and the clicks that come of them."""
    rng, visits = block.rng, block.visits
    pages = np.where(visits.kind == SEARCH, 1 + (rng.random(len(visits)) < 0.35), visits.kind == SHELF)
    visit = np.repeat(np.arange(len(visits)), pages * block.human)
    page = np.arange(len(visit)) - np.searchsorted(visit, visit)
    slate = visit * LISTS_PER_VISIT + page
    time = visits.time[visit] + (20 + 180 * page) * SECOND
    query, wish = _ask(block, visit)
    items, sponsored = _rank(block, visit, time, wish)
    swap = _swap(items, sponsored, rng)
    row, column = np.nonzero(items >= 0)
    listed = {
        "visit": visit[row],
        "item": items[row, column],
        "query": query[row],
        "slate": slate[row],
        "position": column + 1,
        "swap": swap[row],
        "sponsored": sponsored[row, column],
    }
    impressions = block.rows(EventType.IMPRESSION, len(row), time=time[row] + SECOND, **listed)
    liking = block.liking(visit[row], items[row, column]) + 0.8 * _match(block, wish[row], items[row, column])
    clicked = rng.random(len(row)) < EXAMINATION[column] * sigmoid(block.trust * liking - 0.9)
    read = (5 + 8 * column + rng.integers(0, 5, len(row))) * SECOND
    clicks = block.rows(EventType.VIEW, len(row), time=time[row] + read, **listed)[clicked]
    asked = query >= 0
    searches = block.rows(
        EventType.SEARCH, int(asked.sum()), time=time[asked], visit=visit[asked], query=query[asked], slate=slate[asked]
    )
    return np.concatenate([searches, impressions]), clicks


def _ask(block: Block, visit: Visit) -> tuple[Ints, Ints]:
    """The query of each list, which describes the item in mind (-1 on a shelf), and what it asks for, int32 [lists, 4]:
    leaf (-1 for a whole department), department, facet and value."""
    rng, shop, visits, queries = block.rng, block.shop, block.visits, block.world.queries
    target, leaf, n = visits.target[visit], visits.leaf[visit], len(visit)
    facet = rng.choice(np.arange(-1, len(FACETS)), n, p=_FACET_SHARES)
    value = np.where(facet >= 0, shop.facets[facet, target], NONE)
    facet = np.where(value >= 0, facet, NONE)
    broad = (rng.random(n) < 0.08) & (facet < 0)
    language = block.world.shoppers.language[visits.user[visit]]
    query = queries.choose(np.where(broad, NONE, leaf), shop.department[leaf], language, facet, value, rng)
    wish = np.stack([queries.leaf[query], queries.department[query], queries.facet[query], queries.value[query]], 1)
    shelf = visits.kind[visit] == SHELF
    wish[shelf] = NONE
    return np.where(shelf, NONE, query).astype(np.int32), wish


def _match(block: Block, wish: Ints, items: Ints) -> Floats:
    """How well items (int32 [n] or [n, m]) answer wishes (int32 [n, 4]): 1 all that was asked, 0 the leaf alone (or
    nothing was asked), -1 something else."""
    shop = block.shop
    leaf, department, facet, value = wish.T if items.ndim == 1 else wish.T[:, :, None]
    own = shop.leaf[items]
    at_home = np.where(leaf >= 0, own == leaf, shop.department[own] == department)
    has = (facet < 0) | (shop.facets[facet, items] == value)
    return np.where(department < 0, 0.0, np.where(at_home, np.where(has, 1.0, 0.0), -1.0)).astype(np.float32)


def _pool(block: Block, visit: Visit, wish: Ints) -> Ints:
    """The items that the shop considers for each list, int32 [lists, _POOL]; -1 where it finds none."""
    rng, shop, visits = block.rng, block.shop, block.visits
    n, half = len(visit), _POOL // 2
    # A shelf, and a search for a whole department, mix the leaf in mind with others.
    mixed = (wish[:, :1] < 0) & (rng.random((n, _POOL), np.float32) < 0.5)
    other = shop.leaf[rng.integers(0, len(shop), (n, _POOL))]
    pool = shop.by_leaf.draw(np.where(mixed, other, visits.leaf[visit][:, None]), rng)
    for facet, groups in enumerate(shop.by_facet):
        mine = np.flatnonzero(wish[:, 2] == facet)
        keys = shop.facet_key(facet, wish[mine, 0], wish[mine, 3])
        pool[mine, :half] = groups.draw(np.repeat(keys[:, None], half, axis=1), rng)
    found = rng.random(n) < 0.5
    pool[found, 0] = visits.target[visit][found]
    return block.blindly(pool)


def _rank(block: Block, visit: Visit, time: Micros, wish: Ints) -> tuple[Ints, Bools]:
    """The shop's own ranking: fame, match and luck, and now and then a sponsored item near the top.

    Gives int32 and bool [lists, LONGEST]: the items, -1 where there are no more, and which of them are advertisements.
    """
    rng, shop = block.rng, block.shop
    pool = _pool(block, visit, wish)
    banner = shop.advertised.draw(block.visits.leaf[visit], rng)
    paid = (banner >= 0) & (rng.random(len(visit)) < 0.3 * block.trust)
    pool[paid, -1] = banner[paid]
    score = block.trust * (0.5 * shop.fame[pool] + 2.0 * _match(block, wish, pool))
    score += 0.7 * rng.gumbel(size=pool.shape)
    score[paid, -1] += 3.0
    score[(pool < 0) | (shop.launched[pool] > time[:, None]) | _repeated(pool)] = -np.inf
    order = np.argsort(-score, axis=1, kind="stable")[:, :LONGEST]
    length = np.where(block.visits.phone[visit], SHORTEST, LONGEST)
    fits = np.isfinite(np.take_along_axis(score, order, 1)) & (np.arange(LONGEST) < length[:, None])
    items = np.where(fits, np.take_along_axis(pool, order, 1), NONE).astype(np.int32)
    return items, (order == _POOL - 1) & paid[:, None] & fits


def _repeated(pool: Ints) -> Bools:
    """Which places hold an item that stands further right too, so that a list names nothing twice."""
    order = np.argsort(pool, axis=1, kind="stable")
    ordered = np.take_along_axis(pool, order, 1)
    again = np.zeros(pool.shape, bool)
    np.put_along_axis(again, order[:, :-1], ordered[:, :-1] == ordered[:, 1:], 1)
    return again


def _swap(items: Ints, sponsored: Bools, rng: np.random.Generator) -> Ints:
    """Exchange, in place, places 1 and k in a share of the lists; int32 [lists]: k, 0 where nothing was tried.

    What stood first is then seen at 1 and at k, and its click rates differ by position alone (Joachims et al.,
    "Unbiased learning-to-rank with biased feedback", WSDM 2017). k = 1 is the control.
    """
    length = (items >= 0).sum(1)
    rows = np.flatnonzero((rng.random(len(items)) < SWAP_SHARE) & (length > 0))
    other = (length[rows] * rng.random(len(rows))).astype(np.int64)
    for table in (items, sponsored):
        table[rows, 0], table[rows, other] = table[rows, other], table[rows, 0]
    swap = np.zeros(len(items), np.int32)
    swap[rows] = other + 1
    return swap
