"""Events as GA4, Segment and UBI send them: what becomes of them, once, whatever they hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import small_shop
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from shopkeeper.errors import RequestError
from shopkeeper.server.analytics import MAX_TOLD, translate
from shopkeeper.server.analytics.ga4 import GA4
from shopkeeper.server.analytics.segment import SEGMENT
from shopkeeper.server.analytics.ubi import UBI
from shopkeeper.server.app import create_app
from shopkeeper.vocabulary import EventType

MICROS = 1_700_000_000_000_000


def told(sent: Any) -> list[Any]:
    found = translate(json.dumps(sent).encode())
    assert found is not None
    return [*found.events, found.passed_over]


def ga4(*events: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"client_id": "12.34", "timestamp_micros": str(MICROS), "events": list(events), **more}


def track(event: str, properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    call = {"type": "track", "event": event, "anonymousId": "anon", "timestamp": "2023-11-14T22:13:20.500Z"}
    return {**call, "properties": properties, **more}


def test_a_purchase_of_ga4_is_one_event_for_each_product() -> None:
    items = [
        {"item_id": "mug", "price": 5, "quantity": "2", "index": 0, "item_list_name": "Gifts"},
        {"item_id": 4711, "price": "ask us"},
        {"item_name": "nameless"},
    ]
    params = {"transaction_id": "T-1", "currency": "EUR", "ga_session_id": 99, "items": items}
    mug, number, passed_over = told(ga4({"name": "purchase", "params": params}, user_id="u1"))
    assert (mug.type, mug.item, mug.price, mug.quantity, mug.order) == (EventType.PURCHASE, "mug", 5.0, 2.0, "T-1")
    assert (mug.user, mug.session, mug.time, mug.position) == ("u1", "12.34.99", MICROS / 1e6, 1)
    assert mug.attributes == {"currency": "EUR", "item_list_name": "Gifts"}
    assert (number.item, number.price, passed_over) == ("4711", None, 1)


def test_a_search_of_ga4_and_what_is_passed_over() -> None:
    search, passed_over = told(
        ga4(
            {"name": "search", "params": {"search_term": "红 mug"}},
            {"name": "page_view", "params": {}},
            {"name": "search", "params": {}},
            {"name": "refund", "params": {"transaction_id": "T"}},
            "no event",  # type: ignore[arg-type]
        )
    )
    assert (search.type, search.query, search.user, search.session) == (EventType.SEARCH, "红 mug", "12.34", None)
    assert passed_over == 4


def test_a_list_tells_places() -> None:
    items = [{"item_id": "a", "index": 0}, {"item_id": "b", "index": 7}, {"item_id": "c"}]
    *shown, _ = told(ga4({"name": "view_item_list", "params": {"items": items, "slate_id": "s"}}))
    assert [(event.position, event.slate) for event in shown] == [(1, "s"), (8, "s"), (3, "s")]
    *shown, _ = told(track("Product List Viewed", {"products": [{"product_id": "a", "position": 4}, {"sku": "b"}]}))
    assert [(event.item, event.position) for event in shown] == [("a", 4), ("b", 2)]


def test_calls_of_segment_single_and_in_a_batch() -> None:
    viewed = track("Product Viewed", {"product_id": "mug", "price": 5}, messageId="m1", userId="u1")
    viewed["context"] = {"device": {"type": "mobile"}, "sessionId": "v"}
    event, passed_over = told(viewed)
    assert (event.id, event.type, event.item, event.user, event.session) == ("m1-1", EventType.VIEW, "mug", "u1", "v")
    assert (event.time, event.attributes, passed_over) == (1_700_000_000.5, {"device": "mobile"}, 0)
    order = track("Order Completed", {"order_id": "o", "products": [{"product_id": "a"}, {"product_id": "b"}]})
    page = {"type": "page", "name": "Home"}
    _, first, second, passed_over = told({"batch": [viewed, page, order]})
    assert [(event.item, event.order, event.user) for event in (first, second)] == [
        ("a", "o", "anon"),
        ("b", "o", "anon"),
    ]
    assert passed_over == 1


def test_every_name_becomes_its_event() -> None:
    said = {"search_term": "x", "query": "x", "rating": 4, "items": [{"item_id": "a"}], "products": [{"sku": "a"}]}
    for name, kind in GA4.items():
        event, passed_over = told(ga4({"name": name, "params": said}))
        assert (event.type, passed_over) == (kind, 0)
    for name, kind in UBI.items():
        event, passed_over = told(ubi(name.upper()))
        assert (event.type, passed_over) == (kind, 0)
    for name, kind in SEGMENT.items():
        event, passed_over = told(track(name.title(), said))
        assert (event.type, passed_over) == (kind, 0)
        assert event.rating == (4.0 if kind is EventType.RATING else None)


def test_what_has_no_id_is_known_by_what_it_says() -> None:
    view = {"name": "view_item", "params": {"items": [{"item_id": "a"}]}}
    first, again = told(ga4(view)), told(ga4(view))
    assert first[0].id == again[0].id
    assert told(ga4(view, timestamp_micros=MICROS + 1))[0].id != first[0].id
    bought = {"name": "purchase", "params": {"transaction_id": "T", "items": [{"item_id": "a"}]}}
    assert told(ga4(bought))[0].id == told(ga4(bought, client_id="server", timestamp_micros=1))[0].id
    viewed = track("Product Viewed", {"product_id": "a"})
    assert told(viewed | {"sentAt": "1"})[0].id == told(viewed | {"sentAt": "2"})[0].id


@pytest.mark.parametrize("moment", [MICROS * 1_000, -1, "soon", None, [1], 4.0e15])
def test_a_clock_that_cannot_be_right_is_now(moment: Any) -> None:
    view = {"name": "view_item", "timestamp_micros": moment, "params": {"items": [{"item_id": "a"}]}}
    assert told(ga4(view))[0].time is None
    assert told(track("Product Viewed", {"sku": "a"}, timestamp=moment))[0].time is None


def ubi(action: str, item: object = "mug", **more: Any) -> dict[str, Any]:
    thing = {"object": {"object_id": item, "object_id_field": "sku"}, "position": {"ordinal": 3}}
    sent = {"action_name": action, "query_id": "q-1", "session_id": "v", "client_id": "anon", "user_query": "red mug"}
    return {**sent, "timestamp": "2023-11-14T22:13:20.500Z", "event_attributes": thing, **more}


def test_an_event_of_ubi_names_its_slate_and_place() -> None:
    event, passed_over = told(ubi("click", application="type-ahead"))
    assert (event.type, event.item, event.slate, event.position) == (EventType.VIEW, "mug", "q-1", 3)
    assert (event.user, event.session, event.query, event.time) == ("anon", "v", "red mug", 1_700_000_000.5)
    assert (event.attributes, passed_over) == ({"application": "type-ahead"}, 0)
    known, _, search, passed_over = told(
        [ubi("purchase", 4711, user_id="u1"), ubi("view"), ubi("on_search"), ubi("page_exit"), ubi("click", None)]
    )
    assert (known.type, known.item, known.user) == (EventType.PURCHASE, "4711", "u1")
    assert (search.type, search.query, passed_over) == (EventType.SEARCH, "red mug", 2)


def test_an_impression_of_ubi_without_a_place_has_none() -> None:
    event, _ = told(ubi("impression", event_attributes={"object": {"object_id": "mug"}, "position": {"xy": {"x": 1}}}))
    assert (event.type, event.position) == (EventType.IMPRESSION, None)


def test_a_query_of_ubi_is_a_search_and_what_was_shown() -> None:
    query = {"user_query": "红 mug", "query_id": "q-2", "client_id": "anon", "query_response_hit_ids": ["a", "b"]}
    search, *shown, passed_over = told(query)
    assert (search.type, search.query, search.slate) == (EventType.SEARCH, "红 mug", "q-2")
    assert [(one.type, one.item, one.position, one.slate) for one in shown] == [
        (EventType.IMPRESSION, "a", 1, "q-2"),
        (EventType.IMPRESSION, "b", 2, "q-2"),
    ]
    assert passed_over == 0
    assert told({"user_query": "", "query_response_hit_ids": ["a"]}) == [1]


def test_what_has_neither_shape_is_left_to_others() -> None:
    for body in (b"", b"[]", b"{", b'{"id": "a", "type": "view"}', b"\xff", b"[" * 100_000):
        assert translate(body) is None


def test_too_many_are_refused() -> None:
    many = {"name": "purchase", "params": {"items": [{"item_id": "a"}] * (MAX_TOLD + 1)}}
    with pytest.raises(RequestError, match="too many events"):
        told(ga4(many))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(["item_id", "price", "quantity", "index", "items", "products", "search_term", "rating", "sku"])
params = st.dictionaries(names, json_values | st.lists(st.dictionaries(names, json_values), max_size=3))


@given(
    name=st.sampled_from([*GA4, *SEGMENT]) | json_values,
    said=params | json_values,
    common=json_values,
    batch=st.booleans(),
)
def test_no_body_of_either_shape_breaks_anything(name: Any, said: Any, common: Any, batch: bool) -> None:
    event = {"name": name, "event": name, "params": said, "properties": said, "timestamp": common}
    sent = {("batch" if batch else "events"): [event, common], "client_id": common, "device": common}
    *events, passed_over = told(sent)
    assert passed_over >= 0
    assert [(event.id, event.item) for event in events] == [(event.id, event.item) for event in told(sent)[:-1]]


@given(
    action=st.sampled_from([*UBI]) | json_values,
    values=st.lists(json_values, min_size=4, max_size=4),
    thing=st.dictionaries(st.sampled_from(["object_id", "object_detail", "transaction_id"]), json_values),
)
def test_no_body_of_ubi_breaks_anything(action: Any, values: list[Any], thing: Any) -> None:
    query, slate, place, hits = values
    attributes = {"object": thing, "position": {"ordinal": place}}
    event = ubi(action, user_query=query, query_id=slate, event_attributes=attributes)
    asked = {"user_query": query, "query_id": slate, "query_response_hit_ids": [hits, hits]}
    for sent in ([event, hits, asked], event, asked):
        *events, passed_over = told(sent)
        assert passed_over >= 0
        assert len({each.id for each in events}) == len(events)


def test_both_come_in_by_the_same_door(tmp_path: Path) -> None:
    shop = small_shop.open_shop(tmp_path / "shop")
    view = {"name": "view_item", "params": {"items": [{"item_id": "mug-red"}]}}
    bought = track("Order Completed", {"products": [{"product_id": "lamp/blue"}]}, userId="12.34", messageId="m")
    with TestClient(create_app(shop)) as client:
        for accepted in (1, 0):
            answer = client.post("/v1/events", json=ga4(view, {"name": "page_view"}))
            assert answer.json() == {"accepted": accepted, "known": 1 - accepted, "passed_over": 1}
        assert client.post("/v1/events", json=bought).json() == {"accepted": 1, "known": 0}
        recent = client.post("/v1/shelves/recent", json={"user": "12.34"}).json()["placements"]
        assert {placement["item"]["id"] for placement in recent} == {"mug-red", "lamp/blue"}
        clicked = ubi("click", "lamp/blue")
        assert client.post("/v1/events", json=[clicked, clicked]).json() == {"accepted": 1, "known": 1}
        assert client.post("/v1/events", json={"evnts": []}).status_code == 400
