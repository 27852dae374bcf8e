"""The log: one line for a request, with its id; and never a key."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import small_shop
from starlette.testclient import TestClient
from test_keys import sign

from shopkeeper.errors import DataError
from shopkeeper.keys import KeyStore, Role, hashed
from shopkeeper.server.app import create_app
from shopkeeper.server.logs import formatter
from shopkeeper.shop import Shop

SECRET_QUERY = "a query that is nobody's business"


class Log:
    """What is written while it is looked at."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


@pytest.fixture
def log() -> Iterator[Log]:
    written, logger = Log(), logging.getLogger("shopkeeper")
    handler = logging.StreamHandler(written.stream)
    handler.setFormatter(formatter(terminal=False))
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield written
    logger.removeHandler(handler)
    logger.setLevel(level)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    small_shop.open_shop(tmp_path)
    with (tmp_path / "shop.toml").open("a") as file:
        file.write("\n")
    text = (tmp_path / "shop.toml").read_text().replace("# access_log = false", "access_log = true")
    (tmp_path / "shop.toml").write_text(text)
    return Shop(tmp_path)


def test_a_request_is_one_line_that_names_its_route_and_not_what_was_asked(log: Log, shop: Shop) -> None:
    with TestClient(create_app(shop)) as client:
        answer = client.get("/v1/items/mug-red?secret=1", headers={"X-Request-ID": "page-17.a"})
        client.post("/v1/search", json={"query": SECRET_QUERY})
        client.get("/v1/nowhere/mug-red")
    assert answer.headers["x-request-id"] == "page-17.a"
    first, second, third = (line for line in log.lines() if line["event"] == "request")
    assert {"method": "GET", "route": "/v1/items/{item:id}", "status": 200, "level": "info"}.items() <= first.items()
    assert (first["request"], first["client"], first["ms"] >= 0.0) == ("page-17.a", "testclient", True)
    assert (second["route"], second["request"]) == ("/v1/search", second["request"])
    assert (third["route"], third["status"], third["refused"]) == ("none", 404, "address")
    assert not any(word in log.stream.getvalue() for word in ("mug-red", "secret", SECRET_QUERY))


@pytest.mark.parametrize("sent", ["", "x" * 65, "a b", 'a"b', "a\tb", "<x>", "é"])
def test_a_request_id_that_is_not_sane_is_replaced(shop: Shop, sent: str) -> None:
    with TestClient(create_app(shop)) as client:
        lost = client.get("/v1/nowhere", headers={"X-Request-ID": sent.encode()})
    given = lost.headers["x-request-id"]
    assert given not in ("", sent)
    assert lost.json()["request"] == given


def test_keys_are_never_written(log: Log, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    key, text = KeyStore(shop.directory).create([Role.SEARCH, Role.EVENTS])
    token, wrong = sign(text, user="u1"), text[:-1] + "?"
    with TestClient(create_app(shop), raise_server_exceptions=False) as client:
        for secret in (text, token, wrong, token[:-3] + "abc", hashed(text)):
            for headers in ({"Authorization": f"Bearer {secret}"}, {"X-API-Key": secret}):
                client.post("/v1/search", json={"query": "mug"}, headers=headers)
                client.post("/v1/search", json={"qery": "mug"}, headers=headers)
                client.get("/v1/shoppers", headers=headers)
                client.get(f"/v1/nowhere?key={secret}", headers=headers)
        picture = client.get("/v1/items/mug-red", headers={"X-API-Key": text}).json()["image"]
        client.get(picture)
        monkeypatch.setattr(shop, "answer", lambda *_: 1 / 0)
        assert client.post("/v1/search", json={"query": "mug"}, headers={"X-API-Key": text}).status_code == 500
    written = log.stream.getvalue()
    assert key.id in {line.get("key") for line in log.lines()}
    assert "ZeroDivisionError" in written
    for secret in (text, token, wrong, hashed(text), text.split("_", 2)[2], token.split(".")[2], picture.split("=")[1]):
        assert secret not in written


def test_a_fault_is_a_sentence_to_the_client_and_a_traceback_in_the_log(
    log: Log, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shop, "answer", lambda *_: 1 / 0)
    with TestClient(create_app(shop), raise_server_exceptions=False) as client:
        answer = client.post("/v1/search", json={"query": "mug"})
    assert answer.status_code == 500
    assert "ZeroDivisionError" not in answer.text
    assert str(shop.directory) not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    (fault,) = (line for line in log.lines() if line["level"] == "error")
    assert "ZeroDivisionError" in fault["exception"]
    assert fault["request"] == answer.json()["request"] == answer.headers["x-request-id"]


def test_nothing_that_is_sent_breaks_a_line(log: Log, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    nasty = "x\n{}\r\n2026 [info] forged"

    def fail(_: object) -> None:
        raise DataError(f"the item {nasty} cannot be read", where=nasty)

    monkeypatch.setattr(shop, "item", fail)
    with TestClient(create_app(shop), raise_server_exceptions=False) as client:
        assert client.get("/v1/items/x").status_code == 503
        client.post("/v1/search", json={"query": "mug", "filter": nasty})
        client.get(f"/v1/nowhere/{quote(nasty)}")
    assert any("forged" in line["event"] for line in log.lines())  # each line is whole, and JSON


def test_a_terminal_gets_plain_lines() -> None:
    record = logging.LogRecord("shopkeeper.x", logging.INFO, __file__, 1, "a %s", ("request",), None)
    record.status, record.key = 200, "two\nlines"
    line = formatter(terminal=True).format(record)
    assert "a request" in line
    assert "status=200" in line
    assert "\n" not in line
