"""The shop over HTTP: what it answers, and how it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest
import small_shop
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from processes import until
from starlette.testclient import TestClient

from shopkeeper.server.app import create_app
from shopkeeper.server.bodies import MAX_EVENTS
from shopkeeper.server.intake import MAX_EVENTS_BYTES
from shopkeeper.settings import Settings
from shopkeeper.shop import Shop
from shopkeeper.shop_toml import settings_text
from shopkeeper.vocabulary import Slate


def ids(answer: dict) -> list[str]:
    return [placement["item"]["id"] for placement in answer["placements"]]


def test_search_finds_what_is_asked_for_in_two_languages(client: TestClient) -> None:
    for query in ("red mug", "红色马克杯"):
        answer = client.post("/v1/search", json={"query": query}).json()
        assert ids(answer)[0] == "mug-red"
        assert answer["placements"][0]["reasons"][0]["source"] == "lexical"
        msgspec.convert(answer, Slate)


def test_search_filters_sorts_pages_and_counts(client: TestClient) -> None:
    body = {"query": "mug", "filter": "price < 7", "sort": "-price", "facets": ["brand"]}
    answer = client.post("/v1/search", json=body).json()
    assert ids(answer) == ["mug-blue", "mug-red"]
    assert {value["value"]: value["count"] for value in answer["facets"][0]["values"]} == {
        "Acme": 1,
        "Bolt & <b>Co</b>": 1,
    }
    second = client.post("/v1/search", json={**body, "offset": 1, "size": 1}).json()
    assert ids(second) == ["mug-red"]
    assert second["placements"][0]["position"] == 2


@pytest.mark.parametrize("surface", ["home", "new", "popular", "recent"])
def test_a_shelf_of_a_newcomer_is_never_empty(client: TestClient, surface: str) -> None:
    assert ids(client.post(f"/v1/shelves/{surface}", json={"user": "nobody", "size": 3}).json())


def test_shelves_that_start_from_a_product(client: TestClient) -> None:
    similar = client.post("/v1/shelves/similar", json={"items": ["mug-red"], "size": 3}).json()
    assert "mug-red" not in ids(similar)
    assert any("Red mug" in reason["text"] for reason in similar["placements"][0]["reasons"])
    assert ids(client.post("/v1/shelves/cart", json={"items": ["mug-red"]}).json())


def test_the_next_request_knows_what_just_happened(client: TestClient) -> None:
    person = {"user": "fresh", "session": "f1"}
    event = {"id": "fresh-1", "type": "view", "item": "lamp/green", **person}
    assert client.post("/v1/events", json=event).json() == {"accepted": 1, "known": 0}
    assert ids(client.post("/v1/shelves/recent", json=person).json())[0] == "lamp/green"


def test_an_event_counts_once(client: TestClient, shop: Shop) -> None:
    events = [{"id": f"once-{n % 3}", "type": "cart", "item": "mug-red", "user": "u9"} for n in range(5)]
    assert client.post("/v1/events", json=events).json() == {"accepted": 3, "known": 2}
    assert client.post("/v1/events", json=events).json() == {"accepted": 0, "known": 5}
    assert sum(event.id.startswith("once-") for _, batch in shop.log.events_after() for event in batch) == 3


def test_events_from_many_threads_all_count(client: TestClient, shop: Shop) -> None:
    def send(worker: int) -> None:
        for batch in range(5):
            events = [{"id": f"thread-{worker}-{batch}-{n}", "type": "view", "item": "mug-red"} for n in range(10)]
            events.append({"id": f"thread-shared-{batch}", "type": "view", "item": "mug-red"})
            assert client.post("/v1/events", json=events).status_code == 200

    threads = [threading.Thread(target=send, args=(worker,)) for worker in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (
        sum(event.id.startswith("thread-") for _, batch in shop.log.events_after() for event in batch) == 6 * 5 * 10 + 5
    )


def test_one_bad_event_refuses_the_whole_list(client: TestClient, shop: Shop) -> None:
    events = [{"id": "half-1", "type": "view"}, {"id": "half-2", "type": "vew"}]
    answer = client.post("/v1/events", json=events)
    assert answer.status_code == 400
    assert answer.json()["error"]["where"] == "1.type"
    assert not [event for _, batch in shop.log.events_after() for event in batch if event.id == "half-1"]


def test_explain_says_why_and_why_not(client: TestClient) -> None:
    def told(**parameters: str) -> dict:
        return client.get("/v1/explain", params=parameters).json()

    assert told(item="mug-red", query="red mug")["verdict"] == "shown"
    assert "price" in told(item="mug-red", query="red mug", filter="price > 6")["text"]
    assert told(item="chair-red", query="mug")["verdict"] == "not a candidate"
    fourth = client.post("/v1/search", json={"query": "red", "size": 1, "offset": 3}).json()["placements"][0]
    last = fourth["item"]["id"]
    assert told(item=last, query="red", size="3")["verdict"] == "ranked"
    assert told(item=last, query="red", size="1", offset="3")["verdict"] == "shown"
    assert told(item="mug-rde")["verdict"] == "unknown item"
    assert told(item="mug-blue", items="mug-red")["surface"] == "similar"


def test_items_and_pictures_by_any_id(client: TestClient) -> None:
    assert client.get("/v1/items/lamp%2Fred").json()["title"].startswith("Red lamp")
    address = client.get("/v1/items/mug-red").json()["image"]
    picture = client.get(address)
    assert (picture.content, picture.headers["content-type"]) == (small_shop.PNG, "image/png")
    assert picture.headers["x-content-type-options"] == "nosniff"
    assert client.get("/v1/images/mug-blue").status_code == 404
    assert client.get("/v1/items/nothing").status_code == 404


def test_what_was_not_found_is_told(client: TestClient) -> None:
    client.post("/v1/search", json={"query": "unobtainium xqzvkj", "user": "u0"})
    until(lambda: client.get("/v1/queries").json())  # slates are written soon
    newest = client.get("/v1/queries", params={"days": 1, "size": 1}).json()[0]
    assert newest["query"] == "unobtainium xqzvkj"
    assert (newest["times"], newest["people"], newest["dropped"]) == (1, 1, [])
    assert client.get("/v1/queries", params={"days": 0}).status_code == 400


def test_shoppers_can_be_shopped_as(client: TestClient) -> None:
    shoppers = client.get("/v1/shoppers").json()
    assert {shopper["user"] for shopper in shoppers} == {"u0", "u1", "u2", "u3"}
    assert all(shopper["likes"] and shopper["events"] == 30 for shopper in shoppers)


@pytest.mark.parametrize(
    ("path", "body", "part"),
    [
        ("/v1/search", {"qery": "mug"}, "Did you mean 'query'?"),
        ("/v1/search", {"query": 1}, "text"),
        ("/v1/search", {"query": "mug", "size": 10**30}, "to"),
        ("/v1/search", {"query": "mug", "filter": "prise < 3"}, "price"),
        ("/v1/search", {"query": "mug", "filter": "price <"}, "filter"),
        ("/v1/search", {"query": "mug", "sort": "prise"}, "price"),
        ("/v1/search", {"query": "mug", "time": 1e300}, "number"),
        ("/v1/search", {}, "needs a query"),
        ("/v1/search", [], "table"),
        ("/v1/shelves/hom", {}, "Did you mean 'home'?"),
        ("/v1/shelves/similar", {}, "needs items"),
        ("/v1/events", {"type": "view"}, "'id' is missing"),
        ("/v1/events", {"id": "", "type": "view"}, "length"),
        ("/v1/events", {"id": "x", "type": "view", "time": 4e9}, "future"),
        ("/v1/events", [{"id": "x", "type": "view"}] * (MAX_EVENTS + 1), "length"),
    ],
)
def test_a_request_that_does_not_fit_is_told_why(client: TestClient, path: str, body: object, part: str) -> None:
    answer = client.post(path, json=body)
    assert answer.status_code == 400
    assert answer.json()["request"] == answer.headers["x-request-id"]
    assert set(answer.json()["error"]) <= {"what", "where", "expected", "remedy"}
    assert part in json.dumps(answer.json(), ensure_ascii=False)


@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"query": "a" "b"}', b"[" * 100_000, b'{"query": "\xd8"}'])
def test_broken_json_is_the_senders_mistake(client: TestClient, body: bytes) -> None:
    for path in ("/v1/search", "/v1/events", "/v1/shelves/home"):
        answer = client.post(path, content=body)
        assert answer.status_code == 400
        assert answer.json()["error"]["what"]


def test_a_body_has_an_end(client: TestClient) -> None:
    answer = client.post("/v1/events", content=b" " * (MAX_EVENTS_BYTES + 1))
    assert answer.status_code == 413
    assert "too long" in answer.json()["error"]["what"]


def test_unknown_routes_and_methods_answer_in_json(client: TestClient) -> None:
    lost = client.get("/v1/serch")
    assert (lost.status_code, lost.json()["error"]["remedy"]) == (404, "Did you mean '/v1/search'?")
    wrong = client.get("/v1/search")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    assert wrong.json()["error"]["what"]
    assert client.get("/v1/explain").json()["error"]["where"] == "query.item"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(
    ["query", "user", "items", "filter", "sort", "size", "offset", "facets", "time", "id", "type", "item"]
)


@given(path=st.sampled_from(["/v1/search", "/v1/shelves/home", "/v1/events"]), body=st.dictionaries(names, json_values))
@hypothesis_settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_body_breaks_the_shop(client: TestClient, path: str, body: dict) -> None:
    assert client.post(path, json=body).status_code in (200, 400)


@given(query=st.text(max_size=60), filter=st.text(max_size=30))
@hypothesis_settings(max_examples=60)
def test_no_text_breaks_the_shop(client: TestClient, query: str, filter: str) -> None:  # noqa: A002
    assert client.post("/v1/search", json={"query": query, "filter": filter}).status_code in (200, 400)
    assert client.get("/v1/explain", params={"item": query, "query": query}).status_code in (200, 400)


def test_a_new_release_is_picked_up_and_a_damaged_one_is_not(tmp_path: Path) -> None:
    shop = small_shop.open_shop(tmp_path / "shop")
    with TestClient(create_app(shop)) as client:
        first = client.get("/v1/ready").json()
        client.post("/v1/events", json={"id": "e", "type": "view", "item": "mug-red", "user": "keeper"})
        small_shop.publish(tmp_path / "shop", Settings(), small_shop.items().slice(0, 6))
        until(lambda: client.get("/v1/ready").json()["items"] == 6)
        second = client.get("/v1/ready").json()
        assert ids(client.post("/v1/shelves/recent", json={"user": "keeper"}).json()) == ["mug-red"]
        (tmp_path / "shop" / "releases" / "current").write_text("nonsense")
        damaged = client.get("/v1/ready").json()
        assert {**damaged, "findings": []} == {**second, "findings": []}
        assert "an earlier one" in damaged["findings"][0]["found"]
        shop.rollback(first["release"])
        until(lambda: client.get("/v1/ready").json() == first)


def test_a_shop_without_a_release_says_so(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text(settings_text(Settings()), encoding="utf-8")
    with TestClient(create_app(Shop(tmp_path))) as client:
        ready = client.get("/v1/ready")
        assert (ready.status_code, ready.json()["status"]) == (503, "not ready")
        assert client.get("/v1/health").json() == {"status": "ok", "shop": "My shop"}
        answer = client.post("/v1/search", json={"query": "mug"})
        assert answer.status_code == 503
        assert "shopkeeper train" in answer.json()["error"]["remedy"]


def test_openapi_describes_every_answer_and_its_examples_fit(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    known = document["components"]["schemas"]
    references = json.dumps(document).split('"$ref": "#/components/schemas/')[1:]
    assert {reference.split('"')[0] for reference in references} <= set(known)
    assert {"Slate", "Explanation", "SearchBody", "EventBody", "Refusal"} <= set(known)
    for path in ("/v1/search", "/v1/events"):
        example = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["example"]
        assert client.post(path, json=example).status_code == 200


def test_serving_imports_no_training_library() -> None:
    code = "import sys, shopkeeper.server.app, shopkeeper.console; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "transformers", "lightgbm", "onnx", "scipy", "matplotlib", "pandas"} & set(loaded)
