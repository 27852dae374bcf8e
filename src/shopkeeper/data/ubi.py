"""The shop's searches and events as files of User Behavior Insights (UBI): https://github.com/o19s/ubi, schema 1.3."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path

import duckdb
import pyarrow as pa

from shopkeeper.data.duck import connect, literal
from shopkeeper.data.durable import why
from shopkeeper.data.tables import Tables
from shopkeeper.errors import DataError

NAMES = ("ubi_queries", "ubi_events")


def export_ubi(tables: Tables, folder: Path, application: str) -> dict[str, int]:
    """Write `ubi_queries.jsonl` and `ubi_events.jsonl` into `folder`, each in the place of an older one; how many lines
    each has, by name.

    application: what the lines name as their origin. Shops without a clock give lines without a `timestamp`. Raises
    DataError where there are no events, or the disk refuses.
    """
    if not tables.has("events"):
        raise DataError("there are no events to export", where=str(tables.named), remedy="Run: shopkeeper ingest")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tables.held() as held, connect() as database:
            database.register("origin", pa.table({"application": [application]}))
            database.read_parquet([str(path) for path in held.paths("events")]).create_view("events")
            return {name: _write(database, name, folder / f"{name}.jsonl") for name in NAMES}
    except (OSError, duckdb.IOException) as error:
        remedy = "See that the folder may be written and the disk has room."
        raise DataError(f"the export was not written ({why(error)})", where=str(folder), remedy=remedy) from error


def _write(database: duckdb.DuckDBPyConnection, name: str, path: Path) -> int:
    """Whole, or not at all."""
    statement = files("shopkeeper.data").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
    unfinished = path.with_name(f"{path.name}.unfinished")
    try:
        row = database.execute(f"COPY ({statement}) TO {literal(unfinished)} (FORMAT json)").fetchone()
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    return int(row[0]) if row else 0
