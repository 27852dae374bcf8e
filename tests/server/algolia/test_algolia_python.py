"""The official Python client against a shop without a catalogue."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import small_shop
from algoliasearch.http.exceptions import RequestException
from algoliasearch.http.hosts import CallType, Host, HostsCollection
from algoliasearch.insights.client import InsightsClientSync
from algoliasearch.insights.config import InsightsConfig
from algoliasearch.recommend.client import RecommendClientSync
from algoliasearch.recommend.config import RecommendConfig
from algoliasearch.search.client import SearchClientSync
from algoliasearch.search.config import SearchConfig
from processes import answering, until

from shopkeeper.keys import KeyStore, Role
from shopkeeper.server.app import create_app
from shopkeeper.shop import Shop
from shopkeeper.vocabulary import EventType

pytestmark = pytest.mark.slow
PATIENCE_MS = 60_000
DOCUMENTED = Path(__file__).resolve().parents[3] / "docs" / "algolia.md"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    shop = small_shop.open_shop(tmp_path_factory.mktemp("python") / "small")
    small_shop.publish(shop.directory, shop.settings, small_shop.items().slice(0, 0))
    return shop


@pytest.fixture(scope="module")
def at_home(shop: Shop) -> Iterator[Any]:
    """`at_home(config)`: a client's config, which leads to the shop."""
    _, key = KeyStore(shop.directory).create([Role.ADMIN], rate=1_000.0)
    with answering(create_app(shop), log_level="error") as (_, (host, port)):

        def at_home(kind: Any, *more: str) -> Any:
            config = kind("shop", key, *more)
            config.hosts = HostsCollection(
                [Host(host, scheme="http", port=port, accept=CallType.READ | CallType.WRITE)]
            )
            config.connect_timeout = config.read_timeout = config.write_timeout = PATIENCE_MS
            return config

        yield at_home


def test_the_python_client_fills_a_shop_and_searches_it(at_home: Any) -> None:
    client = SearchClientSync.create_with_config(at_home(SearchConfig))
    client.set_settings("products", {"attributesForFaceting": ["brand"], "replicas": ["products_price_desc"]})
    assert client.get_settings("products").replicas == ["products_price_desc"]
    records = [
        {
            "objectID": f"mug{at}",
            "title": f"{'Red' if at % 2 else 'Blue'} mug {at}",
            "brand": "Acme" if at % 3 else "Bolt",
            "price": float(at),
            "details": {"size": {"height": at % 5}, "notes": [{"by": "Ada"}, {"by": "Bob"}]},
        }
        for at in range(1_200)
    ]
    client.save_objects("products", records, wait_for_tasks=True)
    assert client.get_object("products", "mug7") == records[7]

    asked = {"requests": [{"indexName": "products", "query": "red mug", "facets": ["*", "price"], "hitsPerPage": 3}]}
    found = client.search(asked).results[0].actual_instance
    assert (found.nb_hits, found.nb_pages, len(found.hits)) == (600, 200, 3)
    assert found.facets["brand"] == {"Acme": 400, "Bolt": 200}
    assert found.facets_stats["price"].max == 1_199
    assert found.hits[0].highlight_result["title"].actual_instance.value.startswith("<em>Red</em> <em>mug</em>")

    one = client.search_single_index("products_price_desc", {"query": "", "filters": "details.size.height = 2"})
    assert [one.hits[0].object_id, one.nb_hits] == ["mug1197", 240]
    hits = client.search_for_facet_values("products", "brand", {"facetQuery": "ac"}).facet_hits
    assert [(hit.value, hit.highlighted, hit.count) for hit in hits] == [("Acme", "<em>Ac</em>me", 800)]
    seen: list[str] = []
    client.browse_objects("products", lambda page: seen.extend(hit.object_id for hit in page.hits))
    assert len(set(seen)) == len(seen) == 1_200

    rule = {
        "objectID": "first",
        "conditions": [{"pattern": "mug", "anchoring": "is"}],
        "consequence": {"promote": [{"objectID": "mug42", "position": 0}]},
    }
    client.save_rule("products", "first", rule)
    assert client.get_rule("products", "first").consequence.promote[0].actual_instance.object_id == "mug42"
    assert client.search_single_index("products", {"query": "beaker"}).nb_hits == 0
    client.save_synonyms("products", [{"objectID": "s", "type": "synonym", "synonyms": ["mug", "beaker"]}])
    assert client.search_synonyms("products").hits[0].synonyms == ["mug", "beaker"]
    until(lambda: client.search_single_index("products", {"query": "beaker"}).nb_hits == 1_200)
    until(lambda: client.search_single_index("products", {"query": "mug"}).hits[0].object_id == "mug42")
    client.clear_rules("products")
    assert client.search_rules("products").nb_hits == 0

    client.partial_update_objects("products", [{"objectID": "mug7", "price": 0.5}], wait_for_tasks=True)
    assert client.get_object("products", "mug7")["price"] == 0.5
    client.delete_objects("products", ["mug0"], wait_for_tasks=True)
    task = client.delete_by("products", {"filters": "price > 1000"}).task_id
    client.wait_for_task("products", task)
    assert client.search_single_index("products").nb_hits == 1_000
    with pytest.raises(RequestException, match="filters: it cannot be read"):
        client.search_single_index("products", {"filters": "brand:"})
    with pytest.raises(RequestException, match="an index is the shop itself"):
        client.replace_all_objects("products", records[:1])


def test_the_example_of_the_documentation_finds(at_home: Any, capsys: pytest.CaptureFixture[str]) -> None:
    (written,) = re.findall(r"^```python\n(.*?)^```", DOCUMENTED.read_text(encoding="utf-8"), re.S | re.M)
    config = at_home(SearchConfig)
    (host,) = config.hosts.read()
    exec(written.replace('"KEY"', repr(config.api_key)).replace("8000", str(host.port)), {})
    assert capsys.readouterr().out == "m1\n"


def test_what_people_did_and_what_is_shown_to_them(at_home: Any, shop: Shop) -> None:
    client = SearchClientSync.create_with_config(at_home(SearchConfig))
    records = [{"objectID": f"pot{at}", "title": f"Tea pot {at}", "brand": "Acme"} for at in range(20)]
    client.save_objects("products", records, wait_for_tasks=True)
    shown = client.search_single_index("products", {"query": "pot", "clickAnalytics": True, "userToken": "ada"})
    told = {
        "eventType": "conversion",
        "eventSubtype": "purchase",
        "eventName": "Bought",
        "index": "products",
        "userToken": "ada",
        "queryID": shown.query_id,
        "objectIDs": [shown.hits[0].object_id],
        "objectData": [{"price": 3, "quantity": 2}],
    }
    insights = InsightsClientSync.create_with_config(at_home(InsightsConfig, "us"))
    assert insights.push_events({"events": [told]}).status == 200
    (event,) = [event for _, events in shop.log.events_after() for event in events]
    assert (event.type, event.user, event.slate) == (EventType.PURCHASE, "ada", shown.query_id)
    assert (event.item, event.quantity) == (shown.hits[0].object_id, 2.0)

    recommend = RecommendClientSync.create_with_config(at_home(RecommendConfig))
    asked = {"indexName": "products", "model": "trending-items", "threshold": 0, "maxRecommendations": 4}
    assert len(recommend.get_recommendations({"requests": [asked]}).results[0].hits) == 4
