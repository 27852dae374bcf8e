"""Policies: who may stand on the shelf, and in which order."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shopkeeper.data.schema import ITEMS
from shopkeeper.engine.context import Context, positions_of
from shopkeeper.engine.policies import Policies
from shopkeeper.engine.policies.diversity import marginal_relevance
from shopkeeper.engine.policies.matching import Asked, asks, read_rule
from shopkeeper.errors import RequestError, SettingsError
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.settings import Rule, Settings, Surface
from shopkeeper.vocabulary import EventType, Request

NOW = datetime.fromisoformat("2026-03-01T00:00:00+00:00").timestamp()
VIEW, PURCHASE = EventType.VIEW.code, EventType.PURCHASE.code
ROWS = np.arange(6, dtype=np.int32)
SCORES = np.linspace(1.0, 0.5, 6, dtype=np.float32)
SOME = st.lists(st.integers(0, 2**31 - 1), unique=True, max_size=20)

CATALOGUE = Catalogue.build(
    pa.Table.from_pylist(
        [
            {"item_id": "red", "title": "Red mug", "brand": "A", "categories": ["Mugs"], "price": 5.0},
            {"item_id": "blue", "title": "Blue mug", "brand": "A", "categories": ["Mugs"], "price": 6.0},
            {"item_id": "big", "title": "Red mug, big", "brand": "A", "categories": ["Mugs"], "price": 79.0},
            {"item_id": "plate", "title": "Plate", "brand": "B", "categories": ["Plates"], "price": 8.0},
            {"item_id": "gone", "title": "Gone", "brand": "B", "stock": 0.0},
            {"item_id": "soon", "title": "Soon", "brand": "C", "launched": datetime(2026, 4, 1)},
        ],
        schema=ITEMS,
    )
)


def policies(*rules: Rule, **surface: Any) -> Policies:
    home = Surface(sources=("popular",), **surface)
    return Policies(CATALOGUE, Settings(surfaces={"home": home, "search": home}, rules=rules))


def context(history: dict[int, int] | None = None, anchors: tuple[int, ...] = (), **request: Any) -> Context:
    """`history` is row → event code."""
    history = history or {}
    return Context(
        request=Request(**{"surface": "home", **request}),
        now=NOW,
        user=0,
        history=np.array(list(history), np.int32),
        history_codes=np.array(list(history.values()), np.int8),
        history_times=np.full(len(history), NOW - 1.0),
        session=np.empty(0, np.int32),
        anchors=np.array(anchors, np.int32),
    )


def allowed(shop: Policies, asked: Context) -> list[str]:
    mask = shop.allowed(asked)
    for row in range(len(CATALOGUE)):  # the two never disagree
        assert (shop.why_not(asked, row) is None) == mask[row]
    return CATALOGUE.ids.ids(np.flatnonzero(mask))


def ordered(shop: Policies, asked: Context, rows: list[int], scores: list[float] | None = None) -> list[str]:
    given_rows = np.array(rows, np.int32)
    order = shop.order(asked, given_rows, np.array(scores or SCORES[: len(rows)], np.float32))
    assert sorted(order.tolist()) == list(range(len(rows)))
    return CATALOGUE.ids.ids(given_rows[order])


def test_only_what_is_on_sale_now() -> None:
    assert allowed(policies(), context()) == ["red", "blue", "big", "plate"]
    assert policies().why_not(context(), 4) == "out of stock"
    assert policies().why_not(context(), 5) == "not on sale before 2026-04-01"


def test_the_catalogue_is_not_written_to() -> None:
    before = CATALOGUE.available.copy()
    policies(exclude="seen").allowed(context({0: VIEW}))[:] = False
    np.testing.assert_array_equal(CATALOGUE.available, before)


def test_the_filter_of_the_request() -> None:
    asked = context(filter="price < 50 and brand = A")
    assert allowed(policies(), asked) == ["red", "blue"]
    assert policies().why_not(asked, 2) == "filtered: price < 50, its price is 79"
    with pytest.raises(RequestError):
        policies().allowed(context(filter="price <"))


@pytest.mark.parametrize(
    ("exclude", "left", "why"),
    [
        ("nothing", ["red", "blue", "big", "plate"], None),
        ("purchased", ["red", "big", "plate"], None),
        ("seen", ["big", "plate"], "seen already"),
    ],
)
def test_what_the_person_has_already(exclude: str, left: list[str], why: str | None) -> None:
    asked = context({0: VIEW, 1: PURCHASE})
    assert allowed(policies(exclude=exclude), asked) == left
    assert policies(exclude=exclude).why_not(asked, 0) == why
    assert policies(exclude=exclude).why_not(asked, 1) == (None if exclude == "nothing" else "bought already")


def test_a_shelf_beside_an_item_does_not_show_it_again() -> None:
    asked = context(anchors=(0,))
    assert allowed(policies(needs="items"), asked) == ["blue", "big", "plate"]
    assert allowed(policies(), asked) == ["red", "blue", "big", "plate"]


def test_a_rule_hides() -> None:
    shop = policies(Rule(surface="home", boost="brand = A"), Rule(surface="home", hide="brand = B"))
    assert allowed(shop, context()) == ["red", "blue", "big"]
    assert shop.why_not(context(), 3) == "hidden by rule 2: brand = B"
    assert allowed(shop, context(surface="search", query="plate")) == ["red", "blue", "big", "plate"]


def test_a_boost_divides_the_rank_and_a_burial_multiplies_it() -> None:
    assert ordered(policies(Rule(surface="home", boost="brand = B")), context(), [0, 1, 2, 3]) == [
        "red", "plate", "blue", "big",
    ]  # fmt: skip
    assert ordered(policies(Rule(surface="home", bury="id = red")), context(), [0, 1, 2, 3, 5]) == [
        "blue", "big", "red", "plate", "soon",
    ]  # fmt: skip


def test_pins_stand_first_whoever_brought_them_and_obey_the_rest() -> None:
    shop = policies(Rule(surface="home", pin=("plate", "gone", "red", "nowhere")))
    asked = context()
    asked = Context(**{**vars(asked), "allowed": shop.allowed(asked)})
    assert CATALOGUE.ids.ids(shop.pinned(asked)) == ["plate", "red"]
    assert ordered(shop, asked, [1, 2, 0, 3]) == ["plate", "red", "blue", "big"]


def test_a_rule_speaks_to_the_queries_that_hold_its_words() -> None:
    shop = policies(Rule(surface="search", query="red mug", pin=("red",)))
    assert CATALOGUE.ids.ids(shop.pinned(context(surface="search", query="Mug, very RED"))) == ["red"]
    assert CATALOGUE.ids.ids(shop.pinned(context(surface="search", query="red plate"))) == []


@pytest.mark.parametrize(
    ("query", "words", "holds"),
    [
        ("anything", "", True),
        ("", "mug", False),
        ("红色马克杯", "红色", True),
        ("蓝色马克杯", "红色", False),
        ("mugs", "mug", False),
    ],
)
def test_words_of_a_rule(query: str, words: str, holds: bool) -> None:
    assert asks(Asked(query), read_rule(Rule(query=words))) is holds


def test_a_rule_that_cannot_be_followed_is_named_at_the_start() -> None:
    wrong = policies(Rule(), Rule(bury="brnd = x"))
    with pytest.raises(
        SettingsError, match=r"rule 2 of shop.toml, bury, filter, character 1: there is no field 'brnd'"
    ):
        wrong.check()


def test_a_rule_whose_field_went_with_its_last_item_is_passed_over() -> None:
    gone = policies(Rule(surface="home", hide="brnd = x"), Rule(surface="home", boost="brnd = x", bury="brnd = x"))
    assert allowed(gone, context()) == allowed(policies(), context())
    assert ordered(gone, context(), [0, 1, 3]) == ordered(policies(), context(), [0, 1, 3])


def test_twins_stand_after_everything_else() -> None:
    twins = Catalogue.build(
        pa.Table.from_pylist(
            [{"item_id": str(row), "group_id": group} for row, group in enumerate(["g", "h", "g", None, "h"])],
            schema=ITEMS,
        )
    )
    shop = Policies(twins, Settings())
    order = shop.order(context(), np.array([2, 0, 1, 3, 4], np.int32), SCORES[:5])
    assert order.tolist() == [0, 2, 3, 1, 4]


def test_variety_breaks_a_row_of_the_same() -> None:
    scores = [1.0, 0.99, 0.98, 0.9]
    assert ordered(policies(), context(), [0, 1, 2, 3], scores) == ["red", "blue", "big", "plate"]
    assert ordered(policies(diversity=0.6), context(), [0, 1, 2, 3], scores)[:2] == ["red", "plate"]


@given(
    arrays(np.float32, st.integers(1, 12), elements=st.integers(-1000, 1000)),
    st.floats(0.0, 1.0),
    st.integers(1, 15),
)
def test_marginal_relevance_chooses_each_once(scores: np.ndarray, share: float, places: int) -> None:
    likeness = np.eye(len(scores), dtype=np.float32)
    chosen = marginal_relevance(scores, likeness, share, places)
    assert len(chosen) == len(set(chosen.tolist())) == min(places, len(scores))
    if share < 1.0:
        assert scores[chosen[0]] == scores.max()


def test_no_candidates_and_no_items() -> None:
    assert policies(diversity=0.5).order(context(), ROWS[:0], SCORES[:0]).tolist() == []
    empty = Policies(Catalogue.build(ITEMS.empty_table()), Settings())
    assert empty.allowed(context()).tolist() == []


@given(rows=SOME, others=SOME)
def test_positions_are_those_of_a_search_one_by_one(rows: list[int], others: list[int]) -> None:
    """Rows may be as large as they like: what is allocated is as large as what is asked."""
    sought = rows[::2] + others
    found = positions_of(np.array(sought, np.int32), np.array(rows, np.int32))
    assert found.tolist() == [rows.index(row) if row in rows else -1 for row in sought]
