"""How soon a change in the shop is known: the engine's own work after stock changed, an item came, a thousand came.

    python benchmarks/live.py [--products 5000] [--shop DIR] [--times 20]

Makes a simulated shop and trains it, or takes one with a release and leaves it as it is. Prints Markdown: wall and CPU
milliseconds.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
from engine import simulated

from shopkeeper.engine.pipeline import Engine
from shopkeeper.shop import Shop
from shopkeeper.vocabulary import Change, Request


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, default=5_000)
    parser.add_argument("--shop", type=Path, help="a shop with a release, instead of a simulated one")
    parser.add_argument("--times", type=int, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop(arguments.shop) if arguments.shop else simulated(Path(folder), arguments.products)
        show(shop.engine(), arguments.times)


def show(engine: Engine, times: int) -> None:
    print(f"{len(engine.catalogue):,} products.\n")
    print("| what | p50, ms | longest, ms | CPU, ms |\n|---|---:|---:|---:|")
    answers(engine, "nothing changed")
    for what, change in deeds(engine).items():
        engine = measure(what, engine, change, times)
    laid = f"{times * 1_000:,} items laid over"
    measure(f"one stock, {laid}", engine, deeds(engine)["one stock"], times)
    measure(f"one new item, {laid}", engine, lambda n: renamed(engine, [1_000 * times + n]), times)
    answers(engine, laid)


def deeds(engine: Engine) -> dict[str, Callable[[int], list[Change]]]:
    ids = engine.catalogue.ids.ids(list(range(min(1_000, len(engine.catalogue)))))
    return {
        "one stock": lambda n: [Change(id=ids[n % len(ids)], time=1.0, stock=float(n))],
        "1,000 stocks": lambda n: [Change(id=id_, time=1.0, stock=float(n)) for id_ in ids],
        "one new item": lambda n: renamed(engine, [n]),
        "1,000 new items": lambda n: renamed(engine, range(1_000 * n, 1_000 * (n + 1))),
    }


def renamed(engine: Engine, numbers: range | list[int]) -> list[Change]:
    """Items like those that are sold, under new ids."""
    items = engine.catalogue.items([number % len(engine.catalogue) for number in numbers])
    return [
        Change(id=f"new-{n}", time=1.0, item=msgspec.structs.replace(item, id=f"new-{n}"))
        for n, item in zip(numbers, items, strict=True)
    ]


def measure(what: str, engine: Engine, change: Callable[[int], list[Change]], times: int) -> Engine:
    """The engine after the changes were made."""
    walls, cpu = [], time.process_time()
    for n in range(times):
        changes, began = change(n), time.perf_counter()
        engine = engine.updated(changes)
        walls.append(1000 * (time.perf_counter() - began))
    print_row(what, walls, 1000 * (time.process_time() - cpu) / times)
    return engine


def answers(engine: Engine, state: str) -> None:
    """What an answer costs."""
    title = engine.catalogue.name(0).split()[0]
    for name, request in {"search": Request(query=title, facets=("*",)), "home": Request(surface="home")}.items():
        walls, cpu = [], time.process_time()
        for _ in range(50):
            began = time.perf_counter()
            engine.answer(request)
            walls.append(1000 * (time.perf_counter() - began))
        print_row(f"an answer ({name}), {state}", walls, 1000 * (time.process_time() - cpu) / 50)


def print_row(what: str, walls: list[float], cpu: float) -> None:
    print(f"| {what} | {np.median(walls):.1f} | {max(walls):.0f} | {cpu:.1f} |")


if __name__ == "__main__":
    main()
