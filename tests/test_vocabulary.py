"""Ids and rows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopkeeper.vocabulary import UNKNOWN_ROW, Ids

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(st.lists(TEXTS, unique=True), TEXTS)
def test_ids_and_rows_translate_both_ways(known: list[str], other: str) -> None:
    ids = Ids(known)
    assert ids.rows(known).tolist() == list(range(len(known)))
    assert ids.ids(range(len(known))) == list(ids) == known
    assert (other in ids) == (other in known)


def test_ids_of_one_hash_are_told_apart() -> None:
    ids = Ids(["a", "plumless", "b", "buckeroo"])  # of one CRC-32
    assert ids.rows(["buckeroo", "plumless", "a"]).tolist() == [3, 1, 0]
    assert Ids(["plumless"]).row("buckeroo") == UNKNOWN_ROW


def test_what_is_no_text_is_unknown() -> None:
    assert Ids(["a"]).row("\ud800") == UNKNOWN_ROW


def test_no_ids_is_no_mistake() -> None:
    assert Ids([]).row("a") == UNKNOWN_ROW


def test_ids_come_once() -> None:
    with pytest.raises(ValueError, match="unique"):
        Ids(["a", "b", "a"])
