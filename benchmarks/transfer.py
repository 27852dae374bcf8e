"""A model of sequences that knows items by their texts, taught in one shop and then in another: against one that begins
there, and against popularity.

    python benchmarks/transfer.py [--data ../shared/data] [--taught amazon-beauty] [--set amazon-office]

Each person's last but one event is asked about, among all items but those seen; full ranking. Prints Markdown.
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from shopkeeper.data.tables import Tables
from shopkeeper.learn.evaluate import evaluate
from shopkeeper.learn.replay import POPULARITY
from shopkeeper.learn.split import split
from shopkeeper.learn.workshop import Workshop
from shopkeeper.settings import Settings, Surface
from shopkeeper.shop import Shop
from shopkeeper.vocabulary import silent

FEW = 1_000  # events that are learned from
EVERYBODY = 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--taught", default="amazon-beauty")
    parser.add_argument("--set", default="amazon-office")
    parser.add_argument("--source", default="sasrec")
    parser.add_argument("--budget", type=float, default=10.0, help="minutes for each fit")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    for name in (arguments.taught, arguments.set):
        if not (arguments.data / name).is_dir():
            sys.exit(f"there is no {arguments.data / name}; name the folder of the data sets with --data")
    logging.basicConfig(level=logging.INFO)  # of every epoch a line, on the error output
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}.\n")
    print("| set | learned from | requests | model | NDCG@10 | 95 % interval |")
    print("|---|---:|---:|---|---:|---|")
    with tempfile.TemporaryDirectory() as folder:
        taught, asked = (
            ingested(arguments.data / name, Path(folder) / name) for name in (arguments.taught, arguments.set)
        )
        kept = pretrained(
            taught, settings_of(taught, arguments, {"text": True, "go_on": True}), Path(folder) / "taught"
        )
        models: dict[str, dict[str, Any]] = {
            f"text, taught by {arguments.taught}": {"text": True, "pretrained": str(kept)},
            "text": {"text": True},
            "ids": {},
        }
        for few in (True, False):
            for told, config in models.items():
                cache = Path(folder) / f"{told}, {few}"
                print_rows(asked, settings_of(asked, arguments, config), cache, arguments.set, told, few)


def ingested(source: Path, directory: Path) -> Shop:
    shop = Shop.new(directory, [source])
    shop.ingest()
    return shop


def settings_of(shop: Shop, arguments: argparse.Namespace, config: dict[str, Any]) -> Settings:
    train = msgspec.structs.replace(
        shop.settings.train, budget_minutes=arguments.budget, threads=arguments.threads, max_requests=EVERYBODY
    )
    home = Surface(sources=(arguments.source,), exclude="seen", explore=0.0)
    models = {arguments.source: config}
    return msgspec.structs.replace(shop.settings, train=train, surfaces={"home": home}, models=models)


def pretrained(shop: Shop, settings: Settings, cache: Path) -> Path:
    """The file that is kept of a model that has learned all that the shop knows."""
    Workshop.open(Tables(shop.directory), settings, cache, silent).engine({})
    (kept,) = (cache / "models").rglob("*.start")
    return kept


def print_rows(shop: Shop, settings: Settings, cache: Path, name: str, model: str, few: bool) -> None:
    workshop = Workshop.open(Tables(shop.directory), settings, cache, silent)
    parts = split(workshop.interactions, settings.train, workshop.now)
    if parts is None:
        sys.exit("there is too little to hold back")
    part = parts.validation
    if few:
        part = replace(part, known=part.known.where(np.arange(len(part.known)) < FEW))
    figures = evaluate(workshop.engine_of(part, {}, "fit"), workshop.requests(part)["home"])
    (source,) = settings.surfaces["home"].sources
    for system, told in {source: model, **({POPULARITY: POPULARITY} if model == "ids" else {})}.items():
        ndcg = figures.systems[system]["ndcg@10"]
        row = f"| {name} | {len(part.known):,} | {figures.requests:,} | {told} | {ndcg.value:.4f}"
        print(f"{row} | {ndcg.low:.4f}–{ndcg.high:.4f} |", flush=True)


if __name__ == "__main__":
    main()
