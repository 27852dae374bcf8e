"""What browsers are told: whose pages may ask, and that nothing here is to be run, framed or guessed."""

from __future__ import annotations

from pathlib import Path

import pytest
import small_shop
from starlette.testclient import TestClient

from shopkeeper.console.site import storefront
from shopkeeper.keys import KeyStore, Role
from shopkeeper.server.app import create_app
from shopkeeper.shop import Shop

OURS, STRANGE = "https://www.example.com", "https://evil.example"
ALWAYS = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer", "x-frame-options": "DENY"}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    small_shop.open_shop(tmp_path)
    (tmp_path / "shop.toml").write_text(f'[server]\ncors_origins = ["{OURS}"]\n')
    return Shop(tmp_path)


def test_every_answer_has_safe_headers(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    key = KeyStore(shop.directory).create([Role.SEARCH])[1]
    monkeypatch.setattr(shop, "explain", lambda *_: 1 / 0)
    asked = {
        200: ("GET", "/v1/health", None),
        400: ("POST", "/v1/search", b"{"),
        401: ("GET", "/v1/shoppers", None),
        403: ("POST", "/v1/events", b"{}"),
        404: ("GET", "/nowhere", None),
        405: ("PUT", "/v1/search", None),
        413: ("POST", "/v1/search", b" " * 600_000),
        414: ("GET", "/v1/explain?item=" + "x" * 9_000, None),
        500: ("GET", "/v1/explain?item=mug-red&query=mug", None),
    }
    with TestClient(storefront(shop), base_url="https://shop", raise_server_exceptions=False) as client:
        answers = {
            status: client.request(method, path, content=body, headers={} if status == 401 else {"X-API-Key": key})
            for status, (method, path, body) in asked.items()
        }
        page, script = client.get("/"), client.get("/console/page.js")
    assert {status: answer.status_code for status, answer in answers.items()} == {status: status for status in asked}
    for answer in (*answers.values(), page, script):
        assert ALWAYS.items() <= dict(answer.headers).items(), answer.url
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "geolocation=()" in answer.headers["permissions-policy"]
        assert answer.headers["strict-transport-security"]
        assert answer.headers["x-request-id"]
        assert "server" not in answer.headers
        assert all(len(answer.headers.get_list(name)) == 1 for name in answer.headers)


def test_https_is_asked_for_only_behind_https(shop: Shop) -> None:
    with TestClient(create_app(shop), base_url="http://shop") as client:
        assert "strict-transport-security" not in client.get("/v1/health").headers


def test_only_listed_sites_may_ask(shop: Shop) -> None:
    preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key, content-type"}
    with TestClient(create_app(shop)) as client:
        ours = client.options("/v1/search", headers={"Origin": OURS, **preflight})
        assert (ours.status_code, ours.headers["access-control-allow-origin"]) == (200, OURS)
        assert "X-API-Key" in ours.headers["access-control-allow-headers"]
        assert "access-control-allow-credentials" not in ours.headers
        strange = client.options("/v1/search", headers={"Origin": STRANGE, **preflight})
        assert (strange.status_code, "access-control-allow-origin" in strange.headers) == (400, False)
        answer = client.post("/v1/search", json={"query": "mug"}, headers={"Origin": OURS})
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, OURS)
        refused = client.post("/v1/search", json={"query": ""}, headers={"Origin": OURS})
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (400, OURS)


def test_no_site_may_ask_unless_it_is_listed(tmp_path: Path) -> None:
    shop = small_shop.open_shop(tmp_path)
    KeyStore(tmp_path).create([Role.SEARCH])
    with TestClient(create_app(shop)) as client:
        answer = client.get("/v1/health", headers={"Origin": OURS})
        assert "access-control-allow-origin" not in answer.headers
