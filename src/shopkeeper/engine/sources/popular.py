"""What everybody likes (popular) and what everybody has begun to like (trending)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from shopkeeper.engine.context import Candidates, Context, Material, ReleaseParts
from shopkeeper.engine.interest import decayed_interest
from shopkeeper.release.arrays import load_array, save_arrays
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.vocabulary import Rows, Scores

TASTE_EVENTS = 10  # of a history, the newest, that tell which categories are wanted now
TASTE_BOOST = 4.0  # interest in an item of the only category wanted counts 1 + this
TASTE_CATEGORIES = 3
TRENDING_SHARE = 0.1  # the short half-life as a share of the long one
TRENDING_SURPRISE = 1.0  # standard deviations above the usual, from which an item trends


class PopularSource:
    """Items by decayed interest, those of the categories that the person looks at first.

    interest float32 [n]: decayed interest by item row.
    """

    name = "popular"

    def __init__(self, interest: Scores, catalogue: Catalogue) -> None:
        self._interest, self._catalogue = interest, catalogue
        liked = np.flatnonzero(interest > 0)
        self._order = liked[np.argsort(-interest[liked], kind="stable")].astype(np.int32)

    def retrieve(self, context: Context, limit: int) -> Candidates:
        rows = self._best(context, limit)
        scores = self._interest[rows].astype(np.float64)
        wanted = self._wanted(context)
        if wanted:
            members = {code: self._members(context, code, limit) for code in wanted}
            rows = np.unique(np.concatenate((rows, *members.values())))
            taste = np.ones(len(rows))
            for code, share in wanted.items():
                taste[np.searchsorted(rows, members[code])] += TASTE_BOOST * share
            scores = self._interest[rows] * taste
        return Candidates.top(rows, scores, limit)

    def reason(self, context: Context, row: int) -> str:
        return self.reasons(context, np.array([row], np.int32))[0]

    def reasons(self, context: Context, rows: Rows) -> list[str]:
        wanted = self._wanted(context)
        if not wanted:
            return ["popular now"] * len(rows)
        labels = self._catalogue.labels["category"]
        own: list[set[int]] = [set() for _ in rows]
        owners, codes = labels.of(rows)
        for owner, code in zip(owners.tolist(), codes.tolist(), strict=True):
            own[owner].add(code)
        known = (next((code for code in wanted if code in codes), None) for codes in own)
        return ["popular now" if code is None else f"popular in {labels.values[code]}" for code in known]

    def save(self, directory: Path) -> None:
        save_arrays(directory, {"interest": self._interest})

    def _best(self, context: Context, limit: int) -> Rows:
        if context.allowed is None:
            return self._order[:limit]
        return self._order[np.flatnonzero(context.allowed[self._order])[:limit]]

    def _wanted(self, context: Context) -> dict[int, float]:
        """The narrowest categories of the anchors, or else of the last events: category code → share of them."""
        rows = context.anchors if len(context.anchors) else context.history[-TASTE_EVENTS:]
        if not len(rows) or "category" not in self._catalogue.labels:
            return {}
        labels = self._catalogue.labels["category"]
        rows = rows[labels.starts[rows + 1] > labels.starts[rows]]
        codes, counts = np.unique(labels.codes[labels.starts[rows + 1] - 1], return_counts=True)
        first = np.argsort(-counts, kind="stable")[:TASTE_CATEGORIES]
        return {int(codes[at]): float(counts[at] / counts.sum()) for at in first}

    def _members(self, context: Context, code: int, limit: int) -> Rows:
        """The best of a category, ascending."""
        fields = self._catalogue.labels
        value = fields.codes_of("category")[code]
        members = fields.posting_rows[fields.posting_starts[value] : fields.posting_starts[value + 1]]
        members = members[self._interest[members] > 0]
        if context.allowed is not None:
            members = members[context.allowed[members]]
        return np.sort(Candidates.top(members, self._interest[members], limit).rows)


class Popular:
    """Interest gathered by each item, older events counting less."""

    name, learns_from_events = PopularSource.name, True

    def fit(self, material: Material) -> PopularSource:
        half_life = material.settings.train.half_life_days
        interest = decayed_interest(material.interactions, material.now, half_life, len(material.catalogue))
        return PopularSource(interest, material.catalogue)

    def load(self, directory: Path, release: ReleaseParts) -> PopularSource:
        return PopularSource(load_array(directory, "interest"), release.catalogue)


class TrendingSource:
    """A fixed list, best first. rows int32 [t]; scores float32 [t], standard deviations above the usual."""

    name = "trending"

    def __init__(self, rows: Rows, scores: Scores) -> None:
        self._rows, self._scores = rows, scores

    def retrieve(self, context: Context, limit: int) -> Candidates:
        if context.allowed is None:
            return Candidates(self._rows[:limit], self._scores[:limit])
        kept = np.flatnonzero(context.allowed[self._rows])[:limit]
        return Candidates(self._rows[kept], self._scores[kept])

    def reason(self, context: Context, row: int) -> str:  # noqa: ARG002
        return "trending now"

    def save(self, directory: Path) -> None:
        save_arrays(directory, {"rows": self._rows, "scores": self._scores})


class Trending:
    """Items whose interest of late is more than their usual would let expect, in standard deviations of a Poisson
    count. Silent in a shop without a clock."""

    name, learns_from_events = TrendingSource.name, True

    def fit(self, material: Material) -> TrendingSource:
        if not material.interactions.has_clock:
            return TrendingSource(*Candidates.none())
        half_life, n = material.settings.train.half_life_days, len(material.catalogue)
        usual = decayed_interest(material.interactions, material.now, half_life, n)
        late = decayed_interest(material.interactions, material.now, half_life * TRENDING_SHARE, n)
        expected = usual * (late.sum() / usual.sum())
        surprise = (late - expected) / np.sqrt(expected + 1.0)
        rows = np.flatnonzero(surprise > TRENDING_SURPRISE)
        return TrendingSource(*Candidates.top(rows, surprise[rows], len(rows)))

    def load(self, directory: Path, release: ReleaseParts) -> TrendingSource:  # noqa: ARG002
        return TrendingSource(load_array(directory, "rows"), load_array(directory, "scores"))
