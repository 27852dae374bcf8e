"""The benchmark's tagger: the best tags, what it learns of a planted language, and what a catalogue tags."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch", reason="the tagger is fitted with PyTorch")

from _tagger import (
    BUCKETS,
    N_FEATURES,
    Entity,
    Tagged,
    Tagger,
    entities_of,
    f1,
    features_of,
    fit_tagger,
    weakly_tagged,
)

BRANDS, PRODUCTS = ("小米", "海尔", "耐克"), ("电视", "跑鞋", "冰箱")
WORDS = dict.fromkeys(BRANDS, "brand") | dict.fromkeys(PRODUCTS, "product")
TAGS = ("B-brand", "I-brand", "O")


def tagger(seed: int = 0) -> Tagger:
    generator = np.random.default_rng(seed)
    weights = generator.normal(size=(BUCKETS, 3)).astype(np.float32)
    return Tagger(TAGS, weights, generator.normal(size=(3, 3)).astype(np.float32), np.zeros(3, np.float32))


def test_the_tags_are_the_best_of_all_sequences() -> None:
    for seed, text in enumerate(("红裙", "小米55寸", "mug x", "a")):
        one = tagger(seed)
        emissions = one.weights[features_of(text)].sum(axis=1)

        def score(path: tuple[int, ...], one: Tagger = one, emissions: np.ndarray = emissions) -> float:  # type: ignore[type-arg]
            along = sum(float(one.transitions[a, b]) for a, b in pairwise(path))
            return along + float(sum(emissions[at, tag] for at, tag in enumerate(path)))

        best = max(product(range(3), repeat=len(text)), key=score)
        assert one.tag(text) == [TAGS[tag] for tag in best]


def test_entities_begin_with_b_and_go_on_with_their_own_kind() -> None:
    tags = ["B-a", "I-a", "I-b", "B-b", "B-b", "O", "I-a", "B-a"]
    assert list(entities_of(tags)) == [Entity(0, 2, "a"), Entity(3, 4, "b"), Entity(4, 5, "b"), Entity(7, 8, "a")]


@given(st.text(max_size=30))
def test_any_text_is_tagged_character_by_character(text: str) -> None:
    found = features_of(text)
    assert found.shape == (len(text), N_FEATURES)
    assert len(ONE.tag(text)) == len(text)
    assert all(0 <= each.start < each.end <= len(text) for each in ONE.entities(text))


def titles(brands: tuple[str, ...]) -> list[Tagged]:
    texts = [f"新款{brand}{product}包邮" for brand in brands for product in PRODUCTS]
    return weakly_tagged([list(text) for text in texts], WORDS)


def test_a_catalogue_tags_titles_by_the_longest_match() -> None:
    (title,) = weakly_tagged([list("小米电视机")], {"电视": "product", "电视机": "product", "小米": "brand"})
    assert title.tags == ["B-brand", "I-brand", "B-product", "I-product", "I-product"]
    assert weakly_tagged([list("茶杯")], {}) == [Tagged(list("茶杯"), ["O", "O"])]


def test_it_learns_and_finds_brands_it_never_saw() -> None:
    seen, unseen = titles(BRANDS[:2]), titles(BRANDS[2:])
    tagger = fit_tagger(seen * 4, seen, epochs=4)
    assert f1(tagger, seen) == 1.0
    assert f1(tagger, unseen) > 0.6


ONE = tagger()
