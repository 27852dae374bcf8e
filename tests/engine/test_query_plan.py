"""How queries are read: planted shops, and what a shopper types in them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from source_contract import context_of, interactions_of, items_table, material_of, parts_of

from shopkeeper.engine.context import Material
from shopkeeper.engine.query_plan import Planner
from shopkeeper.engine.sources.lexical import Lexical, LexicalSource
from shopkeeper.engine.wording import Analyser, Wording
from shopkeeper.settings import Synonym

TITLES = [
    *["Wireless headphones"] * 5,
    *["Light bulb, warm white"] * 4,
    *["Lightbulb, cold"] * 4,
    *["Desk of oak"] * 4,
    *["Memory card, 32 GB"] * 6,
    "Bulb holder, light grey",
    "Two-seat sofa",
    "Couch with cushions",
    "Television set",
    "TV stand",
    "Mempry card",  # a misspelling that the shop has made itself
    "Phone case, red",
    "Phone, red",
    "Running shoe",
    "Rope 5 feet",
]


def shop(titles: list[str]) -> tuple[LexicalSource, Material]:
    rows: list[dict[str, Any]] = [{"item_id": str(at), "title": title} for at, title in enumerate(titles)]
    material = material_of(items_table(rows), interactions_of([]))
    return Lexical().fit(material), material


@pytest.fixture(scope="module")
def made() -> tuple[LexicalSource, Material]:
    return shop(TITLES)


def worded(source: LexicalSource, *synonyms: Synonym, stop_words: tuple[str, ...] = ()) -> LexicalSource:
    analyser = Analyser.of()
    return LexicalSource(source._index, source._terms, analyser, Wording.of(synonyms, stop_words, analyser))


def found(source: LexicalSource, query: str, *, verbatim: bool = False) -> set[str]:
    rows, _ = source.matches(query, source.passing(query), 100, verbatim=verbatim)
    return {TITLES[row] for row in rows.tolist()}


@pytest.mark.parametrize(
    ("query", "title", "corrected"),
    [
        ("ehadphones ", "Wireless headphones", "headphones"),  # the first letters exchanged
        ("jeadphones ", "Wireless headphones", "headphones"),  # the first letter wrong
        ("eadphones ", "Wireless headphones", "headphones"),  # and missing
        ("headdphoness ", "Wireless headphones", "headphones"),
        ("wirles hedphones ", "Wireless headphones", "wireless headphones"),
        ("dsk oak", "Desk of oak", "desk oak"),  # a letter of four is missing
        ("Memory crad", "Memory card, 32 GB", "memory card"),
    ],
)
def test_words_are_read_as_they_were_meant(
    made: tuple[LexicalSource, Material], query: str, title: str, corrected: str
) -> None:
    source, _ = made
    assert title in found(source, query)
    assert source.plan(query).corrected == corrected


def test_what_is_still_being_typed_may_be_misspelt(made: tuple[LexicalSource, Material]) -> None:
    source, _ = made
    assert found(source, "hedph") == {"Wireless headphones"}
    assert found(source, "hedph ") == set()
    assert not source.plan("headph").corrected


def test_a_misspelling_that_the_shop_made_too_finds_what_was_meant(made: tuple[LexicalSource, Material]) -> None:
    source, material = made
    assert found(source, "mempry card ") == {"Mempry card", "Memory card, 32 GB"}
    assert source.plan("mempry card ").suggestion == "memory card"
    rows = source.retrieve(context_of(material, user=-1, query="mempry card "), 10).rows
    assert TITLES[rows[0]] == "Mempry card"  # as it was written


def test_the_words_beside_say_what_was_meant() -> None:
    source, _ = shop([*["Memory stick"] * 3, *["Tick repellent"] * 9])
    assert source.plan("memory stik ").corrected == "memory stick"
    assert source.plan("tikc ").corrected == "tick"


COMPANY = [
    *["USB stick"] * 9,
    *["Wireless mouse"] * 9,
    *["Memory card"] * 9,
    "Tick repellent",
    "Mounting frame",
    "Moun tea",
    "Carry bag",
]


@pytest.mark.parametrize(
    ("query", "corrected", "suggestion"),
    [
        ("wireless mouw ", "wireless mouse", ""),  # two errors in four letters; "moun" has one
        ("mouw ", "moun", ""),
        ("memory carr", "memory card", ""),  # which "carry" begins with
        ("carr", "", ""),
        ("usb tick ", "", "usb stick"),  # a word of its own
        ("usb mouse ", "", ""),  # nothing has both, nor one and what looks like the other
    ],
)
def test_more_is_forgiven_for_what_stands_beside_the_others(query: str, corrected: str, suggestion: str) -> None:
    plan = shop(COMPANY)[0].plan(query)
    assert (plan.corrected, plan.suggestion) == (corrected, suggestion)


@pytest.mark.parametrize("query", ["light bulb ", "lightbulb "])
def test_words_are_found_joined_and_parted(made: tuple[LexicalSource, Material], query: str) -> None:
    assert {"Light bulb, warm white", "Lightbulb, cold"} <= found(made[0], query)


def test_words_run_together_are_parted(made: tuple[LexicalSource, Material]) -> None:
    assert found(made[0], "redphonecase ") == set()
    assert "Phone case, red" in found(made[0], "memorycard ") | found(made[0], "phonecase ")


def test_whoever_insists_is_taken_at_their_word(made: tuple[LexicalSource, Material]) -> None:
    source, _ = made
    assert found(source, "mempry card", verbatim=True) == {"Mempry card"}
    assert found(source, "hedphones", verbatim=True) == set()
    assert found(source, "headph", verbatim=True) == set()
    assert source.plan("hedphones", verbatim=True).corrected == ""


def test_synonyms_find_each_other_or_go_one_way(made: tuple[LexicalSource, Material]) -> None:
    bare, _ = made
    assert found(bare, "couch ") == {"Couch with cushions"}
    source = worded(
        bare,
        Synonym(("sofa", "couch")),
        Synonym(("tv", "television set")),
        Synonym(("sneakers",), ("running shoes",)),
    )
    assert found(source, "couch ") == found(source, "sofas ") == {"Two-seat sofa", "Couch with cushions"}
    assert found(source, "tv ") == found(source, "television set ") == {"Television set", "TV stand"}
    assert found(source, "sneakers ") == {"Running shoe"}
    assert found(worded(bare, Synonym(("oak",), ("rope",))), "rope ") == {"Rope 5 feet"}


def test_a_synonym_never_stands_above_the_word_itself(made: tuple[LexicalSource, Material]) -> None:
    bare, material = made
    source = worded(bare, Synonym(("headphones", "couch")))
    rows = source.retrieve(context_of(material, user=-1, query="headphones "), 10).rows
    assert [TITLES[row] for row in rows.tolist()] == [*["Wireless headphones"] * 5, "Couch with cushions"]


def test_a_query_may_do_without_the_stop_words_of_the_shop(made: tuple[LexicalSource, Material]) -> None:
    bare, _ = made
    assert "Rope 5 feet" in found(worded(bare, stop_words=("Cheapest",)), "cheapest rope ")
    assert not worded(bare, stop_words=("cheapest",)).dropped("cheapest rope ", None)
    assert worded(bare, stop_words=("rope",)).plan("rope").needed  # alone, it is asked for


def test_quoted_words_stand_side_by_side_and_a_minus_excludes(made: tuple[LexicalSource, Material]) -> None:
    source, _ = made
    assert "Bulb holder, light grey" in found(source, "light bulb ")
    assert found(source, '"light bulb" ') == {"Light bulb, warm white"}
    assert found(source, "red phone -case ") == {"Phone, red"}
    assert found(source, "-case ") == {"Phone case, red"}  # to exclude alone is to ask for nothing
    assert source.passing("two-seat sofa") is None


def test_says_which_words_were_passed_over(made: tuple[LexicalSource, Material]) -> None:
    source, _ = made
    assert source.dropped("purple wireless headphones ", None) == ("purple",)
    assert source.dropped("wireless headphones ", None) == ()
    assert source.dropped("purple elephant ", None) == ()  # nothing is found at all


def test_measures_are_found_however_written(made: tuple[LexicalSource, Material]) -> None:
    source, _ = made
    assert all(found(source, query) == {"Rope 5 feet"} for query in ("5' rope ", "rope 5ft ", "5 foot rope "))
    assert found(source, "memory 32gb ") == {"Memory card, 32 GB"}


def test_endings_of_the_languages_of_the_shop() -> None:
    german = Analyser.of(("en", "de"))
    assert german.stem("schrauben") == german.stem("schraube")
    assert german.stem("mugs") == german.stem("mug")


def test_wording_of_today_is_read_with_a_release(made: tuple[LexicalSource, Material], tmp_path: Any) -> None:
    import msgspec

    bare, material = made
    bare.save(tmp_path)
    parts = parts_of(material)
    settings = msgspec.structs.replace(material.settings, synonyms=(Synonym(("sofa", "couch")),))
    loaded = Lexical().load(tmp_path, parts.__class__(parts.catalogue, parts.interactions, settings, None))
    assert found(loaded, "sofa ") == {"Two-seat sofa", "Couch with cushions"}


def test_a_word_that_is_known_elsewhere_is_not_misspelt() -> None:
    source, _ = shop(["Wooden watch", "Watch of steel"])
    plain = Planner(source._index, Analyser.of(), Wording(), lambda _: False)
    knowing = replace(plain, knows={"women"}.__contains__)
    assert plain.plan("watch for women ", False).corrected == "watch for wooden"
    assert not knowing.plan("watch for women ", False).corrected
