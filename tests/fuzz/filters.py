"""The filter language: any text is a filter that prints as itself and has a mask, or a RequestError."""

from __future__ import annotations

import json
from contextlib import suppress

import pyarrow as pa

from shopkeeper.data.schema import ITEMS
from shopkeeper.engine.filters import compile_filter
from shopkeeper.errors import RequestError
from shopkeeper.release.catalogue import Catalogue

SEEDS = [
    text.encode()
    for text in (
        'price < 50 and brand in ["Nike", "Puma"] and not colour = red',
        "(brand = 宜家 or “size 2” != 'x') and taste exists",
        "launched >= 2026-01-31T10:00:00 or price = 1e300",
        'not not (("a\\"b" <= -0.5))',
        "id in [a, b] or available = true",
        "within(shop, 48.85, -2.35, 10 km) or brand begins n and not brand contains “ik”",
    )
]
SHOP = Catalogue.build(
    pa.Table.from_pylist(
        [
            {"item_id": "a", "brand": "Nike", "price": 79.99, "categories": ["Shoes", "Running"]},
            {"item_id": "b", "attributes": json.dumps({"size 2": 30, "taste": ["sour"], "colour": "红"})},
        ],
        schema=ITEMS,
    )
)


def check(data: bytes) -> None:
    try:
        read = compile_filter(data.decode("utf-8", "replace"))
    except RequestError:
        return
    assert compile_filter(str(read)) == read
    with suppress(RequestError):
        assert read.mask(SHOP).shape == (len(SHOP),)
        for row in range(len(SHOP)):
            read.why_not(SHOP, row)
