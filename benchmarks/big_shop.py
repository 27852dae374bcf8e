"""A released shop of any size, for benchmarks, made in minutes: the parts that cost a large shop hours are borrowed.

The items and what people did are simulated, and everything that serves is fitted on them. Two things are not as in a
shop that was trained whole. Rankers are those of a small simulated shop, trained the whole way: they have the usual
trees, but learned from other items. And only the first ENCODED items are read by the encoder; the vector of every other
is that of one of these with noise, so that neighbours cost what they cost, but mean nothing.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

from shopkeeper.data.simulate import simulate
from shopkeeper.data.tables import Tables
from shopkeeper.engine import context
from shopkeeper.engine.encoder import Encoder
from shopkeeper.engine.meaning import Meanings, read_items
from shopkeeper.engine.sources.lexical import Lexical
from shopkeeper.learn.workshop import Workshop
from shopkeeper.settings import Settings
from shopkeeper.shop import Shop
from shopkeeper.shop_toml import settings_text
from shopkeeper.vocabulary import Progress, silent

SMALL, SMALL_EVENTS, REPLAYED = 5_000, 200_000, 3_000
EVENTS_PER_PRODUCT = 2
ENCODED, NOISE, BLOCK = 5_000, 0.5, 20_000


def trained(
    folder: Path, products: int, events: int, *, catalogue: pa.Table | None = None, requests: int = REPLAYED
) -> Shop:
    """A simulated shop that went the whole road; `requests` of each surface train its rankers. One that is there
    already is taken as it is."""
    if (folder / "shop" / "releases" / "current").exists():
        return Shop(folder / "shop")
    shop = _ingested(folder, products, events, requests, catalogue)
    shop.train()
    return shop


def assembled(folder: Path, products: int, small: Shop, progress: Progress = silent) -> Shop:
    """A simulated shop of `products`, fitted once, with the rankers of the shop `small`."""
    if (folder / "shop" / "releases" / "current").exists():
        return Shop(folder / "shop")
    shop = Shop(folder / "shop") if (folder / "shop" / "tables").exists() else None
    shop = shop or _ingested(folder, products, EVENTS_PER_PRODUCT * products, REPLAYED, None)
    context.read_items = _mostly_borrowed  # type: ignore[attr-defined]
    try:
        workshop = Workshop.open(Tables(shop.directory), shop.settings, folder / "cache", progress)
        engine = workshop.engine(small.engine().rankers)
    finally:
        context.read_items = read_items  # type: ignore[attr-defined]
    with shop.releases.draft() as draft:
        engine.save(draft)
        shop.releases.publish(draft, settings=shop.settings)
    return shop


def _ingested(folder: Path, products: int, events: int, requests: int, catalogue: pa.Table | None) -> Shop:
    truth = simulate(folder / "world", products=products, events=events, catalogue=catalogue)
    shop = Shop.new(folder / "shop", [truth.exports])
    train = msgspec.structs.replace(shop.settings.train, max_requests=requests)
    settings: Settings = msgspec.structs.replace(shop.settings, train=train)
    (shop.directory / "shop.toml").write_text(settings_text(settings), encoding="utf-8")
    shop = Shop(shop.directory)
    shop.ingest()
    return shop


def _mostly_borrowed(items: pa.Table, encoder: Encoder, max_unknown_share: float) -> Meanings:
    known = read_items(items.slice(0, ENCODED), encoder, max_unknown_share).vectors
    generator, n = np.random.default_rng(0), items.num_rows
    vectors = np.empty((n, known.shape[1]), np.float32)
    for first in range(0, n, BLOCK):
        block = vectors[first : first + BLOCK]
        noise = generator.standard_normal(block.shape, np.float32) * np.float32(NOISE / np.sqrt(known.shape[1]))
        np.add(known[generator.integers(0, len(known), len(block))], noise, out=block)
        block /= np.linalg.norm(block, axis=1, keepdims=True)
    return Meanings(np.arange(n, dtype=np.int32), vectors)


def words_alone(folder: Path, products: int) -> Path:
    """The text source of a simulated shop, fitted on its items alone, with queries of three words of their titles."""
    source = folder / "lexical"
    if not source.exists():
        shop = _ingested(folder, products, products // 10, REPLAYED, None)
        items = Tables(shop.directory).items()
        nothing: object = None
        material = context.Material(nothing, items, nothing, 0.0, Settings())  # type: ignore[arg-type]
        Lexical().fit(material).save(folder / "half")
        rows = np.random.default_rng(0).integers(0, items.num_rows, 1_000)
        titles = items.column("title").take(pa.array(rows)).to_pylist()
        words = ([word for word in (title or "").split() if word.isascii() and word.isalpha()] for title in titles)
        queries = [" ".join(each[-3:]) for each in words if each]
        (folder / "half" / "queries.json").write_bytes(msgspec.json.encode(queries))
        (folder / "half").rename(source)
    return source
