"""Search by picture: what is found of the same type and colour, and which product a photo from a shop shows.

    python benchmarks/looks.py [--data ../shared/data] [--minutes 10] [--work cache/looks]

fashion-product-images: a quarter of the products, by the md5 of their id, is never trained on; each of these is asked
about among them: precision@10 by article type and by colour, and for "like this, but <colour>" of both at once.
grocery-store-images: photos taken in shops are asked about among the product photos, of none of which the network has
learned: it knows fashion alone. Intervals (95 %) are of 1,000 resamples of what is asked about. Prints Markdown.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import platform
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from shopkeeper.data.schema import items_table
from shopkeeper.engine.context import Context
from shopkeeper.engine.eye import Eye
from shopkeeper.engine.graph import Graph
from shopkeeper.engine.looks import COLOURS, SIDE, colours, look, pixels
from shopkeeper.engine.picture_words import Said
from shopkeeper.engine.sources.picture import LIKE, PictureSource, Sense, tints_of
from shopkeeper.engine.vectors import Vectors
from shopkeeper.learn.models.config import PictureConfig
from shopkeeper.learn.models.picture_lessons import learned
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.settings import TrainSettings
from shopkeeper.vocabulary import Item, Request

K, RESAMPLES, STEP = 10, 1_000, 8  # one of eight pictures tells what all have in common
Matrix = npt.NDArray[np.float32]
Labels = npt.NDArray[Any]


@dataclass(frozen=True)
class Set:
    """Products with their pictures, as files and as the network reads them (uint8 [n, 4, side, side])."""

    items: pa.Table
    pictures: list[bytes]
    read: npt.NDArray[np.uint8]

    def at(self, rows: npt.NDArray[np.int64]) -> Set:
        return Set(self.items.take(rows), [self.pictures[row] for row in rows.tolist()], self.read[rows])


def main() -> None:
    usual = Path(__file__).resolve().parents[2] / "shared" / "data"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=usual)
    parser.add_argument("--minutes", type=float, default=10.0, help="of training; 0: no network at all")
    parser.add_argument(
        "--side", type=int, default=PictureConfig().side, help="pixels that the network reads, both ways"
    )
    parser.add_argument("--batch", type=int, default=PictureConfig().batch)
    parser.add_argument("--work", type=Path, default=None)
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        sys.exit(f"there is no {arguments.data}; name the folder with --data")
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}.\n")
    fashion, types, hues, held = fashion_set(arguments.data / "fashion-product-images", arguments.side)
    config = PictureConfig(side=arguments.side, batch=arguments.batch)
    train = TrainSettings(budget_minutes=arguments.minutes or 1.0, threads=1)
    few, taught = fashion.at(np.flatnonzero(held)), fashion.at(np.flatnonzero(~held))
    eyes, words = {"plain": plain_eye(taught)}, None
    if arguments.minutes:
        eyes["trained"], words = trained(taught, config, train, arguments.work)
    print_fashion(few, types[held], hues[held], eyes)
    print_wishes("plain", few, types[held], hues[held], eyes["plain"])
    if words is not None:
        print_wishes("trained", few, types[held], hues[held], eyes["trained"], words)
    print_groceries(arguments.data / "grocery-store-images", eyes, arguments.side)


def fashion_set(folder: Path, side: int) -> tuple[Set, Labels, Labels, npt.NDArray[np.bool_]]:
    """The products, their article types and colours, and which are held out."""
    table = pq.read_table(folder / "products.parquet").to_pylist()
    paths = [row["description"].split(" - ") for row in table]
    items = [
        Item(id=row["product_id"], title=row["title"], description=row["description"], categories=(row["category"],))
        for row in table
    ]
    held = np.array([int(hashlib.md5(row["product_id"].encode()).hexdigest()[-1], 16) < 4 for row in table])
    pictures = [row["image"] for row in table]
    whole = Set(items_table(items), pictures, read_all(pictures, side))
    return whole, np.array([path[2] for path in paths]), np.array([path[3] for path in paths]), held


def read_all(pictures: list[bytes], side: int) -> npt.NDArray[np.uint8]:
    return np.stack([pixels(picture, side) for picture in pictures])


def trained(
    products: Set, config: PictureConfig, train: TrainSettings, work: Path | None
) -> tuple[Eye, tuple[Said, Matrix]]:
    said, begin = Said.of(products.items), time.monotonic()
    rows = np.arange(len(products.pictures), dtype=np.int32)
    graph, words = learned(rows, products.read, said, config, train, work)
    minutes = (time.monotonic() - begin) / 60.0
    print(f"Trained on {len(rows):,} products in {minutes:.1f} minutes; the network is {len(graph) / 1e6:.1f} MB.\n")
    mean = np.mean([colours(each) for each in products.read[::STEP]], axis=0)
    return Eye(Graph(graph), config.side, mean), (said, words)


def plain_eye(products: Set) -> Eye:
    return Eye(None, SIDE, np.mean([look(picture) for picture in products.pictures[::STEP]], axis=0))


def seen(eye: Eye, there: Set) -> Matrix:
    """float32 [n, d + COLOURS]."""
    read = there.read if eye.graph else [look(picture) for picture in there.pictures]
    return np.concatenate([eye.vectors(list(read[at : at + 64])) for at in range(0, len(read), 64)])


def views(there: Set, eyes: dict[str, Eye]) -> Iterator[tuple[str, Matrix, float]]:
    """What each way makes of pictures, float32 [n, d], compared by their product; and milliseconds for each picture,
    without opening it where a network reads it."""
    begin = time.process_time()
    vectors = np.stack([histogram(picture) for picture in there.pictures])
    yield "histogram of colours", vectors, 1e3 * (time.process_time() - begin) / len(vectors)
    for name, eye in eyes.items():
        begin = time.process_time()
        vectors = seen(eye, there)
        took = 1e3 * (time.process_time() - begin) / len(vectors)
        for like, (shape, tint) in LIKE.items():
            weights = np.repeat(np.sqrt([shape, tint]), [vectors.shape[1] - COLOURS, COLOURS])
            yield f"{name}, like = {like}", (vectors * weights).astype(np.float32), took


def histogram(picture: bytes) -> Matrix:
    """The square root of the share of each of 64 colours."""
    there = np.asarray(Image.open(BytesIO(picture)).convert("RGB").resize((64, 64))) // 64
    bins = there.reshape(-1, 3) @ np.array([16, 4, 1])
    return np.sqrt(np.bincount(bins, minlength=64) / len(bins)).astype(np.float32)


def print_fashion(few: Set, types: Labels, hues: Labels, eyes: dict[str, Eye]) -> None:
    print(f"| by | same type@{K} | same colour@{K} | ms a picture |\n|---|---:|---:|---:|")
    for name, vectors, took in views(few, eyes):
        scores = vectors @ vectors.T
        np.fill_diagonal(scores, -np.inf)
        nearest = np.argpartition(-scores, K, axis=1)[:, :K]
        found = [interval((labels[nearest] == labels[:, None]).mean(axis=1)) for labels in (types, hues)]
        print(f"| {name} | {found[0]} | {found[1]} | {took:.1f} |", flush=True)
    print()


def shapes_of(own: Said, said: Said, words: Matrix) -> Matrix:
    """Where pictures of each of our own words lie, as far as they were learned."""
    known = {hash_: at for at, hash_ in enumerate(said.hashes.tolist())}
    at = np.array([known.get(hash_, -1) for hash_ in own.hashes.tolist()])
    return np.where(at[:, None] >= 0, words[at], 0.0).astype(np.float32)


def print_wishes(
    name: str, few: Set, types: Labels, hues: Labels, eye: Eye, words: tuple[Said, Matrix] | None = None
) -> None:
    """Every held-out product is asked for in the colour, another than its own, that most of its type have. An answer is
    right whose type is the same and whose colour is the one that was wanted."""
    vectors = seen(eye, few)
    rows, catalogue = np.arange(len(vectors), dtype=np.int32), Catalogue.build(few.items)
    held = Vectors.build(vectors, rows, len(rows))
    own = Said.of(few.items)
    nobody = replace(own, starts=np.zeros_like(own.starts), rows=own.rows[:0])
    tints = tints_of(own, rows, vectors[:, -COLOURS:])
    nothing = np.zeros_like(tints)
    ways = {
        "the picture alone": (nobody, Sense(nothing)),
        "and the colours of what is called so": (nobody, Sense(tints)),
        "and what is called so": (own, Sense(nothing)),
        "and both": (own, Sense(tints)),
    }
    if words is not None:
        shapes = shapes_of(own, *words)
        ways |= {
            "and where pictures of the words lie": (nobody, Sense(nothing, shapes)),
            "and all three": (own, Sense(tints, shapes)),
        }
    asked = [(row, wish) for row in range(len(types)) if (wish := wished(types, hues, row))]
    print(f"| {name}: like this, but <colour>; {len(asked):,} products | right@{K} | ms a search |\n|---|---:|---:|")
    for way, (called, sense) in ways.items():
        source, begin = PictureSource(eye, held, called, sense, catalogue), time.process_time()
        right = []
        for row, wish in asked:
            found = source.retrieve(context_of(catalogue, row, wish), K).rows
            right.append(float(((types[found] == types[row]) & (hues[found] == wish)).sum()) / K)
        took = 1e3 * (time.process_time() - begin) / len(asked)
        print(f"| {way} | {interval(np.array(right))} | {took:.1f} |", flush=True)
    print()


def wished(types: Labels, hues: Labels, row: int) -> str | None:
    """None where fewer than K would be right."""
    names, counts = np.unique(hues[(types == types[row]) & (hues != hues[row])], return_counts=True)
    return str(names[np.argmax(counts)]) if len(names) and counts.max() >= K else None


def context_of(catalogue: Catalogue, row: int, wish: str) -> Context:
    request = Request(surface="picture", items=(catalogue.ids.id(row),), query=f"but {wish}", like="shape")
    nothing = np.empty(0, np.int32)
    return Context(
        request=request,
        now=0.0,
        user=-1,
        history=nothing,
        history_codes=np.empty(0, np.int8),
        history_times=np.empty(0),
        session=nothing,
        anchors=np.array([row], np.int32),
    )


def print_groceries(folder: Path, eyes: dict[str, Eye], side: int) -> None:
    products = pq.read_table(folder / "products.parquet").sort_by("class_id")
    photos = pq.read_table(folder / "natural_test.parquet")
    classes = photos.column("class_id").to_numpy()
    sold, taken = (
        Set(pa.table({}), pictures, read_all(pictures, side))
        for pictures in (products.column("iconic_image").to_pylist(), photos.column("image").to_pylist())
    )
    print(f"| {len(classes)} photos among {len(products)} products | first | among 5 |\n|---|---:|---:|")
    for (name, asking, _), (_, asked, _) in zip(views(taken, eyes), views(sold, eyes), strict=True):
        ranked = np.argsort(-(asking @ asked.T), axis=1, kind="stable")
        right = products.column("class_id").to_numpy()[ranked[:, :5]] == classes[:, None]
        print(f"| {name} | {interval(right[:, 0])} | {interval(right.any(axis=1))} |", flush=True)


def interval(figures: npt.NDArray[Any]) -> str:
    drawn = np.random.default_rng(0).integers(len(figures), size=(RESAMPLES, len(figures)))
    low, high = np.quantile(figures[drawn].mean(axis=1), (0.025, 0.975))
    return f"{figures.mean():.3f} ({low:.3f} to {high:.3f})"


if __name__ == "__main__":
    main()
