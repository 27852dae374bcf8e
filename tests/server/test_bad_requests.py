"""Texts that nobody should send, in every place where a text goes in: a right answer or a sentence, never a 500."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest
import small_shop
from starlette.testclient import TestClient

from shopkeeper.data.mapping import Mapping, write_mapping
from shopkeeper.data.tables import Tables
from shopkeeper.server.app import create_app
from shopkeeper.shop import Shop

TEXTS = {
    "10 kB": "red mug " * 1_250,
    "10 kB without a blank": "x" * 10_000,
    "2,000 Chinese characters": "杯" * 2_000,
    "2,000 accents": "\u0301" * 2_000,
    "a letter that unfolds to eighteen": "ﷺ" * 400,
    "emoji": "👩‍👩‍👧 🇩🇪 red mug",
    "right to left": "كوب أحمر \u202e\u2066mug",
    "NUL": "mug\0",
    "control characters": "\x1b[31mmug\x07\r\n\t\x7f",
    "invisible": "\u200b\ufeff\u00ad\u2028",
    "SQL": "'; DROP TABLE items; -- \" OR 1=1",
    "a path": "../../../../etc/passwd",
    "an escape": "%00%2e%2e%2f\\u0000\\",
    "a template": "{{7*7}}${7*7}#{7*7}<script>alert(1)</script>",
    "the query language of an index": 'title:mug^5 AND (brand:* OR "red" NOT ~2) /.*/ [a TO z]',
    "brackets": "(" * 900,
    "denials": "not " * 400,
    "a large number": "9" * 399,
    "nothing": "",
    "blanks": " \t ",
}
PLACES = {
    "query": ("/v1/search", '{"query": %s}'),
    "filter": ("/v1/search", '{"query": "mug", "filter": %s}'),
    "sort": ("/v1/search", '{"query": "mug", "sort": %s}'),
    "facet": ("/v1/search", '{"query": "mug", "facets": [%s]}'),
    "user": ("/v1/shelves/home", '{"user": %s, "session": "s"}'),
    "anchor": ("/v1/shelves/similar", '{"items": [%s]}'),
    "event id": ("/v1/events", '{"id": %s, "type": "view", "item": "mug-red"}'),
    "event type": ("/v1/events", '{"id": "t", "type": %s}'),
    "event item": ("/v1/events", '{"id": "i", "type": "view", "item": %s}'),
    "event query": ("/v1/events", '{"id": "q", "type": "search", "query": %s}'),
    "event attributes": ("/v1/events", '{"id": "a", "type": "view", "item": "mug-red", "attributes": {"x": %s}}'),
    "event attribute's name": ("/v1/events", '{"id": "n", "type": "view", "item": "mug-red", "attributes": {%s: 1}}'),
    "item id": ("/v1/items", '{"id": %s, "title": "Jug"}'),
    "item title": ("/v1/items", '{"id": "jug-1", "title": %s}'),
    "item brand": ("/v1/items", '{"id": "jug-2", "brand": %s}'),
    "item attribute": ("/v1/items", '{"id": "jug-3", "attributes": {%s: %s}}'),
    "stock of": ("/v1/stock", '{"id": %s, "stock": 1}'),
}
ADDRESSES = (
    "/v1/items/%s", "/v1/images/%s", "/v1/explain?item=%s", "/v1/explain?item=mug-red&query=%s",
    "/v1/explain?item=mug-red&filter=%s", "/v1/explain?item=mug-red&surface=%s", "/v1/explain?item=mug-red&items=%s",
    "/v1/%s",
)  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_in_a_body_has_an_answer(client: TestClient, text: str) -> None:
    for place, (path, body) in PLACES.items():
        sent = body.replace("%s", json.dumps(TEXTS[text]))
        answer = client.post(path, content=sent)
        assert answer.status_code in (200, 400), place
        assert answer.status_code == 200 or answer.json()["error"]["what"], place


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_in_an_address_has_an_answer(client: TestClient, text: str) -> None:
    for address in ADDRESSES:
        answer = client.get(address % quote(TEXTS[text], safe=""))
        assert answer.status_code in (200, 400, 404, 405, 414), address
        assert answer.status_code == 200 or answer.json()["error"]["what"], address


@pytest.mark.parametrize("address", ["/v1/items/%ff%fe", "/v1/items/%", "/v1/explain?item=%ff&%fe=%fd", "//v1//search"])
def test_an_address_that_is_no_text_has_an_answer(client: TestClient, address: str) -> None:
    assert client.get(address).status_code in (200, 404)


@pytest.mark.parametrize(
    "body",
    [
        b'{"query": "\\ud800"}',
        b'{"query": "mug", "filter": "\\udc00 = 1"}',
        b'{"id": "\\ud800\\ud800", "type": "view"}',
        b'{"query": "\xff\xfe"}',
        b'{"query": "mug\0"}',
        b'{"a":' * 100_000,
        b'{"id": "d", "type": "view", "attributes": {"x": ' + b"[" * 5_000 + b"]" * 5_000 + b"}}",
        b"null",
        b"1e999",
        b'{"query": "mug", "size": 1e999}',
        b'{"query": "mug", "time": NaN}',
        b'{"query": "mug"}{"query": "mug"}',
    ],
)
def test_a_body_that_is_no_json_of_ours_gets_a_sentence(client: TestClient, body: bytes) -> None:
    for path in {path for path, _ in PLACES.values()}:
        answer = client.post(path, content=body)
        assert answer.status_code == 400, path
        assert answer.json()["error"]["what"]


@pytest.mark.parametrize("id_", ["bowl\n", "\nbowl", "bo/wl", "bo\r\nwl", " ", "😀", "../bowl", "a" * 400])
def test_an_item_is_deleted_by_its_very_id(client: TestClient, shop: Shop, id_: str) -> None:
    assert client.post("/v1/items", json=[{"id": id_}, {"id": "bowl"}]).json() == {"accepted": 2}
    assert client.delete(f"/v1/items/{quote(id_, safe='')}").json() == {"accepted": 1}
    *_, (_, changes) = shop.log.changes_after(0)
    assert (changes[-1].id, changes[-1].deleted) == (id_, True)


@pytest.mark.parametrize("place", ["/v1/images/", "/v1/items/", "/v1/shelves/", "/"])
def test_no_answer_shows_what_lies_outside_the_shop(client: TestClient, place: str) -> None:
    for path in ("../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", "/etc/passwd", "shop.toml", "%2e%2e/shop.toml"):
        answer = client.get(place + path)
        assert answer.status_code < 500
        assert "root:" not in answer.text
        assert "[server]" not in answer.text


def test_every_strange_event_that_was_accepted_is_in_the_tables_or_kept_aside(tmp_path: Path) -> None:
    shop = small_shop.open_shop(tmp_path)
    write_mapping(Mapping(), tmp_path / "mapping.toml")
    (tmp_path / "shop.toml").write_text('[data]\nsources = ["exports"]\n', encoding="utf-8")
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "items.csv").write_text("product_id,title\nmug-red,Mug\n")
    accepted = 0
    with TestClient(create_app(shop)) as client:
        for text in map(json.dumps, TEXTS.values()):
            for field in ("id", "item", "user", "session", "order", "query"):
                event = {"id": f"{accepted}-{field}", "type": "view", "item": "mug-red"}
                sent = json.dumps({**event, field: "@"}).replace('"@"', text)
                answer = client.post("/v1/events", content=sent)
                accepted += answer.json()["accepted"] if answer.status_code == 200 else 0
    assert accepted > 60
    report = Shop(tmp_path).ingest()
    aside = sum(rule.rows for rule in report.rules if rule.action == "removed")
    assert Tables(tmp_path).count("events") + aside == accepted
