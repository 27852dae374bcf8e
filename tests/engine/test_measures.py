"""Measures: one spelling, whatever the shop and the shopper write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopkeeper.engine.measures import measures_in, with_measures
from shopkeeper.engine.text import fold, words


@pytest.mark.parametrize(
    ("spellings", "one"),
    [
        (["5 ft", "5'", "5 feet", "5-foot", "5FT", "5 ft.", "5 英尺"], "5ft"),
        (['1/2"', "1/2 in.", "0.5 inch", "½ in", "0.50 in", "1/2″"], "0.5in"),
        (['1 1/2"', "1-1/2 in", "1½ inches", "1.5in", "1,5 in"], "1.5in"),
        (["60cm", "60 cm", "60 厘米", "60公分", "６０ｃｍ"], "60cm"),
        (["1.5L", "1.5 l", "1,5 litres", "1.5升"], "1.5l"),
        (["10,000mAh", "10000 mah", "10000毫安"], "10000mah"),
        (["20 sq. ft.", "20 square feet", "20 sq ft"], "20sqft"),
        (["50寸", "50 inch", '50"'], "50in"),
        (["3克拉", "3 carats"], "3ct"),
    ],
)
def test_a_measure_has_one_spelling(spellings: list[str], one: str) -> None:
    assert {with_measures(fold(text)).rstrip(".") for text in spellings} == {one}


@pytest.mark.parametrize(
    "text",
    ["tn-2110 in", "5's", "16 lists", "iphone15手机壳", "50元", "4x8", "a5 in", "iphone 14 in black", "2 in 1 laptop"],
)
def test_what_is_no_measure_stays(text: str) -> None:
    assert with_measures(text) == text


@pytest.mark.parametrize(
    ("query", "amount", "unit", "said"),
    [
        ("tv 24 inch", 24, "in", "24 inch"),
        ("24-inch tv", 24, "in", "24-inch"),
        ("tv 24 in", 24, "in", "24 in"),
        ("rug 14 in x 20", 14, "in", "14 in"),
        ('15.6" laptop', 15.6, "in", '15.6"'),
        ("5kg rice", 5, "kg", "5kg"),
        ("50寸电视", 50, "in", "50寸"),
        ("2公斤大米", 2, "kg", "2公斤"),
        ("500ml bottle", 500, "ml", "500ml"),
        ("128gb phone", 128, "gb", "128gb"),
        ("pipe 1 1/2 in", 1.5, "in", "1 1/2 in"),
        ("40 gallons heater", 40, "gal", "40 gallons"),
    ],
)
def test_measures_are_read(query: str, amount: float, unit: str, said: str) -> None:
    (measure,) = measures_in(query)
    assert (measure.amount, measure.unit, query[measure.start : measure.end]) == (amount, unit, said)


@pytest.mark.parametrize("query", ["canon 70-200mm", "iphone 14 in black", "2 in 1 laptop", "16 lists"])
def test_what_measures_nothing_is_not_read(query: str) -> None:
    assert not list(measures_in(query))


def test_a_measure_is_found_as_one_word_and_by_its_number() -> None:
    assert words("Rope, 5 feet") == ["rope", "5", "ft", "5ft"]
    assert words("水壶2升装") == ["水壶", "2", "l", "2l", "装"]


@given(st.text(alphabet="0123456789.,/- '\"½⅓inftcml升米寸", max_size=20))
def test_any_figures_are_read(text: str) -> None:
    once = with_measures(fold(text))
    assert isinstance(words(once), list)
    assert all(0 <= each.start < each.end <= len(text) for each in measures_in(text))
