"""Changes of items over HTTP: what is taken, and what is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from shopkeeper.server.bodies import MAX_CHANGES, ItemBody
from shopkeeper.shop import Shop
from shopkeeper.vocabulary import Change, Item

CUP = {"id": "cup", "title": "Tin cup", "brand": "Acme", "categories": ["Home", "Cups"], "price": 4.0}


def written(shop: Shop, ask: Any, number: int) -> list[Change]:
    """What a request adds to the log, when it is answered as it should be."""
    before = shop.log.newest().changes
    answer = ask()
    assert (answer.status_code, answer.json()) == (200, {"accepted": number}), answer.text
    return [change for _, batch in shop.log.changes_after(before) for change in batch]


def test_items_are_added_replaced_and_taken_out(client: TestClient, shop: Shop) -> None:
    gone = {"id": "lamp/red", "deleted": True}
    new, old = written(shop, lambda: client.post("/v1/items", json=[CUP, gone]), 2)
    assert new.item == Item(id="cup", title="Tin cup", brand="Acme", categories=("Home", "Cups"), price=4.0)
    assert (old.id, old.deleted, old.item) == ("lamp/red", True, None)
    (one,) = written(shop, lambda: client.post("/v1/items", json={"id": "茶/1 ?#"}), 1)
    assert one.item == Item(id="茶/1 ?#")
    (deleted,) = written(shop, lambda: client.delete("/v1/items/lamp%2Fblue"), 1)
    assert (deleted.id, deleted.deleted) == ("lamp/blue", True)


def test_an_item_without_stock_cannot_be_had_unless_it_says_so(client: TestClient, shop: Shop) -> None:
    stocks = [{"id": "a", "stock": 0}, {"id": "b", "stock": 3}, {"id": "c", "stock": 0, "available": True}, {"id": "d"}]
    changes = written(shop, lambda: client.post("/v1/items", json=stocks), 4)
    assert [change.item.available for change in changes if change.item] == [False, True, True, True]


def test_figures_are_changed_alone(client: TestClient, shop: Shop) -> None:
    body = [{"id": "mug-red", "stock": 0}, {"id": "mug-blue", "price": 9.5, "available": False}]
    red, blue = written(shop, lambda: client.post("/v1/stock", json=body), 2)
    assert (red.item, red.stock, red.price, red.available) == (None, 0.0, None, None)
    assert (blue.stock, blue.price, blue.available) == (None, 9.5, False)


def test_an_item_may_come_back_as_it_was_shown(client: TestClient, shop: Shop) -> None:
    shown = client.get("/v1/items/mug-red").json()
    assert shown["image"].startswith("/v1/images/")
    (change,) = written(shop, lambda: client.post("/v1/items", json=shown), 1)
    assert change.item is not None
    assert change.item.image == "table:images"


@pytest.mark.parametrize(
    ("path", "body", "part"),
    [
        ("/v1/items", {}, "'id' is missing"),
        ("/v1/items", {"id": ""}, "length"),
        ("/v1/items", {"id": "x", "titel": "y"}, "Did you mean 'title'?"),
        ("/v1/items", {"id": "x", "price": -1}, ">= 0"),
        ("/v1/items", {"id": "x", "currency": "Euro"}, "matching regex"),
        ("/v1/items", {"id": "x", "url": "javascript:alert(1)"}, "matching regex"),
        ("/v1/items", {"id": "x", "image": "data:image/svg+xml,<svg onload=alert(1)>"}, "matching regex"),
        ("/v1/items", {"id": "x", "attributes": {"deep": {"er": 1}}}, "attributes"),
        ("/v1/items", {"id": "x", "deleted": True, "price": 2}, "the id alone"),
        ("/v1/items", [CUP] * (MAX_CHANGES + 1), "length"),
        ("/v1/items", [CUP, {"id": 3}], "1.id"),
        ("/v1/stock", {"id": "x"}, "stock, price or available"),
        ("/v1/stock", {"id": "x", "stock": "many"}, "number"),
        ("/v1/stock", [{"id": "x", "stock": 1}, {"id": "y"}], "'y'"),
        ("/v1/stock", [{"id": "x", "title": "no"}], "unknown field"),
    ],
)
def test_a_list_with_one_mistake_changes_nothing(
    client: TestClient, shop: Shop, path: str, body: object, part: str
) -> None:
    before = shop.log.newest()
    answer = client.post(path, json=body)
    assert answer.status_code == 400
    assert part in answer.text
    assert shop.log.newest() == before


@pytest.mark.parametrize(
    "id_",
    [
        *(
            "../../etc/passwd",
            "..%2F..%2Fkeys.json",
            "/etc/passwd",
            "%00",
            "a\x00b",
            "'; DROP TABLE events; --",
            "{{7*7}}",
        ),
        *(
            "${jndi:ldap://x}",
            "<script>alert(1)</script>",
            "a\r\nSet-Cookie: x=1",
            "\ud7ff\u202e",
            "x" * 400,
            "keys.json",
        ),
    ],
)
def test_a_nasty_id_is_an_id_like_any_other(client: TestClient, shop: Shop, id_: str) -> None:
    (change,) = written(shop, lambda: client.post("/v1/items", json={"id": id_, "title": id_}), 1)
    assert change.id == id_
    for place in ("items", "images"):
        answer = client.get(f"/v1/{place}/{quote(id_, safe='')}")
        assert answer.status_code in (200, 404)
        assert "set-cookie" not in answer.headers
        assert answer.headers["content-type"] == "application/json"
    for body in ({"query": id_}, {"query": "mug", "filter": id_}, {"query": "mug", "user": id_, "sort": id_}):
        answer = client.post("/v1/search", json=body)
        assert answer.status_code in (200, 400)
        assert "root:" not in answer.text
    event = {"id": id_, "type": "view", "item": id_, "user": id_}
    assert client.post("/v1/events", json=event).json() == {"accepted": 1, "known": 0}
    assert len(shop.log) > 0


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
fields = st.sampled_from([*ItemBody.__struct_fields__, "unknown"])


@given(path=st.sampled_from(["/v1/items", "/v1/stock"]), body=st.dictionaries(fields, values), many=st.booleans())
def test_no_body_breaks_the_shop(client: TestClient, path: str, body: dict[str, Any], many: bool) -> None:
    named = {"id": "fuzzed", **body}
    content = json.dumps([named] * 2 if many else named)
    assert client.post(path, content=content).status_code in (200, 400)
    assert client.post("/v1/search", json={"query": "mug"}).status_code == 200


@pytest.mark.parametrize("number", ["1e400", "-1e400", "NaN", "Infinity", "9" * 400, "1" + "0" * 30, "-0", "1e-400"])
def test_a_number_out_of_bounds_is_told(client: TestClient, number: str) -> None:
    for field in ("price", "stock"):
        answer = client.post("/v1/stock", content=f'{{"id": "mug-green", "{field}": {number}}}')
        assert answer.status_code == (200 if number in ("-0", "1e-400") else 400)
        assert client.post("/v1/search", json={"query": "green mug", "sort": "price"}).status_code == 200


def test_only_pictures_are_served_from_the_disk(client: TestClient, shop: Shop) -> None:
    secret = shop.directory / "keys.json"
    secret.write_text("[]")
    try:
        for path in ("/keys.json", "/v1/images/../../keys.json", "/console/../keys.json", f"/{Path(secret).resolve()}"):
            assert client.get(path).status_code == 404
    finally:
        secret.unlink()
