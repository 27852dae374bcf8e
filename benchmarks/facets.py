"""How long a typo-tolerant prefix search with three facets takes in a shop of millions, and where the time goes.

    python benchmarks/facets.py [--products 2200000] [--cache DIR] [--searches 200] [--with-index] [--whole]

The products are those of a simulated shop of 20,000, again and again, each with a model's name in its title and a price
of its own: fields, words and counts are as large as they would be. Only the words and the fields are searched. The
index that ranks the best 500 costs minutes to make: without --with-index it holds the first 20,000 products alone, and
what it takes, the stage "sources", is to be taken from scale.py --words. Every search ends in a half typed word, and
one of three has a typo. With --whole, known people ask, and the search is that of the simulated shop once it is
trained: meaning (of vectors that are those of its items with noise), what is understood of the query, and its ranker if
one has won. Processes search at once. The stages are told in CPU time, which says more than wall time on a
machine that has other work. Prints Markdown.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command sets it

import argparse
import multiprocessing
import platform
import resource
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import big_shop
import msgspec
import numpy as np

from shopkeeper.data.schema import EVENTS
from shopkeeper.data.tables import Tables
from shopkeeper.engine import slate as slates
from shopkeeper.engine.context import Material
from shopkeeper.engine.item_text import FIELDS, item_texts
from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.ranking.statistics import Statistics
from shopkeeper.engine.sources.lexical import Lexical, LexicalSource
from shopkeeper.engine.sources.semantic import SemanticSource
from shopkeeper.engine.text import characters, words
from shopkeeper.engine.text_index import CODE, WORDS, TextIndex
from shopkeeper.engine.text_match import FIELD_BITS, Postings, TermFields, term_hash
from shopkeeper.engine.title_terms import Titles
from shopkeeper.engine.vectors import Vectors
from shopkeeper.engine.wording import Analyser
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.release.fields import LabelFields, NumberFields, picked, starts_of
from shopkeeper.release.interactions import Interactions
from shopkeeper.release.shown import Shown
from shopkeeper.settings import Settings
from shopkeeper.shop import Shop
from shopkeeper.shop_toml import settings_text
from shopkeeper.vocabulary import Ids, Item, Request

SIMULATED, MODELS, PAGED = 20_000, 200_000, 24
SIMULATED_EVENTS = 400_000
NOISE = 0.5
FACETS = ("brand", "category", "price")
KINDS = {
    "search": {},
    "search, three facets": {"facets": FACETS},
    "search, three facets, a brand chosen": {"facets": FACETS, "refinements": {"brand": ()}},
    "search, the most useful facets": {"facets": ("*",)},
}


class Measured(NamedTuple):
    """Of one process: milliseconds of each search, CPU milliseconds of one, milliseconds by stage, items matched."""

    wall: list[float]
    cpu: float
    stages: dict[str, float]
    totals: list[int]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, default=2_200_000)
    parser.add_argument("--cache", type=Path, default=Path("benchmark-shops"))
    parser.add_argument("--searches", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--with-index", action="store_true")
    parser.add_argument("--whole", action="store_true")
    arguments = parser.parse_args()
    folder = arguments.cache / f"facets-{arguments.products}"
    step = multiprocessing.get_context("spawn").Process(target=prepared, args=(folder, arguments))
    step.start()
    step.join()
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()};", end=" ")
    print(f"{arguments.products:,} products; load average {os.getloadavg()[0]:.1f}.\n", flush=True)
    with multiprocessing.get_context("spawn").Pool(arguments.processes) as pool:
        asked = [
            (folder, arguments.products, arguments.searches, seed, arguments.whole)
            for seed in range(arguments.processes)
        ]
        for kind, measured in zip(KINDS, zip(*pool.starmap(searched, asked), strict=True), strict=True):
            report(kind, measured)


def prepared(folder: Path, arguments: argparse.Namespace) -> None:
    """The simulated shop, and what is made of it, in the cache."""
    base = folder.parent / f"simulated-{SIMULATED}"
    if not (base / "shop" / "tables").exists():
        big_shop._ingested(base, SIMULATED, SIMULATED_EVENTS, big_shop.REPLAYED, None)
    items = Tables(Shop(base / "shop").directory).items().combine_chunks()
    if not (base / "lexical").exists():
        nothing: object = None
        Lexical().fit(Material(nothing, items, nothing, 0.0, Settings())).save(base / "lexical")  # type: ignore[arg-type]
        Catalogue.build(items).save(base / "catalogue")
    if not (folder / "terms").exists():
        repeated_terms(TermFields.load(base / "lexical" / "terms"), arguments.products).save(folder / "terms")
        labels = Catalogue.load(base / "catalogue").labels
        assert isinstance(labels, LabelFields)
        repeated_labels(labels, arguments.products).save(folder / "labels")
    if arguments.with_index and not (folder / "index").exists():
        began = time.perf_counter(), time.process_time()
        TextIndex.build(documents(list(item_texts(items)), arguments.products)).save(folder / "index")
        took = time.perf_counter() - began[0], time.process_time() - began[1]
        print(f"Text index made in {took[0]:.0f} s, CPU {took[1]:.0f} s; this process took {memory():,} MiB at most.")
    if arguments.whole:
        shop = trained(base / "shop")
        if not (folder / "vectors").exists():
            repeated_vectors(shop, arguments.products).save(folder / "vectors")


def trained(directory: Path) -> Shop:
    """The simulated shop, with meaning in its search: weights that a person wrote stay, though such a shop's searches
    are answered as well without."""
    if not (directory / "releases" / "current").exists():
        settings = Shop(directory).settings
        search = msgspec.structs.replace(settings.surfaces["search"], weights={"lexical": 1.0, "semantic": 1.0})
        settings = msgspec.structs.replace(settings, surfaces={**settings.surfaces, "search": search})
        (directory / "shop.toml").write_text(settings_text(settings), encoding="utf-8")
        Shop(directory).train()
    return Shop(directory)


def memory() -> int:
    """The most that this process has held, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def models(n: int) -> list[str]:
    """The name of each product's model."""
    generator = np.random.default_rng(0)
    letters = [generator.choice(list(each), (MODELS, 3)) for each in ("bcdfghjklmnprstvwz", "aeiou")]
    names = ["".join(np.stack(pair, 1).ravel()) for pair in zip(*letters, strict=True)]
    return [names[at] for at in (generator.zipf(1.3, n) % MODELS).tolist()]


def repeated(rows: np.ndarray, n: int) -> np.ndarray:
    """The rows of n products that are those of the shop `rows`."""
    every = (np.arange(0, n + SIMULATED, SIMULATED)[:, None] + rows).ravel()
    return every[every < n].astype(np.int32)


def repeated_terms(base: TermFields, n: int) -> TermFields:
    stem, hashes, rows = Analyser.of().stem, [], []
    starts, known = base.postings.starts, len(base.postings.hashes)
    for at in range(known):
        hashes.append(int(base.postings.hashes[at]))
        rows.append(repeated(base.postings.rows[starts[at] : starts[at + 1]], n))
    own = np.array([term_hash(stem(name)) for name in models(n)], np.uint32)
    order = np.argsort(own, kind="stable").astype(np.int32)
    found, begins = np.unique(own[order], return_index=True)
    hashes += found.tolist()
    rows += np.split(order, begins[1:])
    by_hash = np.argsort(np.array(hashes, np.uint32), kind="stable")
    postings = Postings(
        np.array(hashes, np.uint32)[by_hash],
        starts_of(np.array([len(rows[at]) for at in by_hash])),
        np.concatenate([rows[at] for at in by_hash]),
    )
    rows_of = np.arange(n) % SIMULATED
    hashes_of, starts = behind(own, base.hashes, base.starts, rows_of)
    bits, _ = behind(np.full(n, FIELD_BITS["title"], np.uint8), base.bits, base.starts, rows_of)
    in_titles, title_starts = behind(own, base.titles.hashes, base.titles.starts, rows_of)
    numeric, _ = behind(np.zeros(n, np.bool_), base.titles.numeric, base.titles.starts, rows_of)
    sizes = base.sizes[rows_of]
    sizes[:, FIELDS.index("title")] += 1
    titles = Titles(in_titles, numeric, title_starts)
    return TermFields(hashes_of, bits, starts, base.title_sizes[rows_of] + np.uint16(1), sizes, titles, postings)


def behind(own: np.ndarray, others: np.ndarray, starts: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compressed sparse rows, with their starts: of each item `own`, then those of one of `others`."""
    found, entries = picked(starts, rows)
    found = found + np.arange(len(found))
    values = np.empty(found[-1], own.dtype)
    first = np.zeros(found[-1], np.bool_)
    first[found[:-1]] = True
    values[first], values[~first] = own, others[entries]
    return values, found


def repeated_vectors(shop: Shop, n: int) -> Vectors:
    """Those of the shop's items, again and again, with noise, so that neighbours cost what they cost."""
    source = shop.engine().sources["semantic"]
    assert isinstance(source, SemanticSource)
    known = source.vectors.of(np.arange(SIMULATED, dtype=np.int32))
    generator, began = np.random.default_rng(0), time.perf_counter()
    vectors = np.empty((n, known.shape[1]), np.float32)
    for first in range(0, n, SIMULATED):
        block = vectors[first : first + SIMULATED]
        noise = generator.standard_normal(block.shape, np.float32) * np.float32(NOISE / np.sqrt(known.shape[1]))
        np.add(known[: len(block)], noise, out=block)
    found = Vectors.build(vectors, np.arange(n, dtype=np.int32), n)
    print(f"Vectors of {known.shape[1]} made in {time.perf_counter() - began:.0f} s; at most {memory():,} MiB.")
    return found


def repeated_labels(base: LabelFields, n: int) -> LabelFields:
    times = -(-n // SIMULATED)
    starts = starts_of(np.tile(np.diff(base.starts), times)[:n])
    codes = np.tile(base.codes, times)[: starts[-1]]
    ends = base.posting_starts
    rows = [repeated(base.posting_rows[ends[at] : ends[at + 1]], n) for at in range(len(ends) - 1)]
    posting_starts = starts_of(np.array([len(each) for each in rows]))
    return replace(base, starts=starts, codes=codes, posting_starts=posting_starts, posting_rows=np.concatenate(rows))


def documents(items: list[object], n: int) -> Iterator[dict[str, str]]:
    stem = Analyser.of().stem
    found = [{field: words(getattr(item, field)) for field in FIELDS} for item in items]
    known = [
        {field: " ".join([*map(stem, each[field]), *characters(getattr(item, field))]) for field in FIELDS}
        for item, each in zip(items, found, strict=True)
    ]
    spoken = [" ".join(set().union(*each.values())) for each in found]
    for row, model in enumerate(models(n)):
        at = row % SIMULATED
        own = {"title": f"{stem(model)} {known[at]['title']}", WORDS: f"{model} {spoken[at]}", CODE: f"p{row}"}
        yield {**known[at], **own}


class Repeated(Shown):
    """n items that look like those of a smaller shop."""

    def __init__(self, base: Shown, n: int) -> None:
        super().__init__(base.texts, base.starts)
        self._n = n

    def __len__(self) -> int:
        return self._n

    def items(self, rows: Iterable[int]) -> list[Item]:
        return super().items([row % SIMULATED for row in rows])

    def names(self, rows: Iterable[int]) -> list[str]:
        return super().names([row % SIMULATED for row in rows])


def opened(folder: Path, n: int, *, whole: bool) -> Engine:
    base = folder.parent / f"simulated-{SIMULATED}"
    small = Catalogue.load(base / "catalogue")
    index = folder / "index" if (folder / "index").exists() else base / "lexical" / "index"
    words = LexicalSource(TextIndex.load(index), TermFields.load(folder / "terms"))
    if whole:
        shop = Shop(base / "shop").engine()
        vectors = SemanticSource(Vectors.load(folder / "vectors"), shop.encoder, 0.2)
        search = msgspec.structs.replace(shop.settings.surfaces["search"], sources=("lexical", "semantic"))
        return Engine(
            catalogue=repeated_catalogue(shop.catalogue, folder, n),
            interactions=shop.interactions,
            actors=shop.actors,
            sources={"lexical": words, "semantic": vectors},
            statistics=repeated_statistics(shop.statistics, n),
            settings=msgspec.structs.replace(shop.settings, surfaces={"search": search}),
            rankers=shop.rankers,
            encoder=shop.encoder,
            understanding=shop.understanding,
            query_clicks=shop.query_clicks,
        )
    interactions, actors = Interactions.build(EVENTS.empty_table(), small)
    settings = Settings()
    search = msgspec.structs.replace(settings.surfaces["search"], sources=("lexical",), rank="fused")
    return Engine(
        catalogue=repeated_catalogue(small, folder, n),
        interactions=interactions,
        actors=actors,
        sources={"lexical": words},
        statistics=repeated_statistics(Statistics.fit(small, interactions, time.time()), n),
        settings=msgspec.structs.replace(settings, surfaces={"search": search}),
    )


def repeated_catalogue(small: Catalogue, folder: Path, n: int) -> Catalogue:
    rows = np.arange(n) % SIMULATED
    prices = small.prices[rows] * np.random.default_rng(0).lognormal(0.0, 0.3, n).astype(np.float32)
    assert isinstance(small.numbers, NumberFields)
    others = {name: small.numbers[name][rows] for name in small.numbers}
    return Catalogue(
        ids=Ids([f"p{row}" for row in range(n)]),
        prices=prices,
        launched=small.launched[rows],
        available=small.available[rows],
        groups=np.arange(n, dtype=np.int32),
        labels=LabelFields.load(folder / "labels"),
        numbers=replace(small.numbers, n_items=n, dense={**others, "price": prices}, names=()),
        shown=Repeated(small.shown, n),
    )


def repeated_statistics(small: Statistics, n: int) -> Statistics:
    rows = np.arange(n) % SIMULATED
    return replace(small, **{f.name: getattr(small, f.name)[rows] for f in fields(small) if f.name != "span"})


def queries(engine: Engine, n: int, seed: int) -> list[str]:
    """Of the titles of random items: one or two words, the last one half typed, one of three with a letter lost."""
    generator = np.random.default_rng(seed)
    found: list[str] = []
    while len(found) < n:
        row = int(generator.integers(len(engine.catalogue)))
        said = [word for word in engine.catalogue.name(row).split() if word.isascii() and word.isalpha()]
        if not said:
            continue
        said = said[-int(generator.integers(1, 3)) :]
        if generator.random() < 1 / 3 and len(said[0]) > 4:
            at = int(generator.integers(1, len(said[0]) - 1))
            said[0] = said[0][:at] + said[0][at + 1 :]
        said[-1] = said[-1][: max(3, len(said[-1]) - 2)]
        found.append(" ".join(said))
    return found


def searched(folder: Path, products: int, n: int, seed: int, whole: bool) -> list[Measured]:
    """Each kind of search, after some that read what is read lazily."""
    slates.time = SimpleNamespace(perf_counter=time.process_time)  # type: ignore[assignment]
    began = time.perf_counter()
    engine = opened(folder, products, whole=whole)
    told = f"opened in {time.perf_counter() - began:.1f} s, {memory():,} MiB at most"
    order = "its learned order" if engine.rankers.get("search") else "their fusion"
    print(f"{told}; {', '.join(engine.sources)}, {order}.\n", flush=True)
    asked, brand = queries(engine, n + 20, seed), engine.catalogue.labels["brand"].values[0]
    shop = Shop(folder.parent / f"simulated-{SIMULATED}" / "shop")
    people = [one.user for one in shop.shoppers(n)] if whole else [None]
    measured = []
    for wishes in KINDS.values():
        if "refinements" in wishes:
            wishes = {**wishes, "refinements": {"brand": (brand,)}}
        for query in asked[n:]:
            engine.answer(Request(query=query, **wishes))  # type: ignore[arg-type]
        wall, totals, stages = list[float](), list[int](), dict[str, float](defaultdict(float))
        began = time.process_time()
        for at, query in enumerate(asked[:n]):
            begin, user = time.perf_counter(), people[at % len(people)]
            slate = engine.answer(Request(query=query, user=user, size=PAGED, **wishes))  # type: ignore[arg-type]
            wall.append(1000.0 * (time.perf_counter() - begin))
            totals.append(slate.total)
            for stage, milliseconds in slate.timings.items():
                stages[stage] = stages.get(stage, 0.0) + milliseconds / n
        measured.append(Measured(wall, 1000.0 * (time.process_time() - began) / n, stages, totals))
    return measured


def report(kind: str, measured: tuple[Measured, ...]) -> None:
    wall = np.concatenate([each.wall for each in measured])
    totals = np.concatenate([each.totals for each in measured])
    cpu = np.mean([each.cpu for each in measured])
    print(f"**{kind}**: CPU {cpu:.1f} ms; wall mean {wall.mean():.1f}, median {np.median(wall):.1f},", end=" ")
    print(f"p99 {np.quantile(wall, 0.99):.1f} ms; {1000 / cpu:.0f} searches/s of a core;")
    print(f"matches: median {int(np.median(totals)):,}, mean {int(totals.mean()):,}, most {totals.max():,}.", end=" ")
    stages = {stage: np.mean([each.stages[stage] for each in measured]) for stage in measured[0].stages}
    print(f"Stages: {', '.join(f'{stage} {each:.2f}' for stage, each in stages.items())}.\n", flush=True)


if __name__ == "__main__":
    main()
