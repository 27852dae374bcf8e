"""The tables of a shop, as who reads them sees them while an ingest puts others in their place."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import small_shop

from shopkeeper.data import tables as module
from shopkeeper.data.ingest import _swap
from shopkeeper.data.tables import Tables
from shopkeeper.errors import DataError


def write(folder: Path, n: int) -> None:
    """n items, and a user for each."""
    folder.mkdir(parents=True)
    pq.write_table(small_shop.items().slice(0, n), folder / "items.parquet")
    (folder / "events" / "month=2026-01").mkdir(parents=True)
    events = small_shop.events(["mug-red"]).slice(0, n)
    pq.write_table(events, folder / "events" / "month=2026-01" / "events.parquet")


def test_held_tables_stay_while_others_take_their_place(tmp_path: Path) -> None:
    write(tmp_path / "tables", 3)
    with Tables(tmp_path).held() as held:
        write(tmp_path / "new", 5)
        _swap(tmp_path / "new", tmp_path / "tables")
        assert (held.count("items"), held.count("events")) == (3, 3)
        assert held.items().num_rows == 3
    assert Tables(tmp_path).count("items") == 5
    assert not any((tmp_path / "cache").iterdir())


def test_what_is_held_is_never_half_old_and_half_new(tmp_path: Path) -> None:
    write(tmp_path / "tables", 3)
    stop = threading.Event()

    def swap() -> None:
        n = 3
        while not stop.is_set():
            n = 8 - n
            write(tmp_path / "new", n)
            _swap(tmp_path / "new", tmp_path / "tables")

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for _ in range(50):
            with Tables(tmp_path).held() as held:
                assert held.count("items") == held.count("events")
                assert held.count("items") in (3, 5)
    finally:
        stop.set()
        thread.join()


def test_a_file_system_without_links_gets_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(module.os, "link", refuse)
    write(tmp_path / "tables", 3)
    with Tables(tmp_path).held() as held:
        shutil.rmtree(tmp_path / "tables")
        assert held.count("items") == 3


def test_a_damaged_table_is_told_by_the_place_where_it_lies(tmp_path: Path) -> None:
    write(tmp_path / "tables", 3)
    (tmp_path / "tables" / "items.parquet").write_bytes(b"rubbish")
    with Tables(tmp_path).held() as held, pytest.raises(DataError) as told:
        held.items()
    assert told.value.where == str(tmp_path / "tables" / "items")


def test_a_shop_without_tables_holds_none(tmp_path: Path) -> None:
    with Tables(tmp_path).held() as held:
        assert not held.has("items")
