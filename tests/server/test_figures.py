"""What Prometheus reads, and who may."""

from __future__ import annotations

import contextlib
import itertools
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import pytest
import small_shop
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from shopkeeper.data.eventlog import EventLog
from shopkeeper.engine.pipeline import Engine
from shopkeeper.keys import KeyStore, Role
from shopkeeper.server.app import create_app
from shopkeeper.server.metrics import ShopMetrics
from shopkeeper.shop import Shop
from shopkeeper.vocabulary import Event, EventType


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    name = re.sub(r"\W", "", tmp_path.name)  # figures of one process outlive a test
    return small_shop.open_shop(tmp_path / f"shop-{name}")


@pytest.fixture
def client(shop: Shop) -> Iterator[TestClient]:
    with TestClient(create_app(shop), client=("127.0.0.1", 5_000), raise_server_exceptions=False) as client:
        yield client


def figures(client: TestClient) -> dict[str, dict[tuple[str, ...], float]]:
    """Every figure by its name and the values of its labels, sorted by their names; without the shop."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            labels = tuple(value for name, value in sorted(sample.labels.items()) if name != "shop")
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


def test_answers_are_counted_by_route_stage_and_source(client: TestClient) -> None:
    for _ in range(3):
        assert client.post("/v1/search", json={"query": "red mug", "filter": "price < 9"}).status_code == 200
    client.post("/v1/shelves/home", json={})
    client.post("/v1/shelves/nothing", json={})
    client.get("/v1/items/mug-red")
    client.get("/v1/items/mug-blue")
    found = figures(client)
    requests = found["shopkeeper_request_seconds_count"]
    assert requests["POST", "/v1/search", "200"] == 3
    assert requests["POST", "/v1/shelves/{surface}", "400"] == 1
    assert requests["GET", "/v1/items/{item:id}", "200"] == 2
    assert found["shopkeeper_stage_seconds_count"]["sources", "search"] == 3
    assert found["shopkeeper_candidates_count"]["lexical", "search"] == 3
    assert found["shopkeeper_candidates_sum"]["lexical", "search"] >= 3
    assert {surface for _, surface in found["shopkeeper_stage_seconds_count"]} == {"search", "home"}
    assert found["shopkeeper_cache_lookups_total"]["filters", "hit"] >= 2
    assert found["shopkeeper_cache_lookups_total"]["filters", "miss"] >= 1
    assert found["shopkeeper_refusals_total"]["request",] == 1


def test_events_and_changes_are_counted(client: TestClient) -> None:
    event = {"id": "m-1", "type": "view", "item": "mug-red"}
    client.post("/v1/events", json=[event, {**event, "id": "m-2"}])
    client.post("/v1/events", json=event)
    client.post("/v1/stock", json={"id": "mug-red", "stock": 3})
    found = figures(client)
    assert found["shopkeeper_events_total"] == {("new",): 2.0, ("known",): 1.0}
    assert found["shopkeeper_item_changes_total"] == {(): 1.0}
    assert found["shopkeeper_items"] == {(): 12.0}
    assert found["shopkeeper_release_age_seconds"][()] >= 0.0


def test_how_far_the_shop_lies_behind_its_log_is_told(client: TestClient, shop: Shop) -> None:
    client.post("/v1/search", json={"query": "mug"})
    found = figures(client)
    assert (found["shopkeeper_events_behind"], found["shopkeeper_item_changes_behind"]) == ({(): 0.0}, {(): 0.0})
    assert "shopkeeper_newest_event_age_seconds" not in found
    assert (found["shopkeeper_slates_total"], found["shopkeeper_slates_lost"]) == ({(): 1.0}, {(): 0.0})
    hour_ago = time.time() - 3_600.0
    with contextlib.closing(EventLog(shop.directory / "events.sqlite")) as elsewhere:  # another process
        elsewhere.append([Event(id=f"far-{n}", type=EventType.VIEW, item="mug-red", time=hour_ago) for n in range(3)])
    assert figures(client)["shopkeeper_events_behind"] == {(): 3.0}
    later = figures(client)
    assert later["shopkeeper_events_behind"] == {(): 0.0}
    assert 3_599.0 < later["shopkeeper_newest_event_age_seconds"][()] < 7_200.0


def test_no_request_makes_a_label(client: TestClient) -> None:
    before = figures(client)
    for number in range(20):
        client.get(f"/nowhere/{number}")
        client.post(f"/v1/shelves/surface-{number}", json={})
        client.get(f"/v1/items/item-{number}")
        client.request(f"VERB{number}", "/v1/search")
    after = figures(client)
    for name in ("shopkeeper_request_seconds_count", "shopkeeper_refusals_total", "shopkeeper_stage_seconds_count"):
        assert len(after.get(name, {})) - len(before.get(name, {})) <= 5, name


def test_metrics_are_for_an_admin_or_this_machine(shop: Shop) -> None:
    store = KeyStore(shop.directory)
    admin, searcher = store.create([Role.ADMIN])[1], store.create([Role.SEARCH])[1]
    app = create_app(shop)
    with TestClient(app, client=("127.0.0.1", 5_000)) as local, TestClient(app, client=("203.0.113.9", 5_000)) as far:
        assert local.get("/metrics").status_code == 200
        assert local.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 401
        assert local.get("/metrics", headers={"Host": "evil.example"}).status_code == 401  # a name that leads here
        assert local.get("/metrics", headers={"Origin": "http://evil.example"}).status_code == 401
        assert far.get("/metrics").status_code == 401
        assert far.get("/metrics", headers={"X-API-Key": searcher}).status_code == 403
        assert far.get("/metrics", headers={"X-API-Key": admin}).status_code == 200


def test_no_page_of_a_stranger_reads_the_figures_of_a_shop_without_keys(client: TestClient) -> None:
    for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
        assert client.get("/metrics", headers=headers).status_code == 403


def test_lookups_count_once_from_however_many_threads(client: TestClient, shop: Shop) -> None:
    metrics, numbers = ShopMetrics(shop.directory.resolve().name), itertools.count(1)

    class Counting:
        def cache_lookups(self) -> dict[str, tuple[int, int]]:
            number = next(numbers)
            time.sleep(0)  # another thread's turn
            return {"counting": (number, 0)}

    engine = cast(Engine, Counting())
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: metrics.looked_up(lambda: engine), range(2_000)))
    assert figures(client)["shopkeeper_cache_lookups_total"]["counting", "hit"] == 2_000


def test_a_shop_tells_nothing_of_another_in_the_same_process(client: TestClient, tmp_path: Path) -> None:
    other = small_shop.open_shop(tmp_path / "neighbour-shop")
    with TestClient(create_app(other)) as neighbour:
        neighbour.post("/v1/search", json={"query": "mug"})
    assert "neighbour-shop" not in client.get("/metrics").text
