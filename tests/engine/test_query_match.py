"""What a ranker reads of a text match: planted titles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_contract import context_of, interactions_of, items_table, material_of

from shopkeeper.engine.context import Material
from shopkeeper.engine.query_match import MATCH_FEATURES
from shopkeeper.engine.sources.lexical import Lexical, LexicalSource
from shopkeeper.engine.title_terms import found_among

TITLES = (
    "Acme 24 inch monitor",
    "Acme 27 inch monitor",
    "Monitor stand",
    "Red mug",
    "Red ceramic mug",
    "Mug holder for kitchens, red",
    "Kettle",
    "Brother TN-2110 toner",
    "Brother TN-3380 toner",
)
ROWS = np.arange(len(TITLES), dtype=np.int32)


def material(titles: tuple[str, ...]) -> Material:
    rows = [{"item_id": str(at), "title": title, "brand": "Acme"} for at, title in enumerate(titles)]
    return material_of(items_table(rows), interactions_of([]))


@pytest.fixture(scope="module")
def source() -> LexicalSource:
    return Lexical().fit(material(TITLES))


def of(source: LexicalSource, query: str, feature: str) -> list[float]:
    context = context_of(material(TITLES), user=-1, query=query)
    return [float(value) for value in source.match_features(context, ROWS)[:, MATCH_FEATURES.index(feature)]]


@pytest.mark.parametrize("query", ["24 inch monitor", "monitor 24inch"])
def test_a_title_may_say_another_number_of_the_same_unit(source: LexicalSource, query: str) -> None:
    assert of(source, query, "numbers_agreed")[:3] == [1, 0, 0]
    assert of(source, query, "numbers_contradicted")[:4] == [0, 1, 0, 0]


def test_without_numbers_nothing_is_said_of_them(source: LexicalSource) -> None:
    assert np.isnan(of(source, "red mug", "numbers_agreed")).all()
    assert np.isnan(of(source, "red mug", "codes_agreed")).all()


def test_codes_agree_or_do_not(source: LexicalSource) -> None:
    agreed = of(source, "brother tn2110", "codes_agreed")
    assert agreed[7] == 1
    assert agreed[8] == 0


def test_words_in_order_and_side_by_side(source: LexicalSource) -> None:
    close, order, first = (of(source, "red mug", name) for name in ("title_close", "title_in_order", "title_first"))
    assert close[3] == 1 > close[4] > close[5]
    assert order[3] == 1
    assert order[5] == 0
    assert first[3] == first[4] == 0
    assert np.isnan(close[6])


def test_the_share_of_the_query_falls_with_what_is_missing(source: LexicalSource) -> None:
    missing = of(source, "red mug", "match_rarest_missing")
    assert missing[3] == 0 < missing[6]
    assert of(source, "red mug", "bm25_title")[3] > of(source, "red mug", "bm25_title")[5]
    assert of(source, "acme", "match_brand_covered") == [1.0] * len(TITLES)


@pytest.mark.parametrize("query", ["24 inch monitor", "red mug", "brother tn2110", "红 mug"])
def test_a_changed_item_is_described_as_one_that_was_there(source: LexicalSource, query: str) -> None:
    later = ("Lamp", *TITLES[1:8], "Lamp")
    changed = np.array([0, 8], np.int32)
    rows = [{"item_id": str(at), "title": TITLES[at], "brand": "Acme"} for at in changed]
    live = Lexical().fit(material(later)).updated(replace(material(TITLES), items=items_table(rows)), changed)
    context = context_of(material(TITLES), user=-1, query=query)
    fresh, updated = source.match_features(context, ROWS), live.match_features(context, ROWS)
    exact = [at for at, name in enumerate(MATCH_FEATURES) if name.startswith(("title_", "numbers_", "query_words"))]
    np.testing.assert_array_equal(updated[:, exact], fresh[:, exact])


def test_likeness_is_the_share_of_what_the_liked_say(source: LexicalSource) -> None:
    liked, weights = np.array([3, 4], np.int32), np.ones(2, np.float32)
    held, none = source.terms.terms_of(ROWS), source.terms.terms_of(ROWS[:0])
    alike = source.terms.likeness(held, liked, weights)
    assert alike[4] == pytest.approx(1)  # holds every word of both
    assert alike[4] > alike[3] > alike[6]
    assert source.terms.likeness(none, liked, weights).shape == (0,)
    assert source.terms.likeness(held, liked[:0], weights[:0]).tolist() == [0.0] * len(ROWS)


HASHES = st.lists(st.sampled_from([0, 1, 1 << 16, (1 << 16) + 1, 3 << 16, 7, (1 << 32) - 1]))


@given(HASHES, HASHES)
def test_keys_that_share_a_slot_are_all_found(hashes: list[int], keys: list[int]) -> None:
    known = sorted(set(keys))
    hits, at = found_among(np.array(hashes, np.uint32), np.array(known, np.uint32))
    assert hits.tolist() == [place for place, each in enumerate(hashes) if each in known]
    assert [known[place] for place in at.tolist()] == [each for each in hashes if each in known]
