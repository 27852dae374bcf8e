"""What a person did until now: the release's events and the live ones, as one history."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from source_contract import interactions_of

from shopkeeper.engine import state as module
from shopkeeper.engine.state import State
from shopkeeper.vocabulary import Event, EventType, Ids

MINUTE, HOUR = 60.0, 3600.0
ITEMS = Ids(["a", "b", "c", "d"])


@pytest.fixture
def state() -> State:
    """ann saw a, then b an hour later; session:s saw c."""
    events = [
        (0, 0, EventType.VIEW, 1000.0, 0),
        (0, 1, EventType.VIEW, 1000.0 + HOUR, 1),
        (1, 2, EventType.VIEW, 2000.0, 2),
    ]
    return State(interactions_of(events), Ids(["ann", "session:s"]), ITEMS)


def view(
    event_id: str, item: str | None = "d", time: float | None = 9000.0, user: str | None = "ann", **more: str
) -> Event:
    return Event(id=event_id, type=EventType.VIEW, item=item, time=time, user=user, **more)


def items(state: State, user: str | None = "ann", session: str | None = None, until: float | None = None) -> list[str]:
    return ITEMS.ids(state.past(user, session, until).rows)


def test_released_history_is_known(state: State) -> None:
    past = state.past("ann", None)
    assert ITEMS.ids(past.rows) == ["a", "b"]
    assert past.user == 0
    assert past.codes.dtype == np.int8


def test_a_stranger_has_no_past(state: State) -> None:
    for user in (None, "", "nobody"):
        past = state.past(user, None)
        assert (past.user, len(past.rows), past.session) == (-1, 0, 0)


def test_the_next_request_knows_what_was_recorded(state: State) -> None:
    state.record([view("1")])
    assert items(state) == ["a", "b", "d"]


def test_nothing_at_or_after_the_moment_is_seen(state: State) -> None:
    state.record([view("1", time=9000.0)])
    assert items(state, until=9000.0) == ["a", "b"]
    assert items(state, until=9000.1) == ["a", "b", "d"]
    assert items(state, until=1000.0) == []


def test_late_delivery_falls_into_its_place(state: State) -> None:
    state.record([view("1", time=1500.0)])
    assert items(state) == ["a", "d", "b"]


def test_unknown_items_people_and_impressions_are_passed_over(state: State) -> None:
    shown = Event(id="4", type=EventType.IMPRESSION, item="d", user="ann", time=9000.0)
    state.record([view("1", item="?"), view("2", item=None), view("3", user=None), shown])
    assert items(state) == ["a", "b"]


def test_an_event_counts_from_when_its_item_is_known(state: State) -> None:
    state.record([view("1", item="e")])
    state.items = Ids([*ITEMS, "e"])
    assert state.past("ann", None).rows.tolist() == [0, 1, 4]
    assert state.past("ann", None, n_items=4).rows.tolist() == [0, 1]


def test_a_visit_before_signing_in_belongs_to_the_person(state: State) -> None:
    state.record([view("1", user=None, session="s", time=3000.0)])
    assert items(state, user=None, session="s") == ["c", "d"]
    assert items(state, user="ann", session="s") == ["a", "c", "d", "b"]


def test_silence_ends_a_visit(state: State) -> None:
    state.record([view("1", time=9000.0), view("2", item="c", time=9000.0 + 10 * MINUTE)])
    assert state.past("ann", None, 9000.0 + 20 * MINUTE).session == 2
    assert state.past("ann", None, 9000.0 + 50 * MINUTE).session == 0
    assert state.past("ann", None, 1000.0 + 5 * MINUTE).session == 1


def test_without_a_clock_a_visit_is_what_has_one_number() -> None:
    nan = float("nan")
    events = [(0, row, EventType.VIEW, nan, visit) for row, visit in ((0, 0), (1, 1), (2, 1))]
    state = State(interactions_of(events), Ids(["ann"]), ITEMS)
    assert items(state) == ["a", "b", "c"]
    assert state.past("ann", None).session == 2
    state.record([view("1")])
    assert items(state, until=None) == ["a", "b", "c", "d"]


def test_memory_is_bounded(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIVE_PEOPLE", 2)
    state.record([view(str(number), user=f"user{number}") for number in range(5)])
    assert items(state, user="user4") == ["d"]
    assert items(state, user="user2") == []


def test_memory_is_bounded_by_events_too(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIVE_EVENTS_OF_ALL", 6)
    monkeypatch.setattr(module, "LIVE_EVENTS", 4)
    state.record([view(str(number), user=f"user{number // 5}") for number in range(15)])
    assert [len(items(state, user=f"user{number}")) for number in range(3)] == [0, 0, 4]


def test_many_threads_lose_nothing(state: State) -> None:
    def write(thread: int) -> None:
        for number in range(20):
            state.record([view(f"{thread}-{number}", time=9000.0 + number)])
            state.past("ann", None)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    assert len(state.past("ann", None).rows) == 2 + 8 * 20
