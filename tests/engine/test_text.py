"""Text → words, in many scripts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopkeeper.engine.text import (
    MAX_QUERY_CHARACTERS,
    MAX_QUERY_WORDS,
    characters,
    fold,
    parse_query,
    query_words,
    words,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Brother TN-2110 toner", ["brother", "tn", "2110", "tn2110", "toner"]),
        ("1TB", ["1", "tb", "1tb"]),
        ("3,5 mm jack", ["3.5", "mm", "3.5mm", "jack"]),
        ("Crème brûlée", ["creme", "brulee"]),
        ("Ｗｉ－Ｆｉ", ["wi", "fi", "wifi"]),
        ("men's T-shirt", ["men", "s", "mens", "t", "shirt", "tshirt"]),
        ("straße ΣΊΣΥΦΟΣ", ["strasse", "σισυφοσ"]),
        ("红色马克杯 350ml", ["红色", "马克", "马克杯", "350", "ml", "350ml"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("한국어 노트북", ["한국어", "노트북"]),
        ("snake_case a/b", ["snake", "case", "a", "b"]),
        ("?! -- ** 🎧", []),
        ("", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_half_width_katakana_is_katakana() -> None:
    assert fold("ｶﾞﾗｽ") == "ガラス"


def test_characters_keep_runs_apart() -> None:
    assert characters("红色 mug 杯") == ["红", "色", "|", "杯", "|"]
    assert characters("red mug") == []


def test_a_compound_is_one_word_of_a_query() -> None:
    assert [(word.text, word.parts) for word in query_words("TN-2110 toner")] == [
        ("tn2110", ("tn", "2110")),
        ("toner", ("toner",)),
    ]


def test_a_word_that_the_dictionary_lacks_is_kept_whole() -> None:
    assert [word.text for word in query_words("カメラ")] == ["カメラ"]


def test_repeated_words_are_asked_once() -> None:
    assert [word.text for word in query_words("mug MUG Mug")] == ["mug"]


@given(st.text(max_size=300))
def test_any_text_has_words(text: str) -> None:
    found = words(text)
    assert all(word and not any(character.isspace() for character in word) for word in found)


@given(st.text(alphabet="aZb19.,-'& \n_#", max_size=60))
def test_plain_text_is_read_as_beside_any_other_script(text: str) -> None:
    assert words(f"{text} 杯") == [*words(text), "杯"]


@given(st.text(max_size=300))
def test_what_is_indexed_is_found(text: str) -> None:
    """Each plain word of a query is among the words under which the same text is indexed."""
    indexed = set(words(text))
    for word in query_words(text):
        if not word.unspaced:
            assert word.text in indexed
            assert set(word.parts) <= indexed


@given(st.text(max_size=300))
def test_folding_twice_changes_nothing_more(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_a_long_query_is_cut() -> None:
    assert len(query_words(" ".join(f"word{i}" for i in range(5000)))) == MAX_QUERY_WORDS


def test_a_query_of_nothing_but_exclusions_and_phrases_is_bounded() -> None:
    asked = parse_query("mug " + " ".join(f"-a{number}" for number in range(500)))
    assert len(asked.excluded) == MAX_QUERY_WORDS
    assert len(parse_query(" ".join(f'"b{number}"' for number in range(500))).quoted) == MAX_QUERY_WORDS
    assert len(parse_query("“" * 1_000_000).text) <= MAX_QUERY_CHARACTERS
