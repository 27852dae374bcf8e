"""The filter language: what passes, what the mistakes say, and that reading what was printed changes nothing."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopkeeper.data.schema import ITEMS
from shopkeeper.engine import filters
from shopkeeper.engine.conditions import Compares, Condition, Either, Every, Exists, Holds, Is, Not, Within
from shopkeeper.engine.filters import Masks, compile_filter
from shopkeeper.engine.geography import Place
from shopkeeper.errors import RequestError
from shopkeeper.release.catalogue import Catalogue


def item(id_: str, **said: Any) -> dict[str, Any]:
    return {"item_id": id_, **said}


SHOP = Catalogue.build(
    pa.Table.from_pylist(
        [
            item(
                "red",
                brand="Nike",
                price=79.99,
                categories=["Shoes", "Running"],
                launched=datetime(2026, 1, 31),
                attributes=json.dumps({"shop": "48.85661, 2.35222"}),
            ),
            item(
                "blue",
                brand="Red Bull",
                price=10.0,
                attributes=json.dumps({"shelf life": 30, "taste": ["sour"], "shop": {"lat": 51.5074, "lng": -0.1278}}),
            ),
            item("mug", brand="宜家", price=50.0, attributes=json.dumps({"颜色": "红色", "size": "12"})),
            item("bare"),
        ],
        schema=ITEMS,
    )
)


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("", "red blue mug bare"),
        ("price < 50", "blue"),
        ("price <= 50", "blue mug"),
        ("price > 50", "red"),
        ("price >= 10", "red blue mug"),
        ("price = 79.99", "red"),
        ("price in [10, 50]", "blue mug"),
        ("price != 10", "red mug bare"),
        ("not price < 50", "red mug bare"),
        ("price = 1e300 or price < -1e300", ""),
        ("price exists", "red blue mug"),
        ("not brand exists", "bare"),
        ("BRAND = nike", "red"),
        ("brand in [\"Nike\", 'Red Bull', nobody]", "red blue"),
        ("brand = “Red Bull”", "blue"),
        ("brand != Nike", "blue mug bare"),
        ("category = running and price > 20", "red"),
        ('category_path = "Shoes > Running"', "red"),
        ("taste = sour or 颜色 = 红色", "blue mug"),
        ('"shelf life" >= 30', "blue"),
        ("size = 12 and size > 11.5", "mug"),
        ("brand = 宜家 or brand = nike and price < 20", "mug"),
        ("(brand = 宜家 or brand = nike) and price < 60", "mug"),
        ("launched > 2026-01-01 and launched < 2026-02-01T00:00:00", "red"),
        ("available = true", "red blue mug bare"),
        ("id in [mug, bare, gone]", "mug bare"),
        ("not not id exists", "red blue mug bare"),
        ('"brand"="nike"AND price>1', "red"),
        ("brand contains bull", "blue"),
        ("brand begins red and not brand begins bull", "blue"),
        ("颜色 contains 红 or taste CONTAINS ou", "blue mug"),
        ("within(shop, 48.8566, 2.3522, 10 km)", "red"),
        ("within(shop, 48.8566, 2.3522, 400 mi) and not within(shop, 48.8566, 2.3522, 500m)", "blue"),
        ("not within(shop, 48.8566, 2.3522, 1000 km)", "mug bare"),
    ],
)
def test_what_passes(text: str, passes: str) -> None:
    assert " ".join(SHOP.ids.ids(np.flatnonzero(compile_filter(text).mask(SHOP)))) == passes


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("price <", "character 8: it ends at price <▸; expected a value"),
        ("< 5", "character 1: there is '<' at ▸< 5; expected a field"),
        (
            "price 5",
            'character 7: there is \'5\' at price ▸5; expected "=", "!=", "<", "<=", ">", ">=", "in", "exists", '
            '"contains" or "begins"',
        ),
        ("price ! 5", "character 7: there is a lone !"),
        ("brand = Red Bull", "Put quotes around a value of several words"),
        ("brand = Levi's", "Put quotes around a name or value"),
        ("brand in Nike", 'expected "["'),
        ("brand in [a, ]", "expected a value"),
        ("(price < 5", 'expected ")"'),
        ("price < 5)", 'expected "and", "or" or the end'),
        ("and", "expected a field"),
        ("pirce < 5", "there is no field 'pirce'. Did you mean 'price'?"),
        ("brand < 5", "'brand' holds no numbers"),
        ("price < cheap", "'price' cannot be compared with 'cheap'; expected a number"),
        ("price = nan", "expected a number"),
        ("launched < soon", "expected a date such as 2026-01-31"),
        ("(" * 60 + "price < 5" + ")" * 60, "at most 50 brackets"),
        ("not " * 60 + "price < 5", "at most 50 brackets"),
        ("within(shop, 48.85, 2.35)", 'expected ","'),
        ("within(shop, 91, 2.35, 1 km)", "character 14: this is no place on earth at within(shop, ▸91, 2.35"),
        ("within(shop, 48, 2, 1 furlong)", "expected a length such as 10 km, 500 m or 5 mi"),
        ("within(shop, 48, 2, -1 km)", "expected a length such as"),
        ("within(brand, 48, 2, 1 km)", "filter, character 1: 'brand' is no location"),
        ("price contains 5", "'price' holds no words"),
        ("x" * 20_001, "20,001 characters is too long"),
    ],
)
def test_mistakes_are_told_with_their_place(text: str, sentence: str) -> None:
    with pytest.raises(RequestError) as error:
        compile_filter(text).mask(SHOP)
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("text", "id_", "why"),
    [
        ("price < 50 and brand = nike", "red", "price < 50, its price is 79.99"),
        ("brand = nike", "bare", "brand = nike, its brand is not known"),
        ("not category = shoes", "red", "not category = shoes, its category is Shoes, Running"),
        ("price < 1 or price > 99", "red", "price < 1 or price > 99"),
        ("launched > 2027-01-01", "red", "launched > 2027-01-01, its launched is 2026-01-31"),
        ("id = mug", "red", "id = mug, its id is red"),
        ("price < 99", "red", None),
    ],
)
def test_why_an_item_is_filtered_out(text: str, id_: str, why: str | None) -> None:
    assert compile_filter(text).why_not(SHOP, SHOP.ids.row(id_)) == why


NAMES = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8)
VALUES = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
TESTS: st.SearchStrategy[Condition] = st.one_of(
    st.builds(Is, NAMES, st.lists(VALUES, min_size=1, max_size=3).map(tuple)),
    st.builds(Compares, NAMES, st.sampled_from(("<", "<=", ">", ">=")), VALUES),
    st.builds(Exists, NAMES),
    st.builds(Holds, NAMES, st.sampled_from(("contains", "begins")), VALUES),
    st.builds(
        Within,
        NAMES,
        st.builds(Place, st.floats(-90.0, 90.0), st.floats(-180.0, 180.0)),
        st.sampled_from(("10 km", "0.5 mi", "300m")),
    ),
)


def trees(leaves: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    def grow(parts: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
        several = st.lists(parts, min_size=2, max_size=3).map(tuple)
        return st.one_of(st.builds(Not, parts), st.builds(Every, several), st.builds(Either, several))

    return st.recursive(leaves, grow, max_leaves=12)


@given(trees(TESTS))
def test_reading_what_was_printed_changes_nothing(condition: Condition) -> None:
    assert compile_filter(str(condition)).condition == condition


@given(st.text(max_size=60) | st.text(alphabet="price<>=! \"'()[],andornotin“”\\5", max_size=40))
def test_no_text_raises_anything_but_a_request_error(text: str) -> None:
    try:
        mask = compile_filter(text).mask(SHOP)
    except RequestError:
        return
    assert mask.shape == (len(SHOP),)
    assert mask.dtype == np.bool_


KNOWN: st.SearchStrategy[Condition] = st.sampled_from(
    [compile_filter(text).condition for text in ("price < 50", "brand = nike", "taste exists", "price >= 10")]
)


@given(trees(KNOWN), trees(KNOWN))
def test_de_morgan(one: Condition, other: Condition) -> None:
    np.testing.assert_array_equal(Not(Every((one, other))).mask(SHOP), Either((Not(one), Not(other))).mask(SHOP))
    np.testing.assert_array_equal(Not(Either((one, other))).mask(SHOP), Every((Not(one), Not(other))).mask(SHOP))


def test_masks_are_kept_within_bounds_and_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters, "CACHE_BYTES", 3 * len(SHOP))
    masks = Masks(SHOP)
    first = masks.mask("price < 1")
    assert masks.mask("price < 1") is first
    with pytest.raises(ValueError, match="read-only"):
        first[0] = True
    for price in range(2, 5):
        masks.mask(f"price < {price}")
    assert masks.mask("price < 1") is not first


def test_an_empty_shop_filters_nothing() -> None:
    empty = Catalogue.build(ITEMS.empty_table())
    assert compile_filter("price < 5").mask(empty).shape == (0,)
