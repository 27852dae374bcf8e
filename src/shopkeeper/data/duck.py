"""The one way this package opens DuckDB and writes names and texts into SQL."""

from __future__ import annotations

from pathlib import Path

import duckdb


def connect(spill: Path | None = None, memory_limit_mb: int | None = None) -> duckdb.DuckDBPyConnection:
    """An in-memory database in UTC. It spills to the directory `spill` beyond `memory_limit_mb`."""
    connection = duckdb.connect(":memory:")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")
    if spill is not None:
        connection.execute(f"SET temp_directory = {literal(str(spill))}")
    if memory_limit_mb is not None:
        connection.execute(f"SET memory_limit = '{memory_limit_mb}MiB'")
    return connection


def literal(text: str | Path) -> str:
    """A SQL string: 'it''s'."""
    return "'" + str(text).replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A SQL name, whatever it holds: "Customer ID"."""
    return '"' + name.replace('"', '""') + '"'


def was_interrupted(error: RuntimeError) -> bool:
    """Whether an error is DuckDB's word for Ctrl-C, which it takes in the place of Python's KeyboardInterrupt."""
    return "Query interrupted" in str(error)
