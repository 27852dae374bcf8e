"""Networks that order candidates: each keeps the contract, and its graph scores as PyTorch does."""

from __future__ import annotations

import sys
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from ranker_contract import NAMES, SETTINGS, TELLS, RankerContract, found, planted

from shopkeeper.engine.ranking.ranker import Ranker
from shopkeeper.engine.ranking.recipe import Examples, RankerRecipe
from shopkeeper.errors import MissingExtraError
from shopkeeper.learn.rankers import networks
from shopkeeper.learn.rankers.click_models import Dcn, DeepFm, Mlp, Mmoe, NetworkRecipe, Ple
from shopkeeper.learn.rankers.config import DcnConfig, DeepFmConfig, MlpConfig, MmoeConfig, PleConfig
from shopkeeper.learn.rankers.networks import Binned, Lesson, Standardised, listwise, pointwise
from shopkeeper.learn.rankers.teaching import fitted, graph_of, mean_ndcg

QUICK: dict[str, Any] = {"width": 16, "batch": 8, "rate": 0.02, "epochs": 8, "dropout": 0.0}
SMALL = {**QUICK, "width": 32, "depth": 1}


class NetworkContract(RankerContract):
    def test_the_graph_scores_as_pytorch_does(self) -> None:
        recipe = self.recipe
        assert isinstance(recipe, NetworkRecipe)
        examples, config = planted(40, 0, nan_share=0.3), recipe.config or recipe.config_type()
        model = fitted(getattr(networks, recipe.network), examples, planted(20, 1), config, SETTINGS.train)
        features = planted(30, 2, nan_share=0.3).features
        features[:3] = np.nan
        with torch.inference_mode():
            expected = model(torch.from_numpy(features)).numpy()
        served = Ranker(graph_of(model, len(NAMES)), NAMES).score(features)
        np.testing.assert_allclose(served, expected, rtol=1e-4, atol=1e-5)

    def test_without_pytorch_it_says_what_is_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "shopkeeper.learn.rankers.networks", None)
        with pytest.raises(MissingExtraError, match=f"the ranker {self.recipe.name}"):
            self.fit(planted(5, 0), planted(5, 1))


class TestMlp(NetworkContract):
    recipe: ClassVar[RankerRecipe] = Mlp(MlpConfig(**QUICK))


class TestDeepFm(NetworkContract):
    recipe: ClassVar[RankerRecipe] = DeepFm(DeepFmConfig(**QUICK, bins=32, factors=4))


class TestDcn(NetworkContract):
    recipe: ClassVar[RankerRecipe] = Dcn(DcnConfig(**QUICK))


class TestMmoe(NetworkContract):
    recipe: ClassVar[RankerRecipe] = Mmoe(MmoeConfig(**SMALL, experts=2))


class TestPle(NetworkContract):
    recipe: ClassVar[RankerRecipe] = Ple(PleConfig(**SMALL, experts=1))


def test_a_loss_for_each_candidate_learns_the_order_as_well() -> None:
    ranker = Mlp(MlpConfig(**QUICK, loss="pointwise")).fit(planted(200, 0), planted(60, 1), NAMES, SETTINGS)
    assert found(ranker, planted(200, 3)) > 0.8


def lesson(labels: list[float], sizes: list[int], weights: list[float] | None = None) -> Lesson:
    told = torch.tensor(weights or [1.0] * len(sizes))
    return Lesson(torch.zeros(len(labels), 1), torch.tensor(labels, dtype=torch.float32), torch.tensor(sizes), told)


def test_listwise_is_the_cross_entropy_within_each_request() -> None:
    scores = torch.tensor([1.0, 2.0, 0.5, -1.0, 0.0])
    told = lesson([0, 4, 0, 1, 1], [3, 2])
    first = -torch.log_softmax(scores[:3], 0)[1]
    second = -torch.log_softmax(scores[3:], 0).mean()
    assert float(listwise(scores, told)) == pytest.approx(float((first + second) / 2))
    only = lesson([0, 4, 0, 1, 1], [3, 2], [1.0, 1e-9])
    assert float(listwise(scores, only)) == pytest.approx(float(first))


def test_no_loss_is_moved_by_padding() -> None:
    scores = torch.zeros(5, requires_grad=True)
    for loss in (listwise, pointwise):
        (slope,) = torch.autograd.grad(loss(scores, lesson([1, 0, 0, 1, 0], [3, 2])), scores)
        assert torch.isfinite(slope).all()
        assert slope[0] < 0 < slope[1]


def test_what_is_missing_is_the_mean_and_says_so() -> None:
    learned = np.array([[1.0, np.nan], [3.0, np.nan]], np.float32)
    told = Standardised(learned)(torch.tensor([[2.0, 5.0], [torch.nan, torch.nan], [1e9, -1e9]]))
    assert told.tolist() == [[0, 4, 0, 0], [0, 0, 1, 1], [4, -4, 0, 0]]


def test_bins_hold_as_many_each() -> None:
    learned = np.stack((np.arange(100), np.full(100, 7)), axis=1).astype(np.float32)
    binned = Binned(learned, 4)
    bins = binned(torch.from_numpy(learned))
    assert torch.bincount(bins[:, 0]).tolist() == [25, 25, 25, 25]
    assert bins[:, 1].unique().tolist() == [5]
    assert binned(torch.tensor([[torch.nan, torch.nan], [1e9, -1e9]])).tolist() == [[4, 9], [3, 5]]
    assert binned.rows == 10


@pytest.mark.parametrize(
    ("network", "config"), [(networks.Mmoe, MmoeConfig(**SMALL)), (networks.Ple, PleConfig(**SMALL))]
)
def test_what_is_worth_more_comes_first(network: type[networks.MultiTask], config: MmoeConfig | PleConfig) -> None:
    """A coin decides what is bought, which is worth 4; all else is viewed for certain, which is worth 1."""
    generator = np.random.default_rng(0)
    features = np.zeros((2_000, len(NAMES)), np.float32)
    features[:, TELLS] = np.arange(2_000) % 2
    bought = np.where(generator.random(2_000) < 0.5, 4, 0)
    labels = np.where(features[:, TELLS] > 0, 1, bought).astype(np.int32)
    examples = Examples(features, labels, np.full(200, 10, np.int64), np.ones(200, np.float32))
    model = fitted(network, examples, examples, config, SETTINGS.train)
    asked = torch.zeros(2, len(NAMES))
    asked[1, TELLS] = 1.0
    with torch.inference_mode():
        maybe_bought, surely_viewed = model(asked).tolist()
        chances = torch.sigmoid(model.logits(asked))
    assert maybe_bought > surely_viewed
    np.testing.assert_allclose(chances @ torch.tensor([1.0, 3.0]), [maybe_bought, surely_viewed], rtol=1e-5)
    assert model.uncertainty.detach().abs().max() > 0


def test_what_is_watched_is_the_order_of_the_first_ten() -> None:
    examples = planted(20, 0)
    assert mean_ndcg(examples.labels.astype(np.float32), examples) == pytest.approx(1.0)
    assert mean_ndcg(-examples.labels.astype(np.float32), examples) == 0.0
