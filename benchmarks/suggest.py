"""Suggestions as one types: how soon they have the query that is meant, and how long a keystroke takes.

    python benchmarks/suggest.py quality [--products 2000] [--events 100000] [--people 5]
    python benchmarks/suggest.py speed [--products 1000000] [--queries 1000000] [--keystrokes 2000]
    python benchmarks/suggest.py search [--data ../shared/data]

quality: a simulated shop; suggestions are learned on all but the newest days, and each search of these days that led to
a click is typed letter by letter. Beside them stands most popular completion (Bar-Yossef and Kraus, 2011): the queries
of the same log that begin so, by how often they were typed, with and without the rule that enough people typed them.
speed: a made-up catalogue and made-up queries, all that `Engine.suggest` does, on one core. search: the as-you-type
search of each beginning, by words alone, on icecat. Prints Markdown.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import platform
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from scale import Times, memory

from shopkeeper.data.schema import EVENTS, ITEMS
from shopkeeper.data.simulate import simulate
from shopkeeper.data.tables import Tables
from shopkeeper.engine.context import FittedSource, Material
from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.ranking.statistics import Statistics
from shopkeeper.engine.sources.lexical import Lexical
from shopkeeper.engine.suggestions import ITEMS_KEPT, Completions, Suggestions, typed_key
from shopkeeper.learn.phrases import labels, title_phrases
from shopkeeper.learn.searches import load_searches
from shopkeeper.learn.suggestions import learn_suggestions
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.release.interactions import Interactions
from shopkeeper.settings import Settings, SuggestSettings, Surface
from shopkeeper.shop import Shop
from shopkeeper.vocabulary import Request

HEAD = "| keystrokes | p50, ms | p99, ms | CPU p50, ms | CPU p99, ms |\n|---|---:|---:|---:|---:|"
NEWEST, LIST, LENGTHS = 0.15, 10, (1, 2, 3, 4, 6, 8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("quality", "speed", "search"))
    parser.add_argument("--products", type=int)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--people", type=int, default=5)
    parser.add_argument("--queries", type=int, default=1_000_000)
    parser.add_argument("--keystrokes", type=int, default=2_000)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    arguments = parser.parse_args()
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()};", end=" ")
    print(f"load average {os.getloadavg()[0]:.1f}.\n")
    if arguments.what == "quality":
        quality(arguments.products or 2_000, arguments.events, arguments.people)
    elif arguments.what == "speed":
        speed(arguments.products or 1_000_000, arguments.queries, arguments.keystrokes)
    else:
        as_you_type(arguments.data / "icecat-electronics-search", arguments.keystrokes)


# --- quality ---


def quality(products: int, events: int, people: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop.new(
            Path(folder) / "shop", [simulate(Path(folder) / "world", products=products, events=events).exports]
        )
        shop.ingest()
        tables, past = Tables(shop.directory), Tables(Path(folder) / "past")
        searches = load_searches(tables.folder)
        cut = pc.quantile(searches.column("time").cast(pa.int64()), 1.0 - NEWEST)[0].as_py()
        before = _without_newest(tables, past, cut)
        catalogue = Catalogue.build(tables.items())
        interactions, _ = Interactions.build(past.events(), catalogue)
        statistics = Statistics.fit(catalogue, interactions, cut / 1e6)
        ways = {
            f"Shopkeeper, {least} people": _first_keys(
                learn_suggestions(
                    past, before, catalogue, statistics, Settings(suggest=SuggestSettings(people=least)), cut / 1e6
                ).queries
            )
            for least in (people, 1)
        }
        later = searches.filter(pc.greater_equal(searches.column("time").cast(pa.int64()), cut))
        meant = [typed_key(each["query"]).strip() for each in later.to_pylist() if each["clicked"] or each["bought"]]
    counts, typists = Counter[str](), defaultdict[str, set[str]](set)
    for each in before.to_pylist():
        key = typed_key(each["query"]).strip()
        counts[key] += 1
        typists[key].add(each["actor"])
    shown = {key: count for key, count in counts.items() if len(typists[key]) >= people}
    ways |= {f"most popular, {people} people": most_popular(shown), "most popular, 1 person": most_popular(counts)}
    seen = np.mean([key in counts for key in meant])
    print(
        f"{len(before):,} searches of {len(counts):,} queries before, {len(shown):,} of them by {people} people;",
        end=" ",
    )
    print(f"{len(meant):,} searches with a click after, {seen:.0%} of them for a query typed before.\n")
    print("| letters typed | searches | way | MRR@10 | success@10 |\n|---:|---:|---|---:|---:|")
    for length in LENGTHS:
        typed = [(key[:length], key) for key in meant if len(key) > length]
        for way, complete in ways.items():
            places = [_place(complete(beginning), key) for beginning, key in typed]
            reciprocal = np.array([1.0 / place if place else 0.0 for place in places])
            print(f"| {length} | {len(typed):,} | {way} | {reciprocal.mean():.3f} | {(reciprocal > 0).mean():.3f} |")


def _first_keys(known: Completions) -> Callable[[str], Sequence[str]]:
    keys = [typed_key(str(text)) for text in known.texts.to_pylist()]
    return lambda typed: [keys[row] for row in known.find(typed, LIST, None).tolist()]


def _without_newest(tables: Tables, past: Tables, cut: int) -> pa.Table:
    events = tables.events().read_all()
    old = events.filter(pc.less(events.column("time").cast(pa.int64()), cut))
    (past.folder / "events" / "month=none").mkdir(parents=True)
    pq.write_table(old, past.folder / "events" / "month=none" / "part-0.parquet")
    pq.write_table(tables.items(), past.folder / "items.parquet")
    return load_searches(past.folder)


def most_popular(counts: dict[str, int]) -> Callable[[str], Sequence[str]]:
    ranked = sorted(counts, key=lambda key: (-counts[key], key))

    def complete(typed: str) -> list[str]:
        return [key for key in ranked if key.startswith(typed)][:LIST]

    return complete


def _place(offered: Sequence[str], meant: str) -> int:
    return offered.index(meant) + 1 if meant in offered else 0


# --- speed ---


def speed(products: int, n_queries: int, keystrokes: int) -> None:
    generator = np.random.default_rng(0)
    catalogue = Catalogue.build(_made_up(products, generator))
    texts = _made_up_queries(n_queries, generator)
    at_first = memory(os.getpid())
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        _suggestions(catalogue, texts, generator).save(Path(folder))
        built = time.perf_counter() - began
        on_disk = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file()) / 2**20
        engine = _engine(catalogue, Suggestions.load(Path(folder)))
        print(f"{products:,} products, {len(texts):,} queries: built in {built:.0f} s; {on_disk:.0f} MiB, mapped.\n")
        typed = list(_typed([texts[at] for at in generator.integers(0, len(texts), keystrokes)], generator))
        damaged = [_damaged(each, generator) for each in typed if len(each) > 5]
        print(HEAD)
        for what, beginnings, narrowed in (
            ("of a query", typed, ""),
            ("with an error", damaged, ""),
            ("under a filter of one brand", typed, 'brand = "Brand 7"'),
        ):
            requests = [Request(query=each, size=8, filter=narrowed) for each in beginnings]
            print(_row(what, [partial(engine.suggest, request) for request in requests]), flush=True)
    print(f"\nMemory before: {at_first}; after: {memory(os.getpid())}.")


def _suggestions(catalogue: Catalogue, texts: Sequence[str], generator: np.random.Generator) -> Suggestions:
    led = generator.integers(0, len(catalogue), (len(texts), ITEMS_KEPT)).astype(np.int32)
    scores = generator.pareto(1.0, len(texts)).astype(np.float32)
    queries = Completions.build(texts, scores, led, trending=scores)
    return Suggestions(queries, *_labels(catalogue), Suggestions.none().past)


def _labels(catalogue: Catalogue) -> list[Completions]:
    order, interest = np.arange(len(catalogue), dtype=np.int32), np.zeros(len(catalogue), np.float32)
    found = [labels(catalogue, name, order, interest) for name in ("category", "brand")]
    return [Completions.build(each.texts, each.weights, each.items) for each in found]


def _engine(catalogue: Catalogue, suggestions: Suggestions, lexical: FittedSource | None = None) -> Engine:
    """Of a shop without events, that has no source but this."""
    interactions, actors = Interactions.build(EVENTS.empty_table(), catalogue)
    found = Surface(sources=("lexical",), needs="query", candidates=500, rank="fused")
    return Engine(
        catalogue=catalogue,
        interactions=interactions,
        actors=actors,
        sources={"lexical": lexical} if lexical else {},
        statistics=Statistics.fit(catalogue, interactions, 0.0),
        settings=Settings(surfaces={**Settings().surfaces, "search": found}),
        suggestions=suggestions,
    )


def _made_up_queries(n: int, generator: np.random.Generator) -> list[str]:
    words = _words(30_000)
    sizes = generator.integers(1, 5, n).tolist()
    return list(dict.fromkeys(" ".join(words[at] for at in _zipf(generator, len(words), size)) for size in sizes))


def _made_up(products: int, generator: np.random.Generator) -> pa.Table:
    words = _words(30_000)
    titles = [" ".join(words[at] for at in row) for row in _zipf(generator, len(words), (products, 5))]
    columns = {name: pa.nulls(products, ITEMS.field(name).type) for name in ITEMS.names}
    columns |= {
        "item_id": pa.array([f"p{at}" for at in range(products)]),
        "title": pa.array(titles),
        "brand": pa.array([f"Brand {at}" for at in _zipf(generator, 5_000, products)]),
        "categories": pa.array(
            [[f"{words[at % 40]} things", f"{words[at]} parts"] for at in _zipf(generator, 2_000, products)]
        ),
        "price": pa.array(generator.uniform(1, 500, products).round(2)),
    }
    return pa.table(columns, ITEMS)


def _words(n: int) -> list[str]:
    generator = np.random.default_rng(1)
    parts = [consonant + vowel for consonant in "bcdfghklmnprstvz" for vowel in "aeiou"]
    return list(dict.fromkeys("".join(generator.choice(parts, size)) for size in generator.integers(2, 5, 2 * n)))[:n]


def _zipf(generator: np.random.Generator, n: int, size: object) -> np.ndarray:
    return (n ** generator.random(size) - 1).astype(np.int64)  # type: ignore[call-overload]


def _typed(queries: Sequence[str], generator: np.random.Generator) -> Iterator[str]:
    for query in queries:
        yield query[: int(generator.integers(1, len(query) + 1))]


def _damaged(text: str, generator: np.random.Generator) -> str:
    at = int(generator.integers(1, len(text) - 1))
    return (text[:at] + text[at + 1 :], text[:at] + text[at + 1] + text[at] + text[at + 2 :])[
        int(generator.integers(2))
    ]


def _row(what: str, deeds: Sequence[Callable[[], object]]) -> str:
    times = Times.of(deeds)
    wall, cpu = (np.quantile(each, (0.5, 0.99)) for each in (times.wall, times.cpu))
    return f"| {what} ({len(deeds):,}) | {wall[0]:.2f} | {wall[1]:.2f} | {cpu[0]:.2f} | {cpu[1]:.2f} |"


# --- the search of each beginning ---


def as_you_type(source: Path, keystrokes: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop.new(Path(folder) / "shop", [source])
        shop.ingest()
        tables = Tables(shop.directory)
        items, judged = tables.items().combine_chunks(), tables.table("judgements")
    catalogue = Catalogue.build(items)
    order = np.arange(len(catalogue), dtype=np.int32)
    phrases = title_phrases(items, order)
    queries = Completions.build(phrases.texts, phrases.weights, phrases.items)
    nothing: object = None
    lexical = Lexical().fit(Material(catalogue, items, nothing, 0.0, Settings()))  # type: ignore[arg-type]
    engine = _engine(catalogue, Suggestions(queries, *_labels(catalogue), Suggestions.none().past), lexical)
    asked = judged.column("query").unique().to_pylist()
    generator = np.random.default_rng(0)
    typed = list(_typed([asked[at] for at in generator.integers(0, len(asked), keystrokes)], generator))
    typed = [each for each in typed if each.strip()]
    for each in typed[:20]:  # what is read lazily, read
        engine.answer(Request(query=each))
    print(f"{len(catalogue):,} products, {len(queries):,} phrases.\n\n{HEAD}")
    facets = ("category", "brand", "price")
    print(_row("suggest", [partial(engine.suggest, Request(query=each, size=8)) for each in typed]))
    print(_row("search", [partial(engine.answer, Request(query=each)) for each in typed]))
    again = [partial(engine.answer, Request(query=each, facets=facets)) for each in typed]
    print(_row("search with three facets, asked before", again))


if __name__ == "__main__":
    main()
