"""Kill -9 while several threads of two processes write the event log, and while it is compacted: no acknowledged word
is lost, none is doubled."""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import Process, Say, Stage
from invariants import require_kept

import shopkeeper.data.eventlog.log as log_module
from shopkeeper.data.eventlog import EventLog
from shopkeeper.data.eventlog.file import EVENTS
from shopkeeper.vocabulary import Change, Event, EventType

pytestmark = pytest.mark.slow

THREADS = 3
ROUNDS = 6  # after which another log is begun: every check reads all of it


def write(say: Say, path: Path, name: str) -> None:
    """Until killed: batches of events, and every few of them a word on an item. What the log acknowledged is said.

    An event's id tells its batch, and of how many that is: "name/thread/number/size/at". With each batch goes one that
    other threads and the other process send as well.
    """
    log = EventLog(path)

    def work(thread: int) -> None:
        dice = random.Random(f"{name} {thread}")
        for number in itertools.count():
            size = dice.randint(1, 8)
            ids = [f"{name}/{thread}/{number}/{size}/{at}" for at in range(size)] + [f"shared {number}"]
            say("events")
            log.append([Event(id=id_, type=EventType.VIEW, user="u", item="i") for id_ in ids])
            say(("events", ids))
            if number % 3 == 0:
                words = [f"{name}/{thread}/{number}/2/{at}" for at in range(2)]
                say("changes")
                log.change([Change(id=word, time=0.0, stock=1.0) for word in words])
                say(("changes", words))

    threads = [threading.Thread(target=work, args=(thread,), daemon=True) for thread in range(THREADS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()


def compact(say: Say, path: Path) -> None:
    """Again and again, also where there is little to move."""
    log_module.FEWEST = 300
    log = EventLog(path)
    while True:
        say("compact")
        log.compact(log.newest())


def test_two_processes_of_three_threads_each(stage: Callable[[str], Stage], tmp_path: Path) -> None:
    writing = stage("event and change writes")
    for number in writing.shares(0.45):
        path = tmp_path / f"{number // ROUNDS}" / "events.sqlite"
        if number % ROUNDS == 0:
            path.parent.mkdir()
            said: list[str | tuple[str, list[str]]] = []
        processes = [Process(write, path, f"{number} {name}") for name in ("one", "other")]
        for process in processes:
            writing.kill_in_time(process)
            said += process.said
        log = EventLog(path)  # as a next start does
        require_kept(log, said)
        log.close()
    assert said


def test_a_log_that_is_just_made(stage: Callable[[str], Stage], tmp_path: Path) -> None:
    making = stage("making a log")
    making.spread_s = 0.03
    for number in making.shares(0.05):
        path = tmp_path / f"{number}" / "events.sqlite"
        path.parent.mkdir()
        process = Process(write, path, "first")
        making.kill_in_time(process)
        log = EventLog(path)
        require_kept(log, process.said)
        log.append([Event(id="after", type=EventType.VIEW)])
        assert "after" in [event.id for _, batch in log.events_after() for event in batch]
        log.close()


def test_compaction_beside_a_writer(stage: Callable[[str], Stage], tmp_path: Path) -> None:
    compacting = stage("compaction")
    compacting.changes = 15
    for number in compacting.shares(0.12):
        path = tmp_path / f"{number // ROUNDS}" / "events.sqlite"
        if number % ROUNDS == 0:
            path.parent.mkdir()
            said: list[str | tuple[str, list[str]]] = []
        writer = Process(write, path, f"{number}")
        compacting.kill(compact, path)
        writer.kill(0.0)
        said += writer.said
        log = EventLog(path)
        require_kept(log, said)
        if number % 4 == 3:
            log.compact(log.newest())
            require_kept(log, said)
            assert not list(path.parent.rglob("*.unfinished"))
        log.close()
    assert log.parts(EVENTS).count()
