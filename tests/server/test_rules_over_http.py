"""Rules and synonyms over HTTP: drafted, tried out, published, seen by every process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import small_shop
from processes import until
from starlette.testclient import TestClient

from shopkeeper.keys import KeyStore, Role
from shopkeeper.server.app import create_app
from shopkeeper.settings import Synonym
from shopkeeper.shop import Shop
from shopkeeper.vocabulary import Change, Item

GIFTS = {"name": "Gifts", "query": "mug", "pin": ["chair-red"], "banner": {"text": "For you"}}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with TestClient(create_app(small_shop.open_shop(tmp_path / "shop"))) as client:
        yield client


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """For what is refused."""
    with TestClient(create_app(small_shop.open_shop(tmp_path_factory.mktemp("shop")))) as client:
        yield client


def search(client: TestClient, query: str = "mug", **fields: Any) -> dict[str, Any]:
    answer: dict[str, Any] = client.post("/v1/search", json={"query": query, **fields}).json()
    return answer


def first(answer: dict[str, Any]) -> str:
    return str(answer["placements"][0]["item"]["id"])


def test_a_rule_is_drafted_published_and_taken_back(client: TestClient) -> None:
    drafted = client.put("/v1/rules/gifts?version=0&comment=season", json=GIFTS).json()
    assert (drafted["state"], drafted["draft"]["pin"]) == ("new", ["chair-red"])
    assert "rules" not in search(client)
    assert client.post("/v1/curation/publish").json() == {"publication": 1, "rules": 1, "synonyms": 0}
    until(lambda: search(client).get("rules") == ["gifts"])
    answer = search(client)
    assert (first(answer), answer["banners"]) == ("chair-red", [{"text": "For you"}])
    assert client.get("/v1/rules").json()[0]["published"]["name"] == "Gifts"
    assert client.delete(f"/v1/rules/gifts?version={drafted['version']}").json() == {"accepted": 1}
    client.post("/v1/curation/publish", json={"comment": "no more"})
    until(lambda: "rules" not in search(client))
    client.post("/v1/curation/revert", json={"publication": 1})
    until(lambda: search(client).get("rules") == ["gifts"])
    deeds = [line["deed"] for line in client.get("/v1/curation/audit").json()]
    assert deeds == ["revert", "publish", "remove", "publish", "draft"]


def test_a_preview_says_what_moves_and_changes_nothing(client: TestClient) -> None:
    client.put("/v1/rules/gifts", json=GIFTS)
    asked = {"query": "mug", "size": 3, "rules": [{"id": "out", "hide": "id = mug-blue"}]}
    found = client.post("/v1/curation/preview", json=asked).json()
    assert first(found["then"]) == "chair-red"
    assert first(found["now"]) == first(search(client))
    moves = {move["item"]: (move.get("before"), move.get("after")) for move in found["moves"]}
    assert (moves["chair-red"], moves["mug-blue"][1]) == ((None, 1), None)
    instead = {"query": "mug", "rules": [{"id": "gifts", "query": "lamp"}]}
    assert client.post("/v1/curation/preview", json=instead).json()["moves"] == []


def test_who_was_overtaken_is_told(client: TestClient) -> None:
    client.put("/v1/rules/gifts", json=GIFTS)
    overtaken = client.put("/v1/rules/gifts?version=0", json=GIFTS)
    assert overtaken.status_code == 409
    assert "changed by somebody else" in overtaken.json()["error"]["what"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "sentence"),
    [
        ("PUT", "/v1/rules/a", {"hide": "brnd = x"}, 400, "there is no field 'brnd'"),
        ("PUT", "/v1/rules/a", {"surface": "hom"}, 400, "there is no surface 'hom'"),
        ("PUT", "/v1/rules/a", {"redirect": "javascript:alert(1)"}, 400, "does not fit"),
        ("PUT", "/v1/rules/a", {"redirect": "//evil.example"}, 400, "does not fit"),
        ("PUT", "/v1/rules/a", {"banner": {"link": "/\\evil.example"}}, 400, "does not fit"),
        ("PUT", "/v1/rules/a", {"match": "like"}, 400, "one of contains, is, starts, pattern"),
        ("PUT", "/v1/rules/a", {"id": "b"}, 400, "the rule calls itself 'b'"),
        ("PUT", "/v1/rules/a", {"pn": []}, 400, "Did you mean 'pin'?"),
        ("PUT", "/v1/rules/shop.toml:1", {}, 400, "how a rule of shop.toml is called"),
        ("PUT", f"/v1/rules/{'a' * 101}", {}, 400, "this cannot be an id"),
        ("PUT", "/v1/synonyms/a", {"words": ["mug"]}, 400, "of no words"),
        ("PUT", "/v1/synonyms/a", {"words": [f"w{at}" for at in range(101)]}, 400, "does not fit"),
        ("PUT", "/v1/synonyms/shop.toml:1", {"words": ["mug", "cup"]}, 400, "how a rule of shop.toml is called"),
        ("GET", "/v1/rules/a", None, 404, "there is no rule 'a'"),
        ("DELETE", "/v1/synonyms/a", None, 404, "there is no synonym 'a'"),
        ("POST", "/v1/curation/publish", {}, 400, "there is nothing to publish"),
        ("POST", "/v1/curation/publish", {"rules": ["a"]}, 400, "there is no draft of rule 'a'"),
        ("POST", "/v1/curation/revert", {"publication": 1}, 400, "there is no publication 1"),
        ("POST", "/v1/curation/preview", {"query": "mug", "rules": [{"boost": "brnd = x"}]}, 400, "no field 'brnd'"),
    ],
)
def test_what_does_not_fit_is_said(
    unchanged: TestClient, method: str, path: str, body: Any, status: int, sentence: str
) -> None:
    answer = unchanged.request(method, path, json=body)
    assert answer.status_code == status
    assert sentence in answer.text


def test_every_process_hears_of_a_publication_and_of_one_by_another_door(tmp_path: Path) -> None:
    """Two applications over one directory share nothing else."""
    one, other = (create_app(small_shop.open_shop(tmp_path)) for _ in range(2))
    with TestClient(one) as here, TestClient(other) as there:
        here.put("/v1/rules/gifts", json=GIFTS)
        here.put("/v1/synonyms/cups", json={"words": ["mug", "beaker"]})
        here.post("/v1/curation/publish")
        until(lambda: search(there).get("rules") == ["gifts"])
    assert Shop(tmp_path).engine().settings.synonyms == (Synonym(words=("mug", "beaker")),)


def test_a_field_that_items_lose_passes_its_rule_over_and_a_new_release_opens(tmp_path: Path) -> None:
    shop = small_shop.open_shop(tmp_path)
    kettle = Item(id="kettle", title="Copper mug", attributes={"material": "copper"})
    shop.change([Change(id="kettle", time=1.0, item=kettle)])
    with TestClient(create_app(shop)) as client:
        assert client.put("/v1/rules/out", json={"hide": "material = copper"}).status_code == 200
        client.post("/v1/curation/publish")
        until(lambda: search(client).get("rules") == ["out"])
        shop.change([Change(id="kettle", time=2.0, deleted=True)])
        released = small_shop.publish(tmp_path, shop.settings, live=shop.log.newest()).id
        until(lambda: search(client)["release"] == released)
        assert search(client)["total"] == 3


def test_the_rules_of_shop_toml_stand_first(tmp_path: Path) -> None:
    small_shop.open_shop(tmp_path).close()
    with (tmp_path / "shop.toml").open("a", encoding="utf-8") as file:
        file.write('\n[[rules]]\nquery = "mug"\nredirect = "/file"\n')
    with TestClient(create_app(Shop(tmp_path))) as client:
        client.put("/v1/rules/a", json={"query": "mug", "redirect": "/store"})
        client.post("/v1/curation/publish")
        until(lambda: search(client).get("rules") == ["shop.toml:1", "a"])
        assert search(client)["redirect"] == "/file"


def test_the_audit_knows_whose_key_it_was(tmp_path: Path) -> None:
    shop = small_shop.open_shop(tmp_path)
    _, ada = KeyStore(tmp_path).create([Role.MERCHANDISE], name="Ada")
    _, searcher = KeyStore(tmp_path).create([Role.SEARCH])
    with TestClient(create_app(shop)) as client:
        client.headers["X-API-Key"] = ada
        client.put("/v1/rules/gifts?comment=season", json=GIFTS)
        (line,) = client.get("/v1/curation/audit").json()
        assert (line["who"].startswith("Ada ("), line["comment"]) == (True, "season")
        client.headers["X-API-Key"] = searcher
        assert client.put("/v1/rules/gifts", json=GIFTS).status_code == 403
        assert client.post("/v1/curation/preview", json={"query": "mug"}).status_code == 403


def test_a_damaged_file_stops_no_answer(tmp_path: Path) -> None:
    small_shop.open_shop(tmp_path).close()
    (tmp_path / "curation.sqlite").write_bytes(b"no database" * 1_000)
    with TestClient(create_app(Shop(tmp_path))) as client:
        assert first(search(client)).startswith("mug")
        assert client.get("/v1/rules").status_code == 503
