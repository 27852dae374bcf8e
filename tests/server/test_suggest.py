"""Suggestions over HTTP: for whom, of what, and forgotten for good."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import small_shop
from starlette.testclient import TestClient

from shopkeeper.engine.suggestions import ITEMS_KEPT, Completions, Suggestions
from shopkeeper.keys import KeyStore, Role
from shopkeeper.server.app import create_app
from shopkeeper.shop import Shop


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
    with TestClient(create_app(open_shop(tmp_path)), base_url="http://localhost") as client:
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
    with TestClient(create_app(Shop(tmp_path)), base_url="http://localhost") as client:  # as another process sees it
        assert recent("ann") == ["blue mug"]
