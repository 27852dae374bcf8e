"""Factors fitted pair by pair: planted tastes, of people who were there and of one who comes."""

from __future__ import annotations

import dataclasses
import sys
from typing import ClassVar

import numpy as np
import pytest
from source_contract import DAY, NOW, SourceContract, context_of, interactions_of, items_table, material_of

from shopkeeper.engine.context import Material, SourceRecipe
from shopkeeper.errors import MissingExtraError
from shopkeeper.learn.models.bpr import Bpr
from shopkeeper.learn.models.config import BprConfig
from shopkeeper.vocabulary import EventType

SMALL = BprConfig(factors=8, iterations=200)


class TestBpr(SourceContract):
    recipe: ClassVar[SourceRecipe] = Bpr(SMALL)


def three_tastes(popular: bool = False) -> Material:
    """Each person likes the five of fifteen items that leave the same rest by three, and has met three of them; or, all
    have met item 0 as well."""
    met = {(person, 3 * ((person // 3 + step) % 5) + person % 3) for person in range(60) for step in range(3)}
    met |= {(person, 0) for person in range(60) if popular}
    events = [(person, item, EventType.VIEW, NOW - DAY + item, person) for person, item in sorted(met)]
    return material_of(items_table([{"item_id": f"i{row}"} for row in range(15)]), interactions_of(events))


def test_a_taste_is_carried_on_after_one_click() -> None:
    shop = three_tastes()
    source = Bpr(SMALL).fit(shop)
    for item in range(15):
        found = source.retrieve(context_of(shop, user=-1, items=(f"i{item}",)), 4).rows
        assert {row % 3 for row in found.tolist()} == {item % 3}


def test_what_a_person_did_not_meet_of_their_taste_stands_before_all_others() -> None:
    shop = three_tastes()
    source = Bpr(SMALL).fit(shop)
    for person in range(60):
        context = context_of(shop, user=person)
        allowed = ~np.isin(np.arange(15), context.history)
        found = source.retrieve(dataclasses.replace(context, allowed=allowed), 2).rows
        assert {row % 3 for row in found.tolist()} == {person % 3}


def test_what_everybody_meets_does_not_drown_a_taste() -> None:
    shop = three_tastes(popular=True)
    source = Bpr(SMALL).fit(shop)
    for item in (1, 2, 4, 5):
        found = source.retrieve(context_of(shop, user=-1, items=(f"i{item}",)), 4).rows.tolist()
        assert {row % 3 for row in found if row} == {item % 3}


def test_the_same_seed_gives_the_same_factors() -> None:
    shop = three_tastes()
    first, second = (Bpr(SMALL).fit(shop)._factors for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_without_the_library_a_sentence_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "implicit.cpu.bpr", None)
    with pytest.raises(MissingExtraError, match="implicit"):
        Bpr(SMALL).fit(three_tastes())
