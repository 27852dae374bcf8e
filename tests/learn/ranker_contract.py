"""What every ranker owes, as a base class. A ranker's own test inherits it and names the recipe:

class TestStacking(RankerContract):
    recipe = Stacking()
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from shopkeeper.engine.ranking.ranker import Ranker
from shopkeeper.engine.ranking.recipe import Examples, RankerRecipe
from shopkeeper.settings import Settings, TrainSettings
from shopkeeper.vocabulary import Scores

NAMES = ("one.score", "one.reciprocal_rank", "two.score", "two.reciprocal_rank", "price")
TELLS = NAMES.index("two.score")
CANDIDATES = 20
SETTINGS = Settings(train=TrainSettings(seed=5, threads=1))


def planted(requests: int, seed: int, nan_share: float = 0.0) -> Examples:
    """Each request has some candidates. The one that the second source scores highest is bought, and the next one
    viewed; all else is noise."""
    generator = np.random.default_rng(seed)
    features = generator.random((requests, CANDIDATES, len(NAMES))).astype(np.float32)
    features[:, :, [1, 3]] /= 11.0  # as reciprocal ranks are
    order = np.argsort(-features[:, :, TELLS], axis=1)
    labels = np.zeros((requests, CANDIDATES), np.int32)
    np.put_along_axis(labels, order[:, :1], 4, axis=1)
    np.put_along_axis(labels, order[:, 1:2], 1, axis=1)
    noise = np.arange(len(NAMES)) != TELLS
    features[(generator.random(features.shape) < nan_share) & noise] = np.nan
    sizes = np.full(requests, CANDIDATES, np.int64)
    return Examples(features.reshape(-1, len(NAMES)), labels.ravel(), sizes, np.ones(requests, np.float32))


def found(ranker: Ranker, examples: Examples) -> float:
    """The share of the requests whose best candidate comes first."""
    scores = ranker.score(examples.features).reshape(-1, CANDIDATES)
    return float((examples.labels.reshape(-1, CANDIDATES).argmax(axis=1) == scores.argmax(axis=1)).mean())


class RankerContract:
    tells_importances: ClassVar[bool] = False
    recipe: ClassVar[RankerRecipe]

    @pytest.fixture(scope="class")
    @classmethod
    def ranker(cls) -> Ranker:
        return cls.fit(planted(200, 0, nan_share=0.2), planted(60, 1, nan_share=0.2))

    @pytest.fixture(scope="class")
    @classmethod
    def fresh(cls) -> Scores:
        return planted(50, 2, nan_share=0.2).features

    @classmethod
    def fit(cls, examples: Examples, watched: Examples) -> Ranker:
        return cls.recipe.fit(examples, watched, NAMES, SETTINGS)

    def test_a_planted_order_is_learned(self, ranker: Ranker) -> None:
        assert ranker.names == NAMES
        assert found(ranker, planted(200, 3)) > 0.8
        assert found(ranker, planted(200, 3, nan_share=0.2)) > 0.7

    def test_what_it_leans_on_is_what_tells(self, ranker: Ranker) -> None:
        assert bool(ranker.importance) == self.tells_importances
        if ranker.importance:
            assert next(iter(ranker.importance)) == NAMES[TELLS]
            assert sum(ranker.importance.values()) == pytest.approx(1)

    def test_scores_are_finite_whatever_is_missing(self, ranker: Ranker) -> None:
        nothing = np.full((3, len(NAMES)), np.nan, np.float32)
        wild = np.array([[np.inf] * len(NAMES), [-np.inf] * len(NAMES), [1e30] * len(NAMES)], np.float32)
        for features in (nothing, wild, planted(1, 4, nan_share=0.9).features):
            scores = ranker.score(features)
            assert scores.shape == (len(features),)
            assert scores.dtype == np.float32
            assert np.isfinite(scores).all()
        assert len(np.unique(ranker.score(nothing))) == 1
        assert ranker.score(nothing[:0]).shape == (0,)

    def test_nothing_is_known_when_it_learns(self) -> None:
        nothing = dataclasses.replace(
            planted(30, 0), features=np.full((30 * CANDIDATES, len(NAMES)), np.nan, np.float32)
        )
        assert np.isfinite(self.fit(nothing, nothing).score(planted(5, 1).features)).all()

    def test_one_request(self) -> None:
        assert np.isfinite(self.fit(planted(1, 0), planted(1, 1)).score(planted(5, 1).features)).all()

    def test_requests_of_one_candidate(self) -> None:
        lonely = Examples(
            planted(10, 0).features[:10], np.ones(10, np.int32), np.ones(10, np.int64), np.ones(10, np.float32)
        )
        assert np.isfinite(self.fit(lonely, lonely).score(planted(5, 1).features)).all()

    def test_a_feature_that_never_changes_is_no_trouble(self) -> None:
        examples, watched = planted(200, 0), planted(60, 1)
        for each in (examples, watched):
            each.features[:, NAMES.index("price")] = 7.0
        ranker, asked = self.fit(examples, watched), planted(200, 3)
        asked.features[:, NAMES.index("price")] = 7.0
        assert found(ranker, asked) > 0.8
        assert np.isfinite(ranker.score(planted(5, 1).features)).all()

    def test_the_same_seed_makes_the_same(self, ranker: Ranker) -> None:
        assert self.fit(planted(200, 0, nan_share=0.2), planted(60, 1, nan_share=0.2)) == ranker

    def test_saved_equals_loaded(self, ranker: Ranker, fresh: Scores, tmp_path: Path) -> None:
        ranker.save(tmp_path)
        loaded = Ranker.load(tmp_path)
        assert loaded == ranker
        np.testing.assert_array_equal(loaded.score(fresh), ranker.score(fresh))

    def test_a_score_hangs_on_its_candidate_alone(self, ranker: Ranker, fresh: Scores) -> None:
        """Whatever the order of the candidates, and whoever else is there."""
        scores = ranker.score(fresh)
        mixed = np.random.default_rng(0).permutation(len(fresh))
        np.testing.assert_allclose(ranker.score(fresh[mixed]), scores[mixed], rtol=1e-4, atol=1e-5)
        alone = np.concatenate([ranker.score(fresh[at : at + 1]) for at in range(20)])
        np.testing.assert_allclose(alone, scores[:20], rtol=1e-4, atol=1e-5)

    def test_it_has_a_name_and_says_when_to_choose_it(self) -> None:
        assert self.recipe.name
        assert getattr(self.recipe, "when", "")
