"""Queries, as clients and widgets send them: pages, facets, highlights, replicas, refusals, keys."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from asked import Ask
from processes import until
from starlette.testclient import TestClient

from shopkeeper.engine.sources.lexical import LexicalSource
from shopkeeper.keys import KeyStore, Role
from shopkeeper.server.app import create_app
from shopkeeper.shop import Shop


def ids(answer: Any) -> list[str]:
    return [hit["objectID"] for hit in answer["hits"]]


def test_several_queries_are_answered_as_they_are_asked(ask: Ask) -> None:
    params = urlencode({"query": "mug", "facets": '["brand","categories.lvl1","nobody"]', "hitsPerPage": 2, "page": 1})
    requests = [{"indexName": "products", "params": params}, {"indexName": "products", "query": "", "hitsPerPage": 0}]
    first, second = ask("indexes/*/queries", {"requests": requests})["results"]
    assert (first["nbHits"], first["nbPages"], first["page"], len(first["hits"])) == (3, 2, 1, 1)
    assert first["facets"] == {"brand": {"Acme": 2, "Bolt & <b>Co</b>": 1}, "categories.lvl1": {"Home > Mugs": 3}}
    assert (second["nbHits"], second["hits"], second["nbPages"]) == (12, [], 0)
    assert first["params"] == params


def test_without_words_everything_is_there_by_demand(search: Ask) -> None:
    pages = [search(hitsPerPage=5, page=page) for page in range(4)]
    shown = [id_ for page in pages for id_ in ids(page)]
    assert len(shown) == len(set(shown)) == 12
    assert ids(search(offset=3, length=2)) == shown[3:5]
    assert search(page=200)["hits"] == []


def test_facets_count_and_numbers_have_a_range(search: Ask) -> None:
    answer = search(facets=["*"], facetFilters=[["colour:red", "colour:green"]], numericFilters=["price>=6"])
    assert answer["facets"]["brand"] == {"Acme": 3, "Bolt & <b>Co</b>": 4}
    assert answer["facets"]["colour"] == {"green": 4, "red": 3}
    answer = search(facets=["price", "brand"], facetFilters=["brand:Acme"])
    assert answer["facets"] == {"price": {}, "brand": {"Acme": 6}}
    assert answer["facets_stats"]["price"] == {"min": 5.0, "max": 15.0, "avg": 10.0, "sum": 60.0}
    levels = search(facets=["categories.lvl0", "categories.lvl1"], sortFacetValuesBy="alpha")["facets"]
    assert levels["categories.lvl0"] == {"Home": 12}
    assert list(levels["categories.lvl1"]) == ["Home > Chairs", "Home > Lamps", "Home > Mugs", "Home > Teapots"]
    assert len(search(facets=["colour"], maxValuesPerFacet=2)["facets"]["colour"]) == 2


def test_matches_are_marked(search: Ask) -> None:
    (hit,) = search("red mu", highlightPreTag="__ais-highlight__", highlightPostTag="__/ais-highlight__")["hits"]
    title = hit["_highlightResult"]["title"]
    assert title["value"].startswith("__ais-highlight__Red__/ais-highlight__ __ais-highlight__mug__/ais-highlight__ ")
    assert (title["matchLevel"], title["matchedWords"], title["fullyHighlighted"]) == ("full", ["red", "mu"], False)
    assert hit["_highlightResult"]["colour"]["fullyHighlighted"]
    assert hit["_highlightResult"]["brand"] == {"value": "Acme", "matchLevel": "none", "matchedWords": []}
    (hit,) = search("红色马克杯", attributesToHighlight=["title"])["hits"]
    assert "<em>马克杯</em>" in hit["_highlightResult"]["title"]["value"]


def test_texts_are_read_once_however_many_words_are_asked(search: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    read, found, matched = list[str](), set[str](), LexicalSource.matched

    def counted(self: LexicalSource, query: str, texts: Any, **how: Any) -> tuple[str, ...]:
        said = list(texts)
        result = matched(self, query, said, **how)
        found.update(result if query == "red acme mug" else ())
        read.extend(said if query != "red acme mug" else ())
        return result

    monkeypatch.setattr(LexicalSource, "matched", counted)
    (hit,) = search("red acme mug")["hits"]
    assert hit["_highlightResult"]["brand"]["matchedWords"] == ["acme"]
    assert {"acme", "mug", "red"} <= set(read) <= found  # word by word, what was found is read, and no text again


def test_a_snippet_is_cut_around_the_match(ask: Ask, search: Ask) -> None:
    words = " ".join(f"word{at}" for at in range(40))
    record = {"title": "Vase", "description": f"{words} porcelain {words}"}
    ask("indexes/products/vase", record, "PUT")
    _wait(ask)
    (hit,) = search("porcelain", attributesToSnippet=["description:5"])["hits"]
    assert hit["_snippetResult"]["description"]["value"] == "…word38 word39 <em>porcelain</em> word0 word1…"
    chinese = "这是一只景德镇的青花瓷，" * 9 + "口径十厘米，高二十厘米，适合插花和收藏。" + "放在客厅里很好看。" * 9
    ask("indexes/products/vase", {**record, "description": f"{words} vase {words} red vase {chinese}"}, "PUT")
    _wait(ask)
    (hit,) = search("red vase", attributesToSnippet=["description:4"])["hits"]
    assert hit["_snippetResult"]["description"]["value"] == "…word39 <em>red</em> <em>vase</em> 这是…"
    (hit,) = search("插花", attributesToSnippet=["description:10"], snippetEllipsisText="~")["hits"]
    said = hit["_snippetResult"]["description"]["value"]
    assert "适合<em>插花</em>和收藏" in said
    assert said[0] == said[-1] == "~"
    assert len(said) < 40
    ask("indexes/products/vase", None, "DELETE")
    _wait(ask)


def test_replicas_sort(ask: Ask, search: Ask) -> None:
    dear = ids(search(index="products_price_desc", hitsPerPage=12))
    assert dear == ids(search(index="products_price_asc", hitsPerPage=12))[::-1]
    assert dear[0] == "chair-green"
    ask("indexes/products/settings", {"replicas": ["virtual(cheap)"], "hitsPerPage": 7}, "PUT")
    said = ask("indexes/cheap/settings", {"customRanking": ["asc(price)"], "alternativesAsExact": []}, "PUT")
    assert said["message"] == "kept, but without effect here: alternativesAsExact"
    assert ids(search(index="cheap")) == dear[:-8:-1]
    assert ask("indexes/cheap/settings", None, "GET")["customRanking"] == ["asc(price)"]
    said = ["desc(brand)", "asc(ghost)", "typo", "custom"], ["asc(price)"]
    ask("indexes/varied/settings", dict(zip(("ranking", "customRanking"), said, strict=True)), "PUT")
    by_brand = search(index="varied", hitsPerPage=12)["hits"]
    assert by_brand == sorted(sorted(by_brand, key=lambda hit: hit["price"]), key=lambda hit: -ord(hit["brand"][0]))
    listed = {index["name"]: index["primary"] for index in ask("indexes", None, "GET")["items"]}
    assert listed == {"products": None, "cheap": "products", "varied": None}
    ask("indexes/products/settings", {"hitsPerPage": "many"}, "PUT", status=400)
    ask("indexes/products/settings", {"replicas": "cheap"}, "PUT", status=400)
    ask("indexes/products/settings", {"hitsPerPage": None}, "PUT")
    assert len(search()["hits"]) == 12


def test_one_of_each_value_is_shown(ask: Ask, search: Ask) -> None:
    ask("indexes/products/settings", {"attributeForDistinct": "colour", "distinct": True}, "PUT")
    for query in ("", "mug"):
        answer = search(query, hitsPerPage=2, facets=["colour"])
        assert (answer["nbHits"], answer["nbPages"], len(answer["facets"]["colour"])) == (3, 2, 3)
        hits = answer["hits"] + search(query, hitsPerPage=2, page=1)["hits"]
        assert sorted(hit["colour"] for hit in hits) == ["blue", "green", "red"]
    assert sum(answer["facets"]["colour"].values()) == 3  # mugs; of colours, one of each
    assert search("", distinct=False)["nbHits"] == 12
    ask("indexes/products/settings", {"attributeForDistinct": None, "distinct": None}, "PUT")
    assert search("", distinct=True)["nbHits"] == 12


def test_words_are_taken_as_they_are_written(search: Ask) -> None:
    assert search("teapto")["nbHits"] == 3
    assert search("teapto", typoTolerance=False)["nbHits"] == 0
    assert "mug</em>" not in str(search("red mu", typoTolerance=False)["hits"])
    assert search('"red mug"')["nbHits"] == 1
    assert {hit["colour"] for hit in search("mug -red")["hits"]} == {"blue", "green"}


def test_values_of_a_facet_are_searched(ask: Ask) -> None:
    said = ask("indexes/products/facets/brand/query", {"params": "facetQuery=bo&filters=price%3C9"})
    assert said["facetHits"] == [{"value": "Bolt & <b>Co</b>", "highlighted": "<em>Bo</em>lt & <b>Co</b>", "count": 2}]
    asked = [{"indexName": "products", "type": "facet", "facet": "colour", "facetQuery": ""}]
    assert len(ask("indexes/*/queries", {"requests": asked})["results"][0]["facetHits"]) == 3


def test_what_is_asked_for_alone_comes(search: Ask) -> None:
    answer = search("mug", attributesToRetrieve=["price"], attributesToHighlight=[], responseFields=["hits"])
    assert set(answer) == {"hits"}
    assert set(answer["hits"][0]) == {"objectID", "price"}
    info = search("mug", getRankingInfo=True, hitsPerPage=1)["hits"][0]["_rankingInfo"]
    assert "matches" in " ".join(info["reasons"])


@pytest.mark.parametrize(
    ("params", "where"),
    [
        ({"filters": "brand:"}, "filters"),
        ({"aroundLatLng": "1"}, "aroundLatLng"),
        ({"aroundLatLng": "91,2"}, "aroundLatLng"),
        ({"aroundLatLng": "1,2", "aroundRadius": "near"}, "aroundRadius"),
        ({"aroundLatLngViaIP": True}, "aroundLatLngViaIP"),
        ({"insidePolygon": [[1, 2, 3, 4, 5, 6]]}, "insidePolygon"),
        ({"insideBoundingBox": [[1, 2, 3]]}, "insideBoundingBox"),
        ({"insideBoundingBox": {"a": 1}}, "insideBoundingBox"),
        ({"aroundLatLng": "1,2", "aroundRadius": "9" * 5_000}, "aroundRadius"),
        ({"filters": "(" * 900}, "filters"),
        ({"facetFilters": 5}, "facetFilters"),
        ({"facetFilters": [5]}, "facetFilters"),
        ({"facetFilters": "[" * 5_000}, "facetFilters"),
        ({"renderingContent": "x"}, "renderingContent"),
        ({"attributesToSnippet": ["title:" + "9" * 5_000]}, "attributesToSnippet"),
        ({"attributesToSnippet": ["title:0"]}, "attributesToSnippet"),
        ({"hitsPerPage": -1}, "hitsPerPage"),
        ({"hitsPerPage": 501}, "size"),
        ({"page": "first"}, "page"),
        ({"facetFilters": [["brand"]]}, "facetFilters"),
        ({"facets": "[brand"}, "facets"),
        ({"filters": "colour < 3"}, "filter"),
        ({"similarQuery": "mug"}, "similarQuery"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_a_sentence(search: Ask, params: dict[str, Any], where: str) -> None:
    said = search(status=400, **params)
    assert said["status"] == 400
    assert said["message"].startswith(where)


def test_an_empty_list_of_filters_filters_nothing(search: Ask) -> None:
    assert search("mug", facetFilters=[[]], filters="brand:Acme")["nbHits"] == 2
    assert search("mug", facetFilters=[[], ["brand:Acme"]])["nbHits"] == 2


@pytest.mark.parametrize("body", [b"[]", b"{", b"\xff", b'{"requests": 3}', b'{"requests": [3]}', b"[" * 5_000])
def test_a_broken_body_is_refused(client: TestClient, body: bytes) -> None:
    answer = client.post("/1/indexes/*/queries", content=body)
    assert answer.status_code == 400
    assert set(answer.json()) == {"message", "status"}


def test_what_is_not_there_is_not_found(ask: Ask) -> None:
    assert ask("indexes/products/nobody", None, "GET", status=404)["message"].startswith("GET")
    assert ask("clusters", None, "GET", status=404)["status"] == 404
    assert "shopkeeper keys create" in ask("keys", None, "GET", status=403)["message"]
    ask("indexes/products", None, "DELETE", status=400)
    ask("indexes/products/operation", {"operation": "move", "destination": "x"}, status=400)


def test_a_key_comes_as_a_header_or_in_the_address(shop: Shop) -> None:
    store = KeyStore(shop.directory)
    _, key = store.create([Role.SEARCH], filter="colour = red")
    try:
        with TestClient(create_app(shop)) as client:
            path = "/1/indexes/products/query"
            assert client.post(path, content="{}").status_code == 401
            found = client.post(path, content="{}", headers={"x-algolia-api-key": key}).json()
            assert found["nbHits"] == 4
            address = f"{path}?X-Algolia-API-Key={key}&X-Algolia-Application-Id=shop"
            assert client.post(address, content='{"params":"query=mug"}').json()["nbHits"] == 1
            assert client.get(f"/1/indexes/p/mug-blue?x-algolia-api-key={key}").status_code == 404
            wrong = client.put("/1/indexes/p/settings", content="{}", headers={"x-algolia-api-key": key})
            assert (wrong.status_code, set(wrong.json())) == (403, {"message", "status"})
            assert client.get(f"/v1/items/mug-red?x-algolia-api-key={key}").status_code == 401
    finally:
        (shop.directory / "keys.json").unlink()


def test_what_is_unretrievable_is_shown_to_an_admin_alone(shop: Shop, ask: Ask, search: Ask) -> None:
    ask("indexes/products/settings", {"unretrievableAttributes": ["price", "colour"], "paginationLimitedTo": 2}, "PUT")
    try:
        said = {
            "attributesToRetrieve": ["*", "price"],
            "attributesToSnippet": ["*:5"],
            "facets": ["price", "PRICE", "*"],
        }
        for index in ("products", "any"):
            answer = search("mug", index, **said, unretrievableAttributes=[])
            assert answer["nbHits"] == 3
            parts = [answer["facets"], answer["facets_stats"], *answer["hits"]]
            parts += [hit[name] for hit in answer["hits"] for name in ("_highlightResult", "_snippetResult")]
            assert not {"price", "PRICE", "colour"}.intersection(set[str]().union(*parts))
            assert ask(f"indexes/{index}/facets/colour/query", {})["facetHits"] == []
        assert search("mug", hitsPerPage=1, paginationLimitedTo=1_000)["nbPages"] == 2
        asked = {"requests": [{"objectID": "mug-red", "attributesToRetrieve": ["price"]}]}
        assert ask("indexes/*/objects", asked)["results"] == [{"objectID": "mug-red"}]
        assert "price" not in ask("indexes/products/mug-red", None, "GET")
        assert not any("price" in hit for hit in ask("indexes/products/browse", {})["hits"])
        _, key = KeyStore(shop.directory).create([Role.ADMIN])
        with TestClient(create_app(shop)) as keyed:
            assert "price" in keyed.get(f"/1/indexes/p/mug-red?x-algolia-api-key={key}").json()
    finally:
        (shop.directory / "keys.json").unlink(missing_ok=True)
    with TestClient(create_app(shop)) as again:
        said = '{"unretrievableAttributes": null, "paginationLimitedTo": null}'
        assert again.put("/1/indexes/products/settings", content=said).status_code == 200


def _wait(ask: Ask) -> None:
    task = ask("indexes/products/batch", {"requests": []})["taskID"]
    until(lambda: ask(f"indexes/products/task/{task}", None, "GET")["status"] == "published")
