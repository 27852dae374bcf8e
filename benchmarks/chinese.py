"""Chinese queries as people type them, sent to a shop of Chinese titles: is any refused, what is found, how fast.

    python benchmarks/chinese.py [--data ../shared/data] [--queries 100000]

The shop has the titles of taobao-title-ner, found by words alone. Asked are the queries of multi-cpr-ecom-queries,
in their order; they come from elsewhere, so that the shop cannot have all that is asked for. Whether what is found is
right is measured by parts of titles: two neighbouring words of one, as its annotators marked them, must find it; and so
must one of its words typed as pinyin. Prints Markdown.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from shopkeeper.data.tables import Tables
from shopkeeper.engine.pipeline import Engine
from shopkeeper.learn.workshop import Workshop
from shopkeeper.shop import Shop
from shopkeeper.vocabulary import Request, silent

PARTS = 1_000  # titles whose parts are searched for


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--queries", type=int, default=100_000)
    arguments = parser.parse_args()
    titles, products = read_titles(arguments.data / "taobao-title-ner")
    queries = pq.read_table(arguments.data / "multi-cpr-ecom-queries" / "train_query.parquet").column("query")
    with tempfile.TemporaryDirectory() as folder:
        engine = engine_of(titles, Path(folder))
        print(f"{len(titles):,} titles.\n\n| asked | of which answered | p50, ms | p99, ms |\n|---|---:|---:|---:|")
        print_row("real queries", engine, queries.to_pylist()[: arguments.queries])
        chance = np.random.default_rng(0)
        some = chance.choice(len(titles), min(PARTS, len(titles)), replace=False).tolist()
        print("\n| part of a title | searches | title among the first 10 |\n|---|---:|---:|")
        marked = [(at, "".join(products[at][:2])) for at in some if len(products[at]) > 1]
        print_found("two of its marked words", engine, marked)
        typed = list(typed_as_pinyin((at, products[at][-1]) for at in some if products[at]))
        print_found("one of its marked words as pinyin", engine, typed)


def read_titles(folder: Path) -> tuple[list[str], list[list[str]]]:
    """The titles, each once, and the words that are marked in each, in order."""
    found: dict[str, list[str]] = {}
    for name in ("train", "dev", "test"):
        for row in pq.read_table(folder / f"{name}.parquet").to_pylist():
            words = []
            for token, tag in zip(row["tokens"], row["tags"], strict=True):
                if tag.startswith("B-"):
                    words.append(token)
                elif tag.startswith("I-") and words:
                    words[-1] += token
            found["".join(row["tokens"])] = [word for word in words if len(word) > 1]
    return list(found), list(found.values())


def engine_of(titles: Sequence[str], folder: Path) -> Engine:
    source, shop = folder / "source", folder / "shop"
    source.mkdir()
    pq.write_table(pa.table({"id": [f"t{at}" for at in range(len(titles))], "title": titles}), source / "items.parquet")
    made = Shop.new(shop, [source])
    made.ingest()
    words = msgspec.structs.replace(made.settings.surfaces["search"], sources=("lexical",), rank="fused", explore=0.0)
    encoder = msgspec.structs.replace(made.settings.encoder, model="none")
    settings = msgspec.structs.replace(made.settings, surfaces={"search": words}, encoder=encoder)
    return Workshop.open(Tables(shop), settings, folder / "cache", silent).engine({})


def print_row(what: str, engine: Engine, queries: Sequence[str]) -> None:
    spent, answered = [], 0
    for query in queries:
        begin = time.perf_counter()
        answered += engine.answer(Request(query=query)).total > 0
        spent.append(1000.0 * (time.perf_counter() - begin))
    figures = f"{np.quantile(spent, 0.5):.2f} | {np.quantile(spent, 0.99):.2f}"
    print(f"| {len(queries):,} {what} | {answered / len(queries):.1%} | {figures} |", flush=True)


def print_found(what: str, engine: Engine, searches: Sequence[tuple[int, str]]) -> None:
    found = 0
    for at, query in searches:
        slate = engine.answer(Request(query=f"{query} ", size=10))
        found += f"t{at}" in {placement.item.id for placement in slate.placements}
    print(f"| {what} | {len(searches):,} | {found / max(len(searches), 1):.1%} |", flush=True)


def typed_as_pinyin(words: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    from pypinyin import lazy_pinyin

    for at, word in words:
        letters = "".join(lazy_pinyin(word))
        if letters.isascii() and letters.isalpha() and not word.isascii():
            yield at, letters


if __name__ == "__main__":
    main()
