"""Search by picture over HTTP: a file as it is, or within JSON; and files that nobody should send."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
import small_shop
from small_pictures import SHAPES, drawn
from starlette.testclient import TestClient

from shopkeeper.server.app import create_app
from shopkeeper.server.intake import MAX_PICTURE_BYTES

PICTURES = {
    item: drawn(SHAPES[at // 3], small_shop.COLOURS[at % 3][0])
    for at, item in enumerate(small_shop.items().column("item_id").to_pylist())
}
TEAPOT = drawn("rectangle", "blue", at=30, file="JPEG")
ADDRESS = "/v1/search/picture"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    shop = small_shop.open_shop(tmp_path_factory.mktemp("pictured"), PICTURES)
    with TestClient(create_app(shop), raise_server_exceptions=False) as client:
        yield client


def ids(slate: dict[str, object]) -> list[str]:
    return [placement["item"]["id"] for placement in slate["placements"]]  # type: ignore[attr-defined]


def test_a_file_as_it_is(client: TestClient) -> None:
    slate = client.post(ADDRESS, content=TEAPOT, headers={"Content-Type": "image/jpeg"}).json()
    assert ids(slate)[0] == "teapot-blue"
    assert slate["surface"] == "picture"
    assert slate["placements"][0]["reasons"][0]["text"] == "looks like the picture"


def test_the_address_says_what_is_asked_besides(client: TestClient) -> None:
    asked = {"query": "但要红色的", "like": "shape", "filter": "price < 100", "facets": ["category"], "size": 1}
    slate = client.post(ADDRESS, params=asked, content=TEAPOT).json()
    assert ids(slate) == ["teapot-red"]
    assert "Teapots" in [value["value"] for value in slate["facets"][0]["values"]]
    narrowed = client.post(ADDRESS, params={"filter": "category = Teapots and price > 8"}, content=TEAPOT).json()
    assert ids(narrowed) == ["teapot-blue", "teapot-green"]
    cheapest = client.post(ADDRESS, params={"sort": "price", "like": "colour"}, content=TEAPOT).json()
    prices = [placement["item"]["price"] for placement in cheapest["placements"]]
    assert len(prices) == cheapest["total"] > 1
    assert prices == sorted(prices)


@pytest.mark.parametrize("address", [ADDRESS, "/v1/search", "/v1/shelves/picture"])
def test_a_picture_within_json(client: TestClient, address: str) -> None:
    slate = client.post(address, json={"picture": b64encode(TEAPOT).decode(), "query": "green", "like": "shape"}).json()
    assert ids(slate)[0] == "teapot-green"


def test_like_an_item_of_the_shop(client: TestClient) -> None:
    slate = client.post("/v1/shelves/picture", json={"items": ["mug-red"], "like": "colour"}).json()
    assert ids(slate)
    assert all(id_.endswith("red") for id_ in ids(slate))


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        (b"", 400, "needs a picture"),
        (b"GIF89a but no picture", 400, "damaged"),
        (b"\x7fELF", 400, "no picture that can be read"),
        (b"\xff\xd8\xff" + bytes(MAX_PICTURE_BYTES), 413, "too long"),
    ],
    ids=("empty", "damaged", "program", "large"),
)
def test_what_cannot_be_read_is_answered_in_a_sentence(
    client: TestClient, content: bytes, status: int, said: str
) -> None:
    answer = client.post(ADDRESS, content=content)
    assert (answer.status_code, said in answer.json()["error"]["what"]) == (status, True)


def test_what_is_no_base64_and_an_unknown_likeness_are_refused(client: TestClient) -> None:
    assert client.post("/v1/search", json={"picture": "%%%"}).status_code == 400
    assert client.post("/v1/search", json={"query": "mug", "like": "smell"}).status_code == 400
    assert client.post(ADDRESS, params={"like": "smell"}, content=TEAPOT).status_code == 400


def test_a_shop_without_pictures_says_so(tmp_path: Path) -> None:
    with TestClient(create_app(small_shop.open_shop(tmp_path)), raise_server_exceptions=False) as client:
        slate = client.post(ADDRESS, content=TEAPOT).json()
        assert "placements" not in slate or not slate["placements"]
        assert "no item of this shop has a picture of its own that could be read" in slate["notes"]
