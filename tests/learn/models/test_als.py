"""Factors of people and items: planted tastes, and what is served against the library that fitted it."""

from __future__ import annotations

import dataclasses
import sys
from typing import ClassVar

import numpy as np
import pytest
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix
from source_contract import DAY, NOW, SourceContract, context_of, interactions_of, items_table, material_of

from shopkeeper.engine.context import Material, SourceRecipe
from shopkeeper.engine.interest import decay
from shopkeeper.errors import MissingExtraError
from shopkeeper.learn.models.als import Als
from shopkeeper.learn.models.config import AlsConfig
from shopkeeper.vocabulary import EventType

SMALL = AlsConfig(factors=8, iterations=10)


class TestAls(SourceContract):
    recipe: ClassVar[SourceRecipe] = Als(SMALL)


def two_tastes() -> Material:
    """Even people like even items, odd people odd ones, three of six each."""
    events = [
        (person, 2 * ((person // 2 + step) % 6) + person % 2, EventType.VIEW, NOW - DAY + step, person)
        for person in range(40)
        for step in range(3)
    ]
    return material_of(items_table([{"item_id": f"i{row}"} for row in range(12)]), interactions_of(events))


def test_a_taste_is_carried_on() -> None:
    shop = two_tastes()
    source = Als(SMALL).fit(shop)
    for item in range(12):
        found = source.retrieve(context_of(shop, user=-1, items=(f"i{item}",)), 3).rows
        assert {row % 2 for row in found.tolist()} == {item % 2}


def test_what_is_long_ago_is_still_known() -> None:
    shop = dataclasses.replace(two_tastes(), now=NOW + 400 * DAY)
    source = Als(SMALL).fit(shop)
    context = dataclasses.replace(context_of(shop, user=0), now=NOW + 400 * DAY)
    found = source.retrieve(context, 12)
    assert {row % 2 for row in found.rows[:3].tolist()} == {0}
    assert found.scores[2] > 0.1


def test_served_is_what_the_library_recommends() -> None:
    shop = two_tastes()
    source = Als(SMALL).fit(shop)
    done = shop.interactions
    interest = decay(done.times, NOW, shop.settings.train.half_life_days)
    model = AlternatingLeastSquares(factors=8, regularization=SMALL.ridge, alpha=SMALL.confidence, num_threads=1)
    model.item_factors, model.user_factors = source._factors, np.zeros((40, 8), np.float32)
    met = csr_matrix((interest, (done.users, done.items)), shape=(40, 12))
    met.data += 1.0 / SMALL.confidence
    rows, scores = model.recommend(np.arange(40), met, N=12, recalculate_user=True, filter_already_liked_items=False)
    for person in range(40):
        found = source.retrieve(context_of(shop, user=person), 12)
        np.testing.assert_allclose(found.scores, scores[person], atol=1e-4)
        np.testing.assert_allclose(
            found.scores[np.argsort(found.rows)], scores[person][np.argsort(rows[person])], atol=1e-4
        )


def test_without_the_library_a_sentence_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "implicit.cpu.als", None)
    with pytest.raises(MissingExtraError, match="implicit"):
        Als(SMALL).fit(two_tastes())
