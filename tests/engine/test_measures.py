"""Measures: one spelling, whatever the shop and the shopper write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopkeeper.engine.measures import with_measures
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


@pytest.mark.parametrize("text", ["tn-2110 in", "5's", "16 lists", "iphone15手机壳", "50元", "4x8", "a5 in"])
def test_what_is_no_measure_stays(text: str) -> None:
    assert with_measures(text) == text


def test_a_measure_is_found_as_one_word_and_by_its_number() -> None:
    assert words("Rope, 5 feet") == ["rope", "5", "ft", "5ft"]
    assert words("水壶2升装") == ["水壶", "2", "l", "2l", "装"]


@given(st.text(alphabet="0123456789.,/- '\"½⅓inftcml升米寸", max_size=20))
def test_any_figures_are_read(text: str) -> None:
    once = with_measures(fold(text))
    assert isinstance(words(once), list)
