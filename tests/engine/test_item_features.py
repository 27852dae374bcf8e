"""Items as numbers: a new item as one that was there at the fit, and what is said of it and what is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_encoder
from hypothesis import given, settings
from hypothesis import strategies as st
from source_contract import items_table, small_items

from shopkeeper.data.schema import items_table as table_of
from shopkeeper.engine import item_features
from shopkeeper.engine.item_features import Described, ItemFeatures
from shopkeeper.engine.item_terms import hash_of
from shopkeeper.engine.meaning import read_items
from shopkeeper.release.catalogue import Catalogue

WORDS = st.sampled_from(["red", "blue", "mug", "Mug", "lamp", "茶壶", ""])
ITEMS = st.fixed_dictionaries(
    {
        "title": st.lists(WORDS, max_size=3).map(" ".join),
        "brand": st.sampled_from([None, "Acme", "Bolt"]),
        "categories": st.lists(st.sampled_from(["home", "kitchen"]), max_size=2, unique=True),
        "price": st.sampled_from([None, 0.0, 3.0, 4.0, 80.0]),
        "attributes": st.sampled_from([None, '{"colour": "red"}', '{"colour": ["red", "blue"], "inches": 15.6}']),
    }
)


def alike(one: Described, other: Described) -> None:
    for mine, theirs in zip(one, other, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@settings(max_examples=25)  # each builds a catalogue
@given(st.lists(ITEMS, max_size=8), st.data())
def test_a_new_item_is_described_as_one_of_the_release(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    items = items_table([{"item_id": str(at), **row} for at, row in enumerate(rows)])
    some = np.array(sorted(data.draw(st.sets(st.integers(0, 7)))), np.int32)
    some = some[some < len(rows)]
    features = ItemFeatures.fit(items)
    told_later = table_of(Catalogue.build(items).items(some))
    alike(features.of(told_later, None), features.of(items, None).of(some))


def test_with_meanings_too(tmp_path: Path) -> None:
    encoder, items = small_encoder.make_encoder(tmp_path), small_items()
    features = ItemFeatures.fit(items)
    whole = features.of(items, read_items(items, encoder, 0.2))
    some = np.array([2, 3, 9], np.int32)
    told_later = table_of(Catalogue.build(items).items(some))
    alone = features.of(told_later, read_items(told_later, encoder, 0.2))
    np.testing.assert_allclose(alone.meanings, whole.of(some).meanings, atol=1e-6)
    np.testing.assert_array_equal(alone.readable, whole.of(some).readable)
    assert len(alone.readable)


def test_what_one_item_alone_says_is_no_feature_and_the_rest_is_of_length_one() -> None:
    items = items_table(
        [
            {"item_id": "0", "title": "red mug", "price": 10.0},
            {"item_id": "1", "title": "red lamp", "price": 10.4},
            {"item_id": "2", "title": "stool", "price": 500.0},
        ]
    )
    features = ItemFeatures.fit(items)
    assert set(features.hashes.tolist()) == {hash_of("red"), hash_of("price=7")}
    described = features.of(items, None)
    assert described.told.tolist() == [True, True, False]
    assert np.diff(described.starts).tolist() == [2, 2, 0]
    np.testing.assert_allclose(np.add.reduceat(described.weights**2, [0, 2]), 1.0, atol=1e-6)


def test_of_too_many_terms_the_most_frequent_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(item_features, "MOST_TERMS", 2)
    titles = ("a b c", "a b c", "a b", "a d", "d")
    features = ItemFeatures.fit(items_table([{"item_id": str(at), "title": title} for at, title in enumerate(titles)]))
    assert features.hashes.tolist() == sorted(map(hash_of, ("a", "b")))


def test_a_rare_term_says_more_and_what_all_say_next_to_nothing() -> None:
    titles = ("shop rare", "shop rare", "shop often", "shop often", "shop often", "shop")
    items = items_table([{"item_id": str(at), "title": title} for at, title in enumerate(titles)])
    features = ItemFeatures.fit(items)
    described = features.of(items, None)
    weights = {
        (row, int(features.hashes[described.places[at]])): float(described.weights[at])
        for row in range(6)
        for at in range(described.starts[row], described.starts[row + 1])
    }
    assert features.rarity[features.hashes == hash_of("rare")] > features.rarity[features.hashes == hash_of("often")]
    assert weights[0, hash_of("shop")] < 0.01 < weights[0, hash_of("rare")]
    assert weights[5, hash_of("shop")] == pytest.approx(1.0)  # where nothing else is said
