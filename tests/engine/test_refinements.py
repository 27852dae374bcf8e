"""What was chosen in facets narrows the answer, and each facet is counted as if its own choice were not made."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_engine import small_engine
from source_contract import items_table

from shopkeeper.engine.pipeline import Engine
from shopkeeper.errors import RequestError
from shopkeeper.vocabulary import Change, FacetValue, Item, Request, Slate

BRANDS, COLOURS = ("Acme", "Novum", "宜家"), ("red", "blue", "green", "copper")
PATHS = (("Home", "Kitchen", "Tins"), ("Home", "Kitchen", "Plates"), ("Home", "Lighting"), ("Garden", "Chairs"))
SAID = [
    {
        "item_id": str(row),
        "title": f"{'mug' if row % 3 else 'cup'} number {row}",
        "brand": BRANDS[row % 3],
        "price": 5.0 * (row % 7) + 1.0,
        "categories": PATHS[row % 4],
        "attributes": json.dumps({"colour": [COLOURS[row % 4], COLOURS[row // 10]], "weight": row * 0.5}),
    }
    for row in range(40)
]
FACETS = ("brand", "colour", "price", "category_path")


@pytest.fixture(scope="module")
def engine() -> Engine:
    return small_engine(items=items_table(SAID))


def ask(engine: Engine, **asked: Any) -> Slate:
    return engine.answer(Request(**{"query": "mug", "facets": FACETS, "max_values": 100, "size": 100, **asked}))


def passes(item: dict[str, Any], field: str, values: tuple[str, ...]) -> bool:
    """By hand."""
    if field == "price":
        spans = [value.split("..") for value in values]
        return any(float(low or 0) <= item["price"] <= float(high or 1e9) for low, high in spans)
    said = {
        "brand": [item["brand"]],
        "colour": json.loads(item["attributes"])["colour"],
        "category_path": [" > ".join(item["categories"][:level]) for level in (1, 2, 3)],
    }
    return any(value in said[field] for value in values)


CHOICES = st.fixed_dictionaries(
    {},
    optional={
        "brand": st.lists(st.sampled_from(BRANDS), max_size=2).map(tuple),
        "colour": st.lists(st.sampled_from(COLOURS), max_size=3).map(tuple),
        "price": st.lists(st.sampled_from(("1..10", "..6", "20..", "11..16")), max_size=2).map(tuple),
        "category_path": st.lists(st.sampled_from(("Home", "Home > Kitchen", "Garden")), max_size=1).map(tuple),
    },
)


@given(CHOICES)
def test_counts_and_items_are_those_counted_by_hand(engine: Engine, chosen: dict[str, tuple[str, ...]]) -> None:
    slate = ask(engine, refinements=chosen)
    mugs = [item for item in SAID if "mug" in item["title"]]

    def fitting(but: str = "") -> list[dict[str, Any]]:
        others = {field: values for field, values in chosen.items() if values and field != but}
        return [item for item in mugs if all(passes(item, *each) for each in others.items())]

    expected = fitting()
    assert slate.total == len(expected)
    assert {placement.item.id for placement in slate.placements} == {item["item_id"] for item in expected}
    facets = {facet.name: facet for facet in slate.facets}
    for field, values in (("brand", BRANDS), ("colour", COLOURS)):
        counted = {each.value: each.count for each in facets[field].values if each.count}
        by_hand = {value: sum(passes(item, field, (value,)) for item in fitting(field)) for value in values}
        assert counted == {value: count for value, count in by_hand.items() if count}
    prices = [item["price"] for item in fitting("price")]
    assert (facets["price"].minimum, facets["price"].maximum) == ((min(prices), max(prices)) if prices else (None,) * 2)
    for each in facets["price"].ranges:
        by_hand_ = sum((each.minimum or 0.0) <= price < (each.maximum or 1e9) for price in prices)
        assert each.count == by_hand_
        narrowed = {**chosen, "price": (each.value,)}
        assert ask(engine, refinements=narrowed).total == each.count


def test_a_tree_opens_below_what_is_chosen(engine: Engine) -> None:
    (closed,) = ask(engine, facets=("category_path",)).facets
    assert [each.value for each in closed.values] == ["Home", "Garden"]
    (opened,) = ask(engine, facets=("category_path",), refinements={"category_path": ("home > kitchen",)}).facets
    assert [each.value for each in opened.values] == [
        "Home",
        "Garden",
        "Home > Kitchen",
        "Home > Lighting",
        "Home > Kitchen > Plates",
        "Home > Kitchen > Tins",
    ]
    counts = {each.value: each.count for each in opened.values}
    assert counts["Home > Kitchen"] == counts["Home > Kitchen > Tins"] + counts["Home > Kitchen > Plates"]
    assert opened.values[:2] == closed.values


def test_what_is_chosen_is_told_though_it_counts_nothing(engine: Engine) -> None:
    (brand,) = ask(
        engine, facets=("brand",), max_values=1, refinements={"Brand": ("宜家",), "price": ("900..",)}
    ).facets
    assert brand.values == (FacetValue("宜家", 0),)
    (brand,) = ask(engine, facets=("brand",), max_values=1, refinements={"brand": ("宜家", "unheard of")}).facets
    assert [each.value for each in brand.values] == ["Novum", "宜家"]


def test_values_are_sought_limited_and_ordered(engine: Engine) -> None:
    (brand,) = ask(engine, facets=(), facet_queries={"brand": "OV"}).facets
    assert [each.value for each in brand.values] == ["Novum"]
    (colour,) = ask(engine, facets=("colour",), facet_order="alphabet", max_values=2).facets
    assert [each.value for each in colour.values] == ["blue", "copper"]
    assert colour.n_values == 4


def test_ranges_are_asked_for(engine: Engine) -> None:
    (weight,) = ask(engine, facets=(), facet_ranges={"weight": ("..<5", "5..10", "10..")}).facets
    mugs = [row * 0.5 for row in range(40) if row % 3]
    assert [each.count for each in weight.ranges] == [
        sum(each < 5 for each in mugs),
        sum(5 <= each <= 10 for each in mugs),
        sum(each >= 10 for each in mugs),
    ]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"refinements": {"brnad": ("Acme",)}}, "refinements, brnad: there is no field 'brnad'. Did you mean 'brand'?"),
        ({"refinements": {"price": ("cheap",)}}, "refinements, price: 'price' cannot be compared with 'cheap'"),
        ({"refinements": {"price": ("a..b",)}}, "refinements, price: 'price' cannot be compared with 'a'"),
        ({"facet_ranges": {"price": ("many",)}}, "facet_ranges, price: 'many' is no range"),
        ({"facet_order": "size"}, "facet_order: there is no order 'size'"),
        ({"max_values": -1}, "max_values is -1"),
    ],
)
def test_mistakes_are_told_with_their_place(engine: Engine, asked: dict[str, Any], sentence: str) -> None:
    with pytest.raises(RequestError) as error:
        ask(engine, **asked)
    assert sentence in str(error.value)


def test_an_item_that_was_not_chosen_says_so(engine: Engine) -> None:
    told = engine.explain(Request(query="mug", refinements={"brand": ("Novum",)}), "2")
    assert (told.verdict, told.text) == ("filtered", "not chosen: brand = Novum, its brand is 宜家")


def test_a_shelf_is_refined_as_a_search_is(engine: Engine) -> None:
    slate = ask(engine, surface="home", query="", refinements={"brand": ("Novum",)}, facets=("brand",))
    assert {placement.item.brand for placement in slate.placements} == {"Novum"}
    assert {each.value for each in slate.facets[0].values} == set(BRANDS)


def test_counts_follow_what_the_shop_says(engine: Engine) -> None:
    newer = Item(id="new", title="mug of tin", brand="Tin & Co", price=3.0, categories=("Home", "Tubs"))
    live = engine.updated([Change(id="new", time=1e9, item=newer), Change(id="1", time=1e9, stock=0.0)])
    before, after = (
        {each.value: each.count for each in ask(each, refinements={"brand": ("Tin & Co",)}).facets[0].values}
        for each in (engine, live)
    )
    assert after == {**before, "Novum": before["Novum"] - 1, "Tin & Co": 1}
