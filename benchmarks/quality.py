"""How good the first release of a shop is: search against people's judgements, shelves by leaving one out.

    python benchmarks/quality.py [--data ../shared/data] [DATA SET…]

Everything goes the way a user's shop goes: new, ingest, train. Nothing is tuned on the test part: what serves is chosen
on the validation part. Prints Markdown.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

from shopkeeper.data.tables import Tables
from shopkeeper.learn.train import train
from shopkeeper.shop import Shop

# The protocol of the published numbers on these sets: everyone's last item, among all that they have not yet had.
LEAVE_ONE_OUT = {"movielens-1m": "home", "amazon-beauty": "home"}
JUDGED = {"icecat-electronics-search": ("search, judged by people", "search, judged by people, judged items only")}
EVERYBODY = 100_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("sets", nargs="*", default=[*JUDGED, *LEAVE_ONE_OUT])
    arguments = parser.parse_args()
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}.\n")
    print("| data set | surface | requests | system | HR@10 | NDCG@10 | 95 % interval | train, s |")
    print("|---|---|---|---|---|---|---|---|")
    for name in arguments.sets:
        source = arguments.data / name
        if not source.is_dir():
            sys.exit(f"there is no {source}; name the folder of the data sets with --data")
        with tempfile.TemporaryDirectory() as folder:
            metrics, seconds = measured(source, Path(folder) / name, LEAVE_ONE_OUT.get(name, "search"))
        for surface in JUDGED.get(name) or (LEAVE_ONE_OUT.get(name, "home"),):
            print_rows(name, surface, metrics["surfaces"][surface], seconds)


def measured(source: Path, directory: Path, surface: str) -> tuple[dict[str, Any], float]:
    """The metrics of the first release of a shop made from `source`, and the seconds that training took. Only the
    surface in question is trained: the others would not change it."""
    shop = Shop.new(directory, [source])
    shop.ingest()
    asked = msgspec.structs.replace(shop.settings.surfaces[surface], exclude="seen" if surface == "home" else "nothing")
    settings = msgspec.structs.replace(
        shop.settings,
        train=msgspec.structs.replace(shop.settings.train, max_requests=EVERYBODY),
        surfaces={surface: asked},
    )
    begin = time.perf_counter()
    release = train(Tables(directory), settings, shop.releases)
    return release.manifest.metrics, time.perf_counter() - begin


def print_rows(name: str, surface: str, figures: dict[str, Any], seconds: float) -> None:
    for system, measures in figures["systems"].items():
        if system == "popular":  # the source is the baseline, by the taste of the person
            continue
        hr, ndcg = measures["hr@10"], measures["ndcg@10"]
        interval = f"{ndcg['low']:.4f}–{ndcg['high']:.4f}"
        row = (name, surface, figures["requests"], system, f"{hr['value']:.4f}", f"{ndcg['value']:.4f}", interval)
        print("| " + " | ".join(map(str, row)) + f" | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
