"""What was known of every item when the release was made: how popular, how new, how dear among its like."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from shopkeeper.engine.interest import DAY, decayed_interest, interest_of, known_since, since_now
from shopkeeper.release.arrays import load_array, save_arrays
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.release.interactions import Interactions
from shopkeeper.vocabulary import EventType, Rows, Scores, Seconds

WINDOWS: dict[str, float] = {"day": 1.0, "week": 7.0, "month": 30.0}  # in days
CONVERSION_PRIOR = 20.0  # viewings of an average item that a new item is credited with


@dataclass(frozen=True)
class Statistics:
    """Arrays by item row, as of the moment of the fit.

    interest float32 [n]: decayed interest; windows float32 [n, len(WINDOWS)]: interest in the last day, week, month
    (NaN without a clock); purchases float32 [n]: decayed; conversion float32 [n]: purchases for each event of
    interest, smoothed; since float64 [n]: when the item was launched, else first seen (NaN unknown);
    span float64 [2]: the first launch or event, and the moment of the fit: every age that a ranker learns from lies
    between; price_level float32 [n]: the share of the items of its narrowest category that are cheaper (NaN without a
    price).
    """

    interest: Scores
    windows: Scores
    purchases: Scores
    conversion: Scores
    since: Seconds
    span: Seconds
    price_level: Scores

    @classmethod
    def fit(
        cls, catalogue: Catalogue, interactions: Interactions, now: float, *, half_life_days: float = 30.0
    ) -> Statistics:
        """`interactions` hold nothing from `now` or later."""
        n = len(catalogue)
        bought = interactions.of_types([EventType.PURCHASE])
        purchases = decayed_interest(bought, now, half_life_days, n)
        interest = decayed_interest(interactions, now, half_life_days, n)
        average = purchases.sum() / max(float(interest.sum()), 1.0)
        since = known_since(catalogue, interactions)
        return cls(
            interest=interest,
            windows=_windows(interactions, now, n),
            purchases=purchases,
            conversion=((purchases + CONVERSION_PRIOR * average) / (interest + CONVERSION_PRIOR)).astype(np.float32),
            since=since,
            span=_span(since, interactions, now),
            price_level=_price_level(catalogue),
        )

    def updated(self, catalogue: Catalogue, rows: Rows, times: Seconds) -> Statistics:
        """With the items int32 [k] that came or changed at `times` float64 [k]: nobody has met a new one yet."""
        more = len(catalogue) - len(self.interest)
        average = float(self.purchases.sum()) / max(float(self.interest.sum()), 1.0)
        fresh = {"interest": 0.0, "purchases": 0.0, "conversion": average, "price_level": np.nan}
        usual = 0.0 if len(self.windows) and not np.isnan(self.windows[0, 0]) else np.nan
        return replace(
            self,
            since=since_now(self.since, catalogue, rows, times),
            windows=np.concatenate((self.windows, np.full((more, len(WINDOWS)), usual, np.float32))),
            **{
                name: np.concatenate((getattr(self, name), np.full(more, value, np.float32)))
                for name, value in fresh.items()
            },
        )

    @cached_property
    def order(self) -> Rows:
        """int32 [n]: all items by interest, then the newest."""
        return np.lexsort((-self.since, -self.interest)).astype(np.int32)

    def save(self, directory: Path) -> None:
        save_arrays(directory, {f.name: getattr(self, f.name) for f in fields(self)})

    @classmethod
    def load(cls, directory: Path) -> Statistics:
        """Memory-mapped."""
        return cls(**{f.name: load_array(directory, f.name) for f in fields(cls)})


def _span(since: Seconds, interactions: Interactions, now: float) -> Seconds:
    times = np.concatenate((since, interactions.times, [now]))
    return np.array([np.nanmin(times), now])


def _windows(interactions: Interactions, now: float, n: int) -> Scores:
    if not interactions.has_clock:
        return np.full((n, len(WINDOWS)), np.nan, dtype=np.float32)
    weights, age = interest_of(interactions.codes), now - np.asarray(interactions.times)
    columns = [np.bincount(interactions.items, weights * (age <= days * DAY), minlength=n) for days in WINDOWS.values()]
    return np.stack(columns, axis=1).astype(np.float32)


def _price_level(catalogue: Catalogue) -> Scores:
    """Ranks prices within the last category of each item (the narrowest), or within the shop where there is none."""
    n, prices = len(catalogue), np.asarray(catalogue.prices, dtype=np.float32)
    group = catalogue.narrowest_categories().astype(np.int64)
    priced = ~np.isnan(prices)
    group[~priced] = np.iinfo(np.int64).max  # behind the others, where no group holds them
    order = np.lexsort((prices, group))
    ordered = group[order]
    begins = np.searchsorted(ordered, ordered, side="left")
    sizes = np.searchsorted(ordered, ordered, side="right") - begins
    level = np.full(n, np.nan, dtype=np.float32)
    level[order] = (np.arange(n) - begins) / np.maximum(sizes - 1, 1)
    level[~priced] = np.nan
    return level
