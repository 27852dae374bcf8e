"""What everybody likes (popular) and what everybody has begun to like (trending)."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from shopkeeper.engine.context import Candidates, Context, Material, ReleaseParts, first_of
from shopkeeper.engine.interest import decayed_interest
from shopkeeper.release.arrays import load_array, save_arrays
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.vocabulary import Rows, Scores

TASTE_EVENTS = 10  # of a history, the newest, that tell which categories are wanted now
TASTE_BOOST = 4.0  # interest in an item of the only category wanted counts 1 + this
TASTE_CATEGORIES = 3
_REMEMBERED = 1024  # categories, with their items by liking
TRENDING_SHARE = 0.1  # the short half-life as a share of the long one
TRENDING_SURPRISE = 1.0  # standard deviations above the usual, from which an item trends


class Liking:
    """Items by how much everybody likes them, those of the categories that the person looks at first.

    liking float32 [n], by item row: only what is above 0 is ever proposed. `word` says how it is liked, in reasons.
    """

    def __init__(self, liking: Scores, catalogue: Catalogue, word: str) -> None:
        self._liking, self._catalogue, self._word = liking, catalogue, word
        self._order = _liked(liking, np.arange(len(liking), dtype=np.int32))
        # Not through self: what a swap leaves behind must go at once, not when cycles are next looked for.
        self._members = lru_cache(maxsize=_REMEMBERED)(
            lambda code: _liked(liking, catalogue.labels.members("category", code))
        )

    def retrieve(self, context: Context, limit: int) -> Candidates:
        rows = _best(self._order, context, limit)
        scores = self._liking[rows].astype(np.float64)
        wanted = self._wanted(context)
        if wanted:
            members = {code: _best(self._members(code), context, limit) for code in wanted}
            rows = np.unique(np.concatenate((rows, *members.values())))
            taste = np.ones(len(rows))
            for code, share in wanted.items():
                taste[np.searchsorted(rows, members[code])] += TASTE_BOOST * share
            scores = self._liking[rows] * taste
        return Candidates.top(rows, scores, limit)

    def reason(self, context: Context, row: int) -> str:
        return self.reasons(context, np.array([row], np.int32))[0]

    def reasons(self, context: Context, rows: Rows) -> list[str]:
        wanted = self._wanted(context)
        if not wanted:
            return [f"{self._word} now"] * len(rows)
        labels = self._catalogue.labels["category"]
        own: list[set[int]] = [set() for _ in rows]
        owners, codes = labels.of(rows)
        for owner, code in zip(owners.tolist(), codes.tolist(), strict=True):
            own[owner].add(code)
        known = (next((code for code in wanted if code in codes), None) for codes in own)
        return [f"{self._word} now" if code is None else f"{self._word} in {labels.values[code]}" for code in known]

    def _wanted(self, context: Context) -> dict[int, float]:
        """The narrowest categories of the anchors, or else of the last events: category code → share of them."""
        rows = context.anchors if len(context.anchors) else context.history[-TASTE_EVENTS:]
        narrowest = self._catalogue.narrowest_categories(rows)
        codes, counts = np.unique(narrowest[narrowest >= 0], return_counts=True)
        first = np.argsort(-counts, kind="stable")[:TASTE_CATEGORIES]
        return {int(codes[at]): float(counts[at] / counts.sum()) for at in first}


def _liked(liking: Scores, rows: Rows) -> Rows:
    """Those of rows int32 [k], ascending, that are liked at all, the best first, ties by row."""
    liked = rows[liking[rows] > 0]
    return liked[np.argsort(-liking[liked], kind="stable")]


def _best(order: Rows, context: Context, limit: int) -> Rows:
    allowed = context.allowed
    return order[:limit] if allowed is None else first_of(order, limit, lambda rows: allowed[rows])


class PopularSource(Liking):
    """By decayed interest: float32 [n]."""

    name = "popular"

    def __init__(self, interest: Scores, catalogue: Catalogue) -> None:
        super().__init__(interest, catalogue, "popular")

    def save(self, directory: Path) -> None:
        save_arrays(directory, {"interest": self._liking})


class Popular:
    """Interest gathered by each item, older events counting less."""

    name, learns_from_events = PopularSource.name, True
    when = "people of whom nothing is known, and as what everything else has to beat"

    def fit(self, material: Material) -> PopularSource:
        half_life = material.settings.train.half_life_days
        interest = decayed_interest(material.interactions, material.now, half_life, len(material.catalogue))
        return PopularSource(interest, material.catalogue)

    def load(self, directory: Path, release: ReleaseParts) -> PopularSource:
        return PopularSource(load_array(directory, "interest"), release.catalogue)


class TrendingSource(Liking):
    """By surprise, float32 [n]: standard deviations above the usual, 0 where an item does not trend."""

    name = "trending"

    def __init__(self, surprise: Scores, catalogue: Catalogue) -> None:
        super().__init__(surprise, catalogue, "trending")

    def save(self, directory: Path) -> None:
        save_arrays(directory, {"surprise": self._liking})


class Trending:
    """Items whose interest of late is more than their usual would let expect, in standard deviations of a Poisson
    count. Silent in a shop without a clock."""

    name, learns_from_events = TrendingSource.name, True
    when = "shops with seasons and fashions: what sells better of late than it used to"

    def fit(self, material: Material) -> TrendingSource:
        n = len(material.catalogue)
        if not material.interactions.has_clock:
            return TrendingSource(np.zeros(n, np.float32), material.catalogue)
        half_life = material.settings.train.half_life_days
        usual = decayed_interest(material.interactions, material.now, half_life, n)
        late = decayed_interest(material.interactions, material.now, half_life * TRENDING_SHARE, n)
        expected = usual * (late.sum() / usual.sum())
        surprise = (late - expected) / np.sqrt(expected + 1.0)
        trends = np.where(surprise > TRENDING_SURPRISE, surprise, 0.0)
        return TrendingSource(trends.astype(np.float32), material.catalogue)

    def load(self, directory: Path, release: ReleaseParts) -> TrendingSource:
        return TrendingSource(load_array(directory, "surprise"), release.catalogue)
