"""What is read in queries of a planted shop, and what an answer makes of it."""

from __future__ import annotations

from json import dumps
from pathlib import Path

import msgspec
import numpy as np
import pytest
from bilingual_shop import bilingual_items, engine_of
from hypothesis import given
from hypothesis import strategies as st
from source_contract import items_table

from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.understanding import Understanding
from shopkeeper.engine.understanding.applied import cheapness
from shopkeeper.engine.understanding.calibration import calibrate
from shopkeeper.settings import Rule
from shopkeeper.vocabulary import Chip, Request, Slate

ENGINE = engine_of(bilingual_items())
HARD = engine_of(bilingual_items(), understanding="hard", sure=0.6)
OFF = engine_of(bilingual_items(), understanding="off")


def said(query: str) -> dict[str, str]:
    """The labels that are read with some confidence, as text → filter."""
    assert ENGINE.understanding is not None
    found = (each for each in ENGINE.understanding.read(query) if each.confidence >= 0.3 and each.end > each.start)
    return {query[each.start : each.end]: each.id for each in found}


def search(query: str, engine: Engine = ENGINE, **fields: object) -> Slate:
    return engine.answer(Request(query=query, **fields))  # type: ignore[arg-type]


def chip(slate: Slate, field: str) -> Chip:
    return next(each for each in slate.understood if each.field == field)


@pytest.mark.parametrize(
    ("query", "readings"),
    [
        ("Nike shoes", {"Nike": "brand = Nike", "shoes": "category = Shoes"}),
        ("red shoe size 42", {"red": "colour = Red", "shoe": "category = Shoes", "size 42": "size = 42"}),
        ("优衣库红色连衣裙", {"优衣库": "brand = 优衣库", "红色": "颜色 = 红色", "连衣裙": "category = 连衣裙"}),
        ("ｎｉｋｅ　shoes", {"ｎｉｋｅ": "brand = Nike", "shoes": "category = Shoes"}),
        ("gift for men", {"men": "gender = Men"}),
        ("i-3", {"i-3": "id = i-3"}),
        ("", {}),
        ("   ", {}),
    ],
)
def test_the_values_of_the_catalogue_are_read(query: str, readings: dict[str, str]) -> None:
    assert said(query) == readings


def test_a_brand_that_is_a_common_word_is_read_by_the_words_beside_it() -> None:
    assert said("apple iphone") == {"apple": "brand = Apple"}
    assert said("apple juice") == {"juice": "category = Juice"}


def test_a_colour_that_is_a_brand_and_a_fruit_is_read_by_the_words_beside_it() -> None:
    assert said("orange iphone case")["orange"] == "colour = Orange"
    assert said("orange juice")["orange"] == "brand = Orange"


def test_measures_are_those_of_the_fields_that_hold_them() -> None:
    assert said("50寸电视")["50寸"] == "screen_inches >= 48.5 and screen_inches <= 51.5"
    assert said("0.2 kg")["0.2 kg"].startswith("weight_kg >= ")


def test_the_category_is_read_from_words_that_do_not_name_it() -> None:
    (whole,) = [each for each in search("iphone").understood if each.field == "category"]
    assert (whole.value, whole.text) == ("Phones", "")


@given(st.text(max_size=60) | st.text(alphabet="apple orange red 50 under元以下红色-.,ßﬁİ\u0301", max_size=60))
def test_any_text_is_read_in_spans_that_do_not_overlap(query: str) -> None:
    assert ENGINE.understanding is not None
    at = 0
    for reading in ENGINE.understanding.read(query):
        assert 0.0 <= reading.confidence <= 1.0
        if reading.end > reading.start:
            assert at <= reading.start < reading.end <= len(query)
            at = reading.end


def test_a_price_in_words_is_a_filter_and_no_longer_looked_for() -> None:
    slate = search("shoes under 65")
    assert {item.item.price for item in slate.placements} == {40, 50, 60}
    price = chip(slate, "price")
    assert (price.applied, price.filter, price.text) == ("filter", "price < 65", "under 65")
    assert slate.total == 3


def test_a_price_alone_shows_what_it_leaves() -> None:
    slate = search("2000元以上", size=100)
    assert slate.total == 11
    assert all(each.item.price and each.item.price >= 2000 for each in slate.placements)


def test_a_price_that_nothing_has_is_passed_over_and_said() -> None:
    slate = search("shoes under 2")
    assert slate.total == 12
    assert any("price < 2" in note for note in slate.notes)
    assert not any(each.field == "price" for each in slate.understood)


def test_a_word_of_many_categories_speaks_for_none_of_them() -> None:
    """Of such a word the likeliest categories alone are kept; the others are not what it speaks against."""
    rows = [
        {
            "item_id": f"{kind}-{at}",
            "title": f"red {'mug' if kind == 29 else 'tool'} {at}",
            "categories": [f"Kind {kind}"],
        }
        for kind in range(30)
        for at in range(4)
    ]
    rows += [{"item_id": f"rug-{at}", "title": "mug rug in red", "categories": ["Kind 0"]} for at in range(2)]
    understanding = engine_of(items_table(rows)).understanding
    assert understanding is not None
    (reading,) = understanding.reading("red mug")
    assert reading.value == "Kind 29"
    assert reading.confidence > 0.5


@pytest.mark.parametrize("query", ["shoes for men under 65", "shoes 50-100", "100以下电视"])
def test_what_may_be_no_price_leaves_nothing_out_and_is_still_looked_for(query: str) -> None:
    slate, off = search(query), search(query, OFF)
    assert chip(slate, "price").applied == "boost"
    assert (slate.total, slate.matched) == (off.total, off.matched)


def test_a_shop_may_ask_more_of_a_price() -> None:
    strict = engine_of(bilingual_items(), sure=0.9)
    assert chip(search("shoes under 65", strict), "price").applied == "boost"
    assert chip(search("shoes under $65", strict), "price").applied == "filter"


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("juice -orange", {"category"}),
        ("juice -cheapest", {"category"}),
        ('"cheapest" juice', {"category"}),
        ('shoes "under 65"', {"category"}),
        ("shoes “under 65”", {"category"}),
        ('"apple juice" under 5', {"price"}),
        ("under 65 -nike", {"price"}),
    ],
)
def test_what_is_quoted_or_excluded_is_not_read(query: str, fields: set[str]) -> None:
    understood = search(query).understood
    assert {each.field for each in understood} == fields
    assert all(query[each.start : each.end] == each.text for each in understood)


def test_exclusions_outlive_the_words_that_are_understood() -> None:
    slate = search("cheapest -juice -nike", size=100)
    assert slate.total == 36
    assert not {each.item.brand for each in slate.placements} & {"Nike", "Orange", "Orchard"}


def test_facets_count_what_is_found() -> None:
    asked = {"facets": ("brand",), "refinements": {"brand": ("Apple",)}}
    slate = search("cheapest -juice -nike", **asked)
    (facet,) = slate.facets
    counts = {value.value: value.count for value in facet.values}
    assert (slate.total, counts) == (12, {"Apple": 12, "优衣库": 12, "小米": 12})


@pytest.mark.parametrize("query", ["under 50", "best", "cheapest"])
def test_what_has_no_words_left_is_shown_to_its_end(query: str) -> None:
    engine = engine_of(bilingual_items())
    surface = msgspec.structs.replace(engine.settings.surfaces["search"], candidates=5)
    engine.settings = msgspec.structs.replace(engine.settings, surfaces={"search": surface})
    found, after = list[str](), ""
    while True:
        slate = search(query, engine, size=7, after=after)
        found += [each.item.id for each in slate.placements]
        if not (after := slate.next):
            break
    assert len(found) == len({*found}) == slate.total > 7


def test_what_a_rule_searches_for_instead_has_no_place_in_what_was_typed() -> None:
    ruled = ENGINE.obeying([Rule(query="sneakers", use="nike shoes under 65")])
    understood = search("sneakers", ruled).understood
    assert {each.field for each in understood} == {"brand", "category", "price"}
    assert all((each.text, each.start, each.end) == ("", 0, 0) for each in understood)


@pytest.mark.parametrize(
    ("query", "field", "text", "value"),
    [
        ("niike shoes", "brand", "niike", "Nike"),
        ("red shoees under 65", "category", "shoees", "Shoes"),
        ("youyiku lianyiqun", "brand", "youyiku", "优衣库"),  # pinyin
    ],
)
def test_what_is_misspelt_is_understood_in_its_place(query: str, field: str, text: str, value: str) -> None:
    found = chip(search(query), field)
    assert (found.value, found.text, query[found.start : found.end]) == (value, text, text)


def test_a_unit_is_that_of_the_field_whose_name_ends_in_it() -> None:
    """Numbers of all but one field lie in the way of an inch, a metre and a gigabyte."""
    names = ("number_of_built_in_speakers", "m_2_slots", "random_read_8gb_span", "display_inches", "cable_length_m")
    engine = engine_of(items_table([{"item_id": "1", "title": "tv", "attributes": dumps(dict.fromkeys(names, 2.0))}]))
    assert engine.understanding is not None
    measured = engine.understanding.knowledge.measured
    assert {measured.get(unit) for unit in measured} == {"display_inches", "cable_length_m"}


def test_as_it_is_written_what_is_misspelt_says_nothing() -> None:
    assert not search("niike shoees", verbatim=True).understood


def test_a_word_that_is_passed_over_is_named_as_it_was_read() -> None:
    slate = search("runing apple iphone ")
    assert (slate.corrected, slate.dropped) == ("running apple iphone", ("running",))
    assert "nothing has all of the words; passed over: running" in slate.notes


def test_a_price_alone_that_nothing_has_finds_nothing() -> None:
    slate = search("under 2")
    assert (slate.total, slate.notes) == (0, ("nothing matches",))
    assert chip(slate, "price").applied == "filter"


def test_the_cheapest_is_an_order_within_what_is_asked_for() -> None:
    prices = [each.item.price for each in search("cheapest juice").placements]
    assert prices == sorted(prices)
    assert chip(search("cheapest juice"), "sort").applied == "sort"
    assert search("cheapest juice", sort="-price").placements[0].item.price == 14


def test_soft_readings_lift_and_leave_nothing_out() -> None:
    soft, off = search("orange case"), search("orange case", OFF)
    assert soft.total == off.total
    assert not off.understood
    first = {each.item.attributes.get("colour") for each in soft.placements[:6]}
    assert first == {"Orange"}


def test_hard_readings_leave_out_what_does_not_agree() -> None:
    slate = search("orange", HARD)
    assert chip(slate, "brand").applied == "filter"
    assert (slate.total, search("orange").total) == (12, 18)
    assert {each.item.brand for each in slate.placements} == {"Orange"}
    assert search("orange", HARD, without=("brand = Orange", "category = Juice")).total == 18


def test_a_chip_that_is_taken_away_is_plain_words_again() -> None:
    price = chip(search("shoes under 65"), "price")
    slate = search("shoes under 65", without=(price.id,))
    assert not any(each.field == "price" for each in slate.understood)
    assert slate.total >= 12
    order = chip(search("cheapest juice"), "sort")
    assert not any(each.field == "sort" for each in search("cheapest juice", without=(order.id,)).understood)


def test_explain_tells_what_was_understood() -> None:
    explanation = ENGINE.explain(Request(query="shoes under 65"), "i-63")
    assert explanation.verdict == "filtered"
    assert "price < 65" in explanation.text
    assert "“under 65” as price < 65 (filter" in explanation.text
    assert explanation.understood


def test_an_empty_shop_understands_prices_at_most() -> None:
    engine = engine_of(items_table([]))
    slate = engine.answer(Request(query="red apple shoes under 50"))
    assert slate.total == 0


def test_it_is_kept_in_a_release(tmp_path: Path) -> None:
    ENGINE.save(tmp_path)
    opened = Engine.open(tmp_path)
    assert opened.understanding is not None
    for query in ("apple iphone", "优衣库红色连衣裙 200元以下", "50寸"):
        assert opened.answer(Request(query=query)).understood == search(query).understood


def test_the_features_are_what_the_readings_agree_with() -> None:
    context = ENGINE.context(Request(query="nike shoes"))
    pool = ENGINE.candidates(context)
    features = dict(zip(ENGINE.feature_names("search"), ENGINE.features(context, pool).T, strict=True))
    assert features["understood_brand"].max() > 0.9
    assert np.isnan(features["understood_order"]).all()
    assert set(features["understood_readings"].tolist()) == {2.0}


def test_clicks_settle_what_the_catalogue_leaves_open() -> None:
    assert ENGINE.understanding is not None
    plain = ENGINE.understanding
    (before,) = [each for each in plain.read("apple") if each.field == "brand"]
    lexical = ENGINE.text_source("search")
    assert lexical is not None
    juice = ENGINE.catalogue.ids.rows([f"i-{6 * n + 1}" for n in range(12)])
    clicked = Understanding.mine(ENGINE.catalogue, lexical.terms, {"apple": juice})
    (after,) = [each for each in clicked.read("apple") if each.field == "category"]
    assert (before.confidence, after.value) == (pytest.approx(0.5), "Juice")
    assert after.confidence > 0.8


def test_confidences_are_calibrated_on_what_was_right() -> None:
    sure = np.full(400, 0.9, np.float32)
    right = (np.arange(400) % 2).astype(np.float32)
    assert calibrate(sure, right)(0.9) == pytest.approx(0.5, abs=0.05)
    assert calibrate(sure[:0], right[:0])(0.7) == pytest.approx(0.7)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("was", [0.0, 1.0])
@pytest.mark.parametrize("said", [0.001, 0.5, 0.999])
def test_readings_that_are_always_wrong_or_right_are_calibrated_too(said: float, was: float) -> None:
    """From there, whole steps of Newton's method lead ever farther away."""
    learned = calibrate(np.full(5_000, said, np.float32), np.full(5_000, was, np.float32))
    assert learned(said) == pytest.approx(was, abs=0.05)
    assert 0.0 <= learned(0.0) <= learned(1.0) <= 1.0


def test_cheapness_runs_from_the_lowest_to_the_highest() -> None:
    assert cheapness(np.array([5.0, 1.0, np.nan, 9.0])).tolist() == [0.5, 1.0, 0.0, 0.0]
