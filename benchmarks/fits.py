"""How long the models in closed form and by counting take to fit, beside the libraries that do the like.

    python benchmarks/fits.py [--data ../shared/data] [--simulated 20000:2000000] [--rectools DIR] [--threads 1] [SET…]

--rectools: as in peers.py. Ours are fitted by their recipes, from the events as arrays to what is saved. What the
libraries are given is a matrix of people by items, made before the clock starts. They do less: `viewed_together`
counts pairs within a window of events and weighs them by time, a cosine whole histories alike; `slist`
has two matrices where EASE has one; of `ease` and `slist` the most frequent 8,192 items take part, of the libraries' as
well. Every fit is a process of its own. Prints Markdown.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from _contest import Task
from peers import HERE, environment

from shopkeeper.data.simulate import simulate
from shopkeeper.data.tables import Tables
from shopkeeper.engine.context import Material
from shopkeeper.engine.interest import interest_of
from shopkeeper.engine.sources import recipes
from shopkeeper.engine.sources.slist import EaseConfig
from shopkeeper.learn.models.config import AlsConfig, ItemKnnConfig
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.release.interactions import Interactions
from shopkeeper.shop import Shop

SETS = ("movielens-1m", "amazon-beauty")
OURS = ("als", "viewed_together", "item_knn", "slist", "ease")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=HERE.parents[1] / "shared" / "data")
    parser.add_argument("--simulated", default="20000:2000000", metavar="PRODUCTS:EVENTS", help="0:0 for none")
    parser.add_argument("--rectools", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("sets", nargs="*", default=SETS)
    arguments = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(arguments.threads)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}; load average ", end="")
    print(f"{os.getloadavg()[0]:.1f}; {arguments.threads} threads.\n")
    print("| set | items | events | fit | seconds | CPU |\n|---|---:|---:|---|---:|---:|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.sets:
            measure(Path(folder) / name, arguments.data / name, name, arguments)
        products, events = map(int, arguments.simulated.split(":"))
        if events:
            exports = simulate(Path(folder) / "world", products=products, events=events).exports
            measure(Path(folder) / "simulated", exports, "simulated", arguments)


def measure(place: Path, exports: Path, name: str, arguments: argparse.Namespace) -> None:
    if not exports.is_dir():
        sys.exit(f"there is no {exports}; name the folder of the data sets with --data")
    Shop.new(place, [exports]).ingest()
    material = material_of(place, arguments.threads)
    said = f"| {name} | {len(np.unique(material.interactions.items)):,} | {len(material.interactions):,} |"
    for fit in (*OURS, *PEERS):
        print(said, fit, alone(fitted, place, fit, arguments.threads), flush=True)
    if arguments.rectools:
        task_of(material).save(place)
        python = environment(arguments.rectools.resolve())
        command = (python, str(HERE / "_peer_rectools.py"), str(place), "--ease", str(EaseConfig().ridge))
        print(
            said, "EASE, RecTools", subprocess.run(command, check=True, capture_output=True, text=True).stdout, end=""
        )


def alone(measure: Callable[..., None], *arguments: object) -> str:
    """What it says, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    answer = context.SimpleQueue()
    process = context.Process(target=measure, args=(*arguments, answer))
    process.start()
    process.join()
    return "| failed | | |" if process.exitcode else answer.get()


def fitted(place: Path, fit: str, threads: int, answer: multiprocessing.SimpleQueue[str]) -> None:
    material = material_of(place, threads)
    if fit in OURS:
        recipe = recipes([fit])[fit]
        deed: Callable[[], object] = lambda: recipe.fit(material)  # noqa: E731
    else:
        matrix = matrix_of(material)
        deed = lambda: PEERS[fit](matrix, threads)  # noqa: E731
    began = time.perf_counter(), time.process_time()
    deed()
    wall, cpu = time.perf_counter() - began[0], time.process_time() - began[1]
    answer.put(f"| {wall:.2f} | {cpu:.2f} |")


def material_of(place: Path, threads: int) -> Material:
    """Of views, carts and purchases alone, which is what all count."""
    shop = Shop(place)
    tables = Tables(place)
    items = tables.items().combine_chunks()
    catalogue = Catalogue.build(items)
    interactions, _ = Interactions.build(tables.events(), catalogue)
    train = msgspec.structs.replace(shop.settings.train, threads=threads)
    now = float(np.nanmax(interactions.times)) + 1.0 if interactions.has_clock else 0.0
    interactions = interactions.where(interest_of(interactions.codes) > 0)
    return Material(catalogue, items, interactions, now, msgspec.structs.replace(shop.settings, train=train))


def task_of(material: Material) -> Task:
    """Of the items that `ease` would take."""
    events = material.interactions
    counts = np.bincount(events.items, minlength=len(material.catalogue))
    core = np.sort(np.argsort(-counts, kind="stable")[: min(EaseConfig().items, np.count_nonzero(counts))])
    kept = events.where(np.isin(events.items, core))
    return Task(np.searchsorted(core, kept.items).astype(np.int32), kept.starts, np.empty(0, np.int64), len(core))


def matrix_of(material: Material) -> Any:
    """Sparse float32, people by the items of `task_of`: how often each met each."""
    from scipy.sparse import csr_matrix

    task = task_of(material)
    people = np.repeat(np.arange(len(task.starts) - 1), np.diff(task.starts))
    return csr_matrix((np.ones(len(people), np.float32), (people, task.items)), shape=(people.max() + 1, task.n_items))


def implicit_als(matrix: Any, threads: int) -> None:
    from implicit.cpu.als import AlternatingLeastSquares

    config = AlsConfig()
    AlternatingLeastSquares(
        factors=config.factors,
        regularization=config.ridge,
        alpha=config.confidence,
        iterations=config.iterations,
        num_threads=threads,
    ).fit(matrix, show_progress=False)


def implicit_cosine(matrix: Any, threads: int) -> None:
    from implicit.nearest_neighbours import CosineRecommender

    CosineRecommender(K=ItemKnnConfig().neighbours, num_threads=threads).fit(
        matrix.astype(np.float64), show_progress=False
    )


def numpy_ease(matrix: Any, _: int) -> None:
    """As its paper writes it down."""
    gram = np.asarray((matrix.T @ matrix).todense())
    gram[np.diag_indices(len(gram))] += EaseConfig().ridge
    inverse = np.linalg.inv(gram)
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0.0)


PEERS: dict[str, Callable[[Any, int], None]] = {
    "ALS, implicit": implicit_als,
    "cosine, implicit": implicit_cosine,
    "EASE, NumPy": numpy_ease,
}

if __name__ == "__main__":
    main()
