"""Training a sequence model every day: going on where the last day ended, against learning everything anew.

    python benchmarks/incremental.py [--data ../shared/data] [--set yoochoose-clicks] [--source sasrec] [--days 4]

Each of the last days is asked about by a model that knows what was before it; the first day is learned anew both ways.
Full ranking, nothing is left out. Prints Markdown.
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import sys
import tempfile
from pathlib import Path

import msgspec
import numpy as np

from shopkeeper.data.tables import Tables
from shopkeeper.engine.interest import DAY
from shopkeeper.learn.evaluate import evaluate
from shopkeeper.learn.split import Part
from shopkeeper.learn.workshop import Workshop
from shopkeeper.release.interactions import Interactions
from shopkeeper.settings import Settings, Surface
from shopkeeper.shop import Shop
from shopkeeper.vocabulary import silent

WAYS = {"anew": False, "going on": True}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--set", default="yoochoose-clicks")
    parser.add_argument("--source", default="sasrec")
    parser.add_argument("--days", type=int, default=4)
    parser.add_argument("--budget", type=float, default=10.0, help="minutes")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    if not (arguments.data / arguments.set).is_dir():
        sys.exit(f"there is no {arguments.data / arguments.set}; name the folder of the data sets with --data")
    logging.basicConfig(level=logging.INFO)  # of every epoch a line, on the error output
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}.\n")
    print("| day | events before | requests | way | fit, s | NDCG@10 | 95 % interval |")
    print("|---:|---:|---:|---|---:|---:|---|")
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop.new(Path(folder) / arguments.set, [arguments.data / arguments.set])
        shop.ingest()
        for way, go_on in WAYS.items():
            settings = settings_of(shop.settings, arguments, go_on)
            for day in range(arguments.days, 0, -1):
                print_row(Tables(shop.directory), settings, Path(folder) / way, day, way)


def settings_of(settings: Settings, arguments: argparse.Namespace, go_on: bool) -> Settings:
    train = msgspec.structs.replace(settings.train, budget_minutes=arguments.budget, threads=arguments.threads)
    home = Surface(sources=(arguments.source,), rank="learned", explore=0.0)
    models = {arguments.source: {"go_on": go_on}}
    return msgspec.structs.replace(settings, train=train, surfaces={"home": home}, models=models)


def print_row(tables: Tables, settings: Settings, cache: Path, day: int, way: str) -> None:
    """A training of its own, as every day has one: only what is kept in `cache` outlives it."""
    (source,) = settings.surfaces["home"].sources
    shop = Workshop.open(tables, settings, cache, silent)
    if not shop.interactions.has_clock:
        sys.exit("days need a clock")
    part = day_of(shop.interactions, shop.now - day * DAY)
    figures = evaluate(shop.engine_of(part, {}, "fit"), shop.requests(part)["home"])
    ndcg, seconds = figures.systems[source]["ndcg@10"], shop.fitter.seconds
    row = f"| {-day} | {len(part.known):,} | {figures.requests:,} | {way} | {seconds[source]:.0f} | {ndcg.value:.4f}"
    print(f"{row} | {ndcg.low:.4f}–{ndcg.high:.4f} |", flush=True)


def day_of(interactions: Interactions, start: float) -> Part:
    times = np.asarray(interactions.times)
    held = (times >= start) & (times < start + DAY)
    return Part(interactions, interactions.before(start), interactions.before(start + DAY), held, start)


if __name__ == "__main__":
    main()
