"""What the sources propose, laid side by side, and merged without learning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from shopkeeper.engine.context import Candidates
from shopkeeper.settings import Fusion
from shopkeeper.vocabulary import Rows, Scores

RANK_OFFSET = (
    10.0  # of reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009): the less, the more a top place weighs
)
# How much each source's word counts, where a surface does not say: 1 for a source that is not named.
USUAL_WEIGHTS = {"semantic": 0.5, "similar": 0.3, "popular": 0.1, "trending": 0.1}


@dataclass(frozen=True)
class Pool:
    """The union of the candidates. rows int32 [n], unique, ascending; ranks (1 is first) and scores float32 [n, s],
    a column for each of `sources`, NaN where a source did not propose the row. A row that no source proposed is there
    by a rule, or because all sources were silent."""

    sources: tuple[str, ...]
    rows: Rows
    ranks: Scores
    scores: Scores

    @classmethod
    def of(cls, proposals: Mapping[str, Candidates], others: Rows) -> Pool:
        """From what each source proposes, and the rows that belong to it all the same."""
        rows = np.unique(np.concatenate([others, *(proposal.rows for proposal in proposals.values())]))
        shape = (len(rows), len(proposals))
        ranks, scores = np.full(shape, np.nan, dtype=np.float32), np.full(shape, np.nan, dtype=np.float32)
        for column, proposal in enumerate(proposals.values()):
            at = np.searchsorted(rows, proposal.rows)
            ranks[at, column] = np.arange(1, len(at) + 1)
            scores[at, column] = proposal.scores
        return cls(tuple(proposals), rows.astype(np.int32), ranks, scores)

    def proposed(self) -> dict[str, int]:
        """How many rows each source proposed."""
        return dict(zip(self.sources, (~np.isnan(self.ranks)).sum(axis=0).tolist(), strict=True))


def fuse(pool: Pool, weights: Mapping[str, float], way: Fusion = "reciprocal_rank") -> Scores:
    """float32 [n]: the weighted mean of what each source grants, 1 for a row that every source puts first; `weights` by
    source, USUAL_WEIGHTS for those it does not name."""
    named = {**USUAL_WEIGHTS, **weights}
    weight = np.array([named.get(source, 1.0) for source in pool.sources], dtype=np.float32)
    shares = FUSIONS[way](pool) * weight
    return np.asarray(shares.sum(axis=1) / max(float(weight.sum()), 1e-9), dtype=np.float32)


# Ways to fuse: what each source grants each row, [n, s], between 0 and 1.


def reciprocal_rank(pool: Pool) -> Scores:
    """The less, the farther behind; nothing for what a source did not propose (Cormack et al., SIGIR 2009)."""
    return np.where(np.isnan(pool.ranks), 0.0, (RANK_OFFSET + 1.0) / (RANK_OFFSET + pool.ranks))


def weighted_sum(pool: Pool) -> Scores:
    """The scores of each source between its lowest for this request and its highest (CombSUM; Fox and Shaw, TREC-2,
    1994)."""
    low = np.fmin.reduce(pool.scores, axis=0, initial=np.inf)
    spread = np.fmax.reduce(pool.scores, axis=0, initial=-np.inf) - low
    shares = np.where(spread > 0, (pool.scores - low) / np.where(spread > 0, spread, 1.0), 1.0)
    return np.where(np.isnan(pool.ranks), 0.0, shares)


def vote(pool: Pool) -> Scores:
    """Each source gives n points to its first, n − 1 to its second, and what is left in equal parts to all that it did
    not propose, over n (Borda count; Aslam and Montague, "Models for Metasearch", SIGIR 2001)."""
    n, proposed = max(len(pool.rows), 1), (~np.isnan(pool.ranks)).sum(axis=0)
    return np.where(np.isnan(pool.ranks), (n - proposed + 1) / (2 * n), (n + 1 - pool.ranks) / n)


FUSIONS: dict[Fusion, Callable[[Pool], Scores]] = {
    "reciprocal_rank": reciprocal_rank,
    "weighted_sum": weighted_sum,
    "vote": vote,
}
