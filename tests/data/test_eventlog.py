"""The event log: durable, idempotent by id, safe under many writers."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopkeeper.data.eventlog import LOG_MAPPING, TABLE, EventLog
from shopkeeper.data.readers.live import LogExport
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
    assert list(EventLog(tmp_path / "events.sqlite").after()) == [[event]]


def test_the_same_id_counts_once(log: EventLog) -> None:
    assert log.append([view("a"), view("b"), view("a")]) == [view("a"), view("b")]
    assert log.append([view("b"), view("c")]) == [view("c")]
    assert len(log) == 3


def test_an_event_without_a_time_happened_now(log: EventLog) -> None:
    before = time.time()
    (kept,) = log.append([view("a", at=None)])
    assert kept.time is not None
    assert before <= kept.time <= time.time()


@given(times=st.lists(st.floats(0, 2e9) | st.none(), max_size=30), known=st.integers(0, 30), size=st.integers(1, 7))
@settings(max_examples=60)
def test_whatever_times_they_claim_every_event_follows_once(
    tmp_path_factory: pytest.TempPathFactory, times: list[float | None], known: int, size: int
) -> None:
    log = EventLog(tmp_path_factory.mktemp("log") / "events.sqlite")
    log.append([view(f"{number}", time) for number, time in enumerate(times[:known])])
    place, last = log.newest()
    assert place == len(times[:known])
    log.append([view(f"{number}", time) for number, time in enumerate(times[known:], start=known)])
    batches = list(log.after(last, size))
    assert [event.id for batch in batches for event in batch] == [str(n) for n in range(known, len(times))]
    assert all(len(batch) <= size for batch in batches)
    log.close()


def test_another_log_is_new_from_its_beginning(log: EventLog) -> None:
    log.append([view("a"), view("b")])
    assert [[event.id for event in batch] for batch in log.after("an event of a log that was moved aside")] == [
        ["a", "b"]
    ]


def test_what_comes_while_the_log_is_read_is_read_too(log: EventLog) -> None:
    log.append([view("a")])
    read = log.after()
    assert [event.id for event in next(read)] == ["a"]
    log.append([view("b", at=1.0)])
    assert [event.id for event in next(read)] == ["b"]


def test_ingest_sees_what_was_written_whenever_sqlite_writes_it_down(log: EventLog) -> None:
    """While someone reads, SQLite cannot bring all that is written into the file: its size may stay the same."""
    log.append([view("a")])
    first = LogExport(log)
    assert LogExport(log).fingerprint() == first.fingerprint()
    with closing(sqlite3.connect(log.path)) as reader:
        reader.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert LogExport(log).fingerprint() == first.fingerprint()
        reader.execute("BEGIN").execute(f"SELECT * FROM {TABLE}").fetchall()
        log.append([view("b")])
        second = LogExport(log)
    assert second.fingerprint() != first.fingerprint()
    ids = [[row["id"] for batch in export.batches() for row in batch.to_pylist()] for export in (first, second)]
    assert ids == [["a"], ["a", "b"]]
    assert (first.last, second.last) == ("a", "b")


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
    assert list(log.after()) == [[event]]
    log.close()
