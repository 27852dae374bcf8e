"""The linear model of histories: planted sequences, and the closed form against a solver of least squares."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from source_contract import DAY, NOW, SourceContract, context_of, interactions_of, items_table, material_of

from shopkeeper.engine.context import Material, SourceRecipe
from shopkeeper.engine.sources import slist
from shopkeeper.engine.sources.slist import Ease, EaseConfig, Slist, SlistConfig, moments, solve
from shopkeeper.engine.sources.together import trail_of
from shopkeeper.vocabulary import EventType

VIEW = EventType.VIEW


class TestSlist(SourceContract):
    recipe: ClassVar[SourceRecipe] = Slist()


class TestEase(SourceContract):
    recipe: ClassVar[SourceRecipe] = Ease()


def material(*sequences: tuple[int, ...], n_items: int = 8) -> Material:
    """One person and visit for each sequence of items."""
    events = [
        (user, item, VIEW, NOW - DAY + step, user)
        for user, sequence in enumerate(sequences)
        for step, item in enumerate(sequence)
    ]
    items = items_table([{"item_id": f"i{row}", "title": f"Item {row}"} for row in range(n_items)])
    return material_of(items, interactions_of(events))


def best(shop: Material, *items: str, config: SlistConfig | None = None) -> list[int]:
    return Slist(config).fit(shop).retrieve(context_of(shop, user=-1, items=items), 8).rows.tolist()


def test_what_follows_stands_first() -> None:
    shop = material(*[(0, 1, 2)] * 30, *[(3, 1, 4)] * 30)
    assert best(shop, "i0")[0] == 1
    assert set(best(shop, "i1")) >= {2, 4}


def test_what_everyone_meets_says_little() -> None:
    """0 comes in every sequence; 1 is always followed by 2."""
    shop = material(*[(0, 1, 2)] * 10, *[(0, 3, 4)] * 10, *[(0, 5, 6)] * 10)
    assert best(shop, "i0", "i1")[0] == 2


def test_an_item_says_nothing_of_itself() -> None:
    shop = material((0, 1, 0, 1, 0), (0, 2, 0), (1, 2, 1))
    trail = trail_of(shop.interactions, NOW, 30.0)
    weights = solve(*moments(trail, np.arange(3, dtype=np.int32), 8, SlistConfig()), 1.0)
    np.testing.assert_allclose(weights.diagonal(), 0.0, atol=1e-6)


def test_the_closed_form_is_the_least_squares_solution() -> None:
    """Without a transition: every column the ridge regression of an item on all others (Steck, 2019)."""
    generator = np.random.default_rng(0)
    met = generator.random((40, 6)).astype(np.float32)
    gram = met.T @ met
    weights = solve(gram.copy(), gram.copy(), ridge=2.0)
    for item in range(6):
        others = np.arange(6) != item
        left = gram[np.ix_(others, others)] + 2.0 * np.eye(5)
        np.testing.assert_allclose(weights[others, item], np.linalg.solve(left, gram[others, item]), rtol=1e-3)


def test_the_inverse_by_halves_is_the_inverse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slist, "AT_ONCE", 4)
    met = np.random.default_rng(0).random((40, 21)).astype(np.float32)
    gram = met.T @ met + np.eye(21, dtype=np.float32)
    np.testing.assert_allclose(slist.inverted(gram), np.linalg.inv(gram), atol=1e-5)


def test_what_comes_in_one_visit_says_more() -> None:
    events = []
    for person in range(20):
        for step, (item, visit) in enumerate([(0, 0), (1, 1), (0, 2), (2, 2)]):
            events.append((person, item, VIEW, NOW - DAY + step, 3 * person + visit))
    items = items_table([{"item_id": f"i{row}"} for row in range(8)])
    assert best(material_of(items, interactions_of(events)), "i0")[0] == 2


def test_ease_is_the_regression_of_each_item_on_all_others_in_the_same_histories() -> None:
    histories = [(0, 1, 2), (0, 2, 3), (1, 3), (0, 1, 3, 4), (2, 4)]
    shop = material(*histories, n_items=5)
    config = EaseConfig(ridge=0.5)
    trail = trail_of(shop.interactions, NOW, 1e9)
    neighbours = slist.fit_neighbours(trail, 5, config)
    bought = np.zeros((len(histories), 5))
    for person, items in enumerate(histories):
        bought[person, list(items)] = 1.0
    gram = bought.T @ bought
    inverse = np.linalg.inv(gram + 0.5 * np.eye(5))
    expected = -inverse / inverse.diagonal()  # Steck, 2019
    np.fill_diagonal(expected, 0.0)
    for item in range(5):
        _, rows, weights = neighbours.around(np.array([item], np.int32), np.ones(1, np.float32))
        np.testing.assert_allclose(weights, expected[item, rows], atol=1e-4)


def test_ease_asks_the_whole_history() -> None:
    pairs = [(row, row + 1) for row in range(0, 78, 2)]
    shop = material(*pairs * 4, tuple(range(0, 78, 2)), n_items=80)
    person = len(pairs) * 4
    for recipe, knows in ((Ease(), True), (Slist(), False)):
        found = recipe.fit(shop).retrieve(context_of(shop, user=person), 80).rows
        assert (1 in found) == knows  # the partner of the oldest of 39


def test_what_is_met_and_explained_is_counted_pair_by_pair() -> None:
    config, sequences = SlistConfig(window=2, consistency=0.3, spread=0.9, decay=0.5), [(0, 1, 2, 0), (2, 1)]
    shop = material(*sequences, n_items=3)
    trail = trail_of(shop.interactions, NOW, 1e9)  # so long that no event is old
    met, explained = np.zeros((3, 3)), np.zeros((3, 3))
    for sequence in sequences:
        for at, item in enumerate(sequence):
            met[item, item] += 1.0
            explained[item, item] += 0.3
            for gap, other in enumerate(sequence[at + 1 : at + 3], start=1):
                near = 0.3 * 0.9**gap
                met[item, other] += near + 0.7 * 0.5**gap
                met[other, item] += near + 0.7 * 0.5**gap
                explained[item, other] += near + 0.7 * 0.5 ** (gap - 1)
                explained[other, item] += near
    for counted, expected in zip(
        moments(trail, np.arange(3, dtype=np.int32), 3, config), (met, explained), strict=True
    ):
        np.testing.assert_allclose(counted, expected, rtol=1e-4)


def test_a_catalogue_too_large_for_the_inverse_is_known_whole() -> None:
    shop = material(*[(0, 1)] * 9, *[(2, 3)] * 5, (4, 5))
    for item, partner in (("i0", 1), ("i2", 3), ("i4", 5)):
        assert best(shop, item, config=SlistConfig(items=4)) == best(shop, item) == [partner]


def test_of_each_item_the_strongest_weights_are_kept() -> None:
    shop = material(*[(0, 1, 2, 3, 4, 5)] * 9)
    assert len(best(shop, "i0", config=SlistConfig(neighbours=2))) <= 2
