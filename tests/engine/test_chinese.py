"""Chinese: the shop's own words, traditional characters, and words typed as letters."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from source_contract import interactions_of, items_table, material_of

from shopkeeper.engine.chinese import Chinese
from shopkeeper.engine.context import Material, ReleaseParts
from shopkeeper.engine.sources.lexical import Lexical, LexicalSource
from shopkeeper.engine.text import words
from shopkeeper.settings import SearchSettings

TITLES = [
    "华为手机 8GB",
    "iPhone15手机壳 透明",
    "红色陶瓷马克杯 350ml",
    "绿色连衣裙",
    "小米电视 50英寸",
    "洁丽雅毛巾",
    "Gift box",
]


@pytest.fixture(scope="module")
def material() -> Material:
    rows: list[dict[str, Any]] = [
        {"item_id": str(at), "title": title, "brand": "洁丽雅" if at == 5 else None} for at, title in enumerate(TITLES)
    ]
    material = material_of(items_table(rows), interactions_of([]))
    own = msgspec.structs.replace(material.settings, search=SearchSettings(dictionary=("马克杯",)))
    return Material(material.catalogue, material.items, material.interactions, material.now, own)


@pytest.fixture(scope="module")
def source(material: Material) -> LexicalSource:
    return Lexical().fit(material)


def found(source: LexicalSource, query: str) -> list[str]:
    return [TITLES[row] for row in source.matches(query, None, 100)[0].tolist()]


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("50寸电视", TITLES[4]),
        ("iphone15手机壳", TITLES[1]),
        ("ＩＰＨＯＮＥ１５ 手机壳", TITLES[1]),
        ("８ｇｂ华为手机", TITLES[0]),
        ("350毫升马克杯", TITLES[2]),
        ("洁丽雅", TITLES[5]),
    ],
)
def test_scripts_and_figures_mix(source: LexicalSource, query: str, title: str) -> None:
    assert found(source, query) == [title]


def test_own_words_are_not_cut() -> None:
    lexicon = Chinese.of(["啦咕咕", "Acme", "x"]).lexicon
    assert lexicon == {"啦咕咕"}
    assert "啦咕咕" in words("新款啦咕咕毛巾", lexicon)
    assert "啦咕咕" not in words("新款啦咕咕毛巾")


def test_traditional_characters_find_simplified_ones(source: LexicalSource) -> None:
    pytest.importorskip("opencc", reason="the extra zh is not installed")
    assert found(source, "華為手機") == [TITLES[0]]
    assert found(source, "連衣裙") == [TITLES[3]]


@pytest.mark.parametrize(
    ("query", "title", "corrected"),
    [
        ("dianshi", TITLES[4], "电视"),
        ("xiaomi dianshi", TITLES[4], "小米 电视"),
        ("lianyiqun", TITLES[3], "连衣裙"),
        ("xiaomidianshi", TITLES[4], "小米 电视"),  # words one behind another
    ],
)
def test_words_are_found_by_pinyin(source: LexicalSource, query: str, title: str, corrected: str) -> None:
    pytest.importorskip("pypinyin", reason="the extra zh is not installed")
    assert found(source, query) == [title]
    assert source.plan(query).corrected == corrected


def test_pinyin_half_typed_and_words_of_the_shop(source: LexicalSource) -> None:
    pytest.importorskip("pypinyin", reason="the extra zh is not installed")
    assert TITLES[0] in found(source, "shouj")
    assert found(source, "shouj ") == []
    assert found(source, "gift") == [TITLES[6]]


def test_a_release_serves_without_the_libraries(
    source: LexicalSource, material: Material, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pypinyin", reason="the extra zh is not installed")
    source.save(tmp_path)
    for library in ("opencc", "pypinyin"):
        monkeypatch.setitem(__import__("sys").modules, library, None)
    parts = ReleaseParts(material.catalogue, material.interactions, material.settings)
    loaded = Lexical().load(tmp_path, parts)
    assert found(loaded, "dianshi") == [TITLES[4]]
    assert found(Lexical().fit(material), "华为手机") == [TITLES[0]]  # without pinyin, it is Chinese all the same
    assert found(Lexical().fit(material), "dianshi") == []
