"""Several shops in one server: each at its own place, with its own data, and none kept from serving by another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import small_shop
from processes import until
from starlette.testclient import TestClient

from shopkeeper.console.site import named, site
from shopkeeper.errors import SettingsError


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("shops")
    small_shop.open_shop(folder / "north")
    small_shop.open_shop(folder / "茶 & mugs")
    (folder / "empty").mkdir()
    (folder / "empty" / "shop.toml").touch()
    (folder / "broken").mkdir()
    (folder / "broken" / "shop.toml").write_text("[shop]\nnme = 'x'\n")
    with TestClient(site([folder / name for name in ("north", "茶 & mugs", "empty", "broken")])) as client:
        yield client


def test_each_shop_stands_under_its_name(client: TestClient) -> None:
    for name in ("north", "%E8%8C%B6%20%26%20mugs"):
        assert client.get(f"/{name}/v1/health").json()["status"] == "ok"
        answer = client.post(f"/{name}/v1/search", json={"query": "red mug"}).json()
        assert answer["placements"][0]["item"]["id"] == "mug-red"
        assert client.get(f"/{name}", follow_redirects=True).headers["content-type"].startswith("text/html")
    assert client.get("/v1/health").status_code == 404


def test_the_first_page_lists_the_shops(client: TestClient) -> None:
    page = client.get("/").text
    assert '<a href="north/">north</a>' in page
    assert '<a href="%E8%8C%B6%20%26%20mugs/">茶 &amp; mugs</a>' in page


def test_what_happens_in_one_shop_is_not_known_in_another(client: TestClient) -> None:
    event = {"id": "one", "type": "view", "user": "fresh", "item": "lamp/green"}
    assert client.post("/north/v1/events", json=event).json() == {"accepted": 1, "known": 0}
    recent = {
        name: client.post(f"/{name}/v1/shelves/recent", json={"user": "fresh"}).json()["placements"][0]["item"]["id"]
        for name in ("north", "茶 & mugs")
    }
    assert recent["north"] == "lamp/green"
    assert recent["茶 & mugs"] != "lamp/green"
    assert client.post("/茶 & mugs/v1/events", json=event).json() == {"accepted": 1, "known": 0}


def test_a_shop_that_cannot_open_says_why_and_keeps_none_from_serving(client: TestClient) -> None:
    assert client.get("/empty/v1/ready").status_code == 503
    broken = client.post("/broken/v1/search", json={"query": "mug"})
    assert broken.status_code == 503
    assert "Did you mean 'name'?" in broken.json()["error"]["remedy"]


def test_a_rule_that_cannot_be_followed_closes_its_shop_alone_until_it_is_mended(tmp_path: Path) -> None:
    for name in ("north", "south"):
        small_shop.open_shop(tmp_path / name)
    settings = tmp_path / "south" / "shop.toml"
    sound = settings.read_text(encoding="utf-8")
    settings.write_text(sound + '\n[[rules]]\nbury = "lager < 3"\n', encoding="utf-8")
    with TestClient(site([tmp_path / "north", tmp_path / "south"])) as client:
        assert client.post("/north/v1/search", json={"query": "mug"}).status_code == 200
        assert "there is no field 'lager'" in str(client.get("/south/v1/ready").json())
        refused = client.post("/south/v1/search", json={"query": "mug"})
        assert (refused.status_code, "lager" in refused.json()["error"]["what"]) == (503, True)
        settings.write_text(sound, encoding="utf-8")
        until(lambda: client.post("/south/v1/search", json={"query": "mug"}).status_code == 200)


def test_what_stands_beside_the_shops_is_as_guarded_as_they_are(client: TestClient) -> None:
    for path, status in (("/", 200), ("/nothing", 404), ("/broken/v1/ready", 503)):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["x-frame-options"]) == (status, "DENY")
    assert "/nothing" in client.get("/nothing").json()["error"]["where"]
    assert "where" not in client.get("/broken/v1/ready").json()["error"]  # no place on our disk


def test_a_single_shop_is_at_the_root(tmp_path: Path) -> None:
    small_shop.open_shop(tmp_path)
    with TestClient(site([tmp_path])) as client:
        assert client.get("/v1/health").json()["status"] == "ok"
        assert client.get("/").status_code == 200


def test_names_must_tell_shops_apart(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="has the same name"):
        named([tmp_path / "a" / "shop", tmp_path / "b" / "shop"])
    with pytest.raises(SettingsError, match="cannot stand in an address"):
        named([tmp_path / "{x}"])


def test_no_worker_opens_a_shop_without_keys_to_strangers(tmp_path: Path) -> None:
    small_shop.open_shop(tmp_path / "open")
    with pytest.raises(SettingsError, match="the shop has no keys"):
        site([tmp_path / "open"], host="0.0.0.0")


def test_a_monitor_may_ask_for_the_head_alone(tmp_path: Path) -> None:
    small_shop.open_shop(tmp_path / "shop")
    with TestClient(site([tmp_path / "shop"])) as client:
        for path in ("/", "/v1/health", "/v1/ready"):
            assert client.head(path).status_code == client.get(path).status_code == 200
