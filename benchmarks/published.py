"""The home shelf by the protocol of published figures: each person's last item is the test, the last but one is history
and not learned from; full ranking, what was seen left out.

    python benchmarks/published.py [--data ../shared/data] [--sources NAME,…] [--budget MINUTES] [DATA SET…]

What serves is chosen by the last but one item; the last is looked at once. Prints Markdown.
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import resource
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from shopkeeper.data.tables import Tables
from shopkeeper.learn.evaluate import Figures, evaluate
from shopkeeper.learn.split import split
from shopkeeper.learn.tournament import Choice, compete
from shopkeeper.learn.workshop import Workshop
from shopkeeper.settings import DEFAULT_SURFACES, Settings
from shopkeeper.shop import Shop
from shopkeeper.vocabulary import silent

SETS = {"movielens-1m": 200, "amazon-beauty": 50, "amazon-toys-ids": 50}  # and the usual length of their histories
SOURCES = ("viewed_together", "slist", "sasrec", "popular")
SEQUENCES = ("sasrec", "gru4rec", "bert4rec", "hstu")
EVERYBODY = 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--sources", default=",".join(SOURCES))
    parser.add_argument("--budget", type=float, default=60.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("sets", nargs="*", default=list(SETS))
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO)  # of every epoch a line, on the error output
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}.\n")
    print("| set | requests | system | HR@10 | NDCG@10 | 95 % interval | coverage@10 |")
    print("|---|---:|---|---:|---:|---|---:|")
    remarks = []
    for name in arguments.sets:
        if not (arguments.data / name).is_dir():
            sys.exit(f"there is no {arguments.data / name}; name the folder of the data sets with --data")
        with tempfile.TemporaryDirectory() as folder:
            shop = Shop.new(Path(folder) / name, [arguments.data / name])
            shop.ingest()
            lengths = {key: {"length": SETS.get(name, 50)} for key in SEQUENCES}
            settings = with_sources(shop.settings, arguments.sources.split(","), arguments.budget, lengths)
            settings = msgspec.structs.replace(
                settings, train=msgspec.structs.replace(settings.train, threads=arguments.threads)
            )
            begin = time.perf_counter()
            figures, choice = measured(Tables(shop.directory), settings)
        print_rows(name, figures, choice)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        remarks.append(f"{name}: {time.perf_counter() - begin:.0f} s, {peak:.1f} GB at most; {choice.why}.")
    print("", *remarks, sep="\n")


def with_sources(settings: Settings, sources: list[str], budget: float, models: dict[str, dict[str, Any]]) -> Settings:
    home = msgspec.structs.replace(DEFAULT_SURFACES["home"], sources=tuple(sources), exclude="seen")
    train = msgspec.structs.replace(settings.train, max_requests=EVERYBODY, budget_minutes=budget)
    return msgspec.structs.replace(settings, train=train, surfaces={"home": home}, models=models)


def measured(tables: Tables, settings: Settings) -> tuple[Figures, Choice]:
    shop = Workshop.open(tables, settings, tables.folder.parent / "cache", silent)
    parts = split(shop.interactions, settings.train, shop.now)
    if parts is None or shop.interactions.has_clock:
        sys.exit("these figures are of sets that know an order and no times")
    engine = shop.engine_of(parts.validation, {}, "fit")
    asked = shop.requests(parts.validation)["home"]
    winner = compete(engine, "home", asked, seed=settings.train.seed, progress=silent)
    won = shop.with_surfaces({"home": winner.surface})
    unlearned = replace(parts.test, known=parts.validation.known)
    rankers = {"home": winner.ranker} if winner.ranker else {}
    figures = evaluate(won.engine_of(unlearned, rankers, "fit"), won.requests(parts.test)["home"])
    return figures, winner.choice


def print_rows(name: str, figures: Figures, choice: Choice) -> None:
    for system, measures in figures.systems.items():
        hr, ndcg, coverage = (measures[measure] for measure in ("hr@10", "ndcg@10", "coverage@10"))
        told = f"{system} ({choice.winner})" if system == "served" else system
        figure = f"{hr.value:.4f} | {ndcg.value:.4f} | {ndcg.low:.4f}–{ndcg.high:.4f} | {coverage.value:.3f}"
        print(f"| {name} | {figures.requests:,} | {told} | {figure} |", flush=True)


if __name__ == "__main__":
    main()
