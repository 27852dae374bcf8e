"""Records that are somewhere, and what is near."""

from __future__ import annotations

from typing import Any

import pytest
import small_shop
from asked import Ask
from processes import until
from starlette.testclient import TestClient

from shopkeeper.server.algolia.objects import item_of, record_of
from shopkeeper.server.app import create_app
from shopkeeper.shop import Shop

PARIS, DIJON, BEAUNE = {"lat": 48.85, "lng": 2.35}, {"lat": 47.32, "lng": 5.04}, {"lat": 47.02, "lng": 4.84}
PLACES: list[dict[str, Any]] = [
    {"objectID": "beaune", "title": "Wine from Beaune", "price": 9, "_geoloc": BEAUNE},
    {"objectID": "dijon", "title": "Wine, mustard", "price": 9, "_geoloc": DIJON},
    {"objectID": "nowhere", "title": "Wine by post", "price": 1},
    {"objectID": "paris", "title": "Wine wine wine", "price": 5, "_geoloc": [PARIS, DIJON]},
]
NEAR_DIJON = "47.3, 5"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    shop = small_shop.open_shop(tmp_path_factory.mktemp("places") / "small")
    small_shop.publish(shop.directory, shop.settings, small_shop.items().slice(0, 0))
    with TestClient(create_app(shop)) as client:
        assert client.post("/1/indexes/p/query", json={"aroundLatLng": NEAR_DIJON}).json()["nbHits"] == 0
        near = {"aroundLatLng": NEAR_DIJON, "aroundRadius": 10}
        assert client.post("/1/indexes/p/query", json=near).json()["nbHits"] == 0
        asked = [{"action": "addObject", "body": record} for record in PLACES]
        assert client.post("/1/indexes/p/batch", json={"requests": asked}).status_code == 200
        until(lambda: client.post("/1/indexes/p/query", json={}).json()["nbHits"] == len(PLACES))
    return shop


def _ids(answer: Any) -> list[str]:
    return [hit["objectID"] for hit in answer["hits"]]


@pytest.mark.parametrize("query", ["", "wine"])
def test_the_nearest_come_first_and_within_a_radius_alone(search: Ask, query: str) -> None:
    found = search(query, aroundLatLng=NEAR_DIJON, getRankingInfo=True)
    assert _ids(found) == ["dijon", "beaune", "paris", "nowhere"]
    metres = [hit["_rankingInfo"]["geoDistance"] for hit in found["hits"]]
    assert metres[0] == pytest.approx(3_747, abs=10)
    assert metres[3] == 0
    assert _ids(search(query, aroundLatLng=NEAR_DIJON, aroundRadius=50_000)) == ["dijon", "beaune"]
    assert _ids(search(query, aroundLatLng=NEAR_DIJON, aroundRadius=metres[0] + 1)) == ["dijon"]
    assert len(_ids(search(query, aroundLatLng=NEAR_DIJON, aroundRadius="all"))) == 4


def test_equals_of_a_sorted_replica_stand_by_distance(search: Ask) -> None:
    assert _ids(search("wine", index="p_price_desc", aroundLatLng=NEAR_DIJON)) == [
        "dijon",
        "beaune",
        "paris",
        "nowhere",
    ]
    assert _ids(search("wine", index="p_price_desc", aroundLatLng="47.0,4.8"))[:2] == ["beaune", "dijon"]


def test_a_box_holds_what_lies_in_it(search: Ask) -> None:
    burgundy = [47.5, 4.5, 46.5, 5.5]
    assert sorted(_ids(search(insideBoundingBox=[burgundy]))) == ["beaune", "dijon"]
    assert sorted(_ids(search(insideBoundingBox=[[46.5, 5.5, 47.5, 4.5], [49, 2, 48, 3]]))) == [
        "beaune",
        "dijon",
        "paris",
    ]
    assert sorted(_ids(search(insideBoundingBox="47.5,4.5,46.5,5.5"))) == ["beaune", "dijon"]
    assert _ids(search(filters="_geoloc.lat > 48")) == ["paris"]


@pytest.mark.parametrize(
    "said", [*(record["_geoloc"] for record in PLACES if "_geoloc" in record), {"lat": "x"}, "here"]
)
def test_a_place_comes_back_as_it_was_sent(said: Any) -> None:
    record = {"objectID": "a", "title": "A", "_geoloc": said}
    assert record_of(item_of(record)) == record
