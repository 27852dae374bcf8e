"""Suggestions over HTTP: for whom, of what, and forgotten for good."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import jwt
import numpy as np
import pytest
import small_shop
from starlette.testclient import TestClient

from shopkeeper.engine.suggestions import ITEMS_KEPT, Completions, Suggestions
from shopkeeper.keys import KeyStore, Role, hashed
from shopkeeper.server.app import create_app
from shopkeeper.shop import Shop

NEAR, FAR = ("127.0.0.1", 5_000), ("203.0.113.9", 5_000)


def open_shop(directory: Path) -> Shop:
    """The small shop, whose people searched for red mugs (row 0) and for red teapots (row 3)."""
    shop = small_shop.open_shop(directory)
    items = np.full((2, ITEMS_KEPT), -1, np.int32)
    items[:, 0] = (0, 3)
    weights = np.array([2.0, 1.0], np.float32)
    queries, nothing = (
        Completions.build(["red mug", "red teapot"], weights, items, trending=weights),
        Suggestions.none(),
    )
    shop.engine().suggestions = Suggestions(queries, nothing.categories, nothing.brands, nothing.past)
    return shop


def test_what_is_typed_is_completed(tmp_path: Path) -> None:
    with TestClient(create_app(open_shop(tmp_path)), base_url="http://localhost") as client:
        told = client.get("/v1/suggest", params={"q": "red t"}).json()
        assert told["queries"] == [{"text": "red teapot", "end": 5}]
        assert [item["id"] for item in told["products"]] == ["teapot-red"]
        assert [each["text"] for each in client.get("/v1/suggest").json()["queries"]] == ["red mug", "red teapot"]


@pytest.mark.parametrize("asked", ["q=%FF", "size=0", "size=99", "size=x", "filter=(", "q=" + "x" * 5_000, "q=%00%07"])
def test_an_odd_request_is_answered_or_refused_in_words(tmp_path: Path, asked: str) -> None:
    with TestClient(create_app(open_shop(tmp_path)), base_url="http://localhost") as client:
        answer = client.get(f"/v1/suggest?{asked}")
        assert answer.status_code in (200, 400)
        assert answer.status_code == 200 or answer.json()["error"]["what"]


def test_a_key_with_a_filter_is_suggested_what_it_may_see(tmp_path: Path) -> None:
    shop = open_shop(tmp_path)
    _, text = KeyStore(tmp_path).create([Role.SEARCH], filter="category = Teapots")
    with TestClient(create_app(shop), base_url="http://localhost") as client:
        told = client.get("/v1/suggest", params={"q": "red"}, headers={"X-API-Key": text}).json()
        assert [each["text"] for each in told["queries"]] == ["red teapot"]
        assert {item["id"] for item in told["products"]} == {"teapot-red"}
        assert client.get("/v1/suggest").status_code == 401


def test_ones_own_searches_are_for_oneself_and_forgotten_for_good(tmp_path: Path) -> None:
    with TestClient(create_app(open_shop(tmp_path)), base_url="http://localhost", client=NEAR) as client:
        for at, query in enumerate(("blue mug", "old lamp")):
            event = {"id": f"e{at}", "type": "search", "user": "ann", "query": query}
            assert client.post("/v1/events", json=event).json()["accepted"] == 1

        def recent(shopper: str) -> list[str]:
            return [
                each["text"] for each in client.get("/v1/suggest", params={"user": shopper}).json().get("recent", [])
            ]

        assert (recent("ann"), recent("bob")) == (["old lamp", "blue mug"], [])
        assert client.delete("/v1/suggest/recent", params={"user": "ann", "q": "Old Lamp"}).json() == {"accepted": 1}
        assert recent("ann") == ["blue mug"]
        assert client.delete("/v1/suggest/recent").status_code == 400
    with TestClient(
        create_app(Shop(tmp_path)), base_url="http://localhost", client=NEAR
    ) as client:  # as another process sees it
        assert recent("ann") == ["blue mug"]


def _tell(client: TestClient, **headers: str) -> None:
    """Ann searched, signed in and in a visit in which nobody did."""
    events = [
        {"id": "e1", "type": "search", "user": "ann", "session": "s-ann", "query": "my secret"},
        {"id": "e2", "type": "search", "session": "s-nobody", "query": "old lamp"},
    ]
    assert client.post("/v1/events", json=events, headers=headers).json()["accepted"] == 2


def _recent(client: TestClient, who: dict[str, str], **headers: str) -> list[str]:
    answer: dict[str, Any] = client.get("/v1/suggest", params=who, headers=headers).json()
    return [each["text"] for each in answer.get("recent", [])]


def test_a_key_tells_the_searches_of_the_user_it_was_signed_for_or_of_a_session(tmp_path: Path) -> None:
    shop = open_shop(tmp_path)
    _, key = KeyStore(tmp_path).create([Role.SEARCH, Role.EVENTS])
    claims, kid = {"exp": time.time() + 60}, {"kid": key.split("_")[1]}
    signed = jwt.encode({**claims, "user": "ann"}, hashed(key), algorithm="HS256", headers=kid)
    plain, anns = {"X-API-Key": key}, {"X-API-Key": signed}
    ann = {"user": "ann"}
    with TestClient(create_app(shop), base_url="http://localhost", client=NEAR) as client:
        _tell(client, **plain)
        assert _recent(client, ann, **plain) == []
        assert _recent(client, {"user": "ann", "session": "s-nobody"}, **plain) == ["old lamp"]
        assert client.delete("/v1/suggest/recent", params=ann, headers=plain).status_code == 403
        both = {"user": "ann", "session": "s-nobody"}
        assert client.delete("/v1/suggest/recent", params=both, headers=plain).status_code == 200
        assert _recent(client, {"session": "s-nobody"}, **plain) == []
        assert _recent(client, {}, **anns) == ["my secret"]
        assert client.delete("/v1/suggest/recent", headers=anns).status_code == 200
        assert _recent(client, {}, **anns) == []


def test_an_open_shop_tells_strangers_the_searches_of_no_user(tmp_path: Path) -> None:
    app, near = create_app(open_shop(tmp_path)), {"base_url": "http://localhost"}
    ours, theirs = {"origin": "http://localhost"}, {"origin": "https://evil.example"}
    with TestClient(app, **near, client=NEAR) as client, TestClient(app, **near, client=FAR) as stranger:  # type: ignore[arg-type]
        _tell(client)
        assert _recent(client, {"user": "ann"}) == _recent(client, {"user": "ann"}, **ours) == ["my secret"]
        assert _recent(client, {"user": "ann"}, **theirs) == []
        assert _recent(client, {"user": "ann"}, **{"x-forwarded-for": "203.0.113.9"}) == []
        assert _recent(stranger, {"user": "ann"}) == []
        assert _recent(stranger, {"session": "s-nobody"}) == ["old lamp"]
