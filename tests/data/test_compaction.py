"""Compaction of the live log: what leaves SQLite is lost nowhere, doubled nowhere, and stays known."""

from __future__ import annotations

import itertools
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopkeeper.data.eventlog import EventLog, compaction, parts
from shopkeeper.data.eventlog import log as log_module
from shopkeeper.data.eventlog.compaction import overruled
from shopkeeper.data.eventlog.file import EVENTS, IMPRESSIONS
from shopkeeper.errors import DataError
from shopkeeper.vocabulary import Change, Event, EventType, Item, Shown

FOREVER = 2**62


def view(number: int) -> Event:
    return Event(
        id=f"e{number}", type=EventType.VIEW, time=1e9 + number / 7, user="u", item="马克杯", price=0.1,
        position=number + 1, attributes={"n": number},
    )  # fmt: skip


def slate(number: int) -> Shown:
    items = tuple(f"i{at}" for at in range(number % 3 + 1))
    return Shown(slate=f"s{number}", surface="home", time=1.0, items=items, propensities=(0.5,) * len(items))


@pytest.fixture(autouse=True)
def every_row_is_worth_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "FEWEST", 1)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    log = EventLog(tmp_path / "events.sqlite")
    log.append([view(number) for number in range(20)])
    log.show([slate(number) for number in range(20)])
    log.flush()
    yield log
    log.close()


def events_of(log: EventLog, after: int = 0, size: int = 6) -> list[Event]:
    return [event for _, events in log.events_after(after, size) for event in events]


def impressions_of(log: EventLog) -> list[tuple[object, ...]]:
    return [row for rows in log.rows(IMPRESSIONS, 0, FOREVER, 6) for row in rows]


def rows_in_sqlite(log: EventLog) -> int:
    with closing(sqlite3.connect(log.path)) as connection:
        return int(
            connection.execute("SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM shown)").fetchone()[0]
        )


def test_what_was_moved_is_followed_as_before(log: EventLog) -> None:
    places, impressions = log.newest(), impressions_of(log)
    assert len(impressions) == sum(number % 3 + 1 for number in range(20))
    log.compact(places)
    assert rows_in_sqlite(log) == 0
    assert log.newest() == places
    log.append([view(20)])
    assert events_of(log) == [view(number) for number in range(21)]
    assert events_of(log, places.events - 3) == [view(number) for number in range(17, 21)]
    assert impressions_of(log) == impressions
    assert len(log) == 21
    log.compact(log.newest())
    assert events_of(log) == [view(number) for number in range(21)]
    assert [part.first for part in log.parts(EVENTS).all()] == [1, 21]


def test_an_impression_says_where_it_was_shown_and_how_probably(log: EventLog) -> None:
    shown = Shown(
        slate="x", surface="search", time=2.5, items=("a", "b"), propensities=(1.0, 0.25), offset=10, user="u",
        session="v", query="红 mug", release="r", variant="bold",
    )  # fmt: skip
    log.show([shown])
    log.flush()
    *_, first, second = impressions_of(log)
    assert second == (
        first[0], "x-12", "impression", 2.5, "u", "v", "b", "红 mug", None, None, None, None, "x", 12,
        '{"surface":"search","variant":"bold","release":"r","propensity":0.25}',
    )  # fmt: skip
    assert first[1] == "x-11"


@pytest.mark.parametrize("compacted", [False, True])
def test_slates_without_items_hide_none_that_come_after(
    log: EventLog, monkeypatch: pytest.MonkeyPatch, *, compacted: bool
) -> None:
    before = len(impressions_of(log))
    empty = Shown(slate="empty", surface="search", time=1.0, items=(), propensities=())
    log.show([*[empty] * 10, slate(1)])
    log.flush()
    monkeypatch.setattr(EventLog.rows, "__defaults__", (3,))
    if compacted:
        log.compact(log.newest())
    assert len(impressions_of(log)) == before + 2


def test_a_damaged_part_is_a_sentence(log: EventLog) -> None:
    log.compact(log.newest())
    (part,) = log.parts(EVENTS).all()
    part.path.write_bytes(b"PAR1 no more")
    with pytest.raises(DataError, match=part.path.name):
        events_of(log)


def test_too_few_are_not_worth_a_part(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "FEWEST", 21)
    log.compact(log.newest())
    assert rows_in_sqlite(log) == 40
    assert not log.parts(EVENTS).all()


def test_what_was_moved_stays_known_for_a_while(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    log.compact(log.newest(), remember_days=90)
    assert log.append([view(3), view(30)]) == [view(30)]
    later = time.time() + 91 * 86_400
    monkeypatch.setattr(compaction.time, "time", lambda: later)
    log.compact(log.newest(), remember_days=90)
    assert log.append([view(3), view(30)]) == [view(3)]


def test_a_log_put_back_from_an_older_copy_gives_no_place_again(tmp_path: Path, log: EventLog) -> None:
    with closing(sqlite3.connect(log.path)) as connection, closing(sqlite3.connect(tmp_path / "copy")) as copy:
        connection.backup(copy)
    log.append([view(number) for number in range(20, 30)])
    log.compact(log.newest())
    log.close()
    for name in ("events.sqlite-wal", "events.sqlite-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / "copy").rename(log.path)
    again = EventLog(log.path)
    again.append([view(40)])
    assert events_of(again) == [view(number) for number in (*range(30), 40)]
    again.close()


class Killed(BaseException):
    """Stands for the end of the process."""


def die_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Die before the step-th thing that compaction does to the disk."""
    steps = itertools.count(1)

    def mortal(do: Callable[..., object]) -> Callable[..., object]:
        def done(*arguments: object, **named: object) -> object:
            if next(steps) >= step:
                raise Killed
            return do(*arguments, **named)

        return done

    monkeypatch.setattr(parts, "write_rows", mortal(parts.write_rows))
    monkeypatch.setattr(parts, "sync", mortal(parts.sync))
    monkeypatch.setattr(Path, "rename", mortal(Path.rename))
    monkeypatch.setattr(log_module.GroupCommit, "run", mortal(log_module.GroupCommit.run))


def test_death_at_any_step_loses_and_doubles_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "STEP", 7)
    everything = [view(number) for number in range(20)]
    for step in itertools.count(1):
        log = EventLog(tmp_path / f"{step}" / "events.sqlite") if os.makedirs(tmp_path / f"{step}") is None else None
        assert log is not None
        log.append(everything[:13])
        log.show([slate(number) for number in range(20)])
        log.flush()
        impressions = impressions_of(log)
        with monkeypatch.context() as patch:
            die_at(step, patch)
            try:
                log.compact(log.newest())
                died = False
            except Killed:
                died = True
        again = EventLog(log.path)  # as the next process finds it
        assert events_of(again) == everything[:13]
        assert impressions_of(again) == impressions
        assert len(again) == 13
        assert again.append(everything) == everything[13:]
        assert events_of(again) == everything
        again.compact(again.newest())
        assert events_of(again) == everything
        assert impressions_of(again) == impressions
        assert again.append(everything) == []
        assert rows_in_sqlite(again) == 0
        for one in (log, again):
            one.close()
        if not died:
            assert step > 12
            return


def test_a_disk_that_refuses_is_a_sentence_and_leaves_all_where_it_was(
    log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(parts, "write_rows", full)
        with pytest.raises(DataError, match=r"could not be compacted.*No space left"):
            log.compact(log.newest())
    assert rows_in_sqlite(log) == 40
    assert events_of(log) == [view(number) for number in range(20)]


def test_a_reader_in_the_middle_goes_on_in_the_parts(log: EventLog) -> None:
    reading = log.events_after(0, 6)
    first = next(reading)
    log.compact(log.newest())
    assert [event for _, events in (first, *reading) for event in events] == [view(number) for number in range(20)]


@given(
    deliveries=st.lists(st.lists(st.integers(0, 12), max_size=6) | st.none(), max_size=10),
    size=st.integers(1, 4),
)
@settings(max_examples=40, deadline=None)
def test_any_deliveries_with_compaction_between_them_give_the_same_log(
    tmp_path_factory: pytest.TempPathFactory, deliveries: list[list[int] | None], size: int
) -> None:
    """A delivery is some events, maybe sent before; None is a compaction."""
    log = EventLog(tmp_path_factory.mktemp("log") / "events.sqlite")
    for delivery in deliveries:
        if delivery is None:
            log.compact(log.newest())
        else:
            log.append([view(number) for number in delivery])
    every = dict.fromkeys(number for delivery in deliveries for number in delivery or ())
    assert events_of(log, size=size) == [view(number) for number in every]
    assert len(log) == len(every)
    log.close()


# --- words on items ---

words = st.one_of(
    st.builds(
        lambda id_, price: Change(id=id_, time=1.0, item=Item(id=id_, price=price)),
        st.sampled_from("ab"),
        st.floats(0, 9),
    ),
    st.builds(lambda id_: Change(id=id_, time=1.0, deleted=True), st.sampled_from("ab")),
    st.builds(
        lambda id_, **figures: Change(id=id_, time=1.0, **figures),
        st.sampled_from("ab"),
        price=st.none() | st.integers(0, 9).map(float),
        stock=st.none() | st.integers(0, 2).map(float),
        available=st.none() | st.booleans(),
    ),
)


def holds(changes: list[Change]) -> dict[str, tuple[object, ...]]:
    """What an engine, and ingest, make of the changes: of a deleted item also what it was called."""
    told: dict[str, Change] = {}
    called: dict[str, Item | None] = {}
    for change in changes:
        told[change.id] = told[change.id].then(change) if change.id in told else change
        called[change.id] = change.item or called.get(change.id)
    return {
        id_: (word.deleted, word.item, word.figures, (called[id_] or Item(id=id_)).title)
        for id_, word in told.items()
        if word.deleted or word.item or word.figures
    }


@given(changes=st.lists(words, max_size=12))
def test_without_the_overruled_words_the_same_holds(changes: list[Change]) -> None:
    placed = list(enumerate(changes, start=1))
    out = set(overruled(reversed(placed)))
    kept = [change for place, change in placed if place not in out]
    assert holds(kept) == holds(changes)
    assert len(kept) <= 2 * 5
    for known in range(len(changes)):  # whatever part of the log a follower has read already
        rest = [change for place, change in placed[known:] if place not in out]
        assert holds([*changes[:known], *rest]) == holds(changes)


def test_overruled_words_leave_the_log(log: EventLog) -> None:
    item = Item(id="a", title="Mug")
    changes = [
        Change(id="a", time=1.0, stock=3.0),
        Change(id="a", time=2.0, item=item),
        Change(id="a", time=3.0, price=3.0),
        Change(id="a", time=4.0, price=4.0),
        Change(id="b", time=5.0, stock=1.0),
    ]
    place = log.change(changes)
    log.change([Change(id="b", time=6.0, stock=0.0)])
    log.compact(log.newest())
    assert list(log.changes_after(3)) == [(6, [changes[3], Change(id="b", time=6.0, stock=0.0)])]
    assert next(change for _, batch in log.changes_after() for change in batch) == changes[1]
    assert log.newest().changes == place + 1
