"""How long a typo-tolerant prefix search with three facets takes in a shop of millions, and where the time goes.

    python benchmarks/facets.py [--products 2200000] [--cache DIR] [--searches 300]

The shop has the words, the fields and the statistics of one that was trained, and no other source. Its products are
those of a simulated shop of 20,000, each many times with a model's name, a price and a colour of its own. It is made
once and kept in the cache. Every search ends in a half typed word, one of three has a typo, and each asks for
three facets, with and without a chosen value. Two processes search at once, each as fast as it can. Prints Markdown.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command sets it

import argparse
import multiprocessing
import platform
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import big_shop
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shopkeeper.data.schema import EVENTS
from shopkeeper.data.tables import Tables
from shopkeeper.engine.item_text import FIELDS, item_texts
from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.ranking.statistics import Statistics
from shopkeeper.engine.sources.lexical import Lexical, LexicalSource
from shopkeeper.engine.text import characters, words
from shopkeeper.engine.text_index import CODE, WORDS, TextIndex, stemmer
from shopkeeper.engine.text_match import TermFieldsBuilder
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.release.fields import read_table, write_table
from shopkeeper.release.interactions import Interactions
from shopkeeper.settings import Settings
from shopkeeper.shop import Shop
from shopkeeper.vocabulary import Request, Slate

PROCESSES = 2
SIMULATED, MODELS = 20_000, 200_000
FACETS = ("brand", "category", "price")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, default=2_200_000)
    parser.add_argument("--cache", type=Path, default=Path("benchmark-shops"))
    parser.add_argument("--searches", type=int, default=300)
    arguments = parser.parse_args()
    release = released(arguments.cache / f"facets-{arguments.products}", arguments.products)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()};", end=" ")
    print(f"{arguments.products:,} products; load average {os.getloadavg()[0]:.1f}.\n")
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        for kind in KINDS:
            measured = pool.starmap(searched, [(release, kind, arguments.searches, seed) for seed in range(PROCESSES)])
            report(kind, measured)


def released(folder: Path, products: int) -> Path:
    """The release, made in three processes one after the other, as each needs much memory."""
    release = folder / "release"
    if not release.exists():
        folder.mkdir(parents=True, exist_ok=True)
        for step in (ingested, words_fitted, assembled):
            process = multiprocessing.get_context("spawn").Process(target=step, args=(folder, products))
            process.start()
            process.join()
            if process.exitcode:
                raise SystemExit(f"{step.__name__} failed")
    return release


def ingested(folder: Path, products: int) -> None:
    """Writes items.arrow: the products, and as many made of them as are asked for."""
    base = folder.parent / f"simulated-{SIMULATED}"
    tables = base / "shop" / "tables"
    shop = Shop(base / "shop") if tables.exists() else big_shop._ingested(base, SIMULATED, 2 * SIMULATED, 1, None)
    items = Tables(shop.directory).items().combine_chunks()
    generator = np.random.default_rng(0)
    rows = np.arange(products) % len(items)
    letters = generator.choice(list("bcdfghjklmnprstvwz"), (MODELS, 3)), generator.choice(list("aeiou"), (MODELS, 3))
    models = pa.array(["".join(a + b for a, b in zip(x, y, strict=True)) for x, y in zip(*letters, strict=True)])
    names = models.take(pa.array(generator.zipf(1.3, products) % MODELS))
    prices = np.nan_to_num(items.column("price").to_numpy()[rows], nan=10.0) * generator.lognormal(0.0, 0.3, products)
    told = {
        "item_id": pa.array([f"p{row}" for row in range(products)]),
        "title": pc.binary_join_element_wise(names, items.column("title").take(pa.array(rows)).combine_chunks(), " "),
        "price": pa.array(np.round(prices, 2)),
    }
    grown = items.take(pa.array(rows))
    for name, column in told.items():
        at = grown.column_names.index(name)
        grown = grown.set_column(at, grown.schema.field(at), column.cast(grown.schema.field(at).type))
    write_table(grown, folder / "items.arrow")


def words_fitted(folder: Path, products: int) -> None:  # noqa: ARG001
    """What Lexical().fit makes of the items, which differ from the simulated ones in a word of their title alone."""
    if (folder / "lexical").exists():
        return
    shop = Shop(folder.parent / f"simulated-{SIMULATED}" / "shop")
    known, stem = list(item_texts(Tables(shop.directory).items())), stemmer()
    words_of = [{field: words(getattr(item, field)) for field in FIELDS} for item in known]
    terms_of = [
        {field: [*map(stem, found[field]), *characters(getattr(item, field))] for field in FIELDS}
        for item, found in zip(known, words_of, strict=True)
    ]
    joined = [{field: " ".join(terms) for field, terms in each.items()} for each in terms_of]
    spoken = [" ".join(set().union(*found.values())) for found in words_of]
    titles = read_table(folder / "items.arrow").column("title").to_pylist()
    builder = TermFieldsBuilder()

    def documents() -> Iterator[dict[str, str]]:
        for row, title in enumerate(titles):
            at, model = row % len(known), title.partition(" ")[0]
            term = stem(model)
            builder.add({**terms_of[at], "title": [term, *terms_of[at]["title"]]}, 1 + len(set(words_of[at]["title"])))
            own = {"title": f"{term} {joined[at]['title']}", WORDS: f"{model} {spoken[at]}", CODE: f"p{row}"}
            yield {**joined[at], **own}

    index = TextIndex.build(documents())
    LexicalSource(index, builder.build()).save(folder / "half")
    (folder / "half").rename(folder / "lexical")


def assembled(folder: Path, products: int) -> None:  # noqa: ARG001
    catalogue = Catalogue.build(read_table(folder / "items.arrow").combine_chunks())
    interactions, actors = Interactions.build(EVENTS.empty_table(), catalogue)
    now = time.time()
    settings = Settings()
    search = msgspec.structs.replace(settings.surfaces["search"], sources=("lexical",), rank="fused")
    engine = Engine(
        catalogue=catalogue,
        interactions=interactions,
        actors=actors,
        sources={"lexical": Lexical().load(folder / "lexical", None)},  # type: ignore[arg-type]
        statistics=Statistics.fit(catalogue, interactions, now),
        settings=msgspec.structs.replace(settings, surfaces={"search": search}),
    )
    engine.save(folder / "half")
    (folder / "half").rename(folder / "release")


def queries(engine: Engine, n: int, seed: int) -> list[str]:
    """Of the titles of random items: one or two words, the last one half typed, one of three with a letter lost."""
    generator = np.random.default_rng(seed)
    found: list[str] = []
    while len(found) < n:
        row = int(generator.integers(len(engine.catalogue)))
        words = [word for word in engine.catalogue.name(row).split() if word.isascii() and word.isalpha()]
        if not words:
            continue
        words = words[-int(generator.integers(1, 3)) :]
        if generator.random() < 1 / 3 and len(words[0]) > 4:
            at = int(generator.integers(1, len(words[0]) - 1))
            words[0] = words[0][:at] + words[0][at + 1 :]
        words[-1] = words[-1][: max(3, len(words[-1]) - 2)]
        found.append(" ".join(words))
    return found


def plain(engine: Engine, query: str) -> Slate:
    return engine.answer(Request(query=query))


def with_facets(engine: Engine, query: str) -> Slate:
    return engine.answer(Request(query=query, facets=FACETS))


KINDS = {"search": plain, "search, three facets": with_facets}


def searched(release: Path, kind: str, n: int, seed: int) -> tuple[list[float], float, dict[str, float], list[int]]:
    """Milliseconds of each search, CPU seconds and milliseconds by stage of all, and how many items each matched."""
    engine = Engine.open(release)
    asked = queries(engine, n + 20, seed)
    for query in asked[n:]:  # what is read lazily, read
        KINDS[kind](engine, query)
    spent: list[float] = []
    totals: list[int] = []
    stages: dict[str, float] = defaultdict(float)
    began = time.process_time()
    for query in asked[:n]:
        begin = time.perf_counter()
        slate = KINDS[kind](engine, query)
        spent.append(1000.0 * (time.perf_counter() - begin))
        totals.append(slate.total)
        for stage, milliseconds in slate.timings.items():
            stages[stage] += milliseconds / n
    return spent, time.process_time() - began, dict(stages), totals


def report(kind: str, measured: list[tuple[list[float], float, dict[str, float], list[int]]]) -> None:
    spent = np.concatenate([wall for wall, *_ in measured])
    cpu = sum(seconds for _, seconds, *_ in measured) / len(spent)
    totals = np.concatenate([matched for *_, matched in measured])
    rate = sum(1000.0 * len(wall) / sum(wall) for wall, *_ in measured)
    print(
        f"**{kind}**: mean {spent.mean():.1f} ms, p50 {np.median(spent):.1f}, p99 {np.quantile(spent, 0.99):.1f};",
        end=" ",
    )
    print(f"CPU {1000 * cpu:.1f} ms each; {rate:.0f} searches/s by {len(measured)} processes at once;", end=" ")
    print(f"matches: median {int(np.median(totals)):,}, mean {int(totals.mean()):,}, most {totals.max():,}.")
    for stage in measured[0][2]:
        print(f"- {stage}: {np.mean([stages[stage] for *_, stages, _ in measured]):.2f} ms")
    print(flush=True)


if __name__ == "__main__":
    main()
