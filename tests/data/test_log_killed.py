"""A process that writes and compacts the log is killed at any moment, again and again: what it acknowledged is there,
once."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shopkeeper.data.eventlog import EventLog

# Writes events and says their ids once they are acknowledged; another thread moves them out of SQLite all the time.
WRITER = """
import sys, threading
from pathlib import Path
from shopkeeper.data.eventlog import EventLog, log as log_module
from shopkeeper.vocabulary import Event, EventType

log_module.FEWEST = 1
log, run = EventLog(Path(sys.argv[1])), sys.argv[2]

def compact():
    while True:
        log.compact(log.newest())

threading.Thread(target=compact, daemon=True).start()
print("ready", flush=True)
for number in range(10**9):
    event = Event(id=f"{run}-{number}", type=EventType.VIEW, time=1.0, item="i")
    again = Event(id=f"{run}-{number // 2}", type=EventType.VIEW, time=1.0, item="i")
    log.append([event, again])
    print(event.id, flush=True)
"""


def kill_again_and_again(path: Path, times: int, seed: int) -> None:
    chance = random.Random(seed)
    acknowledged: list[str] = []
    for run in range(times):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(run)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
            acknowledged.append(writer.stdout.readline().strip())
            time.sleep(chance.uniform(0.0, 0.2))
            writer.send_signal(signal.SIGKILL)
            acknowledged += [line.strip() for line in writer.stdout if line.endswith("\n")]
    log = EventLog(path)
    kept = [event.id for _, events in log.events_after() for event in events]
    assert len(kept) == len(set(kept)) == len(log)
    assert set(acknowledged) <= set(kept)
    assert len(kept) - len(acknowledged) <= times  # at most the one that was on its way
    assert len(acknowledged) >= times
    log.close()


@pytest.mark.parametrize("seed", range(2))
def test_what_was_acknowledged_survives_kill_9(tmp_path: Path, seed: int) -> None:
    kill_again_and_again(tmp_path / "events.sqlite", 3, seed)


@pytest.mark.slow
def test_what_was_acknowledged_survives_kill_9_a_hundred_times(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path / "events.sqlite", 100, seed=7)
