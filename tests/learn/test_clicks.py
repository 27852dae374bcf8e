"""What queries led to, as it was known at a moment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from worlds import catalogue, searches, visits, write_shop

from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.query_clicks import CLICK_FEATURES
from shopkeeper.learn.clicks import count_clicks
from shopkeeper.learn.searches import SEARCHES, load_searches
from shopkeeper.learn.split import split
from shopkeeper.learn.workshop import Workshop
from shopkeeper.settings import EncoderSettings, Settings, TrainSettings
from shopkeeper.vocabulary import INTEREST, EventType, Ids, silent

SETTINGS = Settings(encoder=EncoderSettings(model="none"), train=TrainSettings(threads=1, max_requests=200))


def event(minute: float, kind: str, **said: str) -> dict[str, object]:
    time = round(minute * 60e6)
    return {"event_id": f"{minute}", "type": kind, "time": time, "actor": "ann", "session_id": "s", **said}


EVENTS = [
    event(0, "search", query="Red  mug", slate_id="A"),
    event(1, "view", item_id="i1", slate_id="A"),
    event(2, "cart", item_id="i1", slate_id="A"),
    event(3, "view", item_id="i2", slate_id="A"),
    event(4, "view", item_id="gone", slate_id="A"),
]


def test_a_search_counts_an_item_once_for_the_most_that_was_done_with_it(tmp_path: Path) -> None:
    found = load_searches(write_shop(tmp_path, catalogue(5), EVENTS).folder)
    rows, interest = count_clicks(found, Ids([f"i{at}" for at in range(5)])).of("red mug")
    assert rows.tolist() == [1, 2]
    assert interest.tolist() == [INTEREST[EventType.CART], INTEREST[EventType.VIEW]]


def test_what_was_done_later_is_not_known_of_a_search_that_was_made_before(tmp_path: Path) -> None:
    folder = write_shop(tmp_path, catalogue(5), EVENTS).folder
    clicks = count_clicks(load_searches(folder, before=90.0), Ids([f"i{at}" for at in range(5)]))
    assert clicks.of("red mug")[1].tolist() == [INTEREST[EventType.VIEW]]
    assert not len(load_searches(folder, before=0.0))


def test_a_shop_without_searches_has_none() -> None:
    assert not len(count_clicks(SEARCHES.empty_table(), Ids(["i0"])).keys)


def test_a_replay_counts_what_came_before_it_and_a_release_everything(tmp_path: Path) -> None:
    tables = write_shop(tmp_path, catalogue(40), visits(40, 300) + searches(40, 150, hours=300))
    shop = Workshop.open(tables, SETTINGS, tmp_path / "cache", silent)
    parts = split(shop.interactions, SETTINGS.train, shop.now)
    assert parts is not None
    then, now = shop.engine_of(parts.validation, {}, "fit"), shop.engine({})
    known = load_searches(tables.folder, before=parts.validation.now)
    assert then.query_clicks is not None
    assert now.query_clicks is not None
    assert 0 < then.query_clicks.interest.sum() < now.query_clicks.interest.sum()
    np.testing.assert_array_equal(then.query_clicks.interest, count_clicks(known, shop.catalogue.ids).interest)
    now.save(tmp_path / "release")
    served = Engine.open(tmp_path / "release")
    assert set(CLICK_FEATURES) <= set(served.feature_names("search"))
    assert served.query_clicks is not None
    assert served.query_clicks.interest.sum() == pytest.approx(now.query_clicks.interest.sum())
