"""What each way of ordering the candidates is worth: every fusion and every ranker that is installed, in the tournament
of a usual training.

    python benchmarks/rankers.py [--data ../shared/data] [--surfaces home,search] [--requests N] [SHOP…]

A shop is a data set, `simulated`, or the directory of a shop that has tables already. The figures of the contestants
are of the part of the validation requests that none has learned from; those of what is served, of the test part. Prints
Markdown.
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

from shopkeeper.data.simulate import simulate
from shopkeeper.data.tables import Tables
from shopkeeper.engine.ranking.recipe import ranker_recipes
from shopkeeper.learn.train import train
from shopkeeper.release.store import ReleaseStore
from shopkeeper.settings import Settings
from shopkeeper.shop import Shop

SHOPS = ("amazon-office", "simulated")
PRODUCTS, EVENTS = 5_000, 300_000  # of the simulated shop, as the demo has them


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--surfaces", default="home,search")
    parser.add_argument("--rankers", default=",".join(ranker_recipes()))
    parser.add_argument("--requests", type=int, default=5_000)
    parser.add_argument("--budget", type=float, default=10.0, help="minutes for one fit")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("shops", nargs="*", default=list(SHOPS))
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO)  # of every epoch a line, on the error output
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}.\n")
    print("| shop | surface | contestant | requests | NDCG@10 | 95 % interval | fit, s | answer, ms | MB |")
    print("|---|---|---|---:|---:|---|---:|---:|---:|")
    remarks = []
    for name in arguments.shops:
        with tempfile.TemporaryDirectory() as folder:
            shop = opened(name, arguments.data, Path(folder))
            settings = competing(
                shop.settings,
                arguments.surfaces.split(","),
                tuple(arguments.rankers.split(",")),
                max_requests=arguments.requests,
                budget_minutes=arguments.budget,
                threads=arguments.threads,
            )
            begin = time.perf_counter()
            release = train(Tables(shop.directory), settings, ReleaseStore(Path(folder) / "releases"))
        print_rows(Path(name).name, release.manifest.metrics)
        whys = [f"{surface}: {choice['why']}" for surface, choice in release.manifest.metrics["choices"].items()]
        remarks.append(f"{Path(name).name}, {time.perf_counter() - begin:.0f} s. {'; '.join(whys)}.")
    print("", *remarks, sep="\n")


def opened(name: str, data: Path, folder: Path) -> Shop:
    """A shop that has tables; one that is there already stays as it is but for its cache."""
    if Tables(Path(name)).has("items"):
        return Shop(Path(name))
    source = data / name
    if name == "simulated":
        simulate(folder / "world", products=PRODUCTS, events=EVENTS, seed=0)
        source = folder / "world" / "exports"
    if not source.is_dir():
        sys.exit(f"there is no {source}; name the folder of the data sets with --data")
    shop = Shop.new(folder / "shop", [source])
    shop.ingest()
    return shop


def competing(settings: Settings, surfaces: list[str], rankers: tuple[str, ...], **train: Any) -> Settings:
    """With these surfaces alone, for which these rankers compete."""
    told = {name: msgspec.structs.replace(settings.surfaces[name], rankers=rankers) for name in surfaces}
    return msgspec.structs.replace(settings, train=msgspec.structs.replace(settings.train, **train), surfaces=told)


def print_rows(shop: str, metrics: dict[str, Any]) -> None:
    for surface, choice in metrics["choices"].items():
        for contestant, figure in choice["ndcg"].items():
            cost = metrics["costs"].get(contestant, {"fit_s": None, "answer_ms": None, "size_mb": None})
            told = " | ".join("" if value is None else f"{value:.2f}" for value in cost.values())
            print_row(shop, surface, contestant, choice["requests"], figure, told)
        served = metrics["surfaces"].get(surface)
        if served:
            figure = served["systems"]["served"]["ndcg@10"]
            print_row(shop, surface, f"**served** ({choice['winner']}), test part", served["requests"], figure, " | | ")


def print_row(shop: str, surface: str, system: str, requests: int, figure: dict[str, float], costs: str) -> None:
    value = f"{figure['value']:.4f} | {figure['low']:.4f}–{figure['high']:.4f}"
    print(f"| {shop} | {surface} | {system} | {requests:,} | {value} | {costs} |", flush=True)


if __name__ == "__main__":
    main()
