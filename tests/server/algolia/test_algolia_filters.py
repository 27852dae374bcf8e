"""Algolia's filters say the same in ours: by planted examples, and by items picked one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import small_shop
from hypothesis import given
from hypothesis import strategies as st

from shopkeeper.engine.conditions import Condition
from shopkeeper.engine.filters import compile_filter
from shopkeeper.errors import RequestError
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.server.algolia.filters import (
    print_filters,
    read_facet_filters,
    read_filters,
    read_numeric_filters,
    read_tag_filters,
)
from shopkeeper.server.algolia.params import field_of

CATALOGUE = Catalogue.build(small_shop.items())
ITEMS = CATALOGUE.items(range(len(CATALOGUE)))
COLOURS, BRANDS = ("red", "blue", "green", "no such"), ("Acme", "Bolt & <b>Co</b>")
Test = tuple[str, Callable[[Any], bool]]


def field(attribute: str) -> str | None:
    return field_of(CATALOGUE, attribute)


def passing(condition: Condition | None) -> list[str]:
    """Through the text of the filter, as a request has it."""
    assert condition is not None
    mask = compile_filter(str(condition)).mask(CATALOGUE)
    return [ITEMS[row].id for row in np.flatnonzero(mask)]


@pytest.mark.parametrize(
    ("said", "ours"),
    [
        ("brand:Acme", "brand = Acme"),
        ('brand:"Bolt & <b>Co</b>"', 'brand = "Bolt & <b>Co</b>"'),
        ("brand:'it\\'s'", 'brand = "it\'s"'),
        ("NOT brand:Acme", "not brand = Acme"),
        ("price < 10", "price < 10"),
        ("price>=9.5", "price >= 9.5"),
        ("price != 9", "not price = 9"),
        ("price:10 TO 20", "price >= 10 and price <= 20"),
        ("price:10", "price = 10"),
        ("available:true", "available = true"),
        ("colour:red<score=3>", "colour = red"),
        ("objectID:mug-red", "id = mug-red"),
        ("categories:Mugs", "category = Mugs"),
        ("categories.lvl1:'Home > Mugs'", 'category_path = "Home > Mugs"'),
        ("colour:red OR colour:blue AND brand:Acme", "(colour = red or colour = blue) and brand = Acme"),
        ("brand:Acme AND (colour:red OR NOT colour:blue)", "brand = Acme and (colour = red or not colour = blue)"),
        ("price:1 TO 2 OR price > 9", "(price >= 1 and price <= 2) or price > 9"),
        ('colour:"AND"', 'colour = "AND"'),
        ("colour:NOTED", "colour = NOTED"),
        ("nobody:knows", 'id = ""'),
        ("sale", 'id = ""'),
    ],
)
def test_a_filter_says_the_same(said: str, ours: str) -> None:
    assert str(read_filters(said, field)) == ours


@pytest.mark.parametrize(
    "said",
    [
        "brand:",
        "price >",
        "price < cheap",
        "price:10 TO",
        "(brand:Acme",
        "brand:Acme)",
        "brand:Acme colour:red",
        "AND brand:Acme",
        "brand:Acme OR",
        "NOT (brand:Acme)",
        "brand:Acme OR (colour:red AND price < 9)",
        ":x",
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(said: str) -> None:
    with pytest.raises(RequestError, match="filters: it cannot be read at"):
        read_filters(said, field)


def test_facet_filters_join_within_and_narrow_without() -> None:
    said = ["brand:Acme", ["colour:red", "colour:blue"]]
    assert passing(read_facet_filters(said, field)) == ["mug-red", "teapot-blue", "lamp/red", "chair-blue"]
    assert passing(read_facet_filters("colour:-red", field)) == [
        item.id for item in ITEMS if item.attributes["colour"] != "red"
    ]
    assert str(read_facet_filters([["colour:\\-red"]], field)) == "colour = -red"
    assert str(read_facet_filters(["brand:a:b AND c"], field)) == 'brand = "a:b AND c"'
    with pytest.raises(RequestError, match="names no value"):
        read_facet_filters(["brand"], field)
    with pytest.raises(RequestError, match="is no filter"):
        read_facet_filters([[3]], field)


def test_numbers_and_tags() -> None:
    assert passing(read_numeric_filters(["price>=6", ["price<7", "price:9 TO 9"]], field)) == [
        "mug-blue",
        "teapot-blue",
    ]
    assert str(read_tag_filters(["sale"], lambda name: name)) == "_tags = sale"
    assert str(read_tag_filters([["new", "-used"]], lambda name: name)) == "_tags = new or not _tags = used"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


labels = st.builds(
    lambda name, value, denied: (
        f"{'NOT ' * denied}{name}:{_quoted(value)}",
        lambda item: ((item.brand if name == "brand" else item.attributes["colour"]) == value) != denied,
    ),
    *(st.sampled_from(("brand", "colour")), st.sampled_from((*COLOURS, *BRANDS)), st.booleans()),
)
numbers = st.builds(
    lambda sign, value: (
        f"price {sign} {value}",
        lambda item: {"<": item.price < value, ">=": item.price >= value, "=": item.price == value}[sign],
    ),
    *(st.sampled_from(("<", ">=", "=")), st.integers(4, 17)),
)
ranges = st.builds(
    lambda low, size: (f"price:{low} TO {low + size}", lambda item: low <= item.price <= low + size),
    *(st.integers(4, 17), st.integers(0, 5)),
)
groups = st.lists(st.lists(labels | numbers | ranges, min_size=1, max_size=3), min_size=1, max_size=3)


@given(groups, st.booleans())
def test_any_filter_lets_through_what_it_says(said: list[list[Test]], bracketed: bool) -> None:
    ors = [" OR ".join(text for text, _ in group) for group in said]
    text = " AND ".join(f"({each})" if bracketed else each for each in ors)
    expected = [item.id for item in ITEMS if all(any(test(item) for _, test in group) for group in said)]
    condition = read_filters(text, field)
    assert passing(condition) == expected
    assert condition is not None
    assert passing(read_filters(print_filters(condition), field)) == expected


@given(st.text(alphabet="ab:<>=!()\"\\' ANDORTO 1-", max_size=30))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    try:
        condition = read_filters(text, field)
    except RequestError:
        return
    if condition is not None:
        compile_filter(str(condition))
