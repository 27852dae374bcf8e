"""Alive is one thing, ready another."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import small_shop
from starlette.testclient import TestClient

from shopkeeper.errors import DataError
from shopkeeper.server import health
from shopkeeper.server.app import create_app
from shopkeeper.shop import Shop


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return small_shop.open_shop(tmp_path)


@pytest.fixture
def client(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setattr(health, "PROBE_S", 0.0)
    with TestClient(create_app(shop), raise_server_exceptions=False) as client:
        yield client


def found(client: TestClient) -> tuple[int, dict[str, tuple[bool, str]]]:
    answer = client.get("/v1/ready")
    told = answer.json()
    assert (answer.status_code == 200) == (told["status"] == "ready")
    return answer.status_code, {each["name"]: (each["passed"], each["found"]) for each in told["findings"]}


def test_a_whole_shop_is_ready(client: TestClient) -> None:
    status, findings = found(client)
    assert status == 200
    assert {name: passed for name, (passed, _) in findings.items()} == {"release": True, "log": True, "disk": True}


def test_a_full_disk_is_not_ready(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**12, 10**12, 1_000_000))
    status, findings = found(client)
    assert (status, findings["disk"]) == (503, (False, "0.0 GB are free"))
    assert client.get("/v1/health").status_code == 200


def test_a_directory_that_is_gone_is_not_ready(client: TestClient, shop: Shop) -> None:
    shutil.rmtree(shop.directory)
    status, findings = found(client)
    assert (status, findings["disk"]) == (503, (False, "it cannot be looked at (No such file or directory)"))


def test_a_log_that_cannot_be_written_is_not_ready(
    client: TestClient, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise DataError("the log cannot be written (disk I/O error)", where=str(shop.directory / "events.sqlite"))

    monkeypatch.setattr(shop.log, "check", refuse)
    status, findings = found(client)
    assert (status, findings["log"]) == (503, (False, "the log cannot be written (disk I/O error)"))
    assert str(shop.directory) not in client.get("/v1/ready").text


def test_the_log_is_not_written_for_everybody_who_asks(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    probes: list[Any] = []
    monkeypatch.setattr(shop.log, "check", lambda: probes.append(1))
    with TestClient(create_app(shop)) as client:
        for _ in range(20):
            assert client.get("/v1/ready").status_code == 200
    assert len(probes) == 1


def test_health_waits_for_nothing(client: TestClient, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def wait() -> None:
        raise AssertionError("health looked at the release")

    monkeypatch.setattr(shop, "engine", wait)
    assert client.get("/v1/health").json() == {"status": "ok", "shop": "Small shop"}
