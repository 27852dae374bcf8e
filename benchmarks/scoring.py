"""How many people a second are told their best of a million items: as a release is asked, one after the other, and by
matrices of many at once, as a fit is measured; beside faiss and PyTorch.

    python benchmarks/scoring.py [--items 1000000] [--people 1000] [--width 64 128] [--threads 1]

Items are made-up vectors in clusters, people are near an item. *Found* is how many of the true best hundred are among
those told. `als` has a history of 20 items and has to find its person's factors as well; of `sasrec` it is
the search alone, without the network. Prints Markdown.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable, Iterator
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt
import torch

from shopkeeper.engine.context import Context
from shopkeeper.engine.sources.factors import Factors, Regression
from shopkeeper.engine.vectors import Vectors
from shopkeeper.vocabulary import EventType, Request

BEST, EACH = 100, 20
AT_ONCE = 32  # people: their scores of a million items are 128 MB
CLUSTERS, NOISE = 1_000, 0.7

Told = npt.NDArray[np.int64]  # [people, BEST], rows of items


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--people", type=int, default=1_000)
    parser.add_argument("--width", type=int, nargs="*", default=[64, 128])
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    faiss.omp_set_num_threads(arguments.threads)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}; load average ", end="")
    print(f"{os.getloadavg()[0]:.1f}; {arguments.threads} threads; {arguments.items:,} items, the best {BEST}.\n")
    print("| width | way | people/s | people/s of CPU | found |\n|---:|---|---:|---:|---:|", flush=True)
    for width in arguments.width:
        items, people = made_up(arguments.items, arguments.people, width)
        true = by_torch(items, people)
        for way, deed in ways(items, people):
            began = time.perf_counter(), time.process_time()
            told = deed()
            wall, cpu = time.perf_counter() - began[0], time.process_time() - began[1]
            found = np.mean([len(np.intersect1d(*each)) / BEST for each in zip(told, true, strict=True)])
            share = "" if way.startswith("als") else f"{100 * found:.1f} %"
            print(f"| {width} | {way} | {len(told) / wall:,.0f} | {len(told) / cpu:,.0f} | {share} |", flush=True)


def made_up(n_items: int, n_people: int, width: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    generator = np.random.default_rng(0)
    centres = generator.standard_normal((CLUSTERS, width), np.float32)
    items = centres[generator.integers(0, CLUSTERS, n_items)]
    items += np.float32(NOISE) * generator.standard_normal(items.shape, np.float32)
    items /= np.linalg.norm(items, axis=1, keepdims=True)
    people = items[generator.integers(0, n_items, n_people)]
    people = people + np.float32(0.05) * generator.standard_normal(people.shape, np.float32)
    return items, people / np.linalg.norm(people, axis=1, keepdims=True)


def ways(items: npt.NDArray[np.float32], people: npt.NDArray[np.float32]) -> Iterator[tuple[str, Callable[[], Told]]]:
    vectors = Vectors.build(items, np.arange(len(items), dtype=np.int32), len(items))
    vectors.search(people[0], BEST)
    yield "sasrec, as released", lambda: np.array([vectors.search(one, BEST)[0] for one in people])
    factors, contexts = as_factors(items), list(histories(len(items), len(people)))
    yield "als, as released", lambda: np.array([factors.retrieve(one, BEST).rows for one in contexts])
    yield "als, as judged: many at once", lambda: np.array([one.rows for one in factors.retrieve_all(contexts, BEST)])
    yield f"both, as measured: PyTorch, {AT_ONCE} at once", lambda: by_torch(items, people)
    yield "PyTorch, one at a time", lambda: by_torch(items, people, 1)
    flat: Any = faiss.IndexFlatIP(items.shape[1])
    flat.add(items)
    yield f"faiss flat, {AT_ONCE} at once", lambda: by_faiss(flat, people, AT_ONCE)
    yield "faiss flat, one at a time", lambda: by_faiss(flat, people, 1)


def by_torch(items: npt.NDArray[np.float32], people: npt.NDArray[np.float32], at_once: int = AT_ONCE) -> Told:
    known, asked = torch.from_numpy(items), torch.from_numpy(people)
    return torch.cat([torch.topk(some @ known.T, BEST, dim=1).indices for some in asked.split(at_once)]).numpy()


def by_faiss(index: Any, people: npt.NDArray[np.float32], at_once: int) -> Told:
    return np.concatenate([index.search(people[at : at + at_once], BEST)[1] for at in range(0, len(people), at_once)])


def as_factors(items: npt.NDArray[np.float32]) -> Factors:
    nothing: Any = None
    return Factors("als", np.arange(len(items), dtype=np.int32), items, nothing, Regression(10.0, 1.0, 90.0))


def histories(n_items: int, n_people: int) -> Iterator[Context]:
    generator, nobody = np.random.default_rng(1), np.empty(0, np.int32)
    codes, times = np.full(EACH, EventType.VIEW.code, np.int8), np.full(EACH, np.nan)
    for _ in range(n_people):
        rows = generator.integers(0, n_items, EACH).astype(np.int32)
        yield Context(Request(), 0.0, -1, rows, codes, times, nobody, nobody)


if __name__ == "__main__":
    main()
