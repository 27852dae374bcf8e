"""How much an event says and how long it counts: the weights behind popularity, trends and neighbours."""

from __future__ import annotations

import numpy as np

from shopkeeper.release.catalogue import Catalogue
from shopkeeper.release.interactions import Interactions
from shopkeeper.vocabulary import EVENT_TYPES, INTEREST, Codes, Rows, Scores, Seconds

DAY = 86_400.0
WEIGHTS: Scores = np.array([INTEREST.get(kind, 0.0) for kind in EVENT_TYPES], dtype=np.float32)


def interest_of(codes: Codes) -> Scores:
    """float32 [n]: INTEREST of each event, 0 for events that show none."""
    return WEIGHTS[codes]


def decay(times: Seconds, now: float, half_life_days: float) -> Scores:
    """float32 [n]: 0.5 ** (age / half-life); 1 where the time is not known or not yet come."""
    age = np.maximum(now - np.asarray(times, dtype=np.float64), 0.0)
    return np.nan_to_num(np.exp2(-age / (half_life_days * DAY)), nan=1.0).astype(np.float32)


def decayed_interest(interactions: Interactions, now: float, half_life_days: float, n_items: int) -> Scores:
    """float32 [n_items]: the interest that each item has gathered, older events counting less."""
    weights = interest_of(interactions.codes) * decay(interactions.times, now, half_life_days)
    return np.bincount(interactions.items, weights, minlength=n_items).astype(np.float32)


def known_since(catalogue: Catalogue, interactions: Interactions) -> Seconds:
    """float64 [n_items]: when each item was launched, else when its first event was; NaN where neither is known."""
    first = np.full(len(catalogue), np.inf)
    np.minimum.at(first, interactions.items, np.nan_to_num(interactions.times, nan=np.inf))
    seen = np.where(np.isfinite(first), first, np.nan)
    return np.where(np.isnan(catalogue.launched), seen, catalogue.launched)


def since_now(since: Seconds, catalogue: Catalogue, rows: Rows, times: Seconds) -> Seconds:
    """float64 [n_items]: `known_since` after the items int32 [k] came or changed at `times` float64 [k]. An item that
    was known stays as old as it was, unless its launch is told."""
    longer = np.concatenate((since, np.full(len(catalogue) - len(since), np.nan)))
    new = rows >= len(since)
    longer[rows[new]] = times[new]
    told = rows[~np.isnan(catalogue.launched[rows])]
    longer[told] = catalogue.launched[told]
    return longer
