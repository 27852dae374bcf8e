"""User Behavior Insights (UBI): https://github.com/o19s/ubi, schemas 1.0 to 1.3. `query_id` names the slate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shopkeeper.server.analytics.deeds import Deed, digest, list_of, moment_of, record_of, seconds_of, text_of
from shopkeeper.vocabulary import EventType

UBI = {
    "click": EventType.VIEW,
    "item_click": EventType.VIEW,
    "product_click": EventType.VIEW,
    "view": EventType.VIEW,
    "watch": EventType.VIEW,
    "impression": EventType.IMPRESSION,
    "add_to_cart": EventType.CART,
    "remove_from_cart": EventType.UNCART,
    "add_to_wishlist": EventType.FAVOURITE,
    "purchase": EventType.PURCHASE,
    "product_purchase": EventType.PURCHASE,
    "search": EventType.SEARCH,
    "on_search": EventType.SEARCH,
}


def is_ubi(sent: Any) -> bool:
    """Whether this is an event or a query of UBI, or a list of them."""
    first = sent[0] if isinstance(sent, list) and sent else sent
    return isinstance(first, dict) and ("action_name" in first or "user_query" in first)


def of_ubi(sent: Any) -> list[Deed | None]:
    """An event is one deed; a query is a search, and, where it tells its hits, that these were shown."""
    sent = record_of(sent)
    if "action_name" in sent:
        return [_of_event(sent)]
    return _of_query(sent) if text_of(sent.get("user_query"), 2_000) else [None]


def _of_event(event: Mapping[str, Any]) -> Deed | None:
    kind = UBI.get((text_of(event.get("action_name")) or "").lower())
    if kind is None:
        return None
    attributes = record_of(event.get("event_attributes"))
    thing, place = record_of(attributes.get("object")), record_of(attributes.get("position"))
    detail = record_of(thing.get("object_detail"))
    product = {**detail, **attributes, "item_id": thing.get("object_id"), "position": place.get("ordinal")}
    order = attributes.get("order_id", thing.get("transaction_id"))
    query = event.get("user_query") or (event.get("message") if kind is EventType.SEARCH else None)
    return _deed(kind, event, {"query": query, "order_id": order}, [product], ordered=False)


def _of_query(query: Mapping[str, Any]) -> list[Deed | None]:
    said = {"query": query["user_query"]}
    hits = [{"item_id": hit} for hit in list_of(query.get("query_response_hit_ids"))]
    shown = [_deed(EventType.IMPRESSION, query, said, hits, ordered=True)] if hits else []
    return [_deed(EventType.SEARCH, query, said, [], ordered=True), *shown]


def _deed(
    kind: EventType,
    sent: Mapping[str, Any],
    said: Mapping[str, Any],
    products: Sequence[Mapping[str, Any]],
    *,
    ordered: bool,
) -> Deed:
    slate = text_of(sent.get("query_id"))
    return Deed(
        kind=kind,
        key=digest([kind, sent]),
        time=moment_of(seconds_of(sent.get("timestamp"))),
        user=text_of(sent.get("user_id")) or text_of(sent.get("client_id")),
        session=text_of(sent.get("session_id")),
        device=None,
        said={**said, "slate_id": slate, "application": sent.get("application")},
        products=list(products),
        first=1,
        ordered=ordered,
    )
