"""A planted afternoon of searches: which click belongs to which."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from shopkeeper.data.schema import EVENTS
from shopkeeper.learn.searches import SEARCHES, load_searches

NOON = datetime(2026, 3, 1, 12)


def event(number: int, type_: str, minute: float | None, **said: Any) -> dict[str, Any]:
    time = None if minute is None else NOON + timedelta(minutes=minute)
    return {"event_id": f"e{number}", "type": type_, "time": time, "ordinal": number, "actor": "ann", **said}


def load(tmp_path: Path, *events: dict[str, Any]) -> list[dict[str, Any]]:
    folder = tmp_path / "events" / "month=2026-03"
    folder.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(list(events), schema=EVENTS), folder / "part-0.parquet")
    return load_searches(tmp_path).to_pylist()


def test_a_click_belongs_to_the_slate_it_names(tmp_path: Path) -> None:
    first, second = load(
        tmp_path,
        event(1, "search", 0, session_id="s", query="mug", slate_id="A"),
        event(2, "search", 1, session_id="s", query="cup", slate_id="B"),
        event(3, "view", 2, session_id="s", item_id="red", slate_id="A"),
        event(4, "cart", 3, session_id="s", item_id="red", slate_id="A"),
        event(5, "purchase", 90, session_id="s", item_id="red", slate_id="A"),
    )
    assert (first["query"], first["clicked"], first["carted"], first["bought"]) == ("mug", ["red"], ["red"], ["red"])
    assert (second["clicked"], second["carted"], second["bought"]) == ([], [], [])


def test_a_click_on_a_shelf_belongs_to_no_search(tmp_path: Path) -> None:
    (search,) = load(
        tmp_path,
        event(1, "search", 0, session_id="s", query="mug", slate_id="A"),
        event(2, "view", 1, session_id="s", item_id="red", slate_id="home-shelf"),
    )
    assert search["clicked"] == []


def test_a_click_that_repeats_the_query_belongs_to_its_latest_search(tmp_path: Path) -> None:
    first, second, third = load(
        tmp_path,
        event(1, "search", 0, session_id="s", query="mug"),
        event(2, "search", 5, session_id="s", query="mug"),
        event(3, "search", 6, session_id="s", query="cup"),
        event(4, "view", 50, session_id="s", item_id="red", query="mug"),
    )
    assert (first["clicked"], second["clicked"], third["clicked"]) == ([], ["red"], [])


def test_a_bare_click_belongs_to_the_latest_search_of_the_last_half_hour(tmp_path: Path) -> None:
    first, second = load(
        tmp_path,
        event(1, "view", -1, session_id="s", item_id="before"),
        event(2, "search", 0, session_id="s", query="mug"),
        event(3, "search", 5, session_id="s", query="cup"),
        event(4, "view", 6, session_id="s", item_id="red"),
        event(5, "view", 7, session_id="s", item_id="red"),
        event(6, "view", 8, session_id="s", item_id="blue"),
        event(7, "view", 36, session_id="s", item_id="too late"),
        event(8, "view", 6, session_id="another", item_id="elsewhere"),
    )
    assert (first["clicked"], second["clicked"]) == ([], ["blue", "red"])


def test_queries_on_clicks_stand_for_searches_that_were_not_logged(tmp_path: Path) -> None:
    (search,) = load(
        tmp_path,
        event(1, "view", 0, session_id="s", item_id="red", query="杯子"),
        event(2, "purchase", 4, session_id="s", item_id="red", query="杯子"),
    )
    assert (search["query"], search["time"], search["clicked"]) == ("杯子", NOON, ["red"])
    assert search["bought"] == ["red"]


def test_without_a_clock_slates_and_queries_still_tell(tmp_path: Path) -> None:
    first, second = load(
        tmp_path,
        event(1, "search", None, session_id="s", query="mug", slate_id="A"),
        event(2, "search", None, session_id="s", query="cup"),
        event(3, "view", None, session_id="s", item_id="red", slate_id="A"),
        event(4, "view", None, session_id="s", item_id="blue", query="cup"),
        event(5, "view", None, session_id="s", item_id="who knows"),
    )
    assert (first["clicked"], second["clicked"]) == (["red"], ["blue"])


def test_a_shop_without_events_has_no_searches(tmp_path: Path) -> None:
    searches = load_searches(tmp_path)
    assert searches.schema == SEARCHES
    assert searches.num_rows == 0
