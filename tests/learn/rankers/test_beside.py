"""A learned order beside the fusion."""

from __future__ import annotations

import numpy as np
from small_engine import preferring

from shopkeeper.engine.ranking.query_features import FUSED
from shopkeeper.engine.ranking.recipe import Examples
from shopkeeper.learn.rankers.beside import beside_fusion

NAMES = ("price", FUSED)


def examples(features: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> Examples:
    n = len(features)
    return Examples(features, np.ones(n, np.float32), np.array([n], np.int64), np.ones(1, np.float32))


def test_both_weigh_alike_whatever_their_scales() -> None:
    features = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32) * (1000, 0.01)
    told = examples(features.astype(np.float32))
    both = beside_fusion(preferring("price", NAMES), told)
    spreads = told.features.std(axis=0)
    expected = told.features[:, 0] + told.features[:, 1] * spreads[0] / spreads[1]
    np.testing.assert_allclose(both.score(told.features), expected, rtol=1e-3, atol=1.0)
    assert both.names == NAMES


def test_a_fusion_that_says_nothing_changes_nothing() -> None:
    features = np.stack([np.arange(5.0), np.ones(5)], axis=1).astype(np.float32)
    alone = preferring("price", NAMES)
    both = beside_fusion(alone, examples(features))
    assert both.score(features).tolist() == alone.score(features).tolist()
