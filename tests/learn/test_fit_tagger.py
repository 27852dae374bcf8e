"""A tagger learns a planted language, and a catalogue's words stand in for tags."""

from __future__ import annotations

import pytest

from shopkeeper.errors import DataError
from shopkeeper.learn.tagger import Tagged, f1, fit_tagger, weakly_tagged

BRANDS, PRODUCTS = ("小米", "海尔", "耐克"), ("电视", "跑鞋", "冰箱")
WORDS = dict.fromkeys(BRANDS, "brand") | dict.fromkeys(PRODUCTS, "product")


def titles(brands: tuple[str, ...]) -> list[Tagged]:
    texts = [f"新款{brand}{product}包邮" for brand in brands for product in PRODUCTS]
    return weakly_tagged([list(text) for text in texts], WORDS)


def test_a_catalogue_tags_titles_by_the_longest_match() -> None:
    (title,) = weakly_tagged([list("小米电视机")], {"电视": "product", "电视机": "product", "小米": "brand"})
    assert title.tags == ["B-brand", "I-brand", "B-product", "I-product", "I-product"]
    assert weakly_tagged([list("茶杯")], {}) == [Tagged(list("茶杯"), ["O", "O"])]


def test_it_learns_and_finds_brands_it_never_saw() -> None:
    pytest.importorskip("torch")
    seen, unseen = titles(BRANDS[:2]), titles(BRANDS[2:])
    tagger = fit_tagger(seen * 4, seen, epochs=4)
    assert f1(tagger, seen) == 1.0
    assert f1(tagger, unseen) > 0.6


def test_without_titles_there_is_nothing_to_learn() -> None:
    pytest.importorskip("torch")
    with pytest.raises(DataError, match="no tagged titles"):
        fit_tagger([], titles(BRANDS))
