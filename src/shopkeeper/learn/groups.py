"""Who asks and what is wanted, in groups: a mean over all hides whom a shop serves badly.

Each request is of one group of people, by what was known of the person before it, and of one group of items, by the
item that was wanted most. The bounds are the same for every shop, so that figures of two can be laid side by side.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from shopkeeper.engine.interest import DAY
from shopkeeper.engine.pipeline import Engine
from shopkeeper.learn.requests import Asked
from shopkeeper.learn.split import Part
from shopkeeper.vocabulary import Mask

USER_GROUPS = ("newcomers", "regulars", "heavy users")
ITEM_GROUPS = ("head items", "tail items", "new items")
REGULAR_FROM = 5  # events: sets of published figures leave out people with fewer, so that these are the cold start
HEAVY_FROM = 50  # events: as many as most models of sequences read
HEAD_SHARE = 0.5  # of the events, those of the most met items: head and tail are then both wanted often enough to tell
NEW_DAYS, NEW_SHARE = 30, 0.1  # since an item came; in a young shop this share of its history, or else all were new

Groups = npt.NDArray[np.int8]


def groups_of(engine: Engine, part: Part, asked: Sequence[Asked]) -> dict[str, Mask]:
    """bool [requests] by group, first those of people, then those of items. `engine` answers the part's requests."""
    of_items = item_groups(engine, part)
    events = np.array([len(engine.context(one.request).history) for one in asked], np.int64)
    wanted = np.array([_wanted(one, of_items) for one in asked], np.int8)
    people = np.digitize(events, (REGULAR_FROM, HEAVY_FROM))
    return {
        **{name: people == at for at, name in enumerate(USER_GROUPS)},
        **{name: wanted == at for at, name in enumerate(ITEM_GROUPS)},
    }


def item_groups(engine: Engine, part: Part) -> Groups:
    """int8 [n_items], places in ITEM_GROUPS, as of the part's beginning. New is what nobody had met, and in a shop with
    a clock what came of late; head are the most met items that have HEAD_SHARE of all events, with all that are met as
    often as the last of them."""
    known = part.known
    met = np.bincount(known.items, minlength=len(engine.catalogue))
    falling = np.sort(met)[::-1]
    edge = int(np.searchsorted(np.cumsum(falling), HEAD_SHARE * met.sum()))
    groups = np.where(met >= falling[edge : edge + 1].sum(), 0, 1).astype(np.int8)
    new = met == 0
    if known.has_clock:
        youth = min(NEW_DAYS * DAY, NEW_SHARE * (part.now - float(known.times.min())))
        new |= part.now - engine.statistics.since < youth  # NaN, of unknown age, is not below
    groups[new] = ITEM_GROUPS.index("new items")
    return groups


def _wanted(one: Asked, of_items: Groups) -> int:
    """The group of the item that was wanted most; of several, the one that is hardest to find."""
    return int(of_items[one.rows[one.gains == one.gains.max()]].max())
