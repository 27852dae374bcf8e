"""Parquet, with its list, struct and binary columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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

    def modified(self) -> float:
        return self.path.stat().st_mtime

    def scan(self, staging: Path) -> str:  # noqa: ARG002 - read where it is
        with told(self.location):
            pq.read_metadata(self.path)
        return f"read_parquet({literal(self.path)}, hive_partitioning = false)"

    def sample(self, n: int = 2000) -> pa.Table:
        with told(self.location), pq.ParquetFile(self.path) as file:
            runs = spread(file.metadata.num_rows, n)
            return pa.Table.from_batches(_slices(file, runs), file.schema_arrow)


def _slices(file: pq.ParquetFile, runs: Sequence[tuple[int, int]]) -> Iterator[pa.RecordBatch]:
    """The rows of ascending (offset, length) runs, decoding each row group once, and only as far as it is needed."""
    start = 0
    for group in range(file.metadata.num_row_groups):
        at, start = start, start + file.metadata.row_group(group).num_rows
        inside = [(low, low + length) for low, length in runs if low < start and low + length > at]
        if not inside:
            continue
        for batch in file.iter_batches(BATCH_ROWS, row_groups=[group]):
            for low, high in inside:
                first, last = max(low - at, 0), min(high - at, batch.num_rows)
                if first < last:
                    yield batch.slice(first, last - first)
            at += batch.num_rows
            if at >= inside[-1][1]:
                break
