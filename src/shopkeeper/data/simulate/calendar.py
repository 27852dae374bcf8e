"""When people come, and what they want when: hours, weekdays, a sale, and the season of each category."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from shopkeeper.data.simulate.assortment import SECOND, Assortment, Floats, Micros

_HOURS = (5, 3, 2, 1, 1, 2, 4, 8, 12, 15, 17, 18, 19, 18, 17, 17, 18, 20, 23, 27, 30, 28, 20, 11)  # visits by hour, UTC
_WEEKDAYS = (1.0, 0.95, 0.95, 1.0, 1.05, 1.2, 1.3)  # from Monday
_SALE = 1.8  # visits on a sale day, which comes every 30 days
_SPREAD_DAYS = 35.0  # how long a season lasts, as a standard deviation
_PEAK = 1.5  # how much more a category is wanted at its peak


@dataclass(frozen=True)
class Arrivals:
    """The times of visits. marks: int64 microseconds, hour by hour; cumulated: the share of visits before each."""

    marks: Micros
    cumulated: npt.NDArray[np.float64]

    def at(self, share: float | npt.NDArray[np.float64]) -> Micros:
        """The times (int64) by which these shares of all visits have begun."""
        times: Micros = np.interp(np.asarray(share), self.cumulated, self.marks.astype(np.float64)).astype(np.int64)
        return times


def arrivals(start: datetime, days: int) -> Arrivals:
    hours = np.arange(days * 24 + 1)
    day = hours[:-1] // 24
    weight = np.resize(_HOURS, days * 24) * np.array(_WEEKDAYS)[(day + start.weekday()) % 7]
    weight = weight * np.where(day % 30 == 20, _SALE, 1.0) * (1 + 0.002 * day)
    cumulated = np.concatenate([[0.0], np.cumsum(weight) / weight.sum()])
    return Arrivals(int(start.timestamp()) * SECOND + hours * 3600 * SECOND, cumulated)


def season(shop: Assortment, start: datetime, days: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """How much each leaf is wanted each day, float64 [days, leaves]; 0 for a leaf without items."""
    usual = rng.lognormal(0.0, 0.6, len(shop.leaf_names)) * (shop.by_leaf.sizes > 0)
    day_of_year = start.timetuple().tm_yday + np.arange(days)[:, None]
    away = np.abs((day_of_year - shop.peak + 182.5) % 365 - 182.5)
    boost: Floats = np.where(shop.peak > 0, _PEAK * np.exp(-0.5 * (away / _SPREAD_DAYS) ** 2), 0.0)
    return np.asarray(usual * (1 + boost), np.float64)
