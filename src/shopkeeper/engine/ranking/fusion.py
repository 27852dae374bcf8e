"""What the sources propose, laid side by side, and merged without learning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from shopkeeper.engine.context import Candidates
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


def fuse(pool: Pool, weights: Mapping[str, float]) -> Scores:
    """float32 [n]: weighted reciprocal ranks, 1 for a row that every source puts first; `weights` by source,
    USUAL_WEIGHTS for those it does not name."""
    named = {**USUAL_WEIGHTS, **weights}
    weight = np.array([named.get(source, 1.0) for source in pool.sources], dtype=np.float32)
    shares = np.nan_to_num((RANK_OFFSET + 1.0) / (RANK_OFFSET + pool.ranks), nan=0.0) * weight
    return np.asarray(shares.sum(axis=1) / max(float(weight.sum()), 1e-9), dtype=np.float32)
