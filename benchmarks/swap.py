"""What a change of release costs those who ask meanwhile: searches and shelves over HTTP, around swaps and between.

    python benchmarks/swap.py [--products 5000] [--shop DIR] [--workers 2] [--swaps 12]

Makes a simulated shop and trains it, or takes a trained one, to which it adds a copy of its release to change to and
fro. Clients and workers share the machine. Prints Markdown.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from engine import kinds_of, posts, simulated

from shopkeeper.shop import Shop
from shopkeeper.vocabulary import Request

APART_S = 4.0  # between swaps
AROUND_S = 1.0  # what begins so soon after a swap counts as around it

Spans = list[tuple[float, float]]  # when each request was sent and answered


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, default=5_000)
    parser.add_argument("--shop", type=Path, help="a trained shop, instead of a simulated one")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--clients", type=int, default=2)
    parser.add_argument("--swaps", type=int, default=12)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop(arguments.shop) if arguments.shop else simulated(Path(folder), arguments.products)
        requests = [one for kind in kinds_of(shop.engine(), 50).values() for one in kind]
        np.random.default_rng(0).shuffle(requests)
        releases = [shop.releases.current().id, copied(shop)]
        with served(shop, arguments.workers) as (port, process), asking(port, requests, arguments.clients) as spans:
            ready(port, releases[1])
            time.sleep(APART_S)
            spans.clear()
            swaps = [swap(shop, port, releases[number % 2]) for number in range(arguments.swaps)]
            memory = sum(resident(pid) for pid in children(process.pid))
    print_figures(spans, swaps, memory, arguments.workers)


def copied(shop: Shop) -> str:
    """The id of a new release that is a copy of the current one."""
    release = shop.releases.current()
    with shop.releases.draft() as draft:
        shutil.copytree(release.path, draft, dirs_exist_ok=True)
        (draft / "manifest.json").unlink()
        manifest = release.manifest
        return shop.releases.publish(draft, settings=shop.settings, live=manifest.live, metrics=manifest.metrics).id


@contextlib.contextmanager
def served(shop: Shop, workers: int) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    command = [sys.executable, "-m", "shopkeeper", "serve", "--shop", str(shop.directory), "--port", "0"]
    with subprocess.Popen([*command, "--workers", str(workers)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline().partition("http://127.0.0.1:")[2].split()[0]), process
        finally:
            process.terminate()


@contextlib.contextmanager
def asking(port: int, requests: Sequence[Request], clients: int) -> Iterator[Spans]:
    """Clients that ask one request after the other over connections of their own, from now on."""
    spans, done = Spans(), threading.Event()

    def ask(first: int) -> None:
        for deed in itertools.cycle(list(posts(port, [*requests[first:], *requests[:first]]))):
            if done.is_set():
                return
            sent = time.monotonic()
            deed()
            spans.append((sent, time.monotonic()))

    threads = [threading.Thread(target=ask, args=(100 * client,)) for client in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield spans
    finally:
        done.set()
        for thread in threads:
            thread.join()


def swap(shop: Shop, port: int, release: str) -> tuple[float, float]:
    """When it was asked for, and how many seconds later every worker served it."""
    began = time.monotonic()
    shop.rollback(release)
    ready(port, release)
    took = time.monotonic() - began
    time.sleep(APART_S)
    return began, took


def ready(port: int, release: str) -> None:
    """Wait until eight connections, which reach all workers, are answered from this release."""
    for _ in range(8):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        while True:
            connection.request("GET", "/v1/ready")
            if f'"{release}"'.encode() in connection.getresponse().read():
                break
            time.sleep(0.02)
        connection.close()


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def resident(pid: int) -> int:
    """Bytes that a process holds for itself, without the files that it maps."""
    _, held, shared, *_ = map(int, Path(f"/proc/{pid}/statm").read_text().split())
    return (held - shared) * os.sysconf("SC_PAGE_SIZE")


def print_figures(spans: Spans, swaps: Sequence[tuple[float, float]], memory: int, workers: int) -> None:
    sent, answered = np.array(spans).T
    around = np.zeros(len(sent), np.bool_)
    for began, took in swaps:
        around |= (answered >= began) & (sent <= began + took + AROUND_S)
    print("| requests | number | p50, ms | p99, ms | longest, ms |\n|---|---:|---:|---:|---:|")
    for what, mask in (("between swaps", ~around), ("around swaps", around)):
        spent = 1000.0 * (answered - sent)[mask]
        print(
            f"| {what} | {len(spent):,} | {np.median(spent):.1f} | {np.quantile(spent, 0.99):.1f} | {spent.max():.1f} |"
        )
    took = [took for _, took in swaps]
    print(f"\nAll {workers} workers serve the new release after {np.median(took):.2f} s, at most {max(took):.2f} s;")
    print(f"after {len(swaps)} swaps they hold {memory / 1e6:,.0f} MB besides the mapped files.")


if __name__ == "__main__":
    main()
