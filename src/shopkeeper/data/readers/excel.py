"""XLSX: each sheet is an export. Cells are read as text, dates as ISO 8601; types are the mapper's business."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa

from shopkeeper.data.readers.base import BATCH_ROWS, MEND, Export, file_fingerprint
from shopkeeper.data.readers.delimited import header_of
from shopkeeper.errors import DataError


def sheets(path: Path, name: str) -> list[Export]:
    """One export for each sheet that holds anything."""
    with _opened(path) as workbook:
        return [Sheet(path, f"{name}#{sheet.title}", sheet.title) for sheet in workbook.worksheets if _first(sheet)]


class Sheet(Export):
    """A sheet of a workbook."""

    format = "xlsx"

    def __init__(self, path: Path, name: str, title: str) -> None:
        self.path, self.name, self.title, self.location = path, name, title, f"{path}, sheet {title!r}"

    def fingerprint(self) -> str:
        return hashlib.sha256(f"{file_fingerprint(self.path)} {self.title}".encode()).hexdigest()[:32]

    def modified(self) -> float:
        return self.path.stat().st_mtime

    @cached_property
    def _header(self) -> tuple[bool, tuple[str, ...]]:
        with closing(self._cells()) as rows:
            return header_of([[cell or "" for cell in row] for row in islice(rows, 50)])

    def sample(self, n: int = 2000) -> pa.Table:
        start = int(self._header[0])
        with closing(self._cells()) as rows:
            return pa.Table.from_batches([self._batch(list(islice(rows, start, start + n)))])

    def batches(self) -> Iterator[pa.RecordBatch]:
        with closing(self._cells()) as cells:
            rows = islice(cells, int(self._header[0]), None)
            yield self._batch(list(islice(rows, BATCH_ROWS)))
            while block := list(islice(rows, BATCH_ROWS)):
                yield self._batch(block)

    def _cells(self) -> Generator[list[str | None]]:
        """The rows as text; blank ones are left out."""
        with _opened(self.path) as workbook:
            for row in workbook[self.title].iter_rows(values_only=True):
                cells = [_text(value) for value in row]
                if any(cells):
                    yield cells

    def _batch(self, rows: list[list[str | None]]) -> pa.RecordBatch:
        columns = self._header[1]
        padded = ([*row[: len(columns)], *[None] * (len(columns) - len(row))] for row in rows)
        arrays = [pa.array(values, pa.string()) for values in zip(*padded, strict=True)]
        return pa.RecordBatch.from_arrays(arrays or [pa.nulls(0, pa.string()) for _ in columns], names=list(columns))


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The workbook. Raises DataError where it is damaged, then or while its rows are read."""
    try:
        with closing(openpyxl.load_workbook(path, read_only=True, data_only=True)) as workbook:
            yield workbook
    except Exception as error:  # openpyxl lets through what its XML, zip and number parsers raise
        said = f"is no readable workbook: {error}"
        raise DataError(said, where=str(path), expected="an XLSX file", remedy=MEND) from error


def _first(sheet: Any) -> bool:
    rows = getattr(sheet, "iter_rows", None)  # a chart sheet has none
    return rows is not None and any(any(cell is not None for cell in row) for row in rows(values_only=True))


def _text(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, (dt.datetime, dt.date, dt.time)):
        return value.isoformat(sep=" ") if isinstance(value, dt.datetime) else value.isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # Excel keeps every number as a float
    return str(value)
