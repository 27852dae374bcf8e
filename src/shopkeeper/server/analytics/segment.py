"""Segment's e-commerce calls: https://segment.com/docs/connections/spec/ecommerce/v2/"""

from __future__ import annotations

from typing import Any

from shopkeeper.server.analytics.deeds import (
    Deed,
    digest,
    list_of,
    moment_of,
    record_of,
    seconds_of,
    text_of,
)
from shopkeeper.vocabulary import EventType

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


def of_segment(call: Any) -> Deed | None:
    call = record_of(call)
    name = (text_of(call.get("event")) or "").lower()
    if call.get("type", "track") != "track" or name not in SEGMENT:
        return None
    said, context = record_of(call.get("properties")), record_of(call.get("context"))
    own = {name: value for name, value in call.items() if name not in ("sentAt", "receivedAt", "context")}
    products = [record_of(product) for product in list_of(said.get("products"))]
    return Deed(
        kind=SEGMENT[name],
        key=text_of(call.get("messageId"), 300) or digest(own),
        time=moment_of(seconds_of(call.get("timestamp") or call.get("originalTimestamp"))),
        user=text_of(call.get("userId")) or text_of(call.get("anonymousId")),
        session=text_of(context.get("sessionId") or said.get("session_id")),
        device=text_of(record_of(context.get("device")).get("type")),
        said=said,
        products=products or [said],
        first=1,
    )
