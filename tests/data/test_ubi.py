"""The shop's events as files of UBI, and back by either road: over HTTP, and as exports of another shop."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shopkeeper.data.schema import EVENTS
from shopkeeper.data.tables import Tables
from shopkeeper.data.ubi import export_ubi
from shopkeeper.errors import DataError
from shopkeeper.server.analytics import translate
from shopkeeper.shop import Shop

ASKED, LATER = datetime(2026, 3, 1, 9, 30, 0, 250_000), datetime(2026, 3, 1, 9, 31)


def write(shop: Path, rows: list[dict[str, Any]]) -> Tables:
    folder = shop / "tables" / "events" / "month=2026-03"
    folder.mkdir(parents=True)
    common = {"time": ASKED, "actor": "anna", "user_id": "anna", "session_id": "s-1"}
    told = [dict.fromkeys(EVENTS.names) | common | {"event_id": f"e-{number}"} | row for number, row in enumerate(rows)]
    pq.write_table(pa.Table.from_pylist(told, EVENTS), folder / "part.parquet")
    return Tables(shop)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """Of a search that showed two items, what was done with the second, and a search that found nothing."""
    slate = {"slate_id": "q-1", "query": "red mug"}
    tables = write(
        tmp_path / "shop",
        [
            {"type": "impression", "item_id": "b", "position": 2, **slate},
            {"type": "impression", "item_id": "a", "position": 1, **slate},
            {"type": "search", **slate},
            {"type": "view", "item_id": "b", "position": 2, **slate},
            {"type": "purchase", "item_id": "b", "order_id": "o-1", "quantity": 2.0, "price": 7.5, **slate},
            {"type": "search", "query": "没有的东西", "actor": "session:s-9", "user_id": None, "time": LATER},
        ],
    )
    counts = export_ubi(tables, tmp_path / "out" / "ubi", "Müller's")
    assert counts == {"ubi_queries": 2, "ubi_events": 4}
    return tmp_path / "out" / "ubi"


def test_a_slate_is_a_query_with_its_hits_in_order(exported: Path) -> None:
    shown, nothing = lines(exported / "ubi_queries.jsonl")
    assert (shown["query_id"], shown["user_query"], shown["client_id"]) == ("q-1", "red mug", "anna")
    assert (shown["query_response_hit_ids"], shown["timestamp"]) == (["a", "b"], "2026-03-01T09:30:00.250Z")
    assert (nothing["query_id"], nothing["user_query"], nothing.get("query_response_hit_ids")) == (
        "e-5",
        "没有的东西",
        None,
    )
    assert {line["application"] for line in (shown, nothing)} == {"Müller's"}


def test_words_that_were_forgotten_are_no_search(tmp_path: Path) -> None:
    forgotten = [{"type": "search", "query": q, "attributes": json.dumps({"forgotten_query": q})} for q in ("mug", "*")]
    export_ubi(write(tmp_path / "shop", [*forgotten, {"type": "search", "query": "lamp"}]), tmp_path / "ubi", "shop")
    assert [line["user_query"] for line in lines(tmp_path / "ubi" / "ubi_queries.jsonl")] == ["lamp"]


def test_over_http_the_same_comes_back(exported: Path) -> None:
    told = translate((f"[{','.join((exported / 'ubi_events.jsonl').read_text().splitlines())}]").encode())
    assert told is not None
    assert told.passed_over == 0
    assert [(event.type, event.item, event.slate, event.position, event.query) for event in told.events] == [
        ("impression", "b", "q-1", 2, "red mug"),
        ("impression", "a", "q-1", 1, "red mug"),
        ("view", "b", "q-1", 2, "red mug"),
        ("purchase", "b", "q-1", None, "red mug"),
    ]
    bought = told.events[-1]
    assert (bought.order, bought.quantity, bought.price, bought.user) == ("o-1", 2.0, 7.5, "anna")


def test_another_shop_reads_the_files_by_itself(tmp_path: Path) -> None:
    """Enough of them, so that the mapper has something to see."""
    rows = [
        {
            "type": ("impression", "view", "cart", "purchase")[number % 4],
            "item_id": f"p-{number % 37}",
            "slate_id": f"q-{number // 9}",
            "position": 1 + number % 9,
            "query": ("red mug", "blue lamp", "马克杯")[number % 3],
            "session_id": f"s-{number // 18}",
            "user_id": f"u-{number // 36}",
            "actor": f"u-{number // 36}",
            "time": datetime(2026, 3, 1 + number // 20, 9, number % 60),
        }
        for number in range(400)
    ]
    export_ubi(write(tmp_path / "shop", rows), tmp_path / "ubi", "shop")
    other = Shop.new(tmp_path / "other", [tmp_path / "ubi"])
    other.ingest()
    read = Tables(other.directory).table("events").to_pylist()
    done = [row for row in read if row["type"] != "search"]
    said = ("type", "item_id", "slate_id", "position", "query", "session_id", "user_id", "time")
    assert sorted(tuple(row[name] for name in said) for row in done) == sorted(
        tuple(row[name] for name in said) for row in rows
    )


def test_a_shop_without_events_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no events to export"):
        export_ubi(Tables(tmp_path), tmp_path / "ubi", "shop")


def test_a_folder_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(DataError, match="was not written"):
        export_ubi(write(tmp_path / "shop", [{"type": "view", "item_id": "a"}]), tmp_path / "taken", "shop")
