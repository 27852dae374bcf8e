"""Nearest people: planted tastes."""

from __future__ import annotations

from typing import ClassVar

from source_contract import DAY, NOW, SourceContract, context_of, interactions_of, items_table, material_of

from shopkeeper.engine.context import Material, SourceRecipe
from shopkeeper.engine.sources.user_knn import UserKnn, UserKnnConfig
from shopkeeper.vocabulary import EventType


class TestUserKnn(SourceContract):
    recipe: ClassVar[SourceRecipe] = UserKnn()


def material(*histories: tuple[int, ...]) -> Material:
    """One person for each, every event a visit of its own."""
    events = [
        (person, item, EventType.VIEW, NOW - 9 * DAY + step * DAY / 8, 100 * person + step)
        for person, items in enumerate(histories)
        for step, item in enumerate(items)
    ]
    return material_of(items_table([{"item_id": f"i{row}"} for row in range(12)]), interactions_of(events))


def test_what_people_of_like_taste_met_is_proposed_across_their_visits() -> None:
    shop = material((0, 2, 4), (0, 2, 4, 6), (1, 3, 5, 7), (1, 3, 5))
    source = UserKnn().fit(shop)
    assert 6 in source.retrieve(context_of(shop, user=0), 12).rows
    assert 7 in source.retrieve(context_of(shop, user=3), 12).rows
    assert 7 not in source.retrieve(context_of(shop, user=0), 12).rows


def test_a_newcomer_is_known_after_one_click() -> None:
    shop = material((0, 2, 4), (1, 3, 5))
    source = UserKnn().fit(shop)
    assert set(source.retrieve(context_of(shop, user=-1, items=("i3",)), 12).rows.tolist()) == {1, 5}
    assert not len(source.retrieve(context_of(shop, user=-1), 12).rows)


def test_nobody_is_their_own_neighbour() -> None:
    shop = material((0, 2, 4), (0, 6))
    assert set(UserKnn().fit(shop).retrieve(context_of(shop, user=0), 12).rows.tolist()) == {0, 6}


def test_order_and_distance_say_nothing() -> None:
    shop = material((0, 2, 4, 6), (8,))
    found = UserKnn().fit(shop).retrieve(context_of(shop, user=-1, items=("i2",)), 12)
    assert set(found.rows.tolist()) == {0, 4, 6}
    assert found.scores[0] == found.scores[-1]


def test_who_shares_a_rare_item_is_nearer_than_who_shares_a_common_one() -> None:
    shop = material((0, 1), (0, 2), (0, 3), (0, 4), (5, 6), (5, 7, 9), (0, 8))
    found = UserKnn(UserKnnConfig(shrinkage=0.0)).fit(shop)
    rows = found.retrieve(context_of(shop, user=-1, items=("i0", "i5")), 12).rows.tolist()
    assert rows.index(6) < rows.index(1)


def test_who_did_little_is_less_like_anybody_by_a_shrinkage() -> None:
    """One item in common with a person of two, two with a person of five."""
    shop = material((0, 6), (0, 2, 3, 4, 7), (5, 8))
    firsts = {}
    for shrinkage in (0.0, 100.0):
        source = UserKnn(UserKnnConfig(shrinkage=shrinkage, rarity=0.0)).fit(shop)
        found = source.retrieve(context_of(shop, user=-1, items=("i0", "i2")), 12)
        firsts[shrinkage] = dict(zip(found.rows.tolist(), found.scores.tolist(), strict=True))
    assert firsts[100.0][7] / firsts[100.0][6] > firsts[0.0][7] / firsts[0.0][6]
