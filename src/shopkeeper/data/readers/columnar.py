"""Parquet, with its list, struct and binary columns."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from shopkeeper.data.duck import literal
from shopkeeper.data.readers.base import BATCH_ROWS, Scanned, file_fingerprint, spread, told


class Parquet(Scanned):
    """A Parquet file."""

    format = "parquet"

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name, self.location = path, name, str(path)

    def fingerprint(self) -> str:
        with told(self.location):
            return file_fingerprint(self.path)

    def scan(self, staging: Path) -> str:  # noqa: ARG002 - read where it is
        with told(self.location):
            pq.read_metadata(self.path)
        return f"read_parquet({literal(self.path)}, hive_partitioning = false)"

    def sample(self, n: int = 2000) -> pa.Table:
        with told(self.location), pq.ParquetFile(self.path) as file:
            runs = [_rows(file, offset, length) for offset, length in spread(file.metadata.num_rows, n)]
            return pa.concat_tables(runs)


def _rows(file: pq.ParquetFile, offset: int, length: int) -> pa.Table:
    """`length` rows from `offset`, decoding only the row groups they lie in."""
    wanted: list[int] = []
    start = first = 0
    for group in range(file.metadata.num_row_groups):
        rows = file.metadata.row_group(group).num_rows
        if start + rows > offset and start < offset + length:
            first = start if not wanted else first
            wanted.append(group)
        start += rows
    taken, at = [], first
    for batch in file.iter_batches(BATCH_ROWS, row_groups=wanted):
        low, high = max(0, offset - at), min(batch.num_rows, offset + length - at)
        if low < high:
            taken.append(batch.slice(low, high - low))
        at += batch.num_rows
    return pa.Table.from_batches(taken, file.schema_arrow)
