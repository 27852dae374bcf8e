"""What the readers of text files share: each line bears a mark, and no mark may be lost."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from shopkeeper.data.duck import connect
from shopkeeper.data.readers import discover
from shopkeeper.data.readers.base import told
from shopkeeper.data.staging import keep_rejected
from shopkeeper.errors import DataError

MARK = re.compile(r"line\d+line")
ENDS = (b"\n", b"\r\n", b"\r")


def marked(data: bytes, form: bytes) -> tuple[bytes, set[str]]:
    """Rows made of the lines of `data`, each by `form`, which holds %d for the mark and %s for the line."""
    end = ENDS[data[0] % len(ENDS)] if data else b"\n"
    lines = re.split(rb"[\r\n]+", data[1:])
    raw = end.join(form % (b"line%dline" % number, line) for number, line in enumerate(lines))
    return raw + end, {f"line{number}line" for number in range(len(lines))}


def check_reading(raw: bytes, marks: set[str], name: str) -> None:
    """All marks are in the table or kept aside, or the file is refused."""
    with tempfile.TemporaryDirectory() as folder, connect() as connection:
        path, staging, aside = Path(folder) / name, Path(folder) / "raw", Path(folder) / "aside"
        path.write_bytes(raw)
        (export,) = discover(path)
        try:
            with told(export.location):
                table = connection.sql(f"FROM {export.scan(staging)}").to_arrow_table()
        except DataError:
            return
        aside.mkdir()
        keep_rejected(connection, staging, aside)
        tables = [table, *(pq.read_table(kept) for kept in aside.iterdir())]
    texts = _texts([[table.column_names, table.to_pylist()] for table in tables])
    found = {mark for text in texts for mark in MARK.findall(text)}
    assert marks <= found, sorted(marks - found)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
