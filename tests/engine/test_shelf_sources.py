"""Popular, trending, new and recent: what every source owes, and planted answers."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_contract import (
    DAY,
    NOW,
    SourceContract,
    context_of,
    interactions_of,
    items_table,
    material_of,
    small_interactions,
    small_items,
)

from shopkeeper.engine.context import Context, FittedSource, Material, SourceRecipe, first_of
from shopkeeper.engine.encoder import Encoder
from shopkeeper.engine.sources.new import New
from shopkeeper.engine.sources.popular import Popular, Trending
from shopkeeper.engine.sources.recent import Recent
from shopkeeper.engine.sources.together import BoughtTogether, ViewedTogether
from shopkeeper.release.interactions import Interactions
from shopkeeper.vocabulary import EventType

VIEW, BUY = EventType.VIEW, EventType.PURCHASE
MUG_RED, MUG_BLUE, LAMP_RED, CHAIR_GREEN = 0, 1, 6, 11


class TestViewedTogether(SourceContract):
    recipe: ClassVar[SourceRecipe] = ViewedTogether


class TestBoughtTogether(SourceContract):
    recipe: ClassVar[SourceRecipe] = BoughtTogether


class TestPopular(SourceContract):
    recipe: ClassVar[SourceRecipe] = Popular()


class TestTrending(SourceContract):
    recipe: ClassVar[SourceRecipe] = Trending()

    @pytest.fixture(scope="class")
    @classmethod
    def material(cls, encoder: Encoder | None) -> Material:
        return material_of(small_items(), rising(MUG_BLUE), encoder)


class TestNew(SourceContract):
    recipe: ClassVar[SourceRecipe] = New()


class TestRecent(SourceContract):
    recipe: ClassVar[SourceRecipe] = Recent()


def rising(item: int) -> Interactions:
    """The small shop's usual events, and a rush on one item of late."""
    usual = small_interactions()
    events = [
        (int(usual.users[at]), int(usual.items[at]), VIEW, float(usual.times[at]), int(usual.sessions[at]))
        for at in range(len(usual))
    ]
    return interactions_of(events + [(user, item, VIEW, NOW - DAY / 2, 100 + user) for user in range(8)])


def rows(source: FittedSource, context: Context, limit: int = 50) -> list[int]:
    return source.retrieve(context, limit).rows.tolist()


def test_popular_counts_interest_and_forgets() -> None:
    """A purchase tells more than a view, and two views of last year less than one of yesterday."""
    events = [
        (0, MUG_RED, BUY, NOW - DAY, 0),
        (1, MUG_BLUE, VIEW, NOW - DAY, 1),
        (2, LAMP_RED, VIEW, NOW - 365 * DAY, 2),
        (3, LAMP_RED, VIEW, NOW - 365 * DAY, 3),
    ]
    shop = material_of(small_items(), interactions_of(events))
    source = Popular().fit(shop)
    assert rows(source, context_of(shop, user=-1)) == [MUG_RED, MUG_BLUE, LAMP_RED]
    assert source.reason(context_of(shop, user=-1), MUG_RED) == "popular now"


def test_popular_looks_into_the_categories_at_hand_first() -> None:
    events = [(user, LAMP_RED, VIEW, NOW - DAY, user) for user in range(3)]
    shop = material_of(small_items(), interactions_of([*events, (8, MUG_RED, VIEW, NOW - DAY, 8)]))
    source = Popular().fit(shop)
    assert rows(source, context_of(shop, user=-1)) == [LAMP_RED, MUG_RED]
    beside_a_mug = context_of(shop, user=-1, items=("mug-blue",))
    assert rows(source, beside_a_mug) == [MUG_RED, LAMP_RED]
    assert source.reason(beside_a_mug, MUG_RED) == "popular in kitchen"


def test_popular_fills_the_limit_from_what_is_allowed() -> None:
    shop = material_of(small_items(), small_interactions())
    allowed = np.arange(12) >= 9
    assert len(rows(Popular().fit(shop), context_of(shop, user=0, allowed=allowed), limit=3)) == 3


def test_trending_is_what_rises_not_what_is_big() -> None:
    usual = [(user, MUG_RED, VIEW, NOW - day * DAY, user * 100 + day) for user in range(10) for day in range(1, 60)]
    rise = [(user, CHAIR_GREEN, VIEW, NOW - DAY / 2, 9000 + user) for user in range(10)]
    shop = material_of(small_items(), interactions_of(usual + rise))
    assert rows(Trending().fit(shop), context_of(shop, user=-1)) == [CHAIR_GREEN]


def test_trending_prefers_the_category_that_the_person_looks_at() -> None:
    rises = [(user, LAMP_RED, VIEW, NOW - DAY / 2, 8000 + user) for user in range(1, 20)]
    rises += [(user, CHAIR_GREEN, VIEW, NOW - DAY / 2, 9000 + user) for user in range(1, 13)]
    usual = [(user, MUG_RED, VIEW, NOW - day * DAY, user * 100 + day) for user in range(1, 10) for day in range(1, 60)]
    lines = [*usual, *rises]
    shop = material_of(small_items(), interactions_of(lines))
    source = Trending().fit(shop)
    stranger = context_of(shop, user=-1)
    assert rows(source, stranger) == [LAMP_RED, CHAIR_GREEN]
    assert source.reason(stranger, LAMP_RED) == "trending now"
    sitting = context_of(shop, user=-1, items=(shop.catalogue.ids.id(CHAIR_GREEN),))
    assert rows(source, sitting) == [CHAIR_GREEN, LAMP_RED]
    assert source.reason(sitting, CHAIR_GREEN).startswith("trending in ")
    assert source.reason(sitting, LAMP_RED) == "trending now"


def test_trending_is_silent_without_a_clock() -> None:
    nan = float("nan")
    shop = material_of(small_items(), interactions_of([(0, MUG_RED, VIEW, nan, -1)] * 5))
    assert rows(Trending().fit(shop), context_of(shop, user=-1)) == []


def test_new_is_by_launch_and_never_from_the_future() -> None:
    shop = material_of(small_items(), small_interactions())
    source = New().fit(shop)
    context = context_of(shop, user=-1)
    assert rows(source, context, limit=3) == [11, 10, 9]
    assert source.reason(context, 11) == "new since 9 days"
    before = Context(**{**vars(context), "now": NOW - 10.5 * DAY})
    assert rows(source, before, limit=3) == [9, 8, 7]


def test_new_falls_back_to_when_an_item_was_first_seen() -> None:
    items = items_table([{**item, "launched": None} for item in small_items().to_pylist()])
    events = [(0, MUG_RED, VIEW, NOW - 5 * DAY, 0), (0, LAMP_RED, VIEW, NOW - DAY, 1), (1, MUG_RED, VIEW, NOW, 2)]
    shop = material_of(items, interactions_of(events))
    assert rows(New().fit(shop), context_of(shop, user=-1)) == [LAMP_RED, MUG_RED]


def test_recent_is_the_last_first_and_each_once() -> None:
    events = [(0, row, VIEW, NOW - (9 - at) * DAY, at) for at, row in enumerate((MUG_RED, LAMP_RED, MUG_RED, MUG_BLUE))]
    events.append((0, CHAIR_GREEN, EventType.RETURN, NOW - DAY, 9))
    shop = material_of(small_items(), interactions_of(events))
    source = Recent().fit(shop)
    context = context_of(shop, user=0)
    assert rows(source, context) == [MUG_BLUE, MUG_RED, LAMP_RED]
    assert source.reason(context, MUG_BLUE) == "you viewed it 6 days ago"


@given(st.lists(st.integers(0, 99), unique=True), st.integers(0, 20), st.sets(st.integers(0, 99)))
def test_the_first_that_are_let_through(order: list[int], limit: int, barred: set[int]) -> None:
    rows = np.array(order, np.int32)
    found = first_of(rows, limit, lambda some: ~np.isin(some, list(barred)))
    assert found.tolist() == [row for row in order if row not in barred][:limit]
