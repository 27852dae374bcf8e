"""A small shop that is asked over HTTP, one for each file of tests that needs no other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import small_shop
from starlette.testclient import TestClient

from shopkeeper.server.app import create_app
from shopkeeper.shop import Shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return small_shop.open_shop(tmp_path_factory.mktemp("shops") / "small")


@pytest.fixture(scope="module")
def client(shop: Shop) -> Iterator[TestClient]:
    with TestClient(create_app(shop), raise_server_exceptions=False) as client:
        yield client
