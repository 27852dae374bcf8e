"""What the shop says of its items reaches every worker process within a second, and every kind of answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import small_shop
from processes import Server, ask, serving, until

pytestmark = pytest.mark.slow

KETTLE = {
    "id": "kettle-copper",
    "title": "Copper kettle 铜水壶",
    "brand": "Novum",
    "categories": ["Home", "Teapots"],
    "price": 31.5,
    "attributes": {"colour": "copper"},
}
LOOKS = 24  # on connections of their own, so that both workers are asked


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("shops") / "small"
    small_shop.open_shop(directory)
    with serving("--shop", Path(directory), "--workers", 2) as server:
        until(lambda: server.get("/v1/ready")[0] == 200)
        yield server


def post(server: Server, path: str, body: object) -> Any:
    status, said = ask(server.connect(), path, body)
    assert status == 200, said
    return said


def ids(server: Server, path: str, **body: object) -> list[str]:
    return [placement["item"]["id"] for placement in post(server, path, body).get("placements", [])]


def everywhere(true: Callable[[], object]) -> float:
    """Waits until every look finds it true; returns how long that took."""
    began = time.monotonic()
    until(lambda: all(true() for _ in range(LOOKS)))
    return time.monotonic() - began


def test_a_new_item_is_found_by_every_worker_on_every_surface(server: Server) -> None:
    assert post(server, "/v1/items", KETTLE) == {"accepted": 1}
    everywhere(lambda: ids(server, "/v1/search", query="copper kettle")[:1] == ["kettle-copper"])
    for _ in range(LOOKS):
        assert ids(server, "/v1/search", query="铜水壶")[0] == "kettle-copper"
        assert ids(server, "/v1/search", query="kettle", filter="brand = novum and price > 31") == ["kettle-copper"]
        assert ids(server, "/v1/shelves/new")[0] == "kettle-copper"
        assert "kettle-copper" in ids(server, "/v1/shelves/similar", items=["teapot-red"])
        facets = post(server, "/v1/search", {"query": "copper kettle", "facets": ["brand"]})["facets"]
        assert {"value": "Novum", "count": 1} in facets[0]["values"]


def test_stock_and_price_change_in_every_worker(server: Server) -> None:
    post(server, "/v1/stock", [{"id": "mug-red", "stock": 0}, {"id": "mug-blue", "price": 99.0}])
    everywhere(lambda: "mug-red" not in ids(server, "/v1/search", query="mug"))
    everywhere(lambda: ids(server, "/v1/search", query="mug", filter="price > 90") == ["mug-blue"])
    post(server, "/v1/stock", {"id": "mug-red", "stock": 4})
    everywhere(lambda: "mug-red" in ids(server, "/v1/search", query="mug"))


def test_a_deleted_item_is_gone_in_every_worker(server: Server) -> None:
    post(server, "/v1/items", [{"id": "chair-red", "deleted": True}])
    everywhere(lambda: "chair-red" not in ids(server, "/v1/search", query="red chair"))
    everywhere(lambda: server.get("/v1/items/chair-red")[0] == 404)


def test_the_very_next_request_to_any_worker_knows_an_event(server: Server) -> None:
    for number in range(LOOKS):
        item = ("mug-blue", "lamp/green", "teapot-red")[number % 3]
        event = {"id": f"e{number}", "type": "view", "user": "walker", "item": item}
        post(server, "/v1/events", event)
        assert ids(server, "/v1/shelves/recent", user="walker")[0] == item
