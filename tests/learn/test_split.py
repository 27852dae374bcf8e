"""What is held back: the newest days, or each person's last steps."""

from __future__ import annotations

import numpy as np
import pytest
from histories import history
from hypothesis import given
from hypothesis import strategies as st

from shopkeeper.learn.split import split
from shopkeeper.settings import TrainSettings

NAN = float("nan")


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9), st.integers(0, 40)), min_size=20, max_size=80))
def test_with_times_nothing_known_is_later_than_what_is_asked(events: list[tuple[int, int, int]]) -> None:
    everything = history([(user, item, float(time), user) for user, item, time in events])
    parts = split(everything, TrainSettings(), now=100)
    if parts is None:
        assert len(set(everything.times)) < 40
        return
    for part in (parts.validation, parts.test):
        assert part.held.any()
        assert part.known.times.max() < part.now <= everything.times[part.held].min()
        assert len(part.known) > 0
    assert not (parts.validation.held & parts.test.held).any()
    assert everything.times[parts.validation.held].max() < parts.test.now
    assert parts.validation.history.times.max() < parts.test.now
    assert len(parts.test.history) == len(everything)


def test_shares_are_those_of_the_settings() -> None:
    everything = history([(time % 7, 0, float(time), 0) for time in range(1000)])
    parts = split(everything, TrainSettings(test_share=0.2, validation_share=0.1), now=1000)
    assert parts is not None
    assert parts.test.held.sum() == pytest.approx(200, abs=1)
    assert parts.validation.held.sum() == pytest.approx(100, abs=1)


def test_without_times_the_last_item_is_the_test_and_the_one_before_the_validation() -> None:
    everything = history([(user, 10 * user + n, NAN, -1) for user in range(8) for n in range(2 + user)])
    parts = split(everything, TrainSettings(), now=5)
    assert parts is not None
    asked = range(1, 8)  # user 0 did two things only
    assert everything.items[parts.test.held].tolist() == [10 * user + 1 + user for user in asked]
    assert everything.items[parts.validation.held].tolist() == [10 * user + user for user in asked]
    for part in (parts.validation, parts.test):
        assert len(part.known) == len(part.history)
        assert not set(everything.items[part.held]) & set(part.known.items)
    assert set(everything.items[parts.validation.held]) <= set(parts.test.known.items)
    assert parts.test.now == 5


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [(0, 0, 1.0, 0)],
        [(0, 0, 7.0, 0)] * 50,
        [(user, 0, NAN, -1) for user in range(50)],
    ],
    ids=["no events", "one event", "all at once", "one event each, no clock"],
)
def test_too_little_to_hold_back(lines: list[tuple[int, int, float, int]]) -> None:
    assert split(history(lines), TrainSettings(), now=9) is None


def test_a_shop_with_one_person_can_be_split() -> None:
    assert split(history([(0, n % 3, float(n), n // 5) for n in range(30)]), TrainSettings(), now=30) is not None
    parts = split(history([(0, n % 3, NAN, -1) for n in range(30)]), TrainSettings(), now=30)
    assert parts is not None
    assert np.flatnonzero(parts.test.held).tolist() == [29]
