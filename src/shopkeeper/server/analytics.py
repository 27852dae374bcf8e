"""Events as analytics tools send them: the GA4 Measurement Protocol and Segment's e-commerce calls → the vocabulary.

A shop that has one of these in its pages sends us the same. What these tools let through is let through here: a value
that cannot be read is left out of its event, an event that says nothing of products is passed over and counted.

GA4: https://developers.google.com/analytics/devguides/collection/protocol/ga4/reference/events
Segment: https://segment.com/docs/connections/spec/ecommerce/v2/
"""

from __future__ import annotations

import math
import time as clock
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from shopkeeper.errors import RequestError
from shopkeeper.server.bodies import CLOCK_SKEW_S, MAX_EVENTS, EventBody
from shopkeeper.vocabulary import EventType

MAX_TOLD = 5 * MAX_EVENTS  # events that one body may come to, as each product of an order is one

GA4 = {
    "view_item": EventType.VIEW,
    "select_item": EventType.VIEW,
    "view_item_list": EventType.IMPRESSION,
    "add_to_cart": EventType.CART,
    "remove_from_cart": EventType.UNCART,
    "add_to_wishlist": EventType.FAVOURITE,
    "purchase": EventType.PURCHASE,
    "refund": EventType.RETURN,
    "search": EventType.SEARCH,
    "view_search_results": EventType.SEARCH,
}
SEGMENT = {
    "product viewed": EventType.VIEW,
    "product clicked": EventType.VIEW,
    "product list viewed": EventType.IMPRESSION,
    "product added": EventType.CART,
    "product removed": EventType.UNCART,
    "product added to wishlist": EventType.FAVOURITE,
    "order completed": EventType.PURCHASE,
    "order refunded": EventType.RETURN,
    "products searched": EventType.SEARCH,
    "product reviewed": EventType.RATING,
}
CALLS = ("track", "identify", "page", "screen", "group", "alias")
_KEPT = ("currency", "coupon", "affiliation", "list_id", "item_list_id", "item_list_name", "item_variant", "variant")


class Told(NamedTuple):
    """passed_over: how many events, or products in them, say nothing that a shop can learn from."""

    events: list[EventBody]
    passed_over: int


class _Deed(NamedTuple):
    """One event of either tool. key: what tells it from others; said: its parameters, of which each product may have
    its own; first: the number of the first place in a list."""

    kind: EventType
    key: str
    time: float | None
    user: str | None
    session: str | None
    device: str | None
    said: Mapping[str, Any]
    products: list[Mapping[str, Any]]
    first: int

    @property
    def things(self) -> int:
        """How many events it should give."""
        return 1 if self.kind is EventType.SEARCH else max(1, len(self.products))


def translate(body: bytes) -> Told | None:
    """None for what has neither shape. Events without an id of their own get one made of what they say, so that they
    count once however often they are sent. Raises RequestError for more than MAX_TOLD."""
    try:
        deeds = _deeds(msgspec.json.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if deeds is None:
        return None
    if len(deeds) > MAX_EVENTS or sum(len(deed.products) for deed in deeds if deed) > MAX_TOLD:
        expected = f"at most {MAX_EVENTS:,} events, and {MAX_TOLD:,} products in them"
        raise RequestError("too many events", where="body", expected=expected)
    events = [event for deed in deeds if deed for event in _events(deed)]
    return Told(events, sum(deed.things if deed else 1 for deed in deeds) - len(events))


def _deeds(sent: Any) -> list[_Deed | None] | None:
    if not isinstance(sent, dict):
        return None
    if isinstance(sent.get("events"), list):
        return [_of_ga4(event, sent) for event in sent["events"]]
    if isinstance(sent.get("batch"), list):
        return [_of_segment(call) for call in sent["batch"]]
    return [_of_segment(sent)] if sent.get("type") in CALLS else None


def _of_ga4(event: Any, sent: Mapping[str, Any]) -> _Deed | None:
    event = _object(event)
    kind = GA4.get(_text(event.get("name")) or "")
    if kind is None:
        return None
    said = _object(event.get("params"))
    client, user = _text(sent.get("client_id") or sent.get("app_instance_id")), _text(sent.get("user_id"))
    micros = event.get("timestamp_micros", sent.get("timestamp_micros"))
    visit, order = _text(said.get("ga_session_id")), _text(said.get("transaction_id"))
    told = [kind, order] if kind is EventType.PURCHASE and order else [client, user, micros, event]
    moment = _number(micros, most=1e18)
    return _Deed(
        kind=kind,
        key=_digest(told),
        time=_moment(moment / 1e6 if moment is not None else None),
        user=user or client,
        session=_text(f"{client}.{visit}") if client and visit else visit,
        device=_text(_object(sent.get("device")).get("category")),
        said=said,
        products=[_object(item) for item in _list(said.get("items"))],
        first=0,
    )


def _of_segment(call: Any) -> _Deed | None:
    call = _object(call)
    name = (_text(call.get("event")) or "").lower()
    if call.get("type", "track") != "track" or name not in SEGMENT:
        return None
    said, context = _object(call.get("properties")), _object(call.get("context"))
    own = {name: value for name, value in call.items() if name not in ("sentAt", "receivedAt", "context")}
    products = [_object(product) for product in _list(said.get("products"))]
    return _Deed(
        kind=SEGMENT[name],
        key=_text(call.get("messageId"), 300) or _digest(own),
        time=_moment(_seconds(call.get("timestamp") or call.get("originalTimestamp"))),
        user=_text(call.get("userId")) or _text(call.get("anonymousId")),
        session=_text(context.get("sessionId") or said.get("session_id")),
        device=_text(_object(context.get("device")).get("type")),
        said=said,
        products=products or [said],
        first=1,
    )


def _events(deed: _Deed) -> Iterator[EventBody]:
    """One for each product, or for a search."""
    query = _text(deed.said.get("search_term") or deed.said.get("query"), 2_000)
    common: dict[str, Any] = {
        "type": deed.kind,
        "time": deed.time,
        "user": deed.user,
        "session": deed.session,
        "query": query,
        "order": _text(deed.said.get("transaction_id") or deed.said.get("order_id")),
        "slate": _text(deed.said.get("slate_id")),
    }
    if deed.kind is EventType.SEARCH:
        if query:
            yield EventBody(id=deed.key, **common, attributes=_attributes(deed, {}))
        return
    for number, product in enumerate(deed.products, start=1):
        item = _text(product.get("item_id") or product.get("product_id") or product.get("sku"))
        if item:
            place = _number(product.get("index", product.get("position")))
            yield EventBody(
                id=f"{deed.key}-{number}",
                **common,
                item=item,
                quantity=_number(product.get("quantity")),
                price=_number(product.get("price")),
                rating=_number(deed.said.get("rating")) if deed.kind is EventType.RATING else None,
                position=_position(place, number, deed),
                attributes=_attributes(deed, product),
            )


def _position(place: float | None, number: int, deed: _Deed) -> int | None:
    """From 1; of a list whose products do not tell their places, their order does."""
    if place is None:
        return number if deed.kind is EventType.IMPRESSION else None
    at = int(place) + 1 - deed.first
    return at if 1 <= at <= 1_000_000 else None


def _attributes(deed: _Deed, product: Mapping[str, Any]) -> dict[str, Any]:
    said = {name: text for name in _KEPT if (text := _text(product.get(name, deed.said.get(name))))}
    return {"device": deed.device, **said} if deed.device else said


def _digest(told: object) -> str:
    return blake2b(msgspec.json.encode(told, order="sorted"), digest_size=16).hexdigest()


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any, longest: int = 400) -> str | None:
    """A text that says something, or a whole number as one; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value).strip()
    return text if 0 < len(text) <= longest else None


def _number(value: Any, most: float = 1e12) -> float | None:
    """A number, also where it was sent as text; None for what is none, or too large for a shop."""
    try:
        number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        return None
    return number if abs(number) <= most else None


def _seconds(value: Any) -> float | None:
    """Of an ISO 8601 time; in UTC, where it names no zone."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _moment(seconds: float | None) -> float | None:
    """None, which is now, for a clock that cannot be right."""
    return seconds if seconds is not None and 0 <= seconds <= clock.time() + CLOCK_SKEW_S else None
