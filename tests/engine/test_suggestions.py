"""What is offered for what is typed, from planted entries."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_engine import small_engine

from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.prefixes import BLOCK, SCANNED, PrefixIndex
from shopkeeper.engine.recent_searches import FORGOTTEN_KEPT, PastSearches, RecentSearches
from shopkeeper.engine.spellings import Spellings
from shopkeeper.engine.suggestions import ITEMS_KEPT, Completions, Suggestions, typed_key
from shopkeeper.errors import RequestError
from shopkeeper.settings import SuggestSettings
from shopkeeper.vocabulary import Change, Event, EventType, Ids, Request, Suggested


def completions(**scores: float) -> Completions:
    return of({text.replace("_", " "): score for text, score in scores.items()})


def of(scores: dict[str, float], items: dict[str, Sequence[int]] | None = None, **said: Any) -> Completions:
    led = [[*(items or {}).get(text, [0]), *[-1] * ITEMS_KEPT][:ITEMS_KEPT] for text in scores]
    rows = np.array(led, np.int32).reshape(-1, ITEMS_KEPT)
    weights = np.array(list(scores.values()), np.float32)
    return Completions.build(list(scores), weights, rows, trending=weights, **said)


def found(known: Completions, typed: str, limit: int = 8) -> list[str]:
    return [str(known.texts[row]) for row in known.find(typed_key(typed), limit, None).tolist()]


def test_the_best_that_begin_so_come_first_then_those_with_a_later_word() -> None:
    known = completions(camera=3.0, camcorder=5.0, digital_camera=9.0, lamp=9.0)
    assert found(known, "cam") == ["camcorder", "camera", "digital camera"]
    assert found(known, "digital cam") == ["digital camera"]
    assert found(known, "camera ") == []


@pytest.mark.parametrize(
    "typed", ["hedph", "haedph", "headhp", "hheadph", "hezdph", "wireless hedph", "wirless headph"]
)
def test_one_error_in_a_word_is_forgiven(typed: str) -> None:
    known = of({"headphones": 5.0, "wireless headphones": 2.0, "hedgehog": 1.0})
    assert found(known, typed)[0] == ("wireless headphones" if " " in typed else "headphones")


def test_no_error_is_seen_in_what_is_known_or_short() -> None:
    known = completions(lamp=9.0, lamb=1.0, red_mug=5.0)
    assert found(known, "lamb") == ["lamb"]
    assert found(known, "rad") == []


def test_accents_width_and_case_make_no_difference() -> None:
    known = of({"Café au lait": 1.0, "ＴＶ stand": 1.0})
    assert found(known, "CAFE") == ["Café au lait"]
    assert found(known, "tv") == ["ＴＶ stand"]


def test_chinese_is_found_by_any_character_and_by_its_sound() -> None:
    known = of({"智能手机": 5.0, "手机壳": 2.0}, sounds=["zhinengshouji", "shoujike"])
    assert found(known, "手") == ["手机壳", "智能手机"]
    assert found(known, "shou ji") == ["手机壳"]
    assert found(known, "zhineng") == ["智能手机"]


@given(
    texts=st.dictionaries(
        st.text("ab 手", min_size=1, max_size=6).map(typed_key).map(str.strip), st.integers(0, 3), max_size=12
    ),
    typed=st.text("ab 手", max_size=4).map(typed_key),
)
def test_what_begins_so_is_what_a_plain_look_finds(texts: dict[str, int], typed: str) -> None:
    texts.pop("", None)
    known = of({text: float(score) for text, score in texts.items()})
    plain = sorted((text for text in texts if typed and text.startswith(typed)), key=lambda text: (-texts[text], text))
    assert found(known, typed, 20)[: len(plain)] == plain


def test_of_very_many_the_best_are_found() -> None:
    n = SCANNED + 7 * BLOCK + 3
    scores = np.random.default_rng(0).permutation(n).astype(np.float32)
    index = PrefixIndex.build([f"a{at:06}" for at in range(n)], ((at, 0, at) for at in range(n)), scores)
    assert index.span("a") == (0, n)
    assert index.best((0, n), scores, 5).tolist() == np.argsort(-scores)[:5].tolist()
    assert index.best((3, n - 3), scores, 300).tolist() == (3 + np.argsort(-scores[3:-3])[:300]).tolist()


@given(
    word=st.text("abc", min_size=5, max_size=9),
    at=st.integers(0, 8),
    letter=st.sampled_from("abc"),
    error=st.integers(0, 3),
)
def test_every_single_error_after_the_first_letter_is_found(word: str, at: int, letter: str, error: int) -> None:
    at = 1 + at % (len(word) - 2)
    swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    typed = (word[:at] + word[at + 1 :], word[:at] + letter + word[at:], word[:at] + letter + word[at + 1 :], swapped)[
        error
    ]
    known = Spellings.build({word: 1.0})
    if typed != word and len(typed) >= 4:
        assert word in known.near(typed, 3, whole=True)


MUG = completions(red_mug=1.0)


@given(st.text(max_size=300))
def test_nothing_typed_is_too_odd(typed: str) -> None:
    assert set(found(MUG, typed)) <= {"red mug"}


# --- an engine that suggests ---


def suggesting(queries: Completions, **settings: Any) -> Engine:
    engine = small_engine()
    names = {
        name: engine.catalogue.labels[name].values for name in ("category", "brand") if name in engine.catalogue.labels
    }
    kinds = {name: of(dict.fromkeys(values, 1.0)) for name, values in names.items()}
    nothing = Suggestions.none()
    engine.settings = msgspec.structs.replace(engine.settings, suggest=SuggestSettings(**settings))
    engine.suggestions = Suggestions(
        queries, kinds.get("category", nothing.categories), kinds.get("brand", nothing.brands), nothing.past
    )
    return engine


def suggest(engine: Engine, typed: str, within: str = "", **said: Any) -> Suggested:
    return engine.suggest(Request(query=typed, size=said.pop("size", 8), **said), within)


def queries(suggested: Suggested) -> list[str]:
    return [each.text for each in suggested.queries]


def test_an_engine_without_suggestions_offers_none_and_finds_products_by_words() -> None:
    engine = small_engine()
    title = engine.catalogue.item(0).title
    assert suggest(engine, "") == Suggested(query="", release=engine.release)
    assert suggest(engine, title).products[0].title == title


def test_the_completed_part_is_told_apart() -> None:
    engine = suggesting(of({"Red Mug": 2.0, "small red mugs": 1.0}))
    told = suggest(engine, "red m").queries
    assert [(each.text[each.start : each.end], each.text) for each in told] == [
        ("Red M", "Red Mug"),
        ("red m", "small red mugs"),
    ]


def test_a_query_goes_when_all_it_leads_to_is_sold_out_and_comes_back_with_it() -> None:
    engine = suggesting(of({"red mug": 2.0, "red lamp": 1.0}, {"red mug": [0, 1], "red lamp": [5]}))
    ids = [engine.catalogue.ids.id(row) for row in (0, 1)]
    gone = engine.updated([Change(id=id_, time=1.0, available=False) for id_ in ids])
    assert queries(suggest(engine, "red")) == ["red mug", "red lamp"]
    assert queries(suggest(gone, "red")) == ["red lamp"]
    assert queries(suggest(gone.updated([Change(id=ids[1], time=2.0, available=True)]), "red")) == [
        "red mug",
        "red lamp",
    ]


def test_what_a_filter_hides_is_not_suggested_in_any_group() -> None:
    engine = suggesting(of({"red mug": 2.0, "red lamp": 1.0}, {"red mug": [0], "red lamp": [5]}))
    hidden = engine.catalogue.ids.id(0)
    told = suggest(engine, "red", filter=f'not id = "{hidden}"')
    assert queries(told) == ["red lamp"]
    assert hidden not in [item.id for item in told.products]
    nothing = suggest(engine, "red", filter='id = "no such item"')
    assert (nothing.queries, nothing.products, nothing.categories, nothing.brands) == ((), (), (), ())


def test_categories_are_suggested_those_of_the_persons_taste_first() -> None:
    engine = suggesting(completions())
    names = [str(text) for text in engine.suggestions.categories.texts.to_pylist()]
    assert [each.text for each in suggest(engine, names[0][:3]).categories][:1] == names[:1]


def test_a_blocked_word_is_never_suggested() -> None:
    engine = suggesting(of({"red mug": 2.0, "redneck mug": 1.0, "红色马克杯": 1.0}), blocklist=("RED", "红色"))
    assert queries(suggest(engine, "red")) == ["redneck mug"]
    assert queries(suggest(engine, "")) == ["redneck mug"]
    assert queries(suggest(engine, "红")) == []


def test_an_empty_prefix_gives_what_is_wanted_of_late_and_ones_own_searches() -> None:
    past = PastSearches(Ids(["ann"]), np.array([0, 2]), pa.array(["old mug", "red lamp"]))
    engine = suggesting(of({"red mug": 2.0, "lamp": 3.0}))
    engine.searches = RecentSearches(past)
    engine.record([_search("own words", "ann"), _search("beginning", "bob")])
    told = suggest(engine, "", user="ann")
    assert queries(told) == ["lamp", "red mug"]
    assert [each.text for each in told.recent] == ["own words", "red lamp", "old mug"]
    assert [each.text for each in suggest(engine, "la", user="ann").recent] == ["red lamp"]
    assert suggest(engine, "").recent == ()


def test_what_is_forgotten_stays_forgotten() -> None:
    engine = suggesting(completions())
    engine.record([_search("one", "ann"), _search("two", "ann"), _search("ONE", "ann")])
    assert [each.text for each in suggest(engine, "", user="ann").recent] == ["ONE", "two"]
    engine.record([_search("one", "ann", attributes={"forgotten_query": "one"})])
    assert [each.text for each in suggest(engine, "", user="ann").recent] == ["two"]
    engine.record([_search("*", "ann", attributes={"forgotten_query": "*"})])
    assert suggest(engine, "", user="ann").recent == ()


def test_what_was_forgotten_does_not_come_back_and_is_not_kept_without_end() -> None:
    past = PastSearches(Ids(["ann"]), np.array([0, 2]), pa.array(["q 1", "q 999"]))
    searches = RecentSearches(past)
    searches.record([_search(f"q {at}", "ann", attributes={"forgotten_query": f"q {at}"}) for at in range(900)])
    assert searches.of("ann", None) == []
    assert len(searches._live["ann"]) == FORGOTTEN_KEPT + 1
    searches.record([_search("new", "ann")])
    assert searches.of("ann", None) == ["new"]


@pytest.mark.parametrize("typed", ["x" * 10_000, "\x00\x07 \u202e", "手" * 500, "%' OR 1=1 --", " ", "\ud83d\ude00"])
def test_hostile_input_is_answered(typed: str) -> None:
    engine = suggesting(completions(red_mug=1.0))
    if "\ud83d" in typed:
        with pytest.raises(RequestError, match="no text"):
            suggest(engine, typed)
    else:
        assert queries(suggest(engine, typed)) in ([], ["red mug"])


@pytest.mark.parametrize("size", [0, -1, 51])
def test_a_size_out_of_bounds_is_refused(size: int) -> None:
    with pytest.raises(RequestError, match="size"):
        suggest(small_engine(), "red", size=size)


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    saved = suggesting(of({"red mug": 2.0, "手机": 1.0}, sounds=["", "shouji"])).suggestions
    saved.save(tmp_path / "suggestions")
    loaded = Suggestions.load(tmp_path / "suggestions")
    for typed in ("red", "mug", "shou", "rde mug", "手"):
        assert found(loaded.queries, typed) == found(saved.queries, typed)
    assert found(Suggestions.load(tmp_path / "older").queries, "red") == []


def _search(query: str, user: str, **said: Any) -> Event:
    return Event(id=f"{query} {user}", type=EventType.SEARCH, time=1.0, user=user, query=query, **said)
