"""Small shops for tests, written as the tables that ingest leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from shopkeeper.data.schema import EVENTS, ITEMS, JUDGEMENTS
from shopkeeper.data.tables import Tables

COLOURS, THINGS = ("red", "blue", "green", "white"), ("mug", "plate", "lamp", "chair", "table", "shelf")
DEEDS = (("view", 0), ("view", 1), ("cart", 1), ("view", 2), ("view", 3), ("purchase", 3), ("purchase", 1))


def write_shop(
    shop: Path,
    items: list[dict[str, Any]],
    events: list[dict[str, Any]] = [],  # noqa: B006
    judgements: list[dict[str, Any]] = [],  # noqa: B006
) -> Tables:
    tables = shop / "tables"
    (tables / "events" / "month=none").mkdir(parents=True)
    pq.write_table(_table(items, ITEMS), tables / "items.parquet")
    pq.write_table(_table(events, EVENTS), tables / "events" / "month=none" / "part-0.parquet")
    if judgements:
        pq.write_table(_table(judgements, JUDGEMENTS), tables / "judgements.parquet")
    return Tables(shop)


def _table(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in rows], schema=schema)


def catalogue(n: int) -> list[dict[str, Any]]:
    return [
        {
            "item_id": f"i{at}",
            "title": f"{COLOURS[at % len(COLOURS)]} {THINGS[at // len(COLOURS) % len(THINGS)]} {at}",
            "brand": f"brand {at % 5}",
            "categories": ["home", THINGS[at // len(COLOURS) % len(THINGS)]],
            "price": 5.0 + at % 7,
            "attributes": json.dumps({"colour": COLOURS[at % len(COLOURS)]}),
        }
        for at in range(n)
    ]


def visits(
    n_items: int, n_visits: int, *, seed: int = 0, predictable: bool = True, users: int = 40
) -> list[dict[str, Any]]:
    """Visits of DEEDS, each of an item some steps from the first. Predictable: the next item is the next one of the
    catalogue; else any item is."""
    generator = np.random.default_rng(seed)
    events = []
    for visit in range(n_visits):
        user, start = f"u{generator.integers(users)}", int(generator.integers(n_items))
        for step, (deed, at) in enumerate(DEEDS):
            item = (start + at) % n_items if predictable else int(generator.integers(n_items))
            second = visit * 3600 + step * 30
            events.append(
                {
                    "event_id": f"{visit}-{step}",
                    "type": deed,
                    "time": second * 1_000_000,
                    "actor": user,
                    "user_id": user,
                    "session_id": f"s{visit}",
                    "item_id": f"i{item}",
                }
            )
    return events


def searches(n_items: int, n_visits: int, *, hours: int, seed: int = 0) -> list[dict[str, Any]]:
    """Visits of one search by colour and thing, and a view of an item that is both, spread over some hours."""
    generator = np.random.default_rng(seed)
    items, events = catalogue(n_items), []
    for visit in range(n_visits):
        item = items[int(generator.integers(n_items))]
        shared = {"actor": f"u{visit % 30}", "user_id": f"u{visit % 30}", "session_id": f"q{visit}"}
        query = " ".join(item["title"].split()[:2])
        time = int((visit + 0.5) * hours / n_visits * 3600) * 1_000_000
        events.append({"event_id": f"q{visit}", "type": "search", "time": time, "query": query, **shared})
        events.append(
            {"event_id": f"v{visit}", "type": "view", "time": time + 5_000_000, "item_id": item["item_id"], **shared}
        )
    return events


def chains(n_items: int, users: int, length: int, *, seed: int = 0) -> list[dict[str, Any]]:
    """Ratings without times: each person goes through the catalogue from some item on, in order."""
    starts = np.random.default_rng(seed).integers(n_items, size=users)
    return [
        {
            "event_id": f"{user}-{step}",
            "type": "rating",
            "ordinal": step,
            "actor": f"u{user}",
            "user_id": f"u{user}",
            "item_id": f"i{(start + step) % n_items}",
            "rating": 4.0,
        }
        for user, start in enumerate(starts)
        for step in range(length)
    ]
