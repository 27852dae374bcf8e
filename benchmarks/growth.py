"""What fitting `sasrec` costs as items grow, the number of events staying the same: memory and seconds of a step.

    python benchmarks/growth.py [--items 10000 100000 1000000] [--events 2000000] [--steps 20] [--threads 1]

Histories are made up, 20 events each: every item is met once, and few are met most of the other times. Each size is a
process of its own and learns two epochs of so many steps: after the first the weights are kept as the best, so that all
is held that ever will be. The second is timed. Prints Markdown.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
from collections.abc import Iterator
from itertools import islice
from typing import Any
from unittest.mock import patch

import msgspec
import numpy as np
from _contest import Clock
from fits import alone
from peers import fit_sasrec

from shopkeeper.engine.context import Material
from shopkeeper.learn.models import next_item
from shopkeeper.release.interactions import Interactions
from shopkeeper.settings import Settings
from shopkeeper.vocabulary import EventType

EACH, CROWDING = 20, 3.0  # events of a history; by which the popular are met more often


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(arguments.threads)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}; load average ", end="")
    print(f"{os.getloadavg()[0]:.1f}; {arguments.threads} threads; {arguments.events:,} events.\n")
    print("| items | seconds a step | CPU | before, MiB | peak, MiB | bytes an item |\n|---:|---:|---:|---:|---:|---:|")
    for n in arguments.items:
        print(f"| {n:,} {alone(measure, n, arguments.events, arguments.steps, arguments.threads)}", flush=True)


def measure(n_items: int, n_events: int, steps: int, threads: int, answer: Any) -> None:
    train = msgspec.structs.replace(Settings().train, threads=threads, budget_minutes=1e6)
    settings = msgspec.structs.replace(Settings(), train=train)
    nothing: Any = None
    material = Material(nothing, nothing, crowd(n_items, n_events), 0.0, settings)
    before, spent = peak(), list[tuple[float, float]]()

    class Teacher(next_item.Teacher):
        def batches(self, epoch: int) -> Iterator[Any]:
            return islice(super().batches(epoch), steps)

    def is_enough(_: Any, clock: Clock) -> bool:
        spent.append((clock.wall, clock.cpu))
        return len(spent) == 2

    with patch.object(next_item, "Teacher", Teacher):
        fit_sasrec(material, is_enough)
    wall, cpu = np.subtract(spent[1], spent[0]) / steps
    each = (peak() - before) * 2**20 / n_items
    answer.put(f"| {wall:.2f} | {cpu:.2f} | {before:,.0f} | {peak():,.0f} | {each:,.0f} |")


def crowd(n_items: int, n_events: int) -> Interactions:
    """Views without times."""
    generator = np.random.default_rng(0)
    items = np.arange(n_events)
    items[n_items:] = n_items * generator.random(max(0, n_events - n_items)) ** CROWDING
    people = n_events // EACH
    users = np.repeat(np.arange(people, dtype=np.int32), EACH)
    n = len(users)
    return Interactions(
        users=users,
        items=generator.permutation(items)[:n].astype(np.int32),
        codes=np.full(n, EventType.VIEW.code, np.int8),
        times=np.full(n, np.nan),
        sessions=np.full(n, -1, np.int32),
        quantities=np.full(n, np.nan, np.float32),
        starts=np.arange(0, n + 1, EACH),
    )


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
