"""GA4, the Measurement Protocol: https://developers.google.com/analytics/devguides/collection/protocol/ga4/reference/events"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shopkeeper.server.analytics.deeds import Deed, digest, list_of, moment_of, number_of, record_of, text_of
from shopkeeper.vocabulary import EventType

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


def of_ga4(event: Any, sent: Mapping[str, Any]) -> Deed | None:
    event = record_of(event)
    kind = GA4.get(text_of(event.get("name")) or "")
    if kind is None:
        return None
    said = record_of(event.get("params"))
    client, user = text_of(sent.get("client_id") or sent.get("app_instance_id")), text_of(sent.get("user_id"))
    micros = event.get("timestamp_micros", sent.get("timestamp_micros"))
    visit, order = text_of(said.get("ga_session_id")), text_of(said.get("transaction_id"))
    told = [kind, order] if kind is EventType.PURCHASE and order else [client, user, micros, event]
    moment = number_of(micros, most=1e18)
    return Deed(
        kind=kind,
        key=digest(told),
        time=moment_of(moment / 1e6 if moment is not None else None),
        user=user or client,
        session=text_of(f"{client}.{visit}") if client and visit else visit,
        device=text_of(record_of(sent.get("device")).get("category")),
        said=said,
        products=[record_of(item) for item in list_of(said.get("items"))],
        first=0,
    )
