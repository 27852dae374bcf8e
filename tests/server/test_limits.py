"""How often, how much, how slowly: where it ends, and that nobody else feels it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import small_shop
from hypothesis import given
from hypothesis import strategies as st
from processes import serving
from starlette.testclient import TestClient
from test_keys import sign

from shopkeeper.keys import KeyStore, Role
from shopkeeper.server import limits
from shopkeeper.server.app import create_app
from shopkeeper.server.doors import FAILURES
from shopkeeper.server.intake import MAX_EVENTS_BYTES, MAX_ITEMS_BYTES, MAX_SEARCH_BYTES
from shopkeeper.server.limits import Buckets, neighbourhood
from shopkeeper.server.protocol import MAX_HEAD_BYTES
from shopkeeper.shop import Shop

NEVER = 0.001  # requests a second: what refills while a test runs is nothing


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return small_shop.open_shop(tmp_path / "shop")


def search(client: TestClient, key: str) -> Any:
    return client.post("/v1/search", json={"query": "mug"}, headers={"X-API-Key": key})


@given(
    rate=st.floats(0.1, 50),
    burst=st.floats(1, 20),
    pauses=st.lists(st.floats(0, 5), min_size=1, max_size=60),
)
def test_a_bucket_grants_its_burst_and_its_rate_and_no_more(rate: float, burst: float, pauses: list[float]) -> None:
    now = 0.0
    buckets = Buckets(lambda: now)
    granted = 0
    for pause in pauses:
        now += pause
        wait = buckets.take("one", rate, burst)
        granted += not wait
        assert granted <= burst + rate * now + 1e-6
        if wait:
            now += wait * (1 + 1e-9)
            assert buckets.take("one", rate, burst) == 0.0
            granted += 1
    assert buckets.take("another", rate, burst) == 0.0


def test_only_so_many_buckets_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CAPACITY", 3)
    buckets = Buckets(lambda: 0.0)
    assert [buckets.take(name, 1.0, 1.0) for name in "abcd"] == [0.0] * 4
    assert buckets.take("d", 1.0, 1.0) > 0.0
    assert buckets.take("a", 1.0, 1.0) == 0.0  # forgotten, so full


def test_who_cannot_change_an_address_at_will() -> None:
    assert neighbourhood("203.0.113.7") == "203.0.113.7"
    assert neighbourhood("2001:db8::1:2") == neighbourhood("2001:db8::ffff") != neighbourhood("2001:db8:1::1")
    assert neighbourhood("a name") == "a name"


def test_a_flood_of_one_key_touches_neither_the_shop_nor_the_others(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = KeyStore(shop.directory)
    _, flood = store.create([Role.SEARCH], rate=NEVER)
    _, other = store.create([Role.SEARCH], rate=10_000.0)
    answered, answer = 0, shop.answer

    def count(*asked: Any) -> Any:
        nonlocal answered
        answered += 1
        return answer(*asked)

    monkeypatch.setattr(shop, "answer", count)
    with TestClient(create_app(shop)) as client:
        statuses = [(search(client, flood).status_code, search(client, other).status_code) for _ in range(50)]
        refused = search(client, flood)
    assert statuses == [(200, 200)] + [(429, 200)] * 49
    assert answered == 51
    assert int(refused.headers["retry-after"]) >= 1
    assert "requests a second" in refused.json()["error"]["expected"]


def test_a_signed_key_has_a_rate_of_its_own_within_its_parents(shop: Shop) -> None:
    _, key = KeyStore(shop.directory).create([Role.SEARCH], rate=10_000.0)
    first, again = sign(key, rate=NEVER, user="u1"), sign(key, rate=NEVER, user="u1", jti="again")
    with TestClient(create_app(shop)) as client:
        assert search(client, first).status_code == 200
        assert search(client, again).status_code == 429  # another token of the same user
        assert search(client, sign(key, rate=NEVER, user="u2")).status_code == 200
        assert search(client, key).status_code == 200
    _, slow = KeyStore(shop.directory).create([Role.SEARCH], rate=NEVER)
    with TestClient(create_app(shop)) as client:
        assert search(client, sign(slow, rate=1_000.0)).status_code == 200
        assert search(client, sign(slow, rate=1_000.0, user="u1")).status_code == 429


def test_each_worker_grants_its_part(shop: Shop) -> None:
    _, key = KeyStore(shop.directory).create([Role.SEARCH], rate=10.0)
    granted = {}
    for workers in (1, 10):
        app = create_app(shop, workers=workers)
        app.state.doors._buckets = Buckets(lambda: 0.0)
        with TestClient(app) as client:
            granted[workers] = sum(search(client, key).status_code == 200 for _ in range(30))
    assert granted == {1: 20, 10: 2}


def test_guessing_is_slowed_and_right_keys_are_not(shop: Shop) -> None:
    _, key = KeyStore(shop.directory).create([Role.SEARCH], rate=10_000.0)
    with TestClient(create_app(shop)) as client:
        statuses = [search(client, f"shop_00000000_{number}").status_code for number in range(int(FAILURES) + 10)]
        assert statuses[:5] == [401] * 5
        assert statuses[-5:] == [429] * 5
        assert search(client, key).status_code == 200


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("/v1/search", MAX_SEARCH_BYTES),
        ("/v1/shelves/home", MAX_SEARCH_BYTES),
        ("/v1/events", MAX_EVENTS_BYTES),
        ("/v1/items", MAX_ITEMS_BYTES),
        ("/v1/stock", MAX_ITEMS_BYTES),
    ],
)
def test_a_body_has_an_end_told_or_not(shop: Shop, path: str, limit: int) -> None:
    with TestClient(create_app(shop)) as client:
        for content in (b" " * (limit + 1), iter([b" " * (limit // 2 + 1)] * 2)):
            answer = client.post(path, content=content)
            assert answer.status_code == 413
            assert answer.headers["connection"] == "close"
            assert f"{limit:,}" in answer.json()["error"]["expected"]
        assert client.post(path, content=b" " * limit).status_code in (200, 400)


def test_addresses_and_headers_have_an_end(shop: Shop) -> None:
    with TestClient(create_app(shop)) as client:
        assert client.get("/v1/explain", params={"item": "x" * 9_000}).status_code == 414
        assert client.get("/v1/health", headers={"X-Long": "x" * 17_000}).status_code == 431
        assert client.get("/v1/health", headers={"X-Long": "x" * 10_000}).status_code == 200


# --- slow clients, and those that hang up ---


def conversation(shop: Shop, receive: Callable[[], Awaitable[dict[str, Any]]]) -> list[dict[str, Any]]:
    """What the shop sends to whoever sends events by `receive`."""
    sent: list[dict[str, Any]] = []
    headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
    scope = {
        **{"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http"},
        **{"path": "/v1/events", "raw_path": b"/v1/events", "query_string": b"", "root_path": "", "headers": headers},
        **{"client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2)},
    }

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    with ThreadPoolExecutor(1) as thread:  # a browser of other tests may have left a loop in this one
        thread.submit(asyncio.run, create_app(shop)(scope, receive, send)).result()  # type: ignore[arg-type]
    return sent


def test_a_body_that_trickles_is_not_waited_for(shop: Shop) -> None:
    (shop.directory / "shop.toml").write_text("[server]\nbody_timeout_s = 0.05\n")

    async def trickle() -> dict[str, Any]:
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b" ", "more_body": True}

    start, body = conversation(Shop(shop.directory), trickle)
    assert start["status"] == 408
    assert (b"connection", b"close") in start["headers"]
    assert b"took too long" in body["body"]


def test_who_hangs_up_half_way_leaves_nothing_behind(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    messages = iter(
        [
            {"type": "http.request", "body": b'[{"id": "half", "type": "view"}', "more_body": True},
            {"type": "http.disconnect"},
        ]
    )

    async def hang_up() -> dict[str, Any]:
        return next(messages)

    conversation(shop, hang_up)
    assert len(shop.log) == 0
    assert not caplog.records


@pytest.mark.slow
def test_a_head_without_end_is_cut_off(shop: Shop) -> None:
    with serving("--shop", shop.directory) as server, socket.create_connection((server.host, server.port)) as client:
        client.sendall(b"GET /v1/health HTTP/1.1\r\nhost: x\r\n")
        sent = 0
        while sent <= MAX_HEAD_BYTES:
            sent += client.send(b"x-more: " + b"y" * 1_000 + b"\r\n")
        assert client.recv(1_000).startswith(b"HTTP/1.1 431 ")
        status, _ = server.get("/v1/health")
        assert status == 200
