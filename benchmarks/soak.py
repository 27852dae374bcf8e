"""A long day in short: half of the top rate for half an hour, with events, stock and training in between.

    python benchmarks/soak.py [--products 5000] [--shop DIR] [--minutes 30] [--workers 2] [--rate N]

Requests come at fixed moments, whether or not the ones before are answered, so that waiting counts. A training runs in
the background all the time, and each publishes a release that the workers change to. Clients, workers and training
share the machine. Prints Markdown, a line for every minute, and ends with status 1 when a request failed.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import itertools
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from engine import kinds_of, simulated
from swap import children, resident, served

from shopkeeper.shop import Shop

CLIENTS = 16
MEASURED_S = 20.0  # for which the top rate is looked for
KINDS = {
    "/v1/search": ("search, three words", "search, one word", "search, all facets", "search, known person"),
    "/v1/shelves/home": ("home, known person",),
    "/v1/shelves/similar": ("similar",),
}

Call = tuple[str, bytes]


class Answered(NamedTuple):
    """When it was due and answered, seconds; and its status, 0 for a connection that broke in the middle."""

    due: float
    answered: float
    status: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, default=5_000)
    parser.add_argument("--shop", type=Path, help="a trained shop, which gets new releases; instead of a simulated one")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--rate", type=float, help="requests a second; default: half of the top rate")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop(arguments.shop) if arguments.shop else simulated(Path(folder), arguments.products)
        calls = calls_of(shop)
        with served(shop, arguments.workers) as (port, process):
            top = top_rate(port, calls)
            rate = arguments.rate or top / 2
            print(f"Top rate {top:.0f} requests a second; from here on {rate:.0f}.\n", flush=True)
            with training(shop.directory) as trainings:
                failed = soak(port, process.pid, calls, rate, arguments.minutes)
            print(f"\n{len(trainings)} trainings ended meanwhile, {trainings.count(0)} of them well.")
    sys.exit(1 if failed or any(trainings) else 0)


def calls_of(shop: Shop) -> list[Call]:
    """Of 20 requests 12 searches, 5 shelves, 2 with events, 1 with stock."""
    kinds = kinds_of(shop.engine(), 200)
    pools = {
        path: [(path, msgspec.json.encode(_body(one))) for name in names for one in kinds[name]]
        for path, names in KINDS.items()
    }
    generator = np.random.default_rng(0)
    ids = shop.engine().catalogue.ids.ids(list(range(100)))
    calls = []
    for number in range(2_000):
        match number % 20:
            case 0:
                calls.append(("/v1/stock", msgspec.json.encode({"id": ids[number % 100], "stock": number % 7})))
            case 1 | 2:
                calls.append(("/v1/events", ids[number % 100].encode()))  # `send` makes an event of it, new each time
            case 3 | 4 | 5:
                calls.append(_some(pools["/v1/shelves/home"], generator))
            case 6 | 7:
                calls.append(_some(pools["/v1/shelves/similar"], generator))
            case _:
                calls.append(_some(pools["/v1/search"], generator))
    generator.shuffle(calls)
    return calls


def _some(pool: Sequence[Call], generator: np.random.Generator) -> Call:
    return pool[int(generator.integers(len(pool)))]


def _body(request: msgspec.Struct) -> dict[str, object]:
    said = msgspec.to_builtins(request)
    return {name: said[name] for name in said if name not in ("surface", "time")} | {"session": os.urandom(4).hex()}


def top_rate(port: int, calls: Sequence[Call]) -> float:
    """Answers a second when CLIENTS ask as fast as they are answered."""
    until = time.monotonic() + MEASURED_S
    counts = [0] * CLIENTS

    def ask(client: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for call in itertools.islice(itertools.cycle(calls), client * 97, None):
            if time.monotonic() > until:
                return
            send(connection, call)
            counts[client] += 1

    threads = [threading.Thread(target=ask, args=(client,)) for client in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / MEASURED_S


def send(connection: http.client.HTTPConnection, call: Call) -> int:
    path, body = call
    if path == "/v1/events":
        event = {"id": os.urandom(8).hex(), "type": "view", "session": os.urandom(1).hex(), "item": body.decode()}
        body = msgspec.json.encode(event)
    for again in (False, True):
        try:
            connection.request("POST", path, body, {"content-type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            return answer.status
        except (ConnectionError, http.client.RemoteDisconnected):  # it was idle for long, and is closed: as any client
            connection.close()
            if again:
                return 0
        except (OSError, http.client.HTTPException):
            connection.close()
            return 0
    return 0


def soak(port: int, server: int, calls: Sequence[Call], rate: float, minutes: float) -> int:
    """How many requests failed."""
    due: queue.Queue[tuple[float, Call] | None] = queue.Queue()
    answered: queue.SimpleQueue[Answered] = queue.SimpleQueue()

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while (one := due.get()) is not None:
            status = send(connection, one[1])
            answered.put(Answered(one[0], time.monotonic(), status))

    threads = [threading.Thread(target=work) for _ in range(4 * CLIENTS)]
    for thread in threads:
        thread.start()
    print("| minute | requests | failed | p50, ms | p99, ms | longest, ms | MB of the workers' own |")
    print("|---:|---:|---:|---:|---:|---:|---:|", flush=True)
    endless, failed, began = itertools.cycle(calls), 0, time.monotonic()
    for minute in range(max(1, round(minutes))):
        for number in range(round(60 * rate)):
            moment = began + 60 * minute + number / rate
            time.sleep(max(0.0, moment - time.monotonic()))
            due.put((moment, next(endless)))
        failed += print_minute(minute, answered, server)
    for _ in threads:
        due.put(None)
    for thread in threads:
        thread.join()
    return failed


def print_minute(minute: int, answered: queue.SimpleQueue[Answered], server: int) -> int:
    those = [answered.get() for _ in range(answered.qsize())]
    spent = 1000 * np.array([one.answered - one.due for one in those])
    failed = [one.status for one in those if one.status != 200]
    held = sum(resident(pid) for pid in children(server)) / 1e6
    figures = f"{np.median(spent):.1f} | {np.quantile(spent, 0.99):.1f} | {spent.max():.0f} | {held:,.0f}"
    told = f"{len(failed)} ({', '.join(map(str, sorted(set(failed))))})" if failed else "0"
    print(f"| {minute + 1} | {len(those):,} | {told} | {figures} |", flush=True)
    return len(failed)


@contextlib.contextmanager
def training(directory: Path) -> Iterator[list[int]]:
    """Trainings one after the other, at low priority; their exit codes."""
    codes, running, done = [], list[subprocess.Popen[bytes]](), threading.Event()

    def train() -> None:
        command = [sys.executable, "-m", "shopkeeper", "train", "--shop", str(directory)]
        while not done.is_set():
            process = subprocess.Popen(["nice", "-n", "10", *command], stdout=subprocess.DEVNULL)
            running[:] = [process]
            code = process.wait()
            if not done.is_set():
                codes.append(code)

    thread = threading.Thread(target=train)
    thread.start()
    try:
        yield codes
    finally:
        done.set()
        for process in running:
            process.terminate()
        thread.join()


if __name__ == "__main__":
    main()
