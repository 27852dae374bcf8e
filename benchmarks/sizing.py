"""What machine a shop needs: time, memory and disk of each stage, from a folder of exports to a worker that answers.

    python benchmarks/sizing.py 10000:1000000 100000:1000000 [--borrowed 1000000:10000000] [--encode 2000]

Each size is PRODUCTS:EVENTS, simulated; writing the exports is not counted. Every stage is a process of its own, so
that its memory is its own. A shop named by --borrowed is fitted once instead of trained whole, with most sentence
vectors and all rankers borrowed (see big_shop.py): add to its time what the encoder takes. Prints Markdown.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import big_shop
from engine import kinds_of, posts
from scale import CLI, memory, served

from shopkeeper.data.simulate import simulate
from shopkeeper.data.tables import Tables
from shopkeeper.engine.meaning import read_items
from shopkeeper.learn.encoder import build_encoder
from shopkeeper.settings import EncoderSettings
from shopkeeper.shop import Shop

SERVED = ("search, three words", "home, known person")
REQUESTS = 200


class Cost(NamedTuple):
    """Seconds of wall and CPU time, and the most memory held at a time, MiB."""

    wall: float
    cpu: float
    peak: float

    def __str__(self) -> str:
        return f"{self.wall:,.0f} s ({self.cpu:,.0f} s) | {self.peak:,.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", nargs="*", metavar="PRODUCTS:EVENTS")
    parser.add_argument("--borrowed", nargs="*", default=[], metavar="PRODUCTS:EVENTS")
    parser.add_argument("--encode", type=int, default=2_000, help="items by which the encoder is timed")
    parser.add_argument("--fit", nargs=2, type=Path, help=argparse.SUPPRESS)  # the stage of a borrowed shop
    arguments = parser.parse_args()
    if arguments.fit:
        big_shop.assembled(arguments.fit[0], 0, Shop(arguments.fit[1]))
        return
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}; load average ", end="")
    print(f"{os.getloadavg()[0]:.1f}. Seconds of wall time (of CPU time); peak memory of the process, MiB.\n")
    print(
        "| products | events | exports, MB | `new` | MiB | `train` | MiB | shop on disk, MB | first answer, s |", end=""
    )
    print(" a worker, MiB: at rest, its own | after requests |\n|" + "---:|" * 11, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        small = None
        for size in (*arguments.sizes, *arguments.borrowed):
            products, events = map(int, size.split(":"))
            if size in arguments.borrowed and small is None:
                small = big_shop.trained(Path(folder) / "small", big_shop.SMALL, big_shop.SMALL_EVENTS)
            with tempfile.TemporaryDirectory() as place:
                measure(Path(place), products, events, small if size in arguments.borrowed else None)
                if size == (*arguments.sizes, *arguments.borrowed)[-1]:
                    print(f"\nThe encoder reads {encoded(Path(place) / 'shop', arguments.encode):.0f} items a second.")


def measure(folder: Path, products: int, events: int, small: Shop | None) -> None:
    exports, shop = simulate(folder / "world", products=products, events=events).exports, folder / "shop"
    print(f"| {products:,} | {events:,} | {megabytes(exports):,.0f}", end=" | ", flush=True)
    print(stage(*CLI, "new", str(shop), "--from", str(exports)), end=" | ", flush=True)
    shutil.rmtree(exports)
    if small:
        print(stage(sys.executable, __file__, "--fit", str(folder), str(small.directory)), end=" | ", flush=True)
    else:
        print(stage(*CLI, "train", "--shop", str(shop)), end=" | ", flush=True)
    print(f"{megabytes(shop):,.0f}", end=" | ", flush=True)
    print(" | ".join(serving(Shop(shop))) + " |", flush=True)


def serving(shop: Shop) -> tuple[str, str, str]:
    """The first answer after the start, and what a worker holds before and after it answered much."""
    asked = kinds_of(shop.engine(), REQUESTS)
    with served(shop) as (port, ready, workers):
        rest = memory(workers[0])
        deeds: list[Callable[[], object]] = [deed for kind in SERVED for deed in posts(port, asked[kind])]
        for deed in deeds:
            deed()
        after = max((memory(pid) for pid in workers), key=lambda held: held.resident)
    return f"{ready:.1f}", f"{rest.resident:,.0f}, {rest.own:,.0f}", f"{after.resident:,.0f}, {after.own:,.0f}"


def encoded(shop: Path, n: int) -> float:
    """Items a second that the encoder reads on all cores."""
    items, settings = Tables(shop).items().slice(0, n), EncoderSettings()
    with tempfile.TemporaryDirectory() as folder:
        encoder = build_encoder(settings, Path(folder), os.cpu_count() or 1)
        assert encoder
        began = time.perf_counter()
        read_items(items, encoder, settings.max_unknown_share)
        return items.num_rows / (time.perf_counter() - began)


def stage(*command: str) -> Cost:
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    said = process.stderr.read() if process.stderr else ""
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)}: {said[-2000:]}")
    return Cost(time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


if __name__ == "__main__":
    main()
