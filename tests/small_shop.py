"""A shop small enough to know every answer: twelve items, four people, released without training."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from shopkeeper.data.eventlog import BEGINNING, Places
from shopkeeper.data.schema import EVENTS, IMAGES, ITEMS
from shopkeeper.engine.context import Material
from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.ranking.statistics import Statistics
from shopkeeper.engine.sources import recipes
from shopkeeper.engine.sources.lexical import LexicalSource
from shopkeeper.engine.understanding import Understanding
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.release.images import Images
from shopkeeper.release.interactions import Interactions
from shopkeeper.release.store import Release, ReleaseStore
from shopkeeper.settings import Settings, ShopSettings
from shopkeeper.shop import Shop
from shopkeeper.shop_toml import settings_text

NOW = 1_700_000_000.0
SOURCES = (
    "lexical",
    "similar",
    "viewed_together",
    "bought_together",
    "popular",
    "trending",
    "new",
    "recent",
    "picture",
)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)
PICTURES = {"mug-red": PNG}  # which no reader can read
KINDS = (
    ("mug", "Mugs", "马克杯"),
    ("teapot", "Teapots", "茶壶"),
    ("lamp", "Lamps", "台灯"),
    ("chair", "Chairs", "椅子"),
)
COLOURS = (("red", "红色"), ("blue", "蓝色"), ("green", "绿色"))


def items() -> pa.Table:
    """Red, blue and green mugs, teapots, lamps and chairs; `mug-red` has a picture, ids have a slash for lamps."""
    rows: list[dict[str, Any]] = []
    for kind, category, chinese in KINDS:
        for colour, hue in COLOURS:
            row = dict.fromkeys(ITEMS.names)
            row |= {
                "item_id": f"{kind}/{colour}" if kind == "lamp" else f"{kind}-{colour}",
                "title": f"{colour.title()} {kind} {hue}{chinese}",
                "brand": ("Acme", "Bolt & <b>Co</b>")[len(rows) % 2],
                "categories": ["Home", category],
                "price": 5.0 + len(rows),
                "currency": "EUR",
                "image": "table:images" if not rows else None,
                "launched": _moment(NOW - (30 - len(rows)) * 86_400),
                "attributes": json.dumps({"colour": colour}),
            }
            rows.append(row)
    return pa.Table.from_pylist(rows, ITEMS)


def events(ids: list[str]) -> pa.Table:
    """Four people over ten days: each looks at two neighbouring items a day, and buys the second."""
    rows = []
    for visit in range(40 if ids else 0):
        for step, kind in enumerate(("view", "view", "purchase")):
            row = dict.fromkeys(EVENTS.names)
            item = ids[(visit + visit // 12 + step // 2) % len(ids)]
            row |= {"event_id": f"{visit}-{step}", "type": kind, "actor": f"u{visit % 4}", "user_id": f"u{visit % 4}"}
            row |= {"session_id": f"s{visit}", "item_id": item, "time": _moment(NOW - 9e5 + visit * 20_000 + step * 60)}
            rows.append(row)
    return pa.Table.from_pylist(rows, EVENTS)


def open_shop(directory: Path, pictures: Mapping[str, bytes] = PICTURES) -> Shop:
    """A shop with shop.toml and one release."""
    directory.mkdir(parents=True, exist_ok=True)
    settings = Settings(shop=ShopSettings(name="Small shop"))
    (directory / "shop.toml").write_text(settings_text(settings), encoding="utf-8")
    publish(directory, settings, pictures=pictures)
    return Shop(directory)


def publish(
    directory: Path,
    settings: Settings,
    table: pa.Table | None = None,
    live: Places = BEGINNING,
    pictures: Mapping[str, bytes] = PICTURES,
) -> Release:
    """Release what is sold here (by default all items), as training would that knows of the log what lies before
    `live`."""
    table = items() if table is None else table
    catalogue = Catalogue.build(table)
    interactions, actors = Interactions.build(events(list(catalogue.ids)), catalogue)
    rows = [{"item_id": item, "image": picture} for item, picture in pictures.items()]
    shown = pa.RecordBatch.from_pylist(rows, IMAGES)
    material = Material(catalogue, table, interactions, NOW, settings, pictures=lambda: iter([shown]))
    store = ReleaseStore(directory / "releases")
    with store.draft() as draft:
        sources = {name: recipe.fit(material) for name, recipe in recipes(SOURCES).items()}
        lexical = sources["lexical"]
        assert isinstance(lexical, LexicalSource)
        engine = Engine(
            catalogue=catalogue,
            interactions=interactions,
            actors=actors,
            sources=sources,
            statistics=Statistics.fit(catalogue, interactions, NOW),
            settings=settings,
            understanding=Understanding.mine(catalogue, lexical.terms),
            images=Images.build([shown], catalogue.ids, draft.parent / "pictures"),
        )
        engine.save(draft)
        return store.publish(draft, settings=settings, live=live, metrics={})


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
