"""How many events a second the live log makes durable, next to SQLite doing no more than that, and to the disk.

    python benchmarks/log.py [DIRECTORY]        (default: where temporary files go)

Prints a markdown table: events per second, and the median and 99th percentile of one call in milliseconds. *bare
SQLite* inserts the same columns and commits, in one thread; *fsync* appends one row's bytes to a file and waits for the
disk.
"""

from __future__ import annotations

import itertools
import os
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from shopkeeper.data.eventlog import EventLog
from shopkeeper.vocabulary import Event, EventType, Shown

SECONDS = 3.0  # for each measurement
ROW_BYTES = 150
BATCHES = (1, 100, 1_000)
THREADS = (1, 4, 16, 64)


def events(size: int, caller: int) -> Callable[[], list[Event]]:
    numbers = itertools.count()

    def some() -> list[Event]:
        first = next(numbers) * size
        return [
            Event(
                id=f"{caller}-{first + at}",
                type=EventType.VIEW,
                time=1.7e9 + at,
                user=f"user-{at % 97}",
                session=f"session-{at % 89}",
                item=f"item-{at % 1009}",
            )
            for at in range(size)
        ]

    return some


def measure(calls: list[Callable[[], object]], per_call: int) -> str:
    """Each of `calls` again and again in a thread of its own, all at once."""
    took: list[list[float]] = [[] for _ in calls]
    stop = time.perf_counter() + SECONDS

    def repeat(at: int) -> None:
        before = time.perf_counter()
        while before < stop:
            calls[at]()
            after = time.perf_counter()
            took[at].append(after - before)
            before = after

    threads = [threading.Thread(target=repeat, args=(at,)) for at in range(len(calls))]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - started
    every = np.concatenate(took) * 1e3
    rate = len(every) * per_call / seconds
    return f"{rate:,.0f} | {np.median(every):.2f} | {np.quantile(every, 0.99):.2f}"


def fsync_call(folder: Path) -> Callable[[], object]:
    file = os.open(folder / "bytes", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def call() -> None:
        os.write(file, bytes(ROW_BYTES))
        os.fdatasync(file)

    return call


def bare_call(folder: Path, size: int) -> Callable[[], object]:
    connection = sqlite3.connect(folder / "bare.sqlite", isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(
        "CREATE TABLE events (id TEXT PRIMARY KEY, type TEXT, time REAL, user TEXT, session TEXT, item TEXT)"
    )
    numbers = itertools.count()

    def call() -> None:
        first = next(numbers) * size
        rows = [(f"0-{first + at}", "view", 1.7e9, f"user-{at}", f"session-{at}", f"item-{at}") for at in range(size)]
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", rows)
        connection.execute("COMMIT")

    return call


def append_calls(log: EventLog, threads: int, size: int) -> list[Callable[[], object]]:
    def call(some: Callable[[], list[Event]]) -> Callable[[], object]:
        return lambda: log.append(some())

    return [call(events(size, caller)) for caller in range(threads)]


def main() -> None:
    root = sys.argv[1] if len(sys.argv) > 1 else None
    print("| what | threads | events a call | events/s | median ms | p99 ms |")
    print("|---|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory(dir=root) as folder:
        print(f"| fsync | 1 | 1 | {measure([fsync_call(Path(folder))], 1)} |", flush=True)
    for size in BATCHES:
        with tempfile.TemporaryDirectory(dir=root) as folder:
            print(f"| bare SQLite | 1 | {size:,} | {measure([bare_call(Path(folder), size)], size)} |", flush=True)
        for threads in THREADS if size == 1 else THREADS[:2]:
            with tempfile.TemporaryDirectory(dir=root) as folder:
                log = EventLog(Path(folder) / "events.sqlite")
                figures = measure(append_calls(log, threads, size), size)
                print(f"| the log | {threads} | {size:,} | {figures} |", flush=True)
                log.close()
    with tempfile.TemporaryDirectory(dir=root) as folder:
        log = EventLog(Path(folder) / "events.sqlite")
        print("\n| call that waits for no disk | calls/s | median ms | p99 ms |\n|---|---:|---:|---:|")
        shown = Shown(slate="s", surface="home", time=1.7e9, items=("item",) * 24, propensities=(1.0,) * 24)
        print(f"| look whether anyone wrote | {measure([log.version], 1)} |")
        print(f"| hand over a slate | {measure([lambda: log.show([shown])], 1)} |")
        log.close()


if __name__ == "__main__":
    main()
