"""Shop: one directory, one object; the doctor who looks at it."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
import small_shop
from small_exports import write_exports

from shopkeeper.data.tables import Tables
from shopkeeper.doctor import Check, examine
from shopkeeper.errors import ReleaseError, RequestError, SettingsError
from shopkeeper.keys import KeyStore, Role
from shopkeeper.settings import DataSettings, Settings
from shopkeeper.shop import Shop
from shopkeeper.shop_toml import settings_text
from shopkeeper.vocabulary import Event, EventType, Request


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return small_shop.open_shop(tmp_path / "shop")


def finding(directory: Path, name: str) -> Check:
    return next(check for check in examine(directory) if check.name == name)


def test_searching_recommending_explaining(shop: Shop) -> None:
    assert shop.search("red mug", size=1).placements[0].item.id == "mug-red"
    assert shop.recommend("similar", items=("mug-red",)).placements
    assert shop.explain("mug-red", Request(query="mug")).verdict == "shown"
    with pytest.raises(RequestError):
        shop.item("nothing")


def test_what_was_recorded_survives_the_end_of_the_program(shop: Shop) -> None:
    view = Event(id="v", type=EventType.VIEW, user="someone", item="lamp/blue")
    assert shop.record([view, view]) == 1
    again = Shop(shop.directory)
    assert again.recommend("recent", user="someone").placements[0].item.id == "lamp/blue"
    assert again.record([view]) == 0


@pytest.mark.parametrize("claimed", [None, 1.0, small_shop.NOW - 1e6, small_shop.NOW + 0.1234567])
def test_late_and_early_events_survive_a_restart_and_a_new_release(shop: Shop, claimed: float | None) -> None:
    """However the time that an event claims stands to the newest of the release, and to the server's clock."""
    shop.engine()
    shop.record([Event(id="a", type=EventType.VIEW, user="new", item="mug-red", time=claimed)])
    shop.record([Event(id="b", type=EventType.VIEW, user="new", item="lamp/blue")])
    small_shop.publish(shop.directory, shop.settings)
    for engine in (shop.engine(), Shop(shop.directory).engine()):
        seen = engine.context(Request(surface="home", user="new")).history
        assert sorted(map(engine.catalogue.ids.id, seen.tolist())) == ["lamp/blue", "mug-red"]


def test_an_item_is_of_one_release_whatever_is_published_meanwhile(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    first = shop.engine()
    small_shop.publish(shop.directory, shop.settings, small_shop.items().slice(1))
    engines = itertools.cycle([first, shop.engine()])
    monkeypatch.setattr(shop, "engine", lambda: next(engines))
    for _ in range(2):
        assert shop.item("mug-blue").id == "mug-blue"
        assert shop.image("mug-blue") is None


def test_recording_needs_no_release(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").touch()
    assert Shop(tmp_path).record([Event(id="v", type=EventType.VIEW, item="x")]) == 1


def test_the_engine_is_opened_once_by_many_threads(shop: Shop) -> None:
    engines = []
    threads = [threading.Thread(target=lambda: engines.append(shop.engine())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(engines) == 8
    assert len({id(engine) for engine in engines}) == 1


def test_the_log_is_opened_once_by_many_threads(shop: Shop) -> None:
    start = threading.Barrier(8)
    with ThreadPoolExecutor(8) as threads:
        logs = list(threads.map(lambda _: (start.wait(), shop.log)[1], range(8)))
    assert len({id(log) for log in logs}) == 1


def test_rules_of_today_hold_in_a_release_of_yesterday(shop: Shop) -> None:
    text = '[[rules]]\nquery = "mug"\nhide = "colour = red"\n[surfaces.gifts]\nsources = ["popular"]'
    (shop.directory / "shop.toml").write_text(text)
    today = Shop(shop.directory)
    assert "mug-red" not in [placement.item.id for placement in today.search("mug").placements]
    assert today.recommend("gifts").placements


def test_a_release_that_is_gone_is_a_sentence(shop: Shop) -> None:
    (shop.releases.root / "current").unlink()
    with pytest.raises(ReleaseError, match="shopkeeper train"):
        Shop(shop.directory).search("mug")
    with pytest.raises(SettingsError, match="shopkeeper new"):
        Shop(shop.directory / "elsewhere")


def test_an_open_shop_mirrors_its_catalogue(tmp_path: Path) -> None:
    write_exports(tmp_path / "exports")
    shop = Shop.new(tmp_path / "shop", [tmp_path / "exports"])
    with pytest.raises(ReleaseError):
        shop.mirror()
    shop.ingest()
    small_shop.publish(shop.directory, shop.settings, Tables(shop.directory).items())
    assert shop.mirror()[1:] == (0, 0, 0)
    goods = tmp_path / "exports" / "products.csv"
    first, *rest = goods.read_text().splitlines()[1:]
    changed = first.replace("Red mug", "Crimson beaker")
    goods.write_text("\n".join(["product_id,title,brand,category,price", changed, *rest[1:], "N1,沙发,Acme,Home,5"]))
    assert shop.mirror() == (20, 1, 1, 1)
    assert [shop.search(query).total for query in ("crimson beaker", "沙发")] == [1, 1]
    assert shop.explain("P001", Request(query="blue mug")).verdict != "shown"
    assert shop.mirror()[1:] == (0, 0, 0)


def test_the_doctor_names_what_is_wrong_and_what_to_do(shop: Shop) -> None:
    directory = shop.directory
    assert finding(directory, "release").passed
    assert finding(directory, "engine").found == "opens: 12 items, 120 events"
    assert finding(directory, "surfaces").passed
    tables = finding(directory, "tables")
    assert (tables.passed, "shopkeeper ingest" in tables.remedy) == (False, True)
    assert not finding(directory, "mapping").passed

    victim = next((directory / "releases").glob("*/catalogue/prices.npy"))
    victim.write_bytes(victim.read_bytes()[:-1] + b"x")
    release = finding(directory, "release")
    assert (release.passed, victim.name in release.found, "rollback" in release.remedy) == (False, True, True)


def test_the_doctor_holds_the_mapping_against_the_exports(tmp_path: Path) -> None:
    (tmp_path / "exports").mkdir()
    path = tmp_path / "exports" / "items.csv"
    path.write_text("sku,title\n" + "".join(f"s{n},Red mug {n}\n" for n in range(20)), encoding="utf-8")
    directory = Shop.new(tmp_path / "shop", [tmp_path / "exports"]).directory
    assert finding(directory, "mapping").passed
    path.write_text(path.read_text(encoding="utf-8").replace("title", "titel", 1), encoding="utf-8")
    assert "items.csv has no column 'title'" in finding(directory, "mapping").found
    path.rename(path.with_name("products.csv"))
    assert "there is no 'items.csv' in the sources" in finding(directory, "mapping").found


def test_the_doctor_looks_at_the_keys(shop: Shop) -> None:
    assert finding(shop.directory, "keys").found == "none: the shop answers whoever asks"
    keys = KeyStore(shop.directory)
    key, _ = keys.create([Role.SEARCH])
    keys.create([Role.ADMIN])
    keys.revoke(key.id)
    assert finding(shop.directory, "keys").found == "2 keys, 1 of them valid"
    keys.path.write_bytes(keys.path.read_bytes()[:-20])
    damaged = finding(shop.directory, "keys")
    assert not damaged.passed
    assert "keys.json: the keys cannot be read" in damaged.found
    assert "Put back a copy" in damaged.remedy


def test_the_doctor_says_when_the_disk_is_nearly_full(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    (shop.directory / "tables").mkdir(exist_ok=True)
    with (shop.directory / "tables" / "items.parquet").open("wb") as file:
        file.truncate(4_000_000_000)  # of no room on the disk
    for free, passed in ((4.0e9, False), (4.2e9, True)):
        usage = SimpleNamespace(total=10**12, used=10**12, free=int(free))
        monkeypatch.setattr("shopkeeper.doctor.shutil.disk_usage", lambda _, usage=usage: usage)
        disk = finding(shop.directory, "disk")
        assert disk.passed == passed
        assert f"{free / 1e9:.1f} GB are free" in disk.found
        assert "take about 4.0 GB" in disk.found
        assert ("train.keep" in disk.remedy) != passed


def test_the_doctor_counts_the_exports_of_a_shop_that_has_no_tables_yet(tmp_path: Path) -> None:
    (tmp_path / "exports").mkdir()
    with (tmp_path / "exports" / "items.csv").open("wb") as file:
        file.truncate(2_000_000_000)  # of no room on the disk
    (tmp_path / "shop").mkdir()
    settings = Settings(data=DataSettings(sources=("../exports",)))
    (tmp_path / "shop" / "shop.toml").write_text(settings_text(settings), encoding="utf-8")
    assert "take about 4.0 GB" in finding(tmp_path / "shop", "disk").found  # once for staging, once for the tables


def test_the_doctor_survives_rubbish(tmp_path: Path) -> None:
    assert not finding(tmp_path, "settings").passed
    (tmp_path / "shop.toml").write_text("[data]\nsources = ['nowhere']\n[surfaces.x]\nsources = ['populr']")
    (tmp_path / "mapping.toml").write_bytes(b"\xff")
    (tmp_path / "events.sqlite").write_bytes(b"rubbish" * 1000)
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "items.parquet").write_bytes(b"rubbish")
    (tmp_path / "keys.json").write_bytes(b"\xff")
    passed = {check.name: check.passed for check in examine(tmp_path)}
    assert passed.pop("training") in (True, False)
    assert passed.pop("port") in (True, False)
    assert passed.pop("disk") in (True, False)
    assert passed.pop("settings")
    assert not any(passed.values()), passed
    assert "populr" in finding(tmp_path, "surfaces").found


def test_settings_are_those_of_the_file(shop: Shop) -> None:
    assert shop.settings.surfaces == Settings().surfaces
    assert shop.settings.shop.name == "Small shop"


def test_only_searches_of_the_whole_shop_can_be_without_an_answer(shop: Shop) -> None:
    for request in (
        Request(query="unicorn"),
        Request(query="dragon", filter="price < 1"),
        Request(query="mug", refinements={"brand": ("Nobody",)}),
        Request(query="mugg zebra", verbatim=True),
        Request(query="griffin under 20", without=("price <= 20",)),
    ):
        shop.show(request, shop.answer(request))
    shop.close()
    assert [each.query for each in shop.unanswered()] == ["unicorn"]
