"""The event log: durable, idempotent by id, safe under many writers."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopkeeper.data.eventlog import LOG_MAPPING, EventLog
from shopkeeper.data.schema import FIELDS
from shopkeeper.errors import DataError
from shopkeeper.vocabulary import Event, EventType


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    return EventLog(tmp_path / "events.sqlite")


def view(id_: str, at: float | None = 100.0) -> Event:
    return Event(id=id_, type=EventType.VIEW, time=at, user="u1", item="i1")


def test_an_event_comes_back_whole_after_reopening(tmp_path: Path) -> None:
    event = Event(
        id="e1",
        type=EventType.PURCHASE,
        time=1.5,
        user="张三",
        session="s",
        item="红色马克杯",
        query="杯",
        quantity=2,
        price=9.5,
        rating=4,
        order="o",
        slate="x",
        position=3,
        attributes={"gift": True, "tags": ["a", 1]},
    )
    first = EventLog(tmp_path / "events.sqlite")
    first.append([event])
    first.close()
    assert list(EventLog(tmp_path / "events.sqlite").since(0)) == [event]


def test_the_same_id_counts_once(log: EventLog) -> None:
    assert log.append([view("a"), view("b"), view("a")]) == [view("a"), view("b")]
    assert log.append([view("b"), view("c")]) == [view("c")]
    assert len(log) == 3


def test_an_event_without_a_time_happened_now(log: EventLog) -> None:
    before = time.time()
    (kept,) = log.append([view("a", at=None)])
    assert kept.time is not None
    assert before <= kept.time <= time.time()


def test_since_is_strict_and_ordered_by_time(log: EventLog) -> None:
    log.append([view("late", 30.0), view("early", 10.0), view("middle", 20.0)])
    assert [event.id for event in log.since(10.0)] == ["middle", "late"]


def test_many_threads_and_two_handles_lose_nothing(tmp_path: Path) -> None:
    logs = [EventLog(tmp_path / "events.sqlite") for _ in range(2)]

    def write(worker: int) -> None:
        for number in range(20):
            logs[worker % 2].append([view(f"{worker}-{number}"), view(f"shared-{number}")])

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(logs[0]) == 4 * 20 + 20


def test_a_damaged_file_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "events.sqlite").write_bytes(b"not a database at all" * 100)
    with pytest.raises(DataError, match="the event log cannot be opened"):
        EventLog(tmp_path / "events.sqlite")


def test_ingest_knows_every_column() -> None:
    assert {column.field for column in LOG_MAPPING.columns.values()} <= set(FIELDS)
    assert LOG_MAPPING.columns["order_id"].field == "order_id"


@given(id_=st.text(min_size=1), query=st.text(), attributes=st.dictionaries(st.text(), st.text() | st.booleans()))
def test_any_text_survives(tmp_path_factory: pytest.TempPathFactory, id_: str, query: str, attributes: dict) -> None:
    log = EventLog(tmp_path_factory.mktemp("log") / "events.sqlite")
    event = Event(id=id_, type=EventType.SEARCH, time=1.0, query=query, attributes=attributes)
    log.append([event])
    assert list(log.since(0)) == [event]
    log.close()
