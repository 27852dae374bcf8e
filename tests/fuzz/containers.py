"""Workbooks, archives and Parquet of which some bytes are wrong: they are read, or refused with a sentence."""

from __future__ import annotations

import gzip
import io
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

from shopkeeper.data.readers import discover
from shopkeeper.errors import DataError

CSV = b"id,title\n" + b"".join(b"%d,Mug\n" % n for n in range(20))


def _xlsx() -> bytes:
    book, raw = openpyxl.Workbook(), io.BytesIO()
    for row in (["id", "when", "price"], ["a", "2026-01-31", 2.5], ["b", None, "x"]):
        book.active.append(row)
    book.save(raw)
    return raw.getvalue()


def _zip() -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("items.csv", CSV)
    return raw.getvalue()


def _parquet() -> bytes:
    raw = io.BytesIO()
    pq.write_table(pa.table({"id": ["a", "b"], "tags": [["x"], []], "price": [1.5, None]}), raw)
    return raw.getvalue()


WHOLE = {"a.xlsx": _xlsx(), "a.zip": _zip(), "a.parquet": _parquet(), "a.csv.gz": gzip.compress(CSV, mtime=0)}
SEEDS = [bytes([kind, 0, place, 7]) for kind in range(len(WHOLE)) for place in (0, 9, 99, 200)]


def check(data: bytes) -> None:
    """The first byte chooses a file; each three that follow, a place in it and what is written there."""
    name, whole = list(WHOLE.items())[data[0] % len(WHOLE) if data else 0]
    raw = bytearray(whole)
    for at in range(1, len(data) - 2, 3):
        raw[int.from_bytes(data[at : at + 2], "big") % len(raw)] ^= data[at + 2]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(raw)
        with suppress(DataError):
            for export in discover(path):
                export.sample(10)
                list(export.batches())
