"""The event log: durable, idempotent by id, safe under many writers."""

from __future__ import annotations

import multiprocessing
import sqlite3
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopkeeper.data.eventlog import BEGINNING, EventLog, Places
from shopkeeper.data.eventlog import slates as slates_module
from shopkeeper.data.eventlog.commit import GroupCommit
from shopkeeper.data.eventlog.unanswered import Unanswered
from shopkeeper.errors import DataError
from shopkeeper.vocabulary import Change, Event, EventType, Item, Shown


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    return EventLog(tmp_path / "events.sqlite")


def view(id_: str, at: float | None = 100.0) -> Event:
    return Event(id=id_, type=EventType.VIEW, time=at, user="u1", item="i1")


def events_in(log: EventLog, place: int = 0) -> list[Event]:
    return [event for _, events in log.events_after(place) for event in events]


def slate(id_: str = "s1", query: str = "") -> Shown:
    return Shown(slate=id_, surface="home", time=1.0, items=("a", "b"), propensities=(1.0, 0.5), query=query)


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
    assert events_in(EventLog(tmp_path / "events.sqlite")) == [event]


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
    place = log.newest().events
    log.append([view(f"{number}", time) for number, time in enumerate(times[known:], start=known)])
    batches = list(log.events_after(place, size))
    assert [event.id for _, batch in batches for event in batch] == [str(n) for n in range(known, len(times))]
    assert all(len(batch) <= size for _, batch in batches)
    assert [last for last, _ in batches][-1:] in ([], [log.newest().events])
    log.close()


def test_another_log_is_new_from_its_beginning(tmp_path: Path, log: EventLog) -> None:
    log.append([view("a"), view("b")])
    known = log.newest()
    assert log.known(known) == known == Places(log=known.log, events=2)
    log.close()
    log.path.rename(tmp_path / "moved aside")
    assert EventLog(log.path).known(known) == BEGINNING


def test_what_comes_while_the_log_is_read_is_read_too(log: EventLog) -> None:
    log.append([view("a")])
    read = log.events_after()
    assert [event.id for event in next(read)[1]] == ["a"]
    log.append([view("b", at=1.0)])
    assert [event.id for event in next(read)[1]] == ["b"]


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


@given(id_=st.text(min_size=1), query=st.text(), attributes=st.dictionaries(st.text(), st.text() | st.booleans()))
def test_any_text_survives(tmp_path_factory: pytest.TempPathFactory, id_: str, query: str, attributes: dict) -> None:
    log = EventLog(tmp_path_factory.mktemp("log") / "events.sqlite")
    event = Event(id=id_, type=EventType.SEARCH, time=1.0, query=query, attributes=attributes)
    log.append([event])
    assert events_in(log) == [event]
    log.close()


def test_a_file_of_the_version_before_keeps_its_events(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "events.sqlite")) as old:
        old.execute(
            "CREATE TABLE shopkeeper_events (id TEXT PRIMARY KEY, type TEXT NOT NULL, time REAL NOT NULL, user_id TEXT,"
            " session_id TEXT, item_id TEXT, query TEXT, quantity REAL, price REAL, rating REAL, order_id TEXT,"
            " slate_id TEXT, position INTEGER, attributes TEXT)"
        )
        insert = (
            "INSERT INTO shopkeeper_events (id, type, time, user_id, item_id, attributes) VALUES (?, ?, ?, ?, ?, ?)"
        )
        old.executemany(insert, [(id_, "view", 100.0, "u1", "i1", '{"a":1}') for id_ in ("second", "first")])
        old.commit()
    log = EventLog(tmp_path / "events.sqlite")
    assert [(event.id, event.attributes) for event in events_in(log)] == [("second", {"a": 1}), ("first", {"a": 1})]
    assert log.append([view("first"), view("third")]) == [view("third")]
    log.close()
    assert len(EventLog(tmp_path / "events.sqlite")) == 3


def test_an_event_that_cannot_be_kept_troubles_nobody_else(log: EventLog) -> None:
    """Also where it shares its transaction: the first writer holds the others back until all of them wait."""
    outcomes: dict[str, object] = {}
    began, others_wait = threading.Event(), threading.Event()

    def hold(_: sqlite3.Connection) -> None:
        began.set()
        others_wait.wait()

    def write(name: str, event: Event) -> None:
        try:
            outcomes[name] = log.append([event])
        except DataError as error:
            outcomes[name] = error

    events = {"good": view("good"), "bad": msgspec.structs.replace(view("bad"), position=2**70), "late": view("late")}
    first = threading.Thread(target=log._commit.run, args=(hold,))
    first.start()
    began.wait()
    threads = [threading.Thread(target=write, args=each) for each in events.items()]
    for thread in threads:
        thread.start()
    while len(log._commit._waiting) < len(threads):
        time.sleep(0.001)
    others_wait.set()
    for thread in [first, *threads]:
        thread.join()
    assert outcomes["good"] == [events["good"]]
    assert outcomes["late"] == [events["late"]]
    assert isinstance(outcomes["bad"], DataError)
    assert sorted(event.id for event in events_in(log)) == ["good", "late"]


@pytest.mark.parametrize("broken", [{"time": float("nan")}, {"position": 2**70}, {"query": "\ud800"}])
def test_what_sqlite_cannot_hold_is_a_sentence_and_leaves_the_log_as_it_was(log: EventLog, broken: dict) -> None:
    with pytest.raises(DataError, match="the events could not be kept"):
        log.append([view("a"), Event(id="b", type=EventType.VIEW, **broken)])
    assert len(log) == 0


def append_some(path: Path, worker: int) -> list[str]:
    log = EventLog(path)
    fresh = [
        event.id for number in range(25) for event in log.append([view(f"{worker}-{number}"), view(f"shared-{number}")])
    ]
    log.change([Change(id=f"item-{worker}", time=1.0, stock=float(worker))])
    log.show([slate(f"{worker}")])
    log.close()
    return fresh


@pytest.mark.parametrize("replaced", [False, True])
def test_nothing_is_acknowledged_that_goes_into_a_file_which_was_moved(log: EventLog, *, replaced: bool) -> None:
    log.append([view("a")])
    log.path.rename(log.path.with_name("aside"))
    if replaced:
        EventLog(log.path).close()
    for write in (
        lambda: log.append([view("b")]),
        lambda: log.change([Change(id="i", time=1.0, price=1.0)]),
        log.check,
    ):
        with pytest.raises(DataError):
            write()


def test_a_file_that_another_process_keeps_is_waited_for_once_for_all() -> None:
    class Kept:
        tries, gate = 0, threading.Event()

        def execute(self, _: str) -> None:
            self.tries += 1
            self.gate.wait(10)
            raise sqlite3.OperationalError("database is locked")

    connection, refused = Kept(), list[Exception]()
    commit = GroupCommit(connection)  # type: ignore[arg-type]

    def write() -> None:
        try:
            commit.run(lambda _: None)
        except sqlite3.OperationalError as error:
            refused.append(error)

    threads = [threading.Thread(target=write) for _ in range(6)]
    for thread in threads:
        thread.start()
    while len(commit._waiting) < len(threads) - 1:
        time.sleep(0.001)
    connection.gate.set()
    for thread in threads:
        thread.join()
    assert (connection.tries, len(refused)) == (2, 6)


def test_processes_that_open_and_write_one_new_log_agree(tmp_path: Path) -> None:
    path, workers = tmp_path / "events.sqlite", 3
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        fresh = list(pool.map(append_some, [path] * workers, range(workers)))
    log = EventLog(path)
    kept = [event.id for event in events_in(log)]
    own = {f"{worker}-{number}" for worker in range(workers) for number in range(25)}
    assert len(kept) == len(set(kept))
    assert set(kept) == own | {f"shared-{number}" for number in range(25)}
    assert sorted(id_ for each in fresh for id_ in each) == sorted(kept)
    assert {change.id for _, changes in log.changes_after() for change in changes} == {"item-0", "item-1", "item-2"}
    assert log.newest().shown == workers


def test_the_version_tells_of_every_write_and_only_of_writes(log: EventLog) -> None:
    seen = log.version()
    assert log.version() == seen
    log.append([view("a")])
    after = log.version()
    assert after != seen
    other = EventLog(log.path)
    assert (log.version(), len(log)) == (after, 1)
    other.change([Change(id="i", time=1.0, deleted=True)])
    assert log.version() != after


def test_places_are_never_given_twice(log: EventLog) -> None:
    log.append([view("a"), view("b")])
    before = log.newest()
    with closing(sqlite3.connect(log.path)) as connection:
        connection.execute("DELETE FROM events")
        connection.commit()
    log.append([view("c")])
    assert [place for place, _ in log.events_after(before.events)] == [before.events + 1]


# --- item changes ---

ITEM = Item(id="mug", title="Mug 马克杯", price=5.0, stock=3.0, attributes={"colour": "red"})


def test_changes_come_back_in_order(log: EventLog) -> None:
    changes = [
        Change(id="mug", time=1.0, item=ITEM),
        Change(id="mug", time=2.0, stock=0.0, available=False),
        Change(id="lamp", time=2.0, deleted=True),
    ]
    assert log.change(changes[:1]) == 1
    assert log.change(changes[1:]) == 3
    assert [batch for _, batch in log.changes_after(size=2)] == [changes[:2], changes[2:]]
    assert list(log.changes_after(1)) == [(3, changes[1:])]
    assert log.newest().changes == 3


# --- slates shown ---


def test_slates_are_written_without_anybody_waiting(log: EventLog) -> None:
    log.show([slate("one"), slate("two")])
    log.flush()
    assert log.newest().shown == 2
    log.show([slate("three")])
    log.close()
    assert EventLog(log.path).newest().shown == 3


def test_slates_are_written_by_themselves(log: EventLog) -> None:
    log.show([slate()])
    while not log.newest().shown:
        time.sleep(0.01)


def test_slates_that_cannot_be_kept_are_counted_and_told_once(
    log: EventLog, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(slates_module, "PAUSE_S", 60.0)
    with closing(sqlite3.connect(log.path)) as connection:
        connection.execute("ALTER TABLE shown RENAME TO hidden")
        for _ in range(2):
            log.show([slate(), slate()])
            log.flush()
        connection.execute("ALTER TABLE hidden RENAME TO shown")
    assert (log.lost, len(caplog.records)) == (4, 1)
    monkeypatch.setattr(slates_module, "CAPACITY", 3)
    log.show([slate()] * 5)
    log.show([slate()])
    assert (log.lost, len(caplog.records)) == (7, 1)
    log.flush()
    assert log.newest().shown == 3
    log.append([view("a")])
    assert len(log) == 1


def searched(query: str, at: float, *, user: str = "u", total: int | None = 0, dropped: tuple[str, ...] = ()) -> Shown:
    return Shown(
        slate=f"{query}{at}", surface="search", time=at, items=(), propensities=(), query=query, user=user, total=total,
        dropped=dropped,
    )  # fmt: skip


def test_searches_without_a_good_answer_are_told_by_query(log: EventLog) -> None:
    log.show(
        [
            searched("purple mug", 10.0, user="a", total=3, dropped=("purple",)),
            searched("Purple mug ", 20.0, user="b", total=4, dropped=("purple",)),
            searched("unicorn", 30.0, user="a"),
            searched("unicorn", 5.0, user="a"),
            searched("mug", 40.0, total=7),
            searched("narrowed by a filter", 41.0, total=None),
            msgspec.structs.replace(searched("a second page", 42.0), offset=24),
        ]
    )
    log.flush()
    assert log.unanswered() == [
        Unanswered("unicorn", times=2, people=1, last=30.0),
        Unanswered("Purple mug ", times=2, people=2, last=20.0, dropped=("purple",)),
    ]
    assert [each.query for each in log.unanswered(since=25.0)] == ["unicorn"]
    assert len(log.unanswered(limit=1)) == 1
    log.compact(log.newest(), remember_days=30)
    assert log.unanswered() == []


def test_of_what_is_asked_while_somebody_types_the_longest_counts(log: EventLog) -> None:
    typed = [searched(text, 1.0 + at, user="a") for at, text in enumerate(("un", "uni ", "Unicorn", "unicorn mug"))]
    others = [searched("uni", 2.0, user="b"), searched("lamp", 2.0, user="a"), searched("unicorn", 20.0, user="a")]
    log.show([*typed, *others])
    log.flush()
    assert {(each.query, each.times) for each in log.unanswered()} == {
        ("unicorn mug", 1), ("uni", 1), ("lamp", 1), ("unicorn", 1)
    }  # fmt: skip
