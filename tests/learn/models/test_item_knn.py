"""Neighbours of items by what the same people met: what every source owes, and the textbook's formulas."""

from __future__ import annotations

import sys
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_contract import NOW, SourceContract, context_of, interactions_of, items_table, material_of

from shopkeeper.engine.context import Material, SourceRecipe
from shopkeeper.errors import MissingExtraError
from shopkeeper.learn.models.config import ItemKnnConfig
from shopkeeper.learn.models.item_knn import ItemKnn
from shopkeeper.vocabulary import EventType


class TestItemKnn(SourceContract):
    recipe: ClassVar[SourceRecipe] = ItemKnn(ItemKnnConfig())


class TestByPearson(SourceContract):
    recipe: ClassVar[SourceRecipe] = ItemKnn(ItemKnnConfig(likeness="pearson", shrinkage=1.0))


def met(table: npt.NDArray[np.int64]) -> Material:
    """Each person (a row) views each item (a column) so many times, now."""
    events = [
        (person, item, EventType.VIEW, NOW, person)
        for person, item in np.argwhere(table)
        for _ in range(table[person, item])
    ]
    return material_of(items_table([{"item_id": f"i{row}"} for row in range(table.shape[1])]), interactions_of(events))


def likeness(shop: Material, config: ItemKnnConfig, n: int) -> npt.NDArray[np.float64]:
    """[n, n], 0 where two items are no neighbours, and for an item and itself."""
    source, found = ItemKnn(config).fit(shop), np.zeros((n, n))
    for item in range(n):
        told = source.retrieve(context_of(shop, user=-1, items=(f"i{item}",)), n)
        found[item, told.rows] = told.scores
    return found


rows = st.lists(st.integers(0, 2), min_size=5, max_size=5)
tables = st.lists(rows.filter(any), min_size=2, max_size=9).map(np.array)


@given(tables)
def test_cosine_is_that_of_the_textbook(table: npt.NDArray[np.int64]) -> None:
    lengths = np.sqrt((table**2).sum(0) + 3.0)
    wanted = (table.T @ table) / np.outer(lengths, lengths)
    np.fill_diagonal(wanted, 0.0)
    np.testing.assert_allclose(likeness(met(table), ItemKnnConfig(shrinkage=3.0), 5), wanted, atol=1e-5)


@given(tables, st.sampled_from([0.0, 1.0, 20.0]))
def test_pearson_is_that_of_the_textbook_where_it_is_positive(table: npt.NDArray[np.int64], shrinkage: float) -> None:
    """Among items that anybody met together: the others are not looked at."""
    centred = table - table.mean(0)
    lengths = np.outer(*[np.sqrt((centred**2).sum(0) + shrinkage)] * 2)
    shared = np.where(table.T @ table > 0, centred.T @ centred, 0.0)
    wanted = np.divide(shared, lengths, out=np.zeros_like(shared), where=shared > 1e-9)
    np.fill_diagonal(wanted, 0.0)
    config = ItemKnnConfig(likeness="pearson", shrinkage=shrinkage)
    np.testing.assert_allclose(likeness(met(table), config, 5), wanted, atol=1e-5)


@pytest.mark.filterwarnings("error")
def test_what_everybody_met_alike_is_like_nothing_by_pearson() -> None:
    table = np.array([[1, 1, 1, 0], [1, 1, 0, 1], [1, 1, 1, 0]])
    for shrinkage in (0.0, 20.0):
        assert not likeness(met(table), ItemKnnConfig(likeness="pearson", shrinkage=shrinkage), 4)[:2].any()


def test_only_the_nearest_are_kept() -> None:
    table = np.array([[1, 1, 1, 1], [1, 1, 0, 1], [1, 1, 0, 0]])
    found = likeness(met(table), ItemKnnConfig(neighbours=1, shrinkage=0.0), 4)
    assert (np.count_nonzero(found, axis=1) == 1).all()
    assert found[0, 1] == pytest.approx(1.0)


def test_without_the_library_a_sentence_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "implicit.nearest_neighbours", None)
    with pytest.raises(MissingExtraError, match="implicit"):
        ItemKnn().fit(met(np.array([[1, 1]])))
