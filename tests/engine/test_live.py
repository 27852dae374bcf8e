"""Following a shop: what one process writes, the next request to any other knows."""

from __future__ import annotations

import logging
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import small_shop

from shopkeeper.data.eventlog import log as log_module
from shopkeeper.data.eventlog.file import EVENTS
from shopkeeper.engine import live
from shopkeeper.engine.live import LiveEngine
from shopkeeper.engine.pipeline import Engine
from shopkeeper.errors import DataError
from shopkeeper.settings import Rule, Settings
from shopkeeper.shop import Shop
from shopkeeper.shop_toml import settings_text
from shopkeeper.vocabulary import Change, Event, EventType, Item, Request, Shown

KETTLE = Change(id="kettle", time=1.0, item=Item(id="kettle", title="Copper kettle", categories=("Home", "Teapots")))


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return small_shop.open_shop(tmp_path / "shop")


def view(event_id: str, item: str, user: str = "ann") -> Event:
    return Event(id=event_id, type=EventType.VIEW, user=user, item=item)


def recent(shop: Shop, user: str = "ann") -> list[str]:
    return [each.item.id for each in shop.recommend("recent", user=user).placements]


def found(shop: Shop, query: str = "copper kettle") -> list[str]:
    return [each.item.id for each in shop.search(query).placements]


def soon(true: Callable[[], object]) -> None:
    last = time.monotonic() + 10.0
    while not true():
        assert time.monotonic() < last, "it did not happen"
        time.sleep(0.02)


def test_the_next_request_to_another_process_knows_an_event(shop: Shop) -> None:
    other = Shop(shop.directory)
    other.engine()
    for number, item in enumerate(("mug-red", "lamp/green", "chair-blue")):
        assert shop.record([view(f"e{number}", item)]) == 1
        assert recent(other)[0] == item
        assert recent(shop)[0] == item
    assert shop.record([view("e0", "mug-red")]) == 0
    assert recent(other) == ["chair-blue", "lamp/green", "mug-red"]


def test_changes_reach_every_process_that_follows(shop: Shop) -> None:
    others = [Shop(shop.directory) for _ in range(2)]
    for other in others:
        other.engine()
        other.follow()
    try:
        shop.change([KETTLE])
        for other in others:
            soon(lambda other=other: found(other)[:1] == ["kettle"])
        shop.change([Change(id="kettle", time=2.0, deleted=True)])
        for other in others:
            soon(lambda other=other: found(other)[:1] != ["kettle"])
    finally:
        for other in others:
            other.close()


def test_a_new_release_keeps_what_the_log_tells(shop: Shop) -> None:
    shop.change([KETTLE])
    shop.record([view("e1", "kettle"), view("e2", "mug-red")])
    assert recent(shop) == ["mug-red", "kettle"]
    first = shop.engine().release
    small_shop.publish(shop.directory, Settings())
    assert shop.engine().release != first
    assert found(shop)[0] == "kettle"
    assert recent(shop) == ["mug-red", "kettle"]
    shop.rollback()
    assert shop.engine().release == first
    assert (found(shop)[0], recent(shop)) == ("kettle", ["mug-red", "kettle"])


def test_settings_are_followed_and_wrong_ones_are_not(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    assert found(shop, "mug")[0] != "mug-green"
    file = shop.directory / "shop.toml"
    file.write_text(settings_text(Settings(rules=(Rule(query="mug", pin=("mug-green",)),))), encoding="utf-8")
    assert found(shop, "mug")[0] == "mug-green"
    with caplog.at_level(logging.ERROR):
        file.write_text("[server]\nprot = 1\n", encoding="utf-8")
        assert found(shop, "mug")[0] == "mug-green"
    assert "Did you mean 'port'?" in caplog.text


def test_a_release_that_found_no_room_is_tried_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first = shop.engine().release
    newer = small_shop.publish(shop.directory, Settings()).id

    def refuse(*_: object) -> Engine:
        raise DataError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(live, "open_release", refuse)
        patch.setattr(live, "REOPEN_S", 0.0)
        assert [shop.engine().release for _ in range(3)] == [first] * 3
    assert shop.engine().release == newer
    assert caplog.text.count("no room") == 1


def test_who_finds_another_opening_the_first_release_waits(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it is ready between two looks."""
    shop.engine()
    first = shop._live
    looks, known = iter([None]), first._known
    looked = {"_known": property(lambda _: next(looks, known), lambda *_: None)}
    monkeypatch.setattr(first, "__class__", type("Looked", (LiveEngine,), looked))  # this one's alone, not every shop's
    refreshed = threading.Event()
    other = threading.Thread(target=lambda: (first.refresh(), refreshed.set()))
    with first._refreshing:
        other.start()
        assert not refreshed.wait(0.1)
    other.join()
    assert refreshed.is_set()


def test_a_damaged_part_of_the_log_stops_no_answer(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "FEWEST", 1)
    shop.record([view("e1", "mug-red")])
    shop.log.compact(shop.log.newest())
    (part,) = shop.log.parts(EVENTS).all()
    part.path.write_bytes(b"PAR1 no more")
    assert found(Shop(shop.directory), "red mug")[0] == "mug-red"


def test_what_comes_after_an_older_copy_of_the_log_was_put_back_is_known(tmp_path: Path) -> None:
    shop = small_shop.open_shop(tmp_path / "shop")
    shop.record([view("e1", "mug-red")])
    shop.change([KETTLE])
    shop.close()
    copy = shutil.copytree(shop.directory, tmp_path / "copy")
    shop.record([view("e2", "mug-blue"), view("e3", "mug-blue")])
    shop.change([Change(id="mug-red", time=2.0, price=1.0)])
    small_shop.publish(shop.directory, Settings(), live=shop.log.newest())
    shop.close()
    for file in shop.directory.glob("events.sqlite*"):
        file.unlink()
    shutil.copy(copy / "events.sqlite", shop.directory)
    shop.engine()
    shop.record([view("e4", "lamp/green")])
    shop.change([Change(id="mug-blue", time=3.0, price=0.5)])
    assert recent(shop) == ["lamp/green"]
    assert shop.item("mug-blue").price == 0.5


def test_a_rule_may_speak_of_what_only_newer_items_have(shop: Shop) -> None:
    copper = Item(id="kettle", title="Copper kettle", attributes={"material": "copper"})
    shop.change([Change(id="kettle", time=1.0, item=copper)])
    rule = Rule(surface="search", boost="material = copper")
    (shop.directory / "shop.toml").write_text(settings_text(Settings(rules=(rule,))), encoding="utf-8")
    again = Shop(shop.directory)
    assert found(again)[0] == "kettle"
    again.change([Change(id="kettle", time=2.0, item=Item(id="kettle", title="Copper kettle"))])
    assert found(again)[0] == "kettle"  # no item has the field any more, and no update fails by it
    again.change([Change(id="kettle", time=3.0, deleted=True)])
    assert "kettle" not in found(again)


def test_a_new_item_is_as_old_as_what_told_of_it(shop: Shop) -> None:
    five_days_ago = time.time() - 5 * 86_400 - 60
    shop.change([Change(id="kettle", time=five_days_ago, item=Item(id="kettle", title="Copper kettle"))])
    for each in (shop, Shop(shop.directory)):
        placements = each.recommend("new", size=20).placements
        told = next(placement for placement in placements if placement.item.id == "kettle")
        assert told.reasons[0].text == "new since 5 days"


def test_a_log_that_cannot_be_opened_stops_no_answer(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    (shop.directory / "events.sqlite").mkdir()
    with caplog.at_level(logging.ERROR):
        for _ in range(5):
            slate = shop.search("red mug")
            assert slate.placements[0].item.id == "mug-red"
            shop.show(Request(query="red mug"), slate)
    assert caplog.text.count("the event log cannot be opened") == 1
    with pytest.raises(DataError):
        shop.record([view("e1", "mug-red")])


def test_what_was_shown_is_logged_with_places_and_propensities(shop: Shop) -> None:
    request = Request(surface="popular", user="u1", session="s1", size=4, offset=2)
    slate = shop.answer(request)
    shop.show(request, slate)
    shop.close()
    with sqlite3.connect(shop.directory / "events.sqlite") as log:
        (row,) = log.execute("SELECT slate FROM shown").fetchall()
    shown = msgspec.json.decode(row[0], type=Shown)
    assert (shown.slate, shown.surface, shown.release, shown.offset) == (slate.id, "popular", slate.release, 2)
    assert (shown.user, shown.session) == ("u1", "s1")
    assert shown.items == tuple(each.item.id for each in slate.placements)
    assert len(shown.items) == 4
    assert all(0.9 < propensity < 1.0 for propensity in shown.propensities)


def test_answers_go_on_while_items_come_and_go(shop: Shop) -> None:
    shop.engine()
    shop.follow()
    stop, errors = threading.Event(), list[BaseException]()

    def ask() -> None:
        try:
            while not stop.is_set():
                for request in (Request(query="kettle"), Request(surface="home", user="u1"), Request(surface="new")):
                    assert shop.answer(request).release
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for number in range(20):
            item = Item(id=f"kettle-{number}", title=f"Kettle {number}", price=float(number))
            shop.change([Change(id=item.id, time=1.0, item=item), Change(id="mug-red", time=1.0, stock=number % 2)])
            shop.record([view(f"e{number}", item.id, "u1")])
            time.sleep(0.03)
        soon(lambda: recent(shop, "u1")[0] == "kettle-19")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        shop.close()
    assert not errors
