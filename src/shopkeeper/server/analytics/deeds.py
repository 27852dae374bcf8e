"""What one event of an analytics tool says, and the events of the vocabulary that it gives."""

from __future__ import annotations

import math
import time as clock
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from shopkeeper.server.bodies import CLOCK_SKEW_S, EventBody
from shopkeeper.vocabulary import EventType

_KEPT = (
    "application",
    "currency",
    "coupon",
    "affiliation",
    "list_id",
    "item_list_id",
    "item_list_name",
    "item_variant",
    "variant",
)


class Deed(NamedTuple):
    """One event of a tool. key: what tells it from others; said: its parameters, of which each product may have
    its own; first: the number of the first place in a list; ordered: whether the products stand as they were shown."""

    kind: EventType
    key: str
    time: float | None
    user: str | None
    session: str | None
    device: str | None
    said: Mapping[str, Any]
    products: list[Mapping[str, Any]]
    first: int
    ordered: bool = True

    @property
    def things(self) -> int:
        """How many events it should give."""
        return 1 if self.kind is EventType.SEARCH else max(1, len(self.products))


def events_of(deed: Deed) -> Iterator[EventBody]:
    """One for each product, or for a search."""
    query = text_of(deed.said.get("search_term") or deed.said.get("query"), 2_000)
    common: dict[str, Any] = {
        "type": deed.kind,
        "time": deed.time,
        "user": deed.user,
        "session": deed.session,
        "query": query,
        "order": text_of(deed.said.get("transaction_id") or deed.said.get("order_id")),
        "slate": text_of(deed.said.get("slate_id")),
    }
    if deed.kind is EventType.SEARCH:
        if query:
            yield EventBody(id=deed.key, **common, attributes=_attributes(deed, {}))
        return
    for number, product in enumerate(deed.products, start=1):
        item = text_of(product.get("item_id") or product.get("product_id") or product.get("sku"))
        if item:
            place = number_of(product.get("index", product.get("position")))
            yield EventBody(
                id=f"{deed.key}-{number}",
                **common,
                item=item,
                quantity=number_of(product.get("quantity")),
                price=number_of(product.get("price")),
                rating=number_of(deed.said.get("rating")) if deed.kind is EventType.RATING else None,
                position=_position(place, number, deed),
                attributes=_attributes(deed, product),
            )


def _position(place: float | None, number: int, deed: Deed) -> int | None:
    """From 1; of a list whose products do not tell their places, their order does."""
    if place is None:
        return number if deed.ordered and deed.kind is EventType.IMPRESSION else None
    at = int(place) + 1 - deed.first
    return at if 1 <= at <= 1_000_000 else None


def _attributes(deed: Deed, product: Mapping[str, Any]) -> dict[str, Any]:
    said = {name: text for name in _KEPT if (text := text_of(product.get(name, deed.said.get(name))))}
    return {"device": deed.device, **said} if deed.device else said


def digest(told: object) -> str:
    return blake2b(msgspec.json.encode(told, order="sorted"), digest_size=16).hexdigest()


def record_of(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def list_of(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def text_of(value: Any, longest: int = 400) -> str | None:
    """A text that says something, or a whole number as one; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value).strip()
    return text if 0 < len(text) <= longest else None


def number_of(value: Any, most: float = 1e12) -> float | None:
    """A number, also where it was sent as text; None for what is none, or too large for a shop."""
    try:
        number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        return None
    return number if abs(number) <= most else None


def seconds_of(value: Any) -> float | None:
    """Of an ISO 8601 time; in UTC, where it names no zone."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def moment_of(seconds: float | None) -> float | None:
    """None, which is now, for a clock that cannot be right."""
    return seconds if seconds is not None and 0 <= seconds <= clock.time() + CLOCK_SKEW_S else None
