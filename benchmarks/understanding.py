"""How well queries are read: tagging against people's tags, search against people's judgements with and without, how
far confidences can be trusted on a simulated shop, and what reading costs.

    python benchmarks/understanding.py [--data ../shared/data] [tagging] [judged] [clicks] [speed]

Nothing is tuned on a test part. Prints Markdown.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from _tagger import Tagged, entities_of, f1, fit_tagger, weakly_tagged

from shopkeeper.data.schema import ITEMS
from shopkeeper.data.simulate import simulate
from shopkeeper.data.tables import Tables
from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.text_match import TermFieldsBuilder
from shopkeeper.engine.understanding import CATEGORY, LABEL, Understanding
from shopkeeper.learn.evaluate import evaluate
from shopkeeper.learn.requests import judgements_of, searches_of
from shopkeeper.learn.split import split
from shopkeeper.learn.train import train
from shopkeeper.learn.understanding import clicks_before, outcomes
from shopkeeper.learn.workshop import Workshop
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.shop import Shop
from shopkeeper.vocabulary import silent

PARTS = ("tagging", "judged", "clicks", "speed")
EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0001)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--products", type=int, default=2_000_000, help="of the part speed")
    parser.add_argument("parts", nargs="*", default=[*PARTS], help=f"of {', '.join(PARTS)}; all by default")
    arguments = parser.parse_args()
    parts: dict[str, Callable[[Path], None]] = {"tagging": tagging, "judged": judged, "clicks": clicks}
    parts["speed"] = partial(speed, products=arguments.products)
    for name in arguments.parts:
        print(f"\n## {name}\n", flush=True)
        parts[name](arguments.data)


def released(shop: Shop) -> Engine:
    """The engine of a shop that sells by search alone, and finds by words alone."""
    search = msgspec.structs.replace(shop.settings.surfaces["search"], sources=("lexical",), explore=0.0)
    encoder = msgspec.structs.replace(shop.settings.encoder, model="none")
    settings = msgspec.structs.replace(shop.settings, surfaces={"search": search}, encoder=encoder)
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
                print(f"| {mode} | {system} | {ndcg['value']:.4f} | {ndcg['low']:.4f}-{ndcg['high']:.4f} |", flush=True)


def tagging(data: Path) -> None:
    """taobao-title-ner: exact entities of the test part; learned from the train part, chosen by the dev part."""
    train_part, dev, test = (titles(data / "taobao-title-ner" / f"{part}.parquet") for part in ("train", "dev", "test"))
    words = {"".join(tokens[one.start : one.end]): one.kind for tokens, tags in train_part for one in entities_of(tags)}
    weak = weakly_tagged([tokens for tokens, _ in train_part], words)
    looked_up = weakly_tagged([tokens for tokens, _ in test], words)
    print("| learned from | F1, test | ms per title |\n|---|---|---|")
    print(
        f"| nothing: the words that train has tagged, longest match | {agreement(looked_up, test):.4f} | |", flush=True
    )
    for name, taught in (("the tags of train", train_part), ("those words alone, as a catalogue would tag", weak)):
        tagger = fit_tagger(taught, dev, epochs=4)
        begin = time.perf_counter()
        figure = f1(tagger, test)
        print(f"| {name} | {figure:.4f} | {1e3 * (time.perf_counter() - begin) / len(test):.2f} |", flush=True)


def titles(path: Path) -> list[Tagged]:
    return [Tagged(row["tokens"], row["tags"]) for row in pq.read_table(path).to_pylist()]


def agreement(said: list[Tagged], true: list[Tagged]) -> float:
    pairs = [(set(entities_of(one.tags)), set(entities_of(other.tags))) for one, other in zip(said, true, strict=True)]
    return 2 * sum(len(a & b) for a, b in pairs) / sum(len(a) + len(b) for a, b in pairs)


def clicks(data: Path) -> None:
    """A simulated shop: what clicks on the newest searches say of what was read as it was known before them, and how
    well search finds what they were on."""
    del data
    with tempfile.TemporaryDirectory() as folder:
        exports = simulate(Path(folder) / "exports", products=2_000, events=60_000).exports
        shop = Shop.new(Path(folder) / "shop", [exports])
        shop.ingest()
        search = msgspec.structs.replace(shop.settings.surfaces["search"], sources=("lexical",), explore=0.0)
        encoder = msgspec.structs.replace(shop.settings.encoder, model="none")
        settings = msgspec.structs.replace(shop.settings, surfaces={"search": search}, encoder=encoder)
        workshop = Workshop.open(Tables(shop.directory), settings, Path(folder) / "cache", silent)
        parts = split(workshop.interactions, settings.train, workshop.now)
        assert parts is not None
        engine = workshop.engine_of(parts.test, {}, "fit")
        reader = engine.understanding
        assert reader is not None
        before, _ = clicks_before(parts.test.now, workshop.searches, workshop.catalogue)
        newest = _after(parts.test.now, workshop)
        print(f"{len(before)} queries taught, {len(newest)} were asked after.\n")
        print("| reading | said | readings | right |\n|---|---|---|---|")
        for kind in (LABEL, CATEGORY):
            sure, right = outcomes(reader, workshop.catalogue, newest, kind)
            for low, high in pairwise(EDGES):
                within = (sure >= low) & (sure < high)
                if within.any():
                    print(f"| {kind} | {sure[within].mean():.2f} | {within.sum()} | {right[within].mean():.2f} |")
        asked = searches_of("search", workshop.searches, parts.test, workshop.catalogue.ids, limit=3_000, seed=0)
        print("\n| understanding | NDCG@10 | 95 % interval | requests |\n|---|---|---|---|", flush=True)
        for mode in ("off", "soft", "hard"):
            figures = msgspec.to_builtins(evaluate(understanding(engine, mode), asked, seed=0))
            ndcg = figures["systems"]["served"]["ndcg@10"]
            interval = f"{ndcg['low']:.4f}-{ndcg['high']:.4f}"
            print(f"| {mode} | {ndcg['value']:.4f} | {interval} | {figures['requests']} |", flush=True)


def _after(moment: float, workshop: Workshop) -> dict[str, np.ndarray]:  # type: ignore[type-arg]
    micros = workshop.searches.column("time").cast(pa.int64()).to_numpy(zero_copy_only=False)
    newest = workshop.searches.filter(pa.array(micros >= moment * 1e6))
    return dict(clicks_before(4e9, newest, workshop.catalogue)[0])


def speed(data: Path, products: int) -> None:
    """Many products and a hundred thousand values: reading a query that was not asked before."""
    del data
    generator = np.random.default_rng(0)
    n, brands, kinds = products, 99_000, 1_000
    own, kind = generator.integers(0, brands, n), generator.integers(0, kinds, n)
    table = pa.table(
        {
            "item_id": pa.array(np.arange(n)).cast(pa.string()),
            "title": pa.array([f"maker {b} thing {k} classic" for b, k in zip(own, kind, strict=True)]),
            "brand": pa.array([f"maker {b}" for b in own]),
            "categories": pa.array([[f"thing {k}"] for k in kind]),
            "price": pa.array(generator.uniform(1, 500, n).round(2)),
        }
    )
    columns = [
        table[name] if name in table.column_names else pa.nulls(n, ITEMS.field(name).type) for name in ITEMS.names
    ]
    catalogue = Catalogue.build(pa.table(columns, names=ITEMS.names).cast(ITEMS))
    builder = TermFieldsBuilder()
    for b, k in zip(own.tolist(), kind.tolist(), strict=True):
        builder.add({"title": ("maker", str(b), "thing", str(k), "classic"), "category": ("thing", str(k))}, 5)
    begin = time.perf_counter()
    reader = Understanding.mine(catalogue, builder.build())
    took = time.perf_counter() - begin
    print(f"{n:,} products: {len(reader.values.keys):,} phrases mined in {took:.0f} s", flush=True)
    queries = [f"maker {b} thing {k} under 50" for b, k in generator.integers(0, 1_000, (2_000, 2)).tolist()]
    queries += [f"classic thing {k}" for k in range(1_000)] + [f"红色{k}寸电视50元以下" for k in range(500)]
    for query in queries[:50]:
        reader.read(query)
    laps = []
    for query in queries:
        begin = time.thread_time()
        reader.read(query)
        laps.append(time.thread_time() - begin)
    laps_ms = 1e3 * np.array(laps)
    p99 = np.percentile(laps_ms, 99)
    print(f"processor time: mean {laps_ms.mean():.3f} ms, median {np.median(laps_ms):.3f} ms, p99 {p99:.3f} ms")


if __name__ == "__main__":
    main()
