"""Histories cut for learning: every event but a person's first is what follows in exactly one stretch."""

from __future__ import annotations

import itertools

import numpy as np
from histories import history
from hypothesis import given
from hypothesis import strategies as st

from shopkeeper.learn.models.histories import PADDING, Histories
from shopkeeper.vocabulary import EventType

VIEW, IMPRESSION = EventType.VIEW.code, EventType.IMPRESSION.code

people = st.lists(st.lists(st.integers(0, 9), max_size=12), max_size=6)


def of(sequences: list[list[int]]) -> Histories:
    lines = [(user, item, float(at), 0) for user, sequence in enumerate(sequences) for at, item in enumerate(sequence)]
    return Histories.of(history(lines, n_users=len(sequences)))


def without_repeats(sequence: list[int]) -> list[int]:
    return [item for at, item in enumerate(sequence) if at + 1 == len(sequence) or sequence[at + 1] != item]


@given(people, st.integers(1, 5), st.integers(1, 40))
def test_everything_is_taught_once(sequences: list[list[int]], length: int, tokens: int) -> None:
    histories = of(sequences)
    taught = []
    for batch in histories.batches(length, tokens, np.random.default_rng(0)):
        assert batch.items.shape == batch.codes.shape
        assert batch.items.shape[1] <= length + 1
        for row in batch.items:
            events = row[row != PADDING]
            assert (row[: len(events)] != PADDING).all()  # padded behind alone
            taught += list(
                zip(histories.known[events[:-1]].tolist(), histories.known[events[1:]].tolist(), strict=True)
            )
    steps = [step for each in map(without_repeats, sequences) for step in itertools.pairwise(each)]
    assert sorted(taught) == sorted(steps)


@given(people)
def test_without_the_last_and_the_last_are_the_whole(sequences: list[list[int]]) -> None:
    histories = of(sequences)
    some = np.arange(0, len(histories), 2)
    shorter, last = histories.without_last(some), histories.last(some, 1)
    assert len(shorter.items) + last.items.size == len(histories.items)
    for at, person in enumerate(some):
        whole = histories.items[histories.starts[person] : histories.starts[person + 1]]
        left = shorter.items[shorter.starts[person] : shorter.starts[person + 1]]
        assert [*left, *last.items[at]] == whole.tolist()


def test_what_shows_no_interest_is_not_read_and_of_repeats_the_last_is() -> None:
    lines = [
        (0, 3, 0.0, 0),
        (0, 5, 1.0, 0, EventType.IMPRESSION),
        (0, 3, 2.0, 0, EventType.CART),
        (0, 4, 3.0, 0),
        (1, 4, 4.0, 1),
    ]
    histories = Histories.of(history(lines))
    assert len(histories) == 1  # who met one item teaches nothing
    assert histories.known[histories.items].tolist() == [3, 4]
    assert histories.codes.tolist() == [EventType.CART.code, VIEW]
