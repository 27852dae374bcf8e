"""Trees keep the contract, and the served graph scores as LightGBM does."""

from __future__ import annotations

from typing import ClassVar

import lightgbm
import numpy as np
import onnxruntime
import pytest
from ranker_contract import RankerContract

from shopkeeper.engine.ranking.recipe import RankerRecipe
from shopkeeper.learn.rankers.lambdamart import LambdaMart
from shopkeeper.learn.rankers.trees import trees_to_onnx
from shopkeeper.vocabulary import Scores


class TestLambdaMart(RankerContract):
    recipe: ClassVar[RankerRecipe] = LambdaMart()
    tells_importances = True


def table(n: int, seed: int = 0, nan_share: float = 0.2) -> Scores:
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(n, 6)).astype(np.float32)
    features[:, 1] = np.round(features[:, 1])  # ties with thresholds
    features[:, 2] = generator.integers(0, 2, n)
    features[:, :4][generator.random((n, 4)) < nan_share] = np.nan
    features[:, 5] *= 1e-30
    return features


def served(model: bytes, features: Scores) -> Scores:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"features": features})[0]).ravel()


@pytest.mark.parametrize("nan_share", [0.0, 0.2, 0.9])
def test_onnx_equals_lightgbm(nan_share: float) -> None:
    features = table(3000, nan_share=nan_share)
    target = np.nan_to_num(features[:, 0]) * np.where(np.isnan(features[:, 1]), 2, -1) + np.nan_to_num(features[:, 2])
    booster = lightgbm.train(
        {"objective": "regression", "num_leaves": 20, "verbosity": -1, "num_threads": 1, "seed": 1},
        lightgbm.Dataset(features, target),
        num_boost_round=50,
    )
    model = trees_to_onnx(booster.dump_model()).SerializeToString()
    unseen = np.concatenate((table(3000, seed=1), np.full((1, 6), np.nan, np.float32), np.zeros((1, 6), np.float32)))
    np.testing.assert_allclose(served(model, unseen), booster.predict(unseen), atol=1e-5)


def test_a_tree_that_never_splits_is_a_constant() -> None:
    booster = lightgbm.train(
        {"objective": "regression", "verbosity": -1, "num_threads": 1, "boost_from_average": True},
        lightgbm.Dataset(table(100), np.full(100, 3.0)),
        num_boost_round=2,
    )
    scores = served(trees_to_onnx(booster.dump_model()).SerializeToString(), table(5))
    np.testing.assert_allclose(scores, booster.predict(table(5)), atol=1e-5)
