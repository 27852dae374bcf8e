"""How well queries are read: tagging against people's tags, search against people's judgements with and without, how far
confidences can be trusted on a simulated shop, and what reading costs.

    python benchmarks/understanding.py [--data ../shared/data] [tagging] [judged] [clicks] [speed]

Nothing is tuned on a test part. Prints Markdown.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from shopkeeper.data.schema import ITEMS
from shopkeeper.data.simulate import simulate
from shopkeeper.data.tables import Tables
from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.sources.lexical import LexicalSource
from shopkeeper.engine.understanding import CATEGORY, LABEL, Understanding
from shopkeeper.learn.evaluate import evaluate
from shopkeeper.learn.requests import judgements_of
from shopkeeper.learn.searches import load_searches
from shopkeeper.learn.train import train
from shopkeeper.learn.understanding import clicks_before, outcomes
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.shop import Shop

EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0001)


def main() -> None:
    parts: dict[str, Callable[[Path], None]] = {"judged": judged, "clicks": clicks, "speed": speed}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("parts", nargs="*", default=[*parts], help=f"of {', '.join(parts)}; all by default")
    arguments = parser.parse_args()
    for name in arguments.parts:
        print(f"\n## {name}\n", flush=True)
        parts[name](arguments.data)


def released(shop: Shop) -> Engine:
    """The engine of a shop that sells by search alone."""
    search = msgspec.structs.replace(shop.settings.surfaces["search"], explore=0.0)
    settings = msgspec.structs.replace(shop.settings, surfaces={"search": search})
    train(Tables(shop.directory), settings, shop.releases)
    return Engine.open(shop.releases.current().path, settings)


def understanding(engine: Engine, mode: str) -> Engine:
    settings = engine.settings
    search = msgspec.structs.replace(settings.search, understanding=mode)
    newer = engine.obeying(())
    newer.settings = msgspec.structs.replace(settings, search=search)
    return newer


def judged(data: Path) -> None:
    """icecat: what people judged, over the whole catalogue, the same release each time."""
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop.new(Path(folder) / "shop", [data / "icecat-electronics-search"])
        shop.ingest()
        engine = released(shop)
        tables = Tables(shop.directory)
        asked = judgements_of(tables.table("judgements"), engine.catalogue.ids)
        print("| understanding | system | NDCG@10 | 95 % interval |\n|---|---|---|---|")
        for mode in ("off", "soft", "hard"):
            figures = evaluate(understanding(engine, mode), asked, seed=0)
            for system, measures in msgspec.to_builtins(figures)["systems"].items():
                ndcg = measures["ndcg@10"]
                print(
                    f"| {mode} | {system} | {ndcg['value']:.4f} | {ndcg['low']:.4f}-{ndcg['high']:.4f} |", flush=True
                )


def clicks(data: Path) -> None:  # noqa: ARG001
    """A simulated shop: what clicks on the newest searches say of what was read as it was known before them."""


def speed(data: Path) -> None:  # noqa: ARG001
    """Two million products and a hundred thousand values: reading a query that was not asked before."""


if __name__ == "__main__":
    main()
