"""What an answer says of how the query was read."""

from __future__ import annotations

import msgspec
import pytest
from small_engine import small_engine
from source_contract import interactions_of, items_table

from shopkeeper.engine.pipeline import Engine
from shopkeeper.settings import DEFAULT_SURFACES, Settings
from shopkeeper.vocabulary import Request

ROWS = [
    {"item_id": "a", "title": "Red ceramic mug", "description": "Holds tea. " * 30 + "A mug for the red hour."},
    {"item_id": "b", "title": "Blue ceramic mug", "description": "No word of it."},
    {"item_id": "c", "title": "Wireless headphones"},
]


@pytest.fixture(scope="module")
def engine() -> Engine:
    words = msgspec.structs.replace(DEFAULT_SURFACES["search"], sources=("lexical",))
    settings = Settings(surfaces={"search": words})
    return small_engine(items=items_table(ROWS), interactions=interactions_of([]), settings=settings)


def test_what_was_read_otherwise_is_said(engine: Engine) -> None:
    slate = engine.answer(Request(query="hedphones "))
    assert slate.corrected == "headphones"
    assert "read as “headphones”" in slate.notes
    assert slate.matched == ("headphones",)
    assert engine.answer(Request(query="headphones ")).corrected == ""


def test_whoever_insists_finds_what_is_written(engine: Engine) -> None:
    slate = engine.answer(Request(query="hedphones", verbatim=True))
    assert (slate.placements, slate.total, slate.corrected) == ((), 0, "")


def test_words_that_were_passed_over_are_said(engine: Engine) -> None:
    slate = engine.answer(Request(query="purple ceramic mug "))
    assert slate.dropped == ("purple",)
    assert {placement.item.id for placement in slate.placements} == {"a", "b"}
    assert any("passed over: purple" in note for note in slate.notes)
    assert engine.answer(Request(query="red mug ")).dropped == ()


def test_phrases_and_minus_words_hold_for_every_source(engine: Engine) -> None:
    assert [each.item.id for each in engine.answer(Request(query="mug -red ")).placements] == ["b"]
    assert [each.item.id for each in engine.answer(Request(query='"red hour" ')).placements] == ["a"]
    assert engine.answer(Request(query='"hour red" ')).placements == ()


def test_snippets_cost_nothing_unless_asked_for(engine: Engine) -> None:
    assert engine.answer(Request(query="red mug ")).snippets == ()
    slate = engine.answer(Request(query="red mug ", snippets=True))
    (snippet,) = slate.snippets
    assert [snippet.text[begin:end] for begin, end in snippet.marks] == ["mug", "red"]
    assert snippet.text.endswith("A mug for the red hour.")
