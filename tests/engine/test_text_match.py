"""Which items hold a term: found by item and by term, in a release and after items changed."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopkeeper.engine.text_match import TermFields, TermFieldsBuilder
from shopkeeper.release import tiers

TERMS = st.sampled_from(["mug", "red", "blue", "杯", "pot"])
ITEMS = st.lists(st.sets(TERMS), max_size=8)


def fields_of(items: list[set[str]]) -> TermFields:
    builder = TermFieldsBuilder()
    for terms in items:
        builder.add({"title": sorted(terms), "description": ["mug"] if "red" in terms else []}, len(terms))
    return builder.build()


def holders(items: list[set[str]], term: str) -> list[int]:
    return [row for row, terms in enumerate(items) if term in terms or (term == "mug" and "red" in terms)]


@given(ITEMS, TERMS)
def test_the_items_of_a_term(items: list[set[str]], term: str) -> None:
    assert fields_of(items).rows_with(term).tolist() == holders(items, term)


@pytest.mark.parametrize("recent", [0, 2, tiers.RECENT])
@given(ITEMS, st.lists(st.tuples(st.integers(0, 9), st.sets(TERMS)), max_size=8), TERMS)
def test_the_items_of_a_term_after_changes(
    recent: int, items: list[set[str]], changes: list[tuple[int, set[str]]], term: str
) -> None:
    fields, now = fields_of(items), list(items)
    with mock.patch.object(tiers, "RECENT", recent):
        for place, terms in changes:
            row = min(place, len(now))  # one behind the last is a new item
            now[row : row + 1] = [terms]
            fields = fields.updated(fields_of([terms]), np.array([row], np.int32), len(now))
    assert len(fields) == len(now)
    assert sorted(fields.rows_with(term).tolist()) == holders(now, term)
    rows = np.arange(len(now), dtype=np.int32)
    assert np.flatnonzero(fields.terms_of(rows).found([term])[:, 0]).tolist() == holders(now, term)
    assert fields.title_sizes_of(rows).tolist() == list(map(len, now))


def test_items_told_again_take_no_more_room() -> None:
    fields = fields_of([{"mug"}, {"pot"}]).updated(fields_of([{"red"}]), np.array([0], np.int32), 2)
    for terms in ({"blue"}, {"red", "pot"}):
        fields = fields.updated(fields_of([terms, {"mug"}]), np.array([0, 2], np.int32), 3)
    assert len(fields.newer) == 2
    assert sorted(fields.rows_with("pot").tolist()) == [0, 1]


def test_saved_equals_loaded(tmp_path: Path) -> None:
    fields = fields_of([{"mug"}, {"red", "pot"}, set()])
    fields.save(tmp_path)
    loaded = TermFields.load(tmp_path)
    assert loaded.rows_with("mug").tolist() == fields.rows_with("mug").tolist() == [0, 1]
    assert loaded.rows_with("green").tolist() == []
