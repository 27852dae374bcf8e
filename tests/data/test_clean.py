"""What cleaning takes out, and that it takes out nothing else."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from shopkeeper.data.ingest import ingest
from shopkeeper.data.mapping import ColumnMapping, FileMapping, Mapping
from shopkeeper.data.report import IngestReport
from shopkeeper.data.tables import Tables
from shopkeeper.settings import DataSettings


def meant(path: str, role: str, **columns: str) -> FileMapping:
    """`columns`: name → "field" or "field format"."""
    return FileMapping(path, role, columns={name: ColumnMapping(*said.split(" ", 1)) for name, said in columns.items()})


def clean(folder: Path, *files: FileMapping) -> tuple[Tables, IngestReport]:
    report = ingest(Mapping(list(files)), [folder / "exports"], folder / "shop", DataSettings())
    return Tables(folder / "shop"), report


def write(folder: Path, name: str, *lines: str) -> None:
    (folder / "exports").mkdir(exist_ok=True)
    (folder / "exports" / name).write_text("\n".join(lines) + "\n")


def found(report: IngestReport) -> dict[str, int]:
    return {rule.name: rule.rows for rule in report.rules if rule.rows}


def events_of(tables: Tables, *columns: str) -> list[tuple[Any, ...]]:
    table = tables.events(columns).read_all()
    return sorted(zip(*(table[column].to_pylist() for column in columns), strict=True), key=str)


LOG = {"id": "event_id", "user": "user_id", "item": "item_id", "what": "event_type", "time": "time iso"}
HEAD = "id,user,item,what,time"


def test_files_may_count_their_rows_alike(tmp_path: Path) -> None:
    write(tmp_path, "clicks.csv", HEAD, *(f"{n},u{n},p{n},view,2026-01-02 10:00:{n:02}" for n in range(30)))
    write(tmp_path, "sales.csv", HEAD, *(f"{n},u{n},p{n},purchase,2026-02-02 11:00:{n:02}" for n in range(20)))
    files = meant("clicks.csv", "events", **LOG), meant("sales.csv", "events", **LOG)
    tables, report = clean(tmp_path, *files)
    assert found(report) == {}
    assert [kind for (kind,) in events_of(tables, "type")] == ["purchase"] * 20 + ["view"] * 30
    first = events_of(tables, "event_id", "type")
    assert len({event_id for event_id, _ in first}) == 50  # no two events share an identifier, whatever their month
    assert events_of(clean(tmp_path, *files)[0], "event_id", "type") == first


def test_an_identifier_with_the_same_content_is_a_duplicate(tmp_path: Path) -> None:
    rows = [f"e{n},u{n},p{n},view,2026-01-{n + 1:02}" for n in range(20)]
    write(tmp_path, "old.csv", HEAD + ",exported", *(f"{row},monday" for row in rows))
    write(tmp_path, "new.csv", HEAD + ",exported", *(f"{row},tuesday" for row in rows), "e20,u,p,view,2026-01-30,x")
    write(tmp_path, "self.csv", HEAD, "s1,u,p,view,2026-01-30", "s1,u,p,view,2026-01-30")
    tables, report = clean(tmp_path, *(meant(name, "events", **LOG) for name in ("old.csv", "new.csv", "self.csv")))
    assert tables.count("events") == 22
    assert found(report) == {"duplicates": 21}
    assert pq.read_metadata(tmp_path / "shop/quarantine/duplicates.parquet").num_rows == 21


DAYS = {"day": "date iso", "user": "user_id", "item": "item_id"}


@pytest.mark.parametrize("names", [("early.csv", "late.csv"), ("sales_1.csv", "sales_2.csv")])  # two exports, one
def test_overlapping_files_of_days(tmp_path: Path, names: tuple[str, str]) -> None:
    milk, tea = "2026-01-01,u,milk", "2026-01-02,u,tea"
    write(tmp_path, names[0], "day,user,item", milk, milk, tea)
    write(tmp_path, names[1], "day,user,item", milk, milk, milk, "2026-01-03,u,jam")
    paths = ["sales_*.csv"] if names[0] == "sales_1.csv" else list(names)
    tables, report = clean(tmp_path, *(meant(path, "order_lines", **DAYS) for path in paths))
    assert [item for (item,) in events_of(tables, "item_id")] == ["jam", "milk", "milk", "milk", "tea"]
    assert found(report) == {"duplicates": 2}
    assert len(set(events_of(tables, "event_id"))) == 5
