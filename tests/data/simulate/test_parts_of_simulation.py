"""The small parts that the simulated shop is built of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopkeeper.data.simulate.assortment import NONE, Groups, dearness, numbered, style_order
from shopkeeper.data.simulate.leaves import LEAVES
from shopkeeper.data.simulate.pictures import SHAPES
from shopkeeper.data.simulate.queries import misspell
from shopkeeper.data.simulate.words import BRANDS, COLOUR_VALUES, COLOURS, TRAITS


def test_the_words_fit_together() -> None:
    names = [leaf.name.en for leaf in LEAVES]
    assert len(names) == len(set(names)) >= 40
    assert len({brand.en for brand in BRANDS}) == len({brand.zh for brand in BRANDS}) == len(BRANDS)
    assert len(COLOURS) == len(COLOUR_VALUES)
    for leaf in LEAVES:
        assert leaf.goes_with in names
        assert leaf.shape in SHAPES
        assert set(leaf.traits) <= set(TRAITS)
        assert all(noun.en.isascii() and not noun.zh.isascii() for noun in leaf.nouns)


@given(st.lists(st.integers(-1, 5), max_size=40), st.integers(0, 2**32 - 1))
def test_groups_hold_every_row_under_its_key(keys: list[int], seed: int) -> None:
    codes = np.array(keys, np.int32)
    groups = Groups.of(codes, np.arange(len(codes)), 6)
    for key in range(6):
        mine = groups.rows[groups.starts[key] : groups.starts[key + 1]]
        assert mine.tolist() == np.flatnonzero(codes == key).tolist()
    drawn = groups.draw(np.arange(6), np.random.default_rng(seed))
    for key, row in enumerate(drawn.tolist()):
        assert codes[row] == key if row != NONE else key not in keys


@given(st.lists(st.integers(0, 10**6 - 1)))
def test_numbered_pads_with_zeros(numbers: list[int]) -> None:
    assert numbered("P", np.array(numbers, np.int64), 6).to_pylist() == [f"P{number:06d}" for number in numbers]


@given(st.text("abcdefgh ", min_size=1, max_size=30), st.integers(0, 100))
def test_a_slip_of_the_finger_is_a_small_one(text: str, seed: int) -> None:
    slip = misspell(text, np.random.default_rng(seed))
    assert abs(len(slip) - len(text)) <= 1
    assert slip[0] == text[0]
    assert len(text) >= 4 or slip == text


def test_style_numbers_the_items_of_each_leaf() -> None:
    leaf = np.array([1, 0, 1, 0, 1], np.int32)
    brand = np.array([2, 1, 1, 0, 1], np.int32)
    price = np.array([1.0, 1.0, 9.0, 1.0, 3.0], np.float32)
    assert style_order(leaf, brand, price).tolist() == [2, 1, 1, 0, 0]


def test_dearness_compares_with_the_leaf() -> None:
    price = np.array([10, 1000, 20, 2000, np.nan, 0], np.float32)
    leaf = np.array([0, 1, 0, 1, 0, 1], np.int32)
    assert dearness(price, leaf, 2) == pytest.approx([-1, -1, 1, 1, 0, 0])
