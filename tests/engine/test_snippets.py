"""Snippets: the right passage, marked at the right letters."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from source_contract import interactions_of, items_table, material_of

from shopkeeper.engine.snippets import LENGTH
from shopkeeper.engine.sources.lexical import Lexical, LexicalSource

FILLER = "Made with care by people who like what they do, and tested in all weathers. " * 6


def source() -> LexicalSource:
    titles = ["Café mugs of clay", "红色陶瓷马克杯", "Wireless headphones"]
    return Lexical().fit(
        material_of(
            items_table([{"item_id": str(at), "title": title} for at, title in enumerate(titles)]), interactions_of([])
        )
    )


SOURCE = source()


def marked(query: str, text: str) -> tuple[str, list[str]]:
    snippet = SOURCE.snippet(query, text)
    return snippet.text, [snippet.text[begin:end] for begin, end in snippet.marks]


def test_the_passage_holds_the_words_in_their_own_letters() -> None:
    text = f"{FILLER}Each CAFÉ gets a mug, or many Mugs. {FILLER}"
    passage, words = marked("cafe mugs", text)
    assert words == ["CAFÉ", "mug", "Mugs"]
    assert passage in text
    assert len(passage) <= LENGTH


def test_misspelt_words_and_chinese_are_marked() -> None:
    assert marked("hedphones ", f"{FILLER}Two Headphones{FILLER}")[1] == []  # run into the filler
    assert marked("hedphones ", f"{FILLER}Two Headphones. {FILLER}")[1] == ["Headphones"]
    assert marked("陶瓷马克杯", "这是一款红色的陶瓷马克杯，容量大。")[1] == ["陶瓷马克杯"]


def test_a_short_text_is_given_whole_and_one_without_the_words_from_its_beginning() -> None:
    assert marked("mug", "A mug.") == ("A mug.", ["mug"])
    passage, words = marked("zebra", FILLER)
    assert FILLER.startswith(passage)
    assert words == []
    assert marked("mug", "") == ("", [])


@given(st.text(alphabet="mug café ü½ＭUG马克杯红。\n ", max_size=400), st.sampled_from(["mug", "cafe", "马克杯", ""]))
def test_marks_lie_apart_within_any_text(text: str, query: str) -> None:
    snippet = SOURCE.snippet(query, text)
    assert snippet.text in text
    edges = [edge for mark in snippet.marks for edge in mark]
    assert edges == sorted(edges)
    assert all(0 <= begin < end <= len(snippet.text) for begin, end in snippet.marks)
