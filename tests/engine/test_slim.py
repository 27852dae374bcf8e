"""Sparse weights that are never negative: planted tastes, and the conditions of the optimum."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from source_contract import DAY, NOW, SourceContract, context_of, interactions_of, items_table, material_of

from shopkeeper.engine.context import Material, SourceRecipe
from shopkeeper.engine.sources.regressions import Systems
from shopkeeper.engine.sources.slim import Slim, SlimConfig, sparse_weights
from shopkeeper.vocabulary import EventType


class TestSlim(SourceContract):
    recipe: ClassVar[SourceRecipe] = Slim(SlimConfig(ridge=1.0, sparsity=0.1))


def material(*histories: tuple[int, ...]) -> Material:
    events = [
        (person, item, EventType.VIEW, NOW - DAY + step, person)
        for person, items in enumerate(histories)
        for step, item in enumerate(items)
    ]
    return material_of(items_table([{"item_id": f"i{row}"} for row in range(8)]), interactions_of(events))


def test_what_is_met_with_an_item_alone_stands_before_what_is_met_with_everything() -> None:
    shop = material(*[(0, 1, 7)] * 20, *[(2, 3, 7)] * 20, *[(4, 5, 7)] * 20)
    source = Slim().fit(shop)
    for item in range(6):
        found = source.retrieve(context_of(shop, user=-1, items=(f"i{item}",)), 8).rows
        assert found[0] == item ^ 1


def test_what_another_item_explains_already_gets_no_weight() -> None:
    """2 comes wherever 1 does: of 2, 0 says nothing that 1 does not."""
    shop = material(*[(0, 1, 2)] * 20, *[(1, 2)] * 20, *[(0, 3)] * 20)
    source = Slim(SlimConfig(ridge=0.1, sparsity=1.0)).fit(shop)
    assert source.retrieve(context_of(shop, user=-1, items=("i1",)), 8).rows[0] == 2
    assert 2 not in source.retrieve(context_of(shop, user=-1, items=("i0",)), 8).rows


@pytest.mark.parametrize("sparsity", [0.0, 2.0])
def test_the_weights_are_the_optimum(sparsity: float) -> None:
    """Karush, Kuhn and Tucker: no slope where there is a weight, and none downwards where there is none."""
    random = np.random.default_rng(0)
    histories = random.random((5, 60, 8)).astype(np.float32)
    met = histories.transpose(0, 2, 1) @ histories + 0.5 * np.eye(8, dtype=np.float32)
    explained = np.einsum("bnk,bn->bk", histories, random.normal(0.3, 1.0, (5, 60))).astype(np.float32)
    others = np.tile(np.arange(8, dtype=np.int32), (5, 1))
    weights = sparse_weights(Systems(np.arange(5, dtype=np.int32), others, met, explained), sparsity)
    slope = np.einsum("bkl,bl->bk", met, weights) - explained + sparsity
    assert (weights >= 0).all()
    assert 0 < np.count_nonzero(weights) < weights.size
    np.testing.assert_allclose(slope[weights > 0], 0.0, atol=0.05)
    assert (slope[weights == 0] > -0.05).all()
