"""What comes in over HTTP: any bytes are a request of ours, or a RequestError."""

from __future__ import annotations

from contextlib import suppress

import msgspec

from shopkeeper.errors import RequestError
from shopkeeper.server import openapi
from shopkeeper.server.bodies import decode_events, decode_items, decode_search, decode_stock

SEEDS = [
    *(msgspec.json.encode(example) for example in (openapi.SEARCH, openapi.SHELF, openapi.EVENT, openapi.STOCK)),
    msgspec.json.encode([openapi.MUG]),
    b'{"id": "\\ud83d\\ude00", "deleted": true}',
    b'[{"id": "e", "type": "view", "time": 1e9, "attributes": {"a": [null, {"b": 1e400}]}}]',
]


def check(data: bytes) -> None:
    for decode in (decode_search, decode_events, decode_items, decode_stock):
        with suppress(RequestError):
            decode(data)
