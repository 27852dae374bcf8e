"""Viterbi and entities, on a tagger whose weights are planted."""

from __future__ import annotations

from itertools import pairwise, product
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shopkeeper.engine.understanding.tagger import BUCKETS, N_FEATURES, Entity, Tagger, entities_of, features_of

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


def test_it_is_kept(tmp_path: Path) -> None:
    ONE.save(tmp_path)
    assert Tagger.load(tmp_path).tag("小米电视") == ONE.tag("小米电视")


ONE = tagger()
