"""The live log → tables: events, slates shown as impressions, and what the shop changed of its items."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shopkeeper.data.eventlog import EventLog
from shopkeeper.data.eventlog import log as log_module
from shopkeeper.data.eventlog.file import EVENTS
from shopkeeper.data.ingest import ingest
from shopkeeper.data.mapping import ColumnMapping, FileMapping, Mapping
from shopkeeper.data.readers.live import LogExport, exports_of
from shopkeeper.data.schema import FIELDS
from shopkeeper.data.tables import Tables
from shopkeeper.learn.examination import examination_of
from shopkeeper.settings import DataSettings
from shopkeeper.vocabulary import Change, Event, EventType, Item, Shown

NOW = 1_700_000_000.0
PRODUCTS = FileMapping(
    "products.csv",
    "items",
    columns={"id": ColumnMapping("item_id"), "name": ColumnMapping("title"), "price": ColumnMapping("price")},
)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EventLog]:
    log = EventLog(tmp_path / "events.sqlite")
    yield log
    log.close()


@pytest.fixture(autouse=True)
def every_row_is_worth_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "FEWEST", 1)


def products(folder: Path, text: str, at: float) -> None:
    (folder / "exports").mkdir(exist_ok=True)
    path = folder / "exports" / "products.csv"
    path.write_text(text, encoding="utf-8")
    os.utime(path, (at, at))


def take_in(log: EventLog) -> Tables:
    shop = log.path.parent
    files = [PRODUCTS] if (shop / "exports").exists() else []
    sources = [shop / "exports"] if files else []
    ingest(Mapping(files), sources, shop, DataSettings(), log=log)
    return Tables(shop)


def items_of(tables: Tables) -> dict[str, dict[str, Any]]:
    return {row["item_id"]: row for row in tables.items().to_pylist()}


def view(id_: str, at: float | None = NOW, **more: Any) -> Event:
    return Event(id=id_, type=EventType.VIEW, time=at, user="u1", item="mug", **more)


def slate(id_: str, items: tuple[str, ...], **more: Any) -> Shown:
    return Shown(slate=id_, surface="home", time=NOW, items=items, propensities=(1.0,) * len(items), **more)


def test_events_and_slates_become_tables_once_however_often_they_are_read(log: EventLog) -> None:
    log.append([view("a", slate="s", position=2), view("b", NOW + 0.123456)])
    log.show([slate("s", ("lamp", "mug"), user="u1", session="v")])
    log.flush()
    for more in ("c", "d"):
        tables = take_in(log)
        assert (len(log.parts(EVENTS).all()), tables.live) == (ord(more) - ord("b"), log.newest())
        log.append([view(more)])
    rows = tables.events(["event_id", "type", "item_id", "slate_id", "position", "session_id"]).read_all().to_pylist()
    shown = [row for row in rows if row["type"] == "impression"]
    assert shown == [
        {
            "event_id": f"s-{at}",
            "type": "impression",
            "item_id": item,
            "slate_id": "s",
            "position": at,
            "session_id": "v",
        }
        for at, item in ((1, "lamp"), (2, "mug"))
    ]
    assert sorted(row["event_id"] for row in rows if row["type"] == "view") == ["a", "b", "c"]


def test_where_an_event_lies_makes_no_difference_to_the_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = []
    for name, fewest in (("whole", 2**62), ("moved", 1)):
        (tmp_path / name).mkdir()
        log = EventLog(tmp_path / name / "events.sqlite")
        log.append([view(f"e{n}", NOW + n / 7, price=n / 3, query="马克杯", attributes={"n": n}) for n in range(20)])
        monkeypatch.setattr(log_module, "FEWEST", fewest)
        log.compact(log.newest())
        tables.append(take_in(log).table("events"))
        log.close()
    assert tables[0] == tables[1]
    assert tables[0]["time"][1].as_py().timestamp() == pytest.approx(NOW + 1 / 7, abs=1e-6)


def test_what_is_late_is_no_mistake(log: EventLog) -> None:
    log.append([view(f"e{n}", NOW + n) for n in range(50)])
    log.append([view("found in a drawer", NOW - 300 * 86_400)])
    assert take_in(log).count("events") == 51


def test_the_events_of_a_log_that_was_moved_aside_stay_in_the_tables(log: EventLog) -> None:
    log.append([view("a"), view("b")])
    take_in(log)
    log.close()
    log.path.unlink()
    again = EventLog(log.path)
    again.append([view("b"), view("c")])
    assert sorted(take_in(again).table("events")["event_id"].to_pylist()) == ["a", "b", "c"]
    again.close()


def test_ingest_sees_what_was_written_whenever_sqlite_writes_it_down(log: EventLog) -> None:
    """While someone reads, SQLite cannot bring all that is written into the file: its size may stay the same."""

    def export() -> LogExport:
        return exports_of(log, log.newest())[0]

    log.append([view("a")])
    first = export()
    assert export().fingerprint() == first.fingerprint()
    with closing(sqlite3.connect(log.path)) as reader:
        reader.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert export().fingerprint() == first.fingerprint()
        reader.execute("BEGIN").execute("SELECT * FROM events").fetchall()
        log.append([view("b")])
        second = export()
    assert second.fingerprint() != first.fingerprint()
    log.compact(log.newest())
    ids = [[id_ for batch in each.batches() for id_ in batch["id"].to_pylist()] for each in (first, second)]
    assert ids == [["a"], ["a", "b"]]
    assert second.sample(1).num_rows == 1


def test_ingest_knows_every_column(log: EventLog) -> None:
    for export in exports_of(log, log.newest()):
        assert {column.field for column in export.mapping.columns.values()} <= set(FIELDS)


def test_learning_finds_in_the_slates_shown_what_people_look_at(log: EventLog) -> None:
    generator = np.random.default_rng(0)
    truth = np.array([1.0, 0.5])
    slates, clicks = [], []
    for number in range(3_000):
        items = tuple(f"i{at}" for at in generator.permutation(2))
        slates.append(slate(f"s{number}", items, user=f"u{number}"))
        for position, item in enumerate(items, start=1):
            if generator.random() < 0.4 * truth[position - 1]:
                event = Event(id=f"{number}-{item}", type=EventType.VIEW, time=NOW + 1, item=item, slate=f"s{number}")
                clicks.append(event)
    log.show(slates)
    log.append(clicks)
    log.flush()
    found = examination_of(take_in(log).folder)
    assert found is not None
    np.testing.assert_allclose(found.looked, truth, atol=0.08)


# --- items ---

CSV = "id,name,price\nmug,Mug,5\nlamp,Lamp,20\n"


def test_the_newer_word_on_an_item_wins(log: EventLog, tmp_path: Path) -> None:
    products(tmp_path, CSV, at=NOW)
    log.change(
        [
            Change(id="mug", time=NOW - 10, price=1.0),
            Change(id="lamp", time=NOW + 10, stock=0.0),
            Change(id="lamp", time=NOW + 20, price=18.0),
            Change(
                id="bowl 碗", time=NOW - 10, item=Item(id="bowl 碗", title="Bowl", price=7.0, categories=("Kitchen",))
            ),
            Change(id="nobody knows it", time=NOW + 10, price=3.0),
        ]
    )
    items = items_of(take_in(log))
    assert set(items) == {"mug", "lamp", "bowl 碗"}
    assert (items["mug"]["price"], items["mug"]["title"]) == (5.0, "Mug")
    assert [items["lamp"][name] for name in ("title", "price", "stock", "available")] == ["Lamp", 18.0, 0.0, False]
    assert [items["bowl 碗"][name] for name in ("title", "price", "categories")] == ["Bowl", 7.0, ["Kitchen"]]

    products(tmp_path, "id,name,price\nlamp,Lamp,21\n", at=NOW + 15)  # after one word on the lamp, before the other
    items = items_of(take_in(log))
    assert [items["lamp"][name] for name in ("price", "stock", "available")] == [18.0, None, None]
    assert set(items) == {"lamp", "bowl 碗"}


def test_a_whole_item_replaces_all_that_older_files_say(log: EventLog, tmp_path: Path) -> None:
    products(tmp_path, CSV, at=NOW)
    log.change([Change(id="mug", time=NOW + 1, item=Item(id="mug", title="Cup", attributes={"colour": "red"}))])
    log.append([view("e", price=4.0)])
    tables = take_in(log)
    mug = items_of(tables)["mug"]
    assert (mug["title"], json.loads(mug["attributes"])) == ("Cup", {"colour": "red"})
    assert mug["price"] == 4.0  # neither the shop nor a newer file says one: what was paid
    assert tables.inferred().to_pylist() == [{"item_id": "mug", "price": True, "facts": False}]


def test_what_is_deleted_stays_as_what_cannot_be_had(log: EventLog, tmp_path: Path) -> None:
    products(tmp_path, CSV, at=NOW)
    log.change(
        [
            Change(id="mug", time=NOW + 1, deleted=True),
            Change(id="bowl", time=NOW + 1, item=Item(id="bowl", title="Bowl", price=7.0)),
            Change(id="bowl", time=NOW + 2, deleted=True),
            Change(id="bowl", time=NOW + 3, stock=5.0),
            Change(id="never seen", time=NOW + 1, deleted=True),
        ]
    )
    for _ in range(2):  # the second time without the words that were overruled
        items = items_of(take_in(log))
        told = {id_: (item["title"], item["available"]) for id_, item in items.items()}
        assert told == {"mug": ("Mug", False), "bowl": ("Bowl", False), "lamp": ("Lamp", None)}
    products(tmp_path, CSV, at=NOW + 9)
    assert items_of(take_in(log))["mug"]["available"] is None


def test_an_item_that_only_the_shop_told_of_is_in_its_catalogue_before_any_event(log: EventLog) -> None:
    """A replay of the past may know it, as it knows those of a file."""
    log.change([Change(id="mug", time=NOW, item=Item(id="mug", title="Mug", price=5.0))])
    log.append([view("e", price=4.0)])
    assert take_in(log).inferred().num_rows == 0


# --- in whatever order, however often, by however many ---


@given(
    deliveries=st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=5), max_size=8),
    threads=st.integers(1, 3),
    compacted=st.sets(st.integers(0, 7), max_size=2),
)
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_delivery_of_the_same_events_gives_the_same_tables(
    tmp_path_factory: pytest.TempPathFactory, deliveries: list[list[int]], threads: int, compacted: set[int]
) -> None:
    def event(number: int) -> Event:
        return view(f"e{number}", NOW - 1e5 * (number % 3) + number / 7, order=f"o{number}", attributes={"n": number})

    def events(folder: Path, batches: list[list[int]]) -> pa.Table:
        log = EventLog(folder / "events.sqlite")

        def deliver(worker: int) -> None:
            for at, batch in enumerate(batches):
                if at % threads == worker:
                    log.append([event(number) for number in batch])
                if worker == 0 and at in compacted:
                    log.compact(log.newest())

        workers = [threading.Thread(target=deliver, args=(worker,)) for worker in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        table = take_in(log).table("events")
        log.close()
        return table

    once = sorted({number for batch in deliveries for number in batch})
    found = events(tmp_path_factory.mktemp("many"), [*deliveries, *deliveries[::-1]])
    assert found == events(tmp_path_factory.mktemp("once"), [once])
    assert found.num_rows == len(once)


def test_an_item_of_the_api_alone_is_as_old_as_the_first_word_on_it(log: EventLog, tmp_path: Path) -> None:
    products(tmp_path, "id,name,price\n1,Mug,5\n", NOW - 1000.0)
    for day in range(3):
        log.change([Change(id="kettle", time=NOW + day * 86_400, item=Item(id="kettle", title=f"Kettle {day}"))])
        items = {row["item_id"]: row for row in take_in(log).items().to_pylist()}
        assert (items["kettle"]["title"], items["kettle"]["launched"].timestamp()) == (f"Kettle {day}", NOW)
        assert items["1"]["launched"] is None
