"""Records written and read by clients; what people did, told by clients; shelves for clients."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import small_shop
from asked import Ask
from processes import until
from starlette.testclient import TestClient

from shopkeeper.keys import KeyStore, Role
from shopkeeper.server.algolia.insights import read_insights
from shopkeeper.server.app import create_app
from shopkeeper.shop import Shop
from shopkeeper.vocabulary import Event, EventType

PATH = "indexes/products"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """One without items."""
    shop = small_shop.open_shop(tmp_path_factory.mktemp("records") / "small")
    small_shop.publish(shop.directory, shop.settings, small_shop.items().slice(0, 0))
    return shop


@pytest.fixture
def write(ask: Ask) -> Any:
    """`write(action, body, …)`: operations, once answers know them."""

    def write(*operations: tuple[str, dict[str, Any]], status: int = 200) -> Any:
        requests = [{"action": action, "body": body} for action, body in operations]
        said = ask(f"{PATH}/batch", {"requests": requests}, status=status)
        if status == 200:
            until(lambda: ask(f"{PATH}/task/{said['taskID']}", None, "GET")["status"] == "published")
        return said

    return write


def test_an_empty_shop_is_filled_and_emptied(ask: Ask, search: Ask, write: Any) -> None:
    assert search("mug", facets=["*", "brand"])["nbHits"] == 0
    assert search(facets=["brand"])["facets"] == {}
    mugs = [{"objectID": f"m{at}", "name": f"Mug {at}", "brand": "Acme", "price": at + 1} for at in range(2_000)]
    assert len(write(*(("addObject", mug) for mug in mugs))["objectIDs"]) == 2_000
    answer = search("mug", facets=["brand", "price"])
    assert (answer["nbHits"], answer["facets"]["brand"]) == (2_000, {"Acme": 2_000})
    assert answer["facets_stats"]["price"] == {"min": 1.0, "max": 2_000.0, "avg": 1_000.5, "sum": 2_001_000.0}
    seen, cursor = list[str](), ""
    while len(seen) < 2_000:
        page = ask(f"{PATH}/browse", {"hitsPerPage": 900, **({"cursor": cursor} if cursor else {})})
        seen += [hit["objectID"] for hit in page["hits"]]
        cursor = page.get("cursor", "")
    assert (len(set(seen)), cursor) == (2_000, "")
    found = ask(f"{PATH}/browse", {"query": "mug", "filters": "price < 4"})
    assert [hit["objectID"] for hit in found["hits"]] == ["m0", "m1", "m2"]
    ask(f"{PATH}/browse", {"cursor": "?"}, status=400)
    ask(f"{PATH}/deleteByQuery", {"params": "filters=price%3E1"})
    for misspelt in ("NOT typo:1", "NOT sale", "typo != 1", "price > 1 OR NOT typo:1"):
        assert "no item says" in ask(f"{PATH}/deleteByQuery", {"filters": misspelt}, status=400)["message"]
    write(("addObject", {"objectID": "last"}))
    assert search()["nbHits"] == 2
    write(("clear", {}))
    assert search()["nbHits"] == 0


def test_some_attributes_are_changed(ask: Ask, write: Any) -> None:
    tea = {"objectID": "tea", "title": "Tea", "tags": ["green"], "sold": 1}
    write(
        ("addObject", tea),
        ("partialUpdateObject", {"objectID": "tea", "sold": {"_operation": "Increment", "value": 2}}),
        ("partialUpdateObject", {"objectID": "tea", "tags": {"_operation": "AddUnique", "value": "loose"}}),
        ("partialUpdateObjectNoCreate", {"objectID": "ghost", "title": "Ghost"}),
    )
    assert ask(f"{PATH}/tea", None, "GET") == {**tea, "tags": ["green", "loose"], "sold": 3}
    task = ask(f"{PATH}/tea/partial", {"tags": {"_operation": "Remove", "value": "green"}})["taskID"]
    until(lambda: ask(f"{PATH}/task/{task}", None, "GET")["status"] == "published")
    asked = [{"indexName": "p", "objectID": "tea", "attributesToRetrieve": ["tags"]}, {"objectID": "ghost"}]
    found = ask("indexes/*/objects", {"requests": asked})["results"]
    assert found == [{"objectID": "tea", "tags": ["loose"]}, None]
    write(("deleteObject", {"objectID": "tea"}))
    ask(f"{PATH}/tea", None, "GET", status=404)


def test_what_was_just_written_is_changed_in_part(ask: Ask, write: Any) -> None:
    """No answer needs to know it yet."""
    for at in range(5):
        path = f"{PATH}/now{at}"
        ask(path, {"name": "Now", "brand": "Acme", "price": 50}, "PUT")
        ask(f"{path}/partial", {"price": 5})
        ask(
            f"{PATH}/batch", {"requests": [{"action": "partialUpdateObject", "body": {"objectID": f"now{at}", "a": 1}}]}
        )
        ask(f"{PATH}/gone{at}", {"name": "Gone"}, "PUT")
        ask(f"{PATH}/gone{at}", None, "DELETE")
        ask(f"{PATH}/gone{at}/partial?createIfNotExists=false", {"price": 5})
    write()
    now = {"name": "Now", "brand": "Acme", "price": 5, "a": 1}
    for at in range(5):
        assert ask(f"{PATH}/now{at}", None, "GET") == {"objectID": f"now{at}", **now}
        ask(f"{PATH}/gone{at}", None, "GET", status=404)


def test_of_many_who_change_one_record_none_is_lost(ask: Ask, write: Any) -> None:
    ask(f"{PATH}/count", {"n": 0}, "PUT")
    with ThreadPoolExecutor(8) as pool:
        one_more = {"n": {"_operation": "Increment", "value": 1}}
        list(pool.map(lambda _: ask(f"{PATH}/count/partial", one_more), range(40)))
    write()
    assert ask(f"{PATH}/count", None, "GET")["n"] == 40


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("addObject", {"objectID": ""}),
        ("updateObject", {"title": "nameless"}),
        ("explode", {"objectID": "a"}),
        ("delete", {}),
        ("partialUpdateObject", {"objectID": "a", "n": {"_operation": "IncrementFrom", "value": 1}}),
        ("partialUpdateObject", {"objectID": "a", "n": {"_operation": "Increment", "value": "x"}}),
    ],
)
def test_one_mistake_in_a_batch_refuses_all_of_it(search: Ask, write: Any, action: str, body: dict[str, Any]) -> None:
    said = write(("addObject", {"objectID": "good"}), (action, body), status=400)
    assert said["message"]
    assert "good" not in [hit["objectID"] for hit in search()["hits"]]


def test_a_record_without_an_id_is_given_one(ask: Ask) -> None:
    assert ask(PATH, {"title": "Nameless"})["objectID"]


def _told(**event: Any) -> list[Event]:
    told = {"eventName": "x", "index": "p", "userToken": "u1", "objectIDs": ["a"], "timestamp": 1_700_000_000_000}
    return read_insights({"events": [told | event]}).events


def test_insights_become_events() -> None:
    click, second = _told(eventType="click", objectIDs=["a", "b"], positions=[3, 4], queryID="slate")
    assert (click.type, click.item, click.position, click.slate) == (EventType.VIEW, "a", 3, "slate")
    assert (second.item, second.position, second.time, second.user) == ("b", 4, 1.7e9, "u1")
    (cart,) = _told(eventType="conversion", eventSubtype="addToCart", userToken="anonymous-7")
    assert (cart.type, cart.user, cart.session) == (EventType.CART, None, "anonymous-7")
    data = [{"price": "2.5", "quantity": 2, "queryID": "other"}]
    (bought,) = _told(eventType="conversion", eventSubtype="purchase", objectData=data, authenticatedUserToken="me")
    assert (bought.type, bought.price, bought.quantity) == (EventType.PURCHASE, 2.5, 2.0)
    assert (bought.slate, bought.user) == ("other", "me")
    assert [event.type for event in _told(eventType="view")] == [EventType.VIEW]
    assert _told(eventType="view", objectIDs=["a", "b"]) == _told(eventType="view", eventName="Hits Viewed") == []
    assert _told(eventType="instantsearch", objectIDs=None) == []
    assert _told(eventType="click", objectIDs=None, filters=["brand:Acme"]) == []
    assert _told(eventType="click")[0].id == _told(eventType="click")[0].id != _told(eventType="click", index="q")[0].id


def test_an_event_without_a_time_is_that_of_the_second_in_which_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    def told(second: float) -> Event:
        monkeypatch.setattr("shopkeeper.server.algolia.insights.time.time", lambda: second)
        return _told(eventType="conversion", timestamp=None)[0]

    assert told(1e9) == told(1e9 + 0.2)
    assert told(1e9).time == 1e9
    assert told(1e9).id != told(1e9 + 60).id


def test_insights_that_do_not_fit_are_refused(ask: Ask) -> None:
    good = {"eventType": "click", "userToken": "u", "objectIDs": ["a"]}
    for wrong in ({"eventType": "dance"}, {"userToken": ""}, {"objectIDs": [3]}, {"objectIDs": []}, {"positions": [0]}):
        ask("events", {"events": [good | wrong]}, status=400)
    assert ask("events", {"events": [good]}) == {"status": 200, "message": "OK"}


def test_shelves_answer_the_models(tmp_path_factory: pytest.TempPathFactory) -> None:
    shop = small_shop.open_shop(tmp_path_factory.mktemp("shelves") / "small")

    def request(model: str, **said: Any) -> dict[str, Any]:
        return {"indexName": "products", "model": model, "threshold": 0, "maxRecommendations": 3, **said}

    with TestClient(create_app(shop)) as client:
        asked = [
            request("related-products", objectID="mug-red"),
            request("bought-together", objectID="mug-red"),
            request("looking-similar", objectID="mug-red", queryParameters={"filters": "brand:Acme"}),
            request("trending-items", facetName="colour", facetValue="blue"),
            request("trending-facets", facetName="brand"),
        ]
        answer = client.post("/1/indexes/*/recommendations", json={"requests": asked})
        related, together, alike, trending, facets = (each["hits"] for each in answer.json()["results"])
        for hits in (related, together, alike, trending):
            assert 0 < len(hits) <= 3
            assert "mug-red" not in [hit["objectID"] for hit in hits]
            assert [hit["_score"] for hit in hits] == sorted((hit["_score"] for hit in hits), reverse=True)
        assert {hit["brand"] for hit in alike} == {"Acme"}
        assert {hit["colour"] for hit in trending} == {"blue"}
        assert {hit["facetValue"] for hit in facets} == {"Acme", "Bolt & <b>Co</b>"}
        for wrong in (request("dreams"), request("related-products", objectID="nobody"), {"model": 3}):
            assert client.post("/1/indexes/*/recommendations", json={"requests": [wrong]}).status_code == 400
    _, key = KeyStore(shop.directory).create([Role.SEARCH], filter="colour = red")
    with TestClient(create_app(shop)) as client:
        for id_ in ("mug-blue", "nobody"):  # hidden by the key's filter, and unknown
            asked = {"requests": [request("related-products", objectID=id_)]}
            answer = client.post(f"/1/indexes/*/recommendations?x-algolia-api-key={key}", json=asked)
            assert answer.status_code == 400
            assert answer.json()["message"] == f"objectID: there is no object {id_!r}."
