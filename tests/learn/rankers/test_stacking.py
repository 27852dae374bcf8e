"""Stacking keeps the contract, and finds the weights of a planted sum."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from ranker_contract import CANDIDATES, NAMES, SETTINGS, RankerContract, planted

from shopkeeper.engine.ranking.ranker import Ranker
from shopkeeper.engine.ranking.recipe import Examples, RankerRecipe
from shopkeeper.learn.rankers.stacking import Stacking


class TestStacking(RankerContract):
    recipe: ClassVar[RankerRecipe] = Stacking()
    tells_importances = True

    def test_what_a_source_prefers_is_never_held_against_it(self, ranker: Ranker) -> None:
        features = np.full((10, len(NAMES)), 0.5, np.float32)
        for at in range(4):
            rising = features.copy()
            rising[:, at] = np.linspace(0.0, 1.0, 10)
            assert (np.diff(ranker.score(rising)) >= 0).all()

    def test_it_reads_the_sources_alone(self, ranker: Ranker) -> None:
        features = planted(5, 0).features
        other = features.copy()
        other[:, NAMES.index("price")] = np.nan
        np.testing.assert_array_equal(ranker.score(features), ranker.score(other))


def test_the_shares_of_two_sources_are_found() -> None:
    """One is drawn by 0.75 of the one score and 0.25 of the other, as a softmax would."""
    generator = np.random.default_rng(1)
    examples = planted(4_000, 0)
    scores = examples.features.reshape(-1, CANDIDATES, len(NAMES))[:, :, [0, 2]] @ np.array([7.5, 2.5])
    chosen = (scores + generator.gumbel(size=scores.shape)).argmax(axis=1)
    labels = np.zeros(scores.shape, np.int32)
    labels[np.arange(len(labels)), chosen] = 1
    drawn = Examples(examples.features, labels.ravel(), examples.sizes, examples.weights)
    shares = Stacking().fit(drawn, drawn, NAMES, SETTINGS).importance
    assert shares["one.score"] == pytest.approx(0.75, abs=0.05)
    assert shares["two.score"] == pytest.approx(0.25, abs=0.05)
