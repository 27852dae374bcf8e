"""How soon SASRec is how good: ours, RecTools' and a public repository's, on the same data, machine and threads.

    python benchmarks/peers.py [--minutes 30] [--rounds 1] [--threads 1] [--rectools DIR] [--gsasrec DIR] [SYSTEM…]

--rectools: the folder of an environment with RecTools, made there if there is none; --gsasrec: a checkout of
github.com/asash/gSASRec-pytorch. Without one of these its systems are left out. Systems run one after the other, round
by round with another seed. Learned is what everyone did but for the last two items; measured, after every epoch, the
last but one, by our measure on everybody's scores: NDCG@10 among all items but those met before. The last is not looked
at. Only learning is timed, neither scoring nor measuring, and by the time of the processor, as a machine may have other
work. On processors that can, ours multiplies in bfloat16, as the
package does, and `rectools-bf16` as well; the others have float32. Prints Markdown.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import msgspec
import numpy as np
import torch
from _contest import Clock, Task

from shopkeeper.data.tables import Tables
from shopkeeper.engine.context import Material
from shopkeeper.learn.models import lessons
from shopkeeper.learn.models.histories import Histories
from shopkeeper.learn.models.sequence import SasRec
from shopkeeper.learn.models.watch import Watch
from shopkeeper.learn.split import split
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.release.interactions import Interactions
from shopkeeper.shop import Shop

HERE = Path(__file__).resolve().parent
LEVELS = (0.10, 0.12, 0.14, 0.16)
ASKED = 2_000  # people, spread evenly over all
LENGTH = 200
PACKAGES = ("torch>=2.6,<=2.13", "numpy<2", "pandas<3", "rectools[torch]==0.19.0")
RECTOOLS = {
    "rectools": ("--width", "128"),
    "rectools-bf16": ("--width", "128", "--precision", "bf16-mixed"),
    "rectools-256": ("--width", "256"),  # its default
}
GSASREC = {"gsasrec": ("--config", "config_ml1m.py"), "sasrec-bce": ("--config", "config_ml1m_sasrec.py")}
DEFAULT = ("ours", "rectools", "rectools-bf16", "gsasrec")


class Reached(NamedTuple):
    """After an epoch: seconds of learning until then, by the wall and of the processor; and NDCG@10."""

    wall: float
    cpu: float
    ndcg: float


class Contest(NamedTuple):
    material: Material
    task: Task
    judge: Watch
    minutes: float
    threads: int

    def is_enough(self, reached: Reached) -> bool:
        return reached.cpu > 60 * self.minutes or reached.ndcg >= LEVELS[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=HERE.parents[1] / "shared" / "data" / "movielens-1m")
    parser.add_argument("--rectools", type=Path)
    parser.add_argument("--gsasrec", type=Path)
    parser.add_argument(
        "--minutes", type=float, default=30.0, help="of processor time for learning, at most, for each system and round"
    )
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("systems", nargs="*", default=DEFAULT)
    arguments = parser.parse_args()
    contest = contest_on(arguments.data, arguments.minutes, arguments.threads)
    n, events = len(contest.task.starts) - 1, len(contest.task.items)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}; load average ", end="")
    print(f"{os.getloadavg()[0]:.1f}; {arguments.threads} threads; {n:,} people, {events:,} events to learn from.\n")
    print(
        "| system | round | seconds an epoch | CPU |" + "".join(f" to {level:.2f}, CPU s |" for level in LEVELS), end=""
    )
    print(" best NDCG@10 | epochs |\n|---|" + "---:|" * (len(LEVELS) + 5))
    for number in range(arguments.rounds):
        for system in arguments.systems:
            if system == "ours":
                epochs = ours(contest, number)
            elif system in RECTOOLS and arguments.rectools:
                python = environment(arguments.rectools.resolve())
                epochs = theirs(contest, number, python, HERE / "_peer_rectools.py", *RECTOOLS[system])
            elif system in GSASREC and arguments.gsasrec:
                where = ("--repository", str(arguments.gsasrec.resolve()))
                epochs = theirs(contest, number, sys.executable, HERE / "_peer_gsasrec.py", *where, *GSASREC[system])
            else:
                continue
            print(row(system, number, epochs), flush=True)


def contest_on(data: Path, minutes: float, threads: int) -> Contest:
    if not data.is_dir():
        sys.exit(f"there is no {data}; name the folder of movielens-1m with --data")
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop.new(Path(folder) / "shop", [data])
        shop.ingest()
        tables, settings = Tables(shop.directory), shop.settings
        items = tables.items().combine_chunks()
        catalogue = Catalogue.build(items)
        interactions, _ = Interactions.build(tables.events(), catalogue)
    parts = split(interactions, settings.train, 0.0)
    if parts is None or interactions.has_clock:
        sys.exit("this is for sets that know an order and no times")
    train = msgspec.structs.replace(settings.train, threads=threads, budget_minutes=1e6)
    material = Material(catalogue, items, parts.validation.known, 0.0, msgspec.structs.replace(settings, train=train))
    known = Histories.of(material.interactions)
    told = parts.test.known.where(np.isin(parts.test.known.items, known.known))
    answered = Histories.of(told)  # everybody's history with the item that is asked for, where it can be known
    people = np.flatnonzero(np.isin(answered.people, known.people))
    at = np.searchsorted(known.people, answered.people[people])
    people = people[np.diff(answered.starts)[people] == np.diff(known.starts)[at] + 1]
    people = people[:: max(1, len(people) // ASKED)]
    asked = np.searchsorted(known.people, answered.people[people])
    judge = Watch(answered.without_last(people), people, answered, LENGTH)
    return Contest(material, Task(known.items, known.starts, asked, len(known.known)), judge, minutes, threads)


def ours(contest: Contest, seed: int) -> list[Reached]:
    """As `shopkeeper train` fits it, but that it goes on however long it gets no better."""
    settings, epochs = contest.material.settings, list[Reached]()
    train = msgspec.structs.replace(settings.train, seed=seed)
    models = {"sasrec": {"length": LENGTH, "patience": 100_000, "epochs": 100_000}}
    settings = msgspec.structs.replace(settings, train=train, models=models)

    def is_enough(model: Any, clock: Clock) -> bool:
        epochs.append(Reached(clock.wall, clock.cpu, contest.judge(model)))
        return contest.is_enough(epochs[-1])

    fit_sasrec(replace(contest.material, settings=settings), is_enough)
    return epochs


class _EnoughError(Exception):
    pass


def fit_sasrec(material: Material, is_enough: Callable[[Any, Clock], bool]) -> None:
    """Asks after every epoch, with the network as it is watched and what it took so far; neither that nor the watching
    is timed."""
    clock = Clock()

    class Asking(Watch):
        def __call__(self, model: Any) -> float:
            clock.stand()
            if is_enough(model, clock):
                raise _EnoughError
            figure = super().__call__(model)
            clock.go()
            return figure

    with patch.object(lessons, "Watch", Asking), suppress(_EnoughError):
        clock.go()
        SasRec().fit(material)


def theirs(contest: Contest, seed: int, python: str, script: Path, *options: str) -> list[Reached]:
    """A process that leaves its scores in a file after every epoch and asks whether to go on (see _contest.py)."""
    with tempfile.TemporaryDirectory() as folder:
        contest.task.save(Path(folder))
        command = (python, str(script), folder, *options, "--threads", str(contest.threads), "--seed", str(seed))
        errors = Path(folder) / "errors"
        with (
            errors.open("w") as said,
            subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, text=True, env=bound(contest)
            ) as process,
        ):
            epochs = list(followed(contest, process, Path(folder)))
        if not epochs:
            raise SystemExit(f"{' '.join(command)}: {errors.read_text()[-2000:]}")
    return epochs


def followed(contest: Contest, process: subprocess.Popen[str], folder: Path) -> Iterator[Reached]:
    assert process.stdin
    assert process.stdout
    for line in process.stdout:
        scores = torch.from_numpy(np.load(folder / "scores.npy"))
        reached = Reached(*json.loads(line), judged(contest.judge, scores))
        yield reached
        print("enough" if contest.is_enough(reached) else "go on", file=process.stdin, flush=True)


def judged(judge: Watch, scores: torch.Tensor) -> float:
    """By the same lines as ours: scores float32 [k, m] of those whom the judge asks."""
    return judge._gains(scores, judge._people, judge._targets) / len(scores)


def bound(contest: Contest) -> dict[str, str]:
    threads = {name: str(contest.threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    return {**os.environ, **threads}


def environment(folder: Path) -> str:
    """Its Python; made if it is not there: RecTools wants an older NumPy than ours."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run((sys.executable, "-m", "venv", folder), check=True)
        subprocess.run((python, "-m", "pip", "install", "--quiet", *PACKAGES), check=True)
    return str(python)


def row(system: str, number: int, epochs: list[Reached]) -> str:
    last = epochs[-1]
    first = [next((f"{one.cpu:,.0f}" for one in epochs if one.ndcg >= level), "–") for level in LEVELS]
    best = max(one.ndcg for one in epochs)
    told = (system, number, f"{last.wall / len(epochs):.1f}", f"{last.cpu / len(epochs):.1f}", *first, f"{best:.4f}")
    return "| " + " | ".join(map(str, told)) + f" | {len(epochs)} |"


if __name__ == "__main__":
    main()
