"""What queries led to, found again by their words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopkeeper.engine.query_clicks import CLICK_FEATURES, PRIOR, QueryClicks, query_key

MUG, CUP = query_key("red mug"), query_key("杯子")
KEYS = np.array([MUG, CUP, MUG, MUG], np.uint64)
CLICKS = QueryClicks.build(KEYS, np.array([3, 0, 7, 3], np.int32), np.array([1, 2, 1, 4], np.float32))


def test_case_and_blanks_make_no_other_query() -> None:
    rows, interest = CLICKS.of("  Red   MUG ")
    assert rows.tolist() == [3, 7]
    assert interest.tolist() == [5, 1]
    assert CLICKS.of("杯子")[0].tolist() == [0]


def test_the_first_query_that_is_known_counts() -> None:
    assert CLICKS.of("red mgu", "red mug", "杯子")[0].tolist() == [3, 7]
    assert CLICKS.of("red mgu", "mug")[0].tolist() == []


@pytest.mark.parametrize("query", ["", "mug", "red mugs", "\ud800"])
def test_what_nobody_asked_led_to_nothing(query: str) -> None:
    assert not CLICKS.features(np.arange(9, dtype=np.int32), query).any()


def test_features_of_what_was_clicked_and_what_was_not() -> None:
    features = CLICKS.features(np.array([0, 3, 7, 8], np.int32), "red mug")
    shares = features[:, CLICK_FEATURES.index("query_click_share")]
    assert shares == pytest.approx([0, 5 / (6 + PRIOR), 1 / (6 + PRIOR), 0])
    assert features[:, 0] == pytest.approx(np.log1p([0, 5, 1, 0]))
    assert features[:, 2] == pytest.approx(np.log1p(6.0))


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c", "d"]), st.integers(0, 5), st.integers(1, 4))))
def test_every_pair_holds_its_sum(followed: list[tuple[str, int, int]]) -> None:
    keys = np.array([query_key(query) for query, *_ in followed], np.uint64)
    rows, worth = (np.array([each[at] for each in followed], np.int32) for at in (1, 2))
    clicks = QueryClicks.build(keys, rows, worth.astype(np.float32))
    for query in "abcd":
        sums = {
            row: sum(worth for asked, item, worth in followed if (asked, item) == (query, row))
            for row in {item for asked, item, _ in followed if asked == query}
        }
        assert dict(zip(*(column.tolist() for column in clicks.of(query)), strict=True)) == sums


def test_saved_equals_loaded(tmp_path: Path) -> None:
    CLICKS.save(tmp_path)
    loaded = QueryClicks.load(tmp_path)
    rows = np.arange(9, dtype=np.int32)
    np.testing.assert_array_equal(loaded.features(rows, "red mug"), CLICKS.features(rows, "red mug"))
