"""Search by words: planted answers, strange queries, several scripts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from source_contract import SourceContract, context_of, interactions_of, items_table, material_of, parts_of

from shopkeeper.engine.context import Material
from shopkeeper.engine.item_text import FIELDS
from shopkeeper.engine.sources.lexical import MATCH_FEATURES, Lexical, LexicalSource
from shopkeeper.engine.text_index import CODE, WORDS, TextIndex
from shopkeeper.errors import ReleaseError

ROWS: list[dict[str, Any]] = [
    {"item_id": "A1", "title": "Red ceramic mug", "brand": "Acme", "categories": ["Kitchen", "Mugs"]},
    {"item_id": "A2", "title": "Blue ceramic mug", "brand": "Acme", "categories": ["Kitchen", "Mugs"]},
    {"item_id": "A3", "title": "Tea cosy", "description": "Fits every red teapot, and a mug too."},
    {
        "item_id": "B1",
        "title": "Wireless headphones",
        "brand": "Sony",
        "attributes": '{"colour": "red", "bluetooth": true}',
    },
    {"item_id": "B2", "title": "Brother TN-2110 toner"},
    {"item_id": "B3", "title": "1TB portable drive"},
    {"item_id": "B4", "title": "2 TB portable drive"},
    {"item_id": "C1", "title": "Laptop sleeve for a notebook"},
    {"item_id": "C2", "title": "Flash light with batteries"},
    {"item_id": "C3", "title": "Café press, crème"},
    {"item_id": "D1", "title": "红色陶瓷马克杯 350ml", "categories": ["厨房"]},
    {"item_id": "D2", "title": "Blue kettle", "attributes": '{"title_zh": "蓝色水壶", "description_zh": "不锈钢"}'},
    {"item_id": "D3", "title": "ワイヤレスヘッドホン"},
    {"item_id": "E1", "title": "Mousepad"},
    {"item_id": "E2", "title": "Mouse"},
    {"item_id": "SKU-778/x", "title": "Nameless thing"},
]
NAMES = [row["item_id"] for row in ROWS]


@pytest.fixture(scope="module")
def material() -> Material:
    return material_of(items_table(ROWS), interactions_of([]))


@pytest.fixture(scope="module")
def source(material: Material) -> LexicalSource:
    return Lexical().fit(material)


def found(source: LexicalSource, material: Material, query: str) -> list[str]:
    return [NAMES[row] for row in source.retrieve(context_of(material, user=-1, query=query), 50).rows]


class TestLexicalContract(SourceContract):
    recipe = Lexical()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("red mug", ["A1", "A3"]),  # both words; the title before the description
        ("RED MUGS ", ["A1", "A3"]),
        ("mug for red", ["A1", "A3"]),  # a stop word asks for nothing
        ("acme mugs", ["A1", "A2"]),
        ("bluetooth headphones", ["B1"]),  # what is merely true is found by its name
        ("cafe creme", ["C3"]),
        ("sku-778/X", ["SKU-778/x"]),
    ],
)
def test_finds_all_words(source: LexicalSource, material: Material, query: str, expected: list[str]) -> None:
    assert found(source, material, query) == expected


@pytest.mark.parametrize("query", ["tn2110", "TN 2110", "tn-2110", "tn.2110 toner"])
def test_codes_are_found_however_written(source: LexicalSource, material: Material, query: str) -> None:
    assert found(source, material, query)[0] == "B2"


@pytest.mark.parametrize(
    ("query", "expected"), [("1 tb", ["B3"]), ("1tb", ["B3"]), ("2tb", ["B4"]), ("2 TB drive", ["B4"])]
)
def test_units_are_found_with_and_without_a_blank(
    source: LexicalSource, material: Material, query: str, expected: list[str]
) -> None:
    assert found(source, material, query) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("hedphones", "B1"),  # a letter missing
        ("haedphones", "B1"),  # two letters exchanged
        ("headphonse", "B1"),
        ("wirelles haedphones", "B1"),
        ("cermaic", "A1"),
        ("flashlight", "C2"),  # written apart in the shop
        ("head phones", "B1"),  # written together in the shop
        ("lap top", "C1"),
    ],
)
def test_forgives_misspelling(source: LexicalSource, material: Material, query: str, expected: str) -> None:
    assert expected in found(source, material, query)


@pytest.mark.parametrize("query", ["mgu", "rde", "xqzvk", "zzzzzzzz"])
def test_short_words_and_nonsense_find_nothing(source: LexicalSource, material: Material, query: str) -> None:
    assert found(source, material, query) == []


def test_completes_the_last_word_alone(source: LexicalSource, material: Material) -> None:
    assert found(source, material, "wireless headph") == ["B1"]
    assert found(source, material, "headph ") == []  # a blank ends the word


def test_the_word_itself_stands_above_its_continuations(source: LexicalSource, material: Material) -> None:
    assert found(source, material, "mouse") == ["E2", "E1"]


def test_relaxes_when_nothing_has_all_words(source: LexicalSource, material: Material) -> None:
    assert found(source, material, "purple ceramic mug")[:2] == ["A1", "A2"]
    assert found(source, material, "purple elephant teapot") == ["A3"]


@given(
    st.lists(
        st.sampled_from(["red", "mug", "ceramc", "a1", "drive", "tb", "红色", "acme", "nothing", '"blue kettle"']),
        max_size=3,
    ),
    st.sets(st.sampled_from(NAMES)),
)
def test_knowing_what_matches_finds_the_same(
    source: LexicalSource, material: Material, words: list[str], names: set[str]
) -> None:
    """In a shop of millions, what a narrow filter leaves is looked up instead of sifted."""
    allowed = np.array([name in names for name in NAMES])
    context = context_of(material, user=-1, query=" ".join(words), allowed=allowed)
    sifted = source.retrieve(context, 5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shopkeeper.engine.text_index.MANY_HITS", 0)
        patch.setattr("shopkeeper.engine.text_index.LOOKED_UP_AS_HITS", 0)
        looked_up = source.retrieve(context, 5)
    assert looked_up.rows.tolist() == sifted.rows.tolist()
    np.testing.assert_allclose(looked_up.scores, sifted.scores, rtol=1e-5)


def test_relaxes_within_what_is_allowed(source: LexicalSource, material: Material) -> None:
    allowed = np.array([name == "A2" for name in NAMES])
    context = context_of(material, user=-1, query="red mug", allowed=allowed)
    assert source.retrieve(context, 5).rows.tolist() == [1]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("红色马克杯", "D1"),
        ("马克杯", "D1"),
        ("红色的杯", "D1"),  # a single character
        ("色陶瓷马", "D1"),  # across the segmenter's cuts
        ("水壶", "D2"),  # in an attribute that is a title
        ("不锈钢", "D2"),
        ("ヘッドホン", "D3"),
        ("３５０ｍｌ", "D1"),
    ],
)
def test_finds_scripts_without_spaces(source: LexicalSource, material: Material, query: str, expected: str) -> None:
    assert found(source, material, query)[0] == expected


STRANGE = [
    "", " ", "\x00", "?!", '"', "'; DROP TABLE items; --", "title:red AND (mug", "red* ~2 ^5", "[a TO b]", "+-&&|!(){}",
    "🎧🎧", "👩\u200d👩\u200d👧", "\u202eder gum", "مرحبا بالعالم", "שלום", "ก" * 300, "e\u0301" * 200,
    "x" * 10_000, "red mug " * 2000, "马" * 5000, "1-2-3-4-5-6-7-8-9-a-b-c-d", "the of and", "\ud800", "a" * 70_000,
    "٣٤", "½", "a'b'c", "i̇",
]  # fmt: skip


@pytest.mark.parametrize("query", STRANGE, ids=range(len(STRANGE)))
def test_no_query_is_too_strange(source: LexicalSource, material: Material, query: str) -> None:
    context = context_of(material, user=-1, query=query)
    candidates = source.retrieve(context, 10)
    rows, total = source.matches(query, None, 100)
    assert total == len(rows)
    assert set(candidates.rows.tolist()) <= set(rows.tolist())
    assert source.match_features(context, rows).shape == (len(rows), len(MATCH_FEATURES))
    assert source.reason(context, 0)


@given(query=st.text(max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_text_is_a_query(source: LexicalSource, material: Material, query: str) -> None:
    context = context_of(material, user=-1, query=query)
    rows = source.retrieve(context, 10).rows
    assert source.match_features(context, rows).shape == (len(rows), len(MATCH_FEATURES))
    found, total = source.matches(query, np.ones(len(NAMES), np.bool_), 3)
    assert len(found) == min(total, 3)


def test_matches_counts_all(source: LexicalSource) -> None:
    rows, total = source.matches("mug", None, 10_000)
    assert (rows.tolist(), total) == ([0, 1, 2], 3)
    rows, total = source.matches("mug", None, 2)
    assert (rows.tolist(), total) == ([0, 1], 3)
    rows, total = source.matches("mug", np.arange(len(NAMES)) > 0, 1)
    assert (rows.tolist(), total) == ([1], 2)


def test_a_narrow_filter_reaches_beyond_the_best() -> None:
    rows = [
        {"item_id": str(i), "title": "mug" if i < 990 else "mug of many words that make its score lower"}
        for i in range(1000)
    ]
    material = material_of(items_table(rows), interactions_of([]))
    source = Lexical().fit(material)
    context = context_of(material, user=-1, query="mug", allowed=np.arange(1000) >= 995)
    assert sorted(source.retrieve(context, 4).rows.tolist()) == [995, 996, 997, 998]


def test_match_features_know_the_fields(source: LexicalSource, material: Material) -> None:
    context = context_of(material, user=-1, query="red mug")
    features = source.match_features(context, np.array([0, 2, 1, 14], np.int32))
    column = {name: features[:, at] for at, name in enumerate(MATCH_FEATURES)}
    assert features.dtype == np.float32
    assert column["match_title"][0] == pytest.approx(1.0)
    assert column["match_title"][1] == 0
    assert column["match_description"][1] == pytest.approx(1.0)
    assert 0 < column["match_title"][2] < 1
    assert column["match_any"].tolist() == pytest.approx([1.0, 1.0, column["match_title"][2], 0.0])
    assert column["match_title_covered"].tolist() == pytest.approx([2 / 3, 0, 1 / 3, 0])
    assert column["query_words"].tolist() == [2, 2, 2, 2]
    assert np.isnan(source.match_features(context_of(material, user=-1), np.array([0], np.int32))).all()


@pytest.mark.parametrize(
    ("query", "item", "reason"),
    [
        ("red mug", "A1", "matches “red mug” in title"),
        ("RED mug", "A3", "matches “red mug” in description"),
        ("hedphones", "B1", "matches “headphones” in title"),
        ("acme", "A1", "matches “acme” in brand"),
        ("马克杯", "D1", "matches “马克杯” in title"),
    ],
)
def test_says_what_matched(source: LexicalSource, material: Material, query: str, item: str, reason: str) -> None:
    assert source.reason(context_of(material, user=-1, query=query), NAMES.index(item)) == reason


@pytest.mark.parametrize(
    ("query", "text", "marked"),
    [
        ("red mug", "Red mugs, hired", ("mugs", "red")),
        ("hedphones", "Wireless Headphones", ("headphones",)),
        ("mou", "Mouse on a mousepad", ("mouse", "mousepad")),
        ("cafe", "Café press", ("cafe",)),
        ("tn2110", "Brother TN-2110 toner", ("2110", "tn")),
        ("flashlight", "Flash light with batteries", ("flash", "light")),
        ("a mug of tea", "A set of mugs", ("mugs",)),
        ("陶瓷马克杯", "红色陶瓷马克杯", ("陶瓷", "马克杯")),
        ("", "Mug", ()),
    ],
)
def test_names_the_words_that_matched(source: LexicalSource, query: str, text: str, marked: tuple[str, ...]) -> None:
    assert source.matched(query, [text, "nothing alike"]) == marked


def test_reading_a_release_leaves_it_as_it_was(source: LexicalSource, material: Material, tmp_path: Path) -> None:
    source.save(tmp_path)
    before = sorted(os.listdir(tmp_path / "index"))
    loaded = Lexical().load(tmp_path, parts_of(material))
    assert found(loaded, material, "red mug") == ["A1", "A3"]
    assert sorted(os.listdir(tmp_path / "index")) == before


def test_a_damaged_index_is_a_release_error(source: LexicalSource, material: Material, tmp_path: Path) -> None:
    source.save(tmp_path)
    (tmp_path / "index" / "meta.json").write_text("{")
    with pytest.raises(ReleaseError, match="the text index cannot be read"):
        Lexical().load(tmp_path, parts_of(material))


def test_a_word_that_goes_and_comes_again_is_known_once() -> None:
    def document(words: str) -> dict[str, str]:
        return {**dict.fromkeys(FIELDS, words), WORDS: words, CODE: "x"}

    index = TextIndex.build([document("kettle"), document("mug")])
    for turn in range(40):  # until tantivy has merged what was deleted
        index = index.updated({0: document(("kettle", "kettel", "pot")[turn % 3])})
    assert sorted(near[:2] for near in index.near("kettl", 2, 9)) == [("kettel", 1), ("kettle", 1)]
