"""JSON, one object a line or one array. Nested values stay nested; where they are ragged, they stay JSON text."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import duckdb
import pyarrow as pa

from shopkeeper.data.duck import connect, literal
from shopkeeper.data.readers.base import MEND, SMALL_BYTES, Scanned, file_fingerprint, slug, take_spread, told
from shopkeeper.data.readers.rejected import Rejected, write_rejected
from shopkeeper.data.readers.text import (
    LONG_HEAD_BYTES,
    WIDE,
    as_utf8,
    encoding_of,
    excerpt,
    head,
    opened,
    text_of,
    transcode,
)
from shopkeeper.data.scratch import Scratch
from shopkeeper.errors import DataError

LARGEST_OBJECT = 64 << 20


def _without_bad_lines(path: Path, target: Path) -> tuple[list[Rejected], int]:
    """Copy the lines that are objects; the others, and how many were copied."""
    rejected: list[Rejected] = []
    good = 0
    target.parent.mkdir(parents=True, exist_ok=True)
    with opened(path) as source, target.open("wb") as out:
        for number, line in enumerate(source, 1):
            try:
                fits = isinstance(json.loads(line.decode("utf-8-sig")), dict)
                error = "this is no object"
            except ValueError as broken:
                fits, error = False, str(broken)
            except RecursionError:
                fits, error = False, "this is nested too deeply"
            if fits:
                out.write(line)
                good += 1
            elif line.strip():
                rejected.append(Rejected(number, line.decode("utf-8", "replace").rstrip("\r\n"), error))
    return rejected, good


class JsonLines(Scanned):
    """A .jsonl, .ndjson or .json file, plain or gzipped."""

    format = "json"

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name, self.location = path, name, str(path)

    def fingerprint(self) -> str:
        return file_fingerprint(self.path)

    def modified(self) -> float:
        return self.path.stat().st_mtime

    def scan(self, staging: Path) -> str:
        raw = head(self.path, self.location)
        encoding = encoding_of(raw, self.location)
        if not raw.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n").startswith((b"{", b"[")):
            expected = "one object a line, or an array of objects"
            raise DataError("this is no JSON", where=self.location, expected=expected, remedy=MEND)
        path = as_utf8(self.path, encoding, staging / f"{slug(self.name)}.json")
        return self._expression(self._mended(path, staging / f"{slug(self.name)}.mended.json"))

    def sample(self, n: int = 2000) -> pa.Table:
        with Scratch() as folder, connect() as connection, told(self.location):
            raw = head(self.path, self.location)
            encoding = encoding_of(raw, self.location)
            plain = self.path.suffix.lower() != ".gz" and not encoding.startswith(WIDE)
            if self.path.stat().st_size <= (SMALL_BYTES if plain else SMALL_BYTES // 4):
                return take_spread(connection.sql(f"FROM {self.scan(folder)}").to_arrow_table(), n)
            if text_of(raw[:100], encoding).lstrip("\ufeff \t\r\n").startswith("["):
                return connection.sql(f"FROM {self.scan(folder)} LIMIT {n}").to_arrow_table()
            cut, text = folder / "cut", folder / "text"
            if plain:
                excerpt(self.path, cut, round(statistics.mean(map(len, raw.splitlines()))), n)
            else:
                cut.write_bytes(head(self.path, self.location, LONG_HEAD_BYTES))
            transcode(cut, encoding, text)
            readable = self._mended(text, folder / "mended.json")
            return take_spread(connection.sql(f"FROM {self._expression(readable)}").to_arrow_table(), n)

    def _mended(self, path: Path, target: Path) -> Path:
        """The file, or a copy of it without the lines that are no objects, where these are fewer than the others."""
        with connect() as connection:
            try:
                connection.sql(f"FROM {self._expression(path)}")  # its types are inferred now, from every row
            except duckdb.Error:
                rejected, good = _without_bad_lines(path, target)
                if len(rejected) >= good:
                    return path  # the same error tells what is wrong
                write_rejected(rejected, target)
                return target
        return path

    def _expression(self, path: Path) -> str:
        """The types are inferred from every row: a value that comes late must not stop a long reading."""
        return (
            f"read_json({literal(path)}, format = 'auto', sample_size = -1, hive_partitioning = false, "
            f"maximum_object_size = {LARGEST_OBJECT})"
        )
