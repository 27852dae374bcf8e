"""JSON, one object a line or one array. Nested values stay nested; where they are ragged, they stay JSON text."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

import pyarrow as pa

from shopkeeper.data.duck import connect, literal
from shopkeeper.data.readers.base import SMALL_BYTES, Scanned, file_fingerprint, slug, take_spread, told
from shopkeeper.data.readers.text import as_utf8, encoding_of, excerpt, head
from shopkeeper.errors import DataError

LARGEST_OBJECT = 64 << 20


class JsonLines(Scanned):
    """A .jsonl, .ndjson or .json file, plain or gzipped."""

    format = "json"

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name, self.location = path, name, str(path)

    def fingerprint(self) -> str:
        return file_fingerprint(self.path)

    def scan(self, staging: Path) -> str:
        raw = head(self.path)
        encoding = encoding_of(raw, self.location)
        if not raw.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n").startswith((b"{", b"[")):
            raise DataError(
                "this is no JSON", where=self.location, expected="one object a line, or an array of objects"
            )
        return self._expression(as_utf8(self.path, encoding, staging / f"{slug(self.name)}.json"))

    def sample(self, n: int = 2000) -> pa.Table:
        with tempfile.TemporaryDirectory() as folder, connect() as connection, told(self.location):
            raw = head(self.path)
            plain = self.path.suffix.lower() != ".gz"
            if self.path.stat().st_size <= (SMALL_BYTES if plain else SMALL_BYTES // 4):
                return take_spread(connection.sql(f"FROM {self.scan(Path(folder))}").to_arrow_table(), n)
            if not plain or raw.lstrip().startswith(b"["):
                return connection.sql(f"FROM {self._expression(self.path)} LIMIT {n}").to_arrow_table()
            cut = Path(folder) / "cut"
            excerpt(self.path, cut, round(statistics.mean(map(len, raw.splitlines()))), n)
            return take_spread(connection.sql(f"FROM {self._expression(cut)}").to_arrow_table(), n)

    def _expression(self, path: Path) -> str:
        """The types are inferred from every row: a value that comes late must not stop a long reading."""
        return (
            f"read_json({literal(path)}, format = 'auto', sample_size = -1, hive_partitioning = false, "
            f"maximum_object_size = {LARGEST_OBJECT})"
        )
