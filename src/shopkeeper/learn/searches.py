"""Events → search requests with the clicks that followed: what search is learned from and measured on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import duckdb
import pyarrow as pa

from shopkeeper.data.duck import connect
from shopkeeper.data.schema import EVENTS, TIME

SEARCHES = pa.schema(
    [
        pa.field("actor", pa.string()),
        pa.field("session_id", pa.string()),
        pa.field("time", TIME),
        pa.field("query", pa.string()),
        pa.field("slate_id", pa.string()),
        pa.field("clicked", pa.list_(pa.string())),
        pa.field("carted", pa.list_(pa.string())),
        pa.field("bought", pa.list_(pa.string())),
    ]
)


def load_searches(tables: Path, *, before: float | None = None) -> pa.Table:
    """Table of schema SEARCHES, oldest first, from the events under `tables`; empty where there are none. before: of
    events before this moment alone, in seconds.

    clicked, carted and bought hold item_ids, each once, sorted; a search that led to nothing has empty lists.
    """
    with with_events(tables, before=before) as database:
        statement = files("shopkeeper.learn").joinpath("searches.sql").read_text(encoding="utf-8")
        return database.sql(statement).to_arrow_table().cast(SEARCHES)


@contextlib.contextmanager
def with_events(tables: Path, *, before: float | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database that has the events under `tables` as the view `events`; of those before a moment alone, in seconds,
    where one is given."""
    with connect() as database:
        if any(tables.glob("events/*/*.parquet")):
            events = database.read_parquet(str(tables / "events" / "*" / "*.parquet"), union_by_name=True)
            known = events if before is None else events.filter(f"epoch_us(time) < {round(before * 1e6)}")
            known.create_view("events")
        else:
            database.register("events", EVENTS.empty_table())
        yield database
