"""A clock that jumps, forwards or backwards, while the shop is open: no request fails, and what comes is known."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import small_shop
from starlette.testclient import TestClient

from shopkeeper.server.app import create_app
from shopkeeper.settings import Settings
from shopkeeper.shop import Shop

DAY_S = 86_400.0
JUMPS = {"an hour on": 3_600.0, "an hour back": -3_600.0, "ten years on": 3_650 * DAY_S}


def ids(client: TestClient, path: str, **body: object) -> list[str]:
    answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return [placement["item"]["id"] for placement in answer.json()["placements"]]


@pytest.mark.parametrize("jump", JUMPS.values(), ids=JUMPS)
def test_the_shop_goes_on(jump: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_shop.open_shop(tmp_path)
    client, true_time = TestClient(create_app(Shop(tmp_path))), time.time
    assert client.post("/v1/events", json=view("before", "mug-red")).json()["accepted"] == 1
    monkeypatch.setattr(time, "time", lambda: max(0.0, true_time() + jump))
    for again in (1, 0):
        assert client.post("/v1/events", json=view("after", "chair-blue")).json()["accepted"] == again
    seen = ids(client, "/v1/shelves/recent", session="s1", size=2)
    assert sorted(seen) == ["chair-blue", "mug-red"]  # in whatever order these clocks tell
    assert client.post("/v1/items", json={"id": "fresh", "title": "Fresh mug"}).status_code == 200
    assert "fresh" in ids(client, "/v1/search", query="fresh mug")
    assert "fresh" in ids(client, "/v1/shelves/new", size=100)
    for surface in ("home", "popular", "similar"):
        assert ids(client, f"/v1/shelves/{surface}", items=["mug-red"], session="s1")
    small_shop.publish(tmp_path, Settings())
    assert client.get("/v1/health").status_code == 200
    assert client.get("/v1/ready").json()["release"] == Shop(tmp_path).releases.current().id
    monkeypatch.undo()
    assert client.post("/v1/events", json=view("at last", "lamp/red")).json()["accepted"] == 1
    assert len(ids(client, "/v1/shelves/recent", session="s1", size=3)) == 3


def view(id_: str, item: str) -> dict[str, str]:
    return {"id": id_, "type": "view", "session": "s1", "item": item}


def test_by_a_clock_of_1970_nothing_is_launched_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_shop.open_shop(tmp_path)
    client = TestClient(create_app(Shop(tmp_path)))
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: 0.0)
        assert client.post("/v1/events", json=view("then", "mug-red")).json()["accepted"] == 1
        for path in ("/v1/search", *(f"/v1/shelves/{surface}" for surface in ("home", "new", "similar", "recent"))):
            answer = client.post(path, json={"query": "mug", "items": ["mug-red"], "session": "s1"})
            assert (answer.status_code, answer.json().get("placements")) == (200, None)
        assert "not on sale before 2023-" in client.get("/v1/explain", params={"item": "mug-red", "query": "mug"}).text
    assert ids(client, "/v1/search", query="mug")
    assert ids(client, "/v1/shelves/recent", session="s1", size=1) == ["mug-red"]
