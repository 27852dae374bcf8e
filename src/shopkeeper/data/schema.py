"""The tables of a shop: their columns, written once.

Each canonical table is Parquet under `tables/`. `attributes` holds, as a JSON object, whatever the source knew
that has no column of its own, so nothing is lost. Times are UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import pyarrow as pa

from shopkeeper.vocabulary import Item

TIME = pa.timestamp("us")
IN_RELEASE = "table:images"  # the image of an item whose picture is in a table of its own

ITEMS = pa.schema(
    [
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("title", pa.string()),
        pa.field("description", pa.string()),
        pa.field("brand", pa.string()),
        pa.field("categories", pa.list_(pa.string())),  # from the widest to the narrowest, or a set of labels
        pa.field("price", pa.float64()),
        pa.field("currency", pa.string()),
        pa.field("stock", pa.float64()),
        pa.field("available", pa.bool_()),  # null: not said, so on sale
        pa.field("image", pa.string()),  # a URL, or IN_RELEASE where the bytes are in images.parquet
        pa.field("url", pa.string()),
        pa.field("launched", TIME),
        pa.field("group_id", pa.string()),  # the product of which this item is a variant
        pa.field("attributes", pa.string()),  # JSON object: name → string, number, boolean or list of these
    ]
)

USERS = pa.schema(
    [
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("attributes", pa.string()),
    ]
)

EVENTS = pa.schema(
    [
        pa.field("event_id", pa.string(), nullable=False),  # the source's, or a digest of the row
        pa.field("type", pa.string(), nullable=False),  # an EventType
        pa.field("time", TIME),  # null where the source knows only an order
        pa.field("ordinal", pa.int64()),  # order within the actor, where there is no time (and to break ties)
        pa.field("actor", pa.string()),  # user_id, else "session:" + session_id, else "order:" + order_id
        pa.field("user_id", pa.string()),
        pa.field("session_id", pa.string()),  # the source's, else the order, else derived by 30 minutes of silence
        pa.field("item_id", pa.string()),
        pa.field("query", pa.string()),
        pa.field("quantity", pa.float64()),
        pa.field("price", pa.float64()),
        pa.field("rating", pa.float64()),
        pa.field("order_id", pa.string()),
        pa.field("slate_id", pa.string()),
        pa.field("position", pa.int32()),  # in the slate, 1 is first
        pa.field("source", pa.string()),  # the file it came from
        pa.field("attributes", pa.string()),
    ]
)

JUDGEMENTS = pa.schema(
    [
        pa.field("query", pa.string(), nullable=False),
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("grade", pa.float64(), nullable=False),
    ]
)

IMAGES = pa.schema(
    [
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("image", pa.binary(), nullable=False),  # encoded: JPEG, PNG, WebP…
    ]
)

COUPONS = pa.schema(
    [
        pa.field("coupon_id", pa.string(), nullable=False),
        pa.field("item_id", pa.string()),
        pa.field("campaign_id", pa.string()),
        pa.field("discount", pa.float64()),
        pa.field("starts", TIME),
        pa.field("ends", TIME),
        pa.field("attributes", pa.string()),
    ]
)

REVIEWS = pa.schema(
    [
        pa.field("review_id", pa.string(), nullable=False),
        pa.field("item_id", pa.string()),
        pa.field("user_id", pa.string()),
        pa.field("time", TIME),
        pa.field("rating", pa.float64()),
        pa.field("title", pa.string()),
        pa.field("text", pa.string()),
        pa.field("attributes", pa.string()),
    ]
)

# What ingest took from events, by item, beside the tables: its price; its text, or that the shop has it at all.
INFERRED = pa.schema(
    [
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("price", pa.bool_(), nullable=False),
        pa.field("facts", pa.bool_(), nullable=False),
    ]
)

# Table name → schema. `events` is a directory partitioned by month (`month=2026-11/`, `month=none/` without times);
# the others are one file, `<name>.parquet`. Files mapped as "other" are kept as they are under `tables/other/`.
TABLES: dict[str, pa.Schema] = {
    "items": ITEMS,
    "users": USERS,
    "events": EVENTS,
    "judgements": JUDGEMENTS,
    "images": IMAGES,
    "coupons": COUPONS,
    "reviews": REVIEWS,
}

# What a file can be (`role` in mapping.toml) and the tables it feeds.
ROLES: dict[str, tuple[str, ...]] = {
    "items": ("items", "images"),
    "users": ("users",),
    "events": ("events", "items"),
    "order_lines": ("events", "items"),
    "ratings": ("events", "items"),
    "sessions": ("events",),
    "coupons": ("coupons",),
    "images": ("images",),
    "reviews": ("reviews", "events"),
    "judgements": ("judgements",),
    "other": (),
}

# What a column can mean (`field` in mapping.toml), by the vocabulary. "attribute" keeps it as an attribute of the
# file's main subject; "ignore" is only ever written by a person.
FIELDS: dict[str, str] = {
    "item_id": "the product's identifier",
    "user_id": "the person's (or household's) identifier",
    "session_id": "the visit's identifier",
    "order_id": "the order's, basket's or invoice's identifier",
    "event_id": "the event's own identifier",
    "event_type": "what was done: view, cart, favourite, purchase…",
    "time": "when it happened (with `date` split off, the date and the time of day are joined)",
    "date": "the day it happened, where the time of day is another column or unknown",
    "elapsed_ms": "milliseconds since the session began",
    "ordinal": "the order within the user's or session's history",
    "title": "the product's name",
    "description": "the product's text",
    "brand": "brand, maker or supplier",
    "category": "a category: a label, a path, or a list of labels",
    "price": "price of one unit",
    "currency": "ISO 4217 code",
    "stock": "units on hand",
    "available": "whether it can be bought now",
    "image": "picture: URL, path or bytes",
    "url": "the product's page",
    "launched": "since when it is sold",
    "group_id": "the product of which the item is a variant",
    "attributes": "a JSON object (or GA4-like list) of further attributes",
    "quantity": "units; negative means returned",
    "value": "what was paid for the line (price × quantity)",
    "discount": "taken off the line or the price",
    "rating": "stars or points given by a person",
    "text": "a review's text",
    "query": "the words searched",
    "grade": "how well an item answers a query, as judged by people",
    "items": "a list of item ids, oldest first",
    "target": "the item that followed `items`",
    "lines": "a nested list of order lines or event items",
    "coupon_id": "the coupon's code",
    "campaign_id": "the campaign's identifier",
    "starts": "first moment of validity",
    "ends": "last moment of validity",
    "slate_id": "the list in which the item was shown",
    "position": "the place in that list, 1 is first",
    "attribute": "kept as an attribute",
    "ignore": "left out, by a person's decision",
}


def items_table(items: Iterable[Item]) -> pa.Table:
    """Of schema ITEMS."""
    return pa.Table.from_pylist([_row_of(item) for item in items], ITEMS)


def item_of(said: Mapping[str, Any]) -> Item:
    """The item of a row of schema ITEMS, whose `launched` is in seconds since the epoch."""
    return Item(
        id=said["item_id"],
        title=said["title"] or "",
        description=said["description"] or "",
        brand=said["brand"],
        categories=tuple(said["categories"] or ()),
        price=said["price"],
        currency=said["currency"],
        stock=said["stock"],
        available=said["available"],
        image=said["image"],
        url=said["url"],
        launched=said["launched"],
        attributes=msgspec.json.decode(said["attributes"]) if said["attributes"] else {},
    )


def _row_of(item: Item) -> dict[str, object]:
    launched = None if item.launched is None else datetime.fromtimestamp(item.launched, UTC).replace(tzinfo=None)
    attributes = msgspec.json.encode(item.attributes).decode() if item.attributes else None
    said = {name: getattr(item, name, None) for name in ITEMS.names}
    return said | {
        "item_id": item.id,
        "categories": list(item.categories),
        "launched": launched,
        "attributes": attributes,
    }
