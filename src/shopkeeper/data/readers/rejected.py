"""Lines that a reader sets aside itself, kept beside the file that it hands to DuckDB."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

SUFFIX = ".rejected.parquet"
SCHEMA = pa.schema([("line", pa.int64()), ("text", pa.string()), ("error", pa.string())])


class Rejected(NamedTuple):
    """A line (its number from 1) that cannot be read, and why."""

    line: int
    text: str
    error: str


def write_rejected(rejected: Sequence[Rejected], read: Path) -> None:
    """Keep the lines that were left out of the file `read`."""
    rows = [row._asdict() for row in rejected]
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), read.with_name(read.name + SUFFIX))


def rejected_under(folder: Path) -> list[Path]:
    return sorted(folder.rglob(f"*{SUFFIX}"))
