"""What every reader gives: an export, one table of a source with its columns as the source named them."""

from __future__ import annotations

import hashlib
import re
import time
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from shopkeeper.data.duck import connect, literal
from shopkeeper.data.durable import REFUSALS, why
from shopkeeper.data.scratch import Scratch
from shopkeeper.errors import DataError

RUNS = 8  # a sample is the head and seven more runs of rows, spread evenly
BATCH_ROWS = 65_536
SMALL_BYTES = 64 << 20  # below this a text file is read whole to draw a sample
EDGE_BYTES = 1 << 20
MEND = "Export it again, or take it out of the source."


class Export(ABC):
    """One file, sheet or database table.

    name: its path relative to the source ("2024/orders.csv", "book.xlsx#Sheet1"), its key in mapping.toml;
    format: "csv", "json", "parquet", "xlsx", "sqlite", "postgresql"; location: where it is, for people.
    """

    name: str
    format: str
    location: str

    @abstractmethod
    def fingerprint(self) -> str:
        """Changes when the content does; cheap even for a file larger than memory."""

    def modified(self) -> float:
        """When its content was last changed, in seconds since the epoch; now, where the source does not say."""
        return time.time()

    @abstractmethod
    def sample(self, n: int = 2000) -> pa.Table:
        """At most about n rows, in file order, in runs spread over the file where that is cheap."""

    @abstractmethod
    def batches(self) -> Iterator[pa.RecordBatch]:
        """All rows, streaming; one batch at least, so that the columns are known."""

    def scan(self, staging: Path) -> str:
        """A DuckDB FROM-expression over all rows; what DuckDB cannot read itself is first streamed into `staging`."""
        staging.mkdir(parents=True, exist_ok=True)
        path = staging / f"{slug(self.name)}.parquet"
        write_batches(self.batches(), path)
        return f"read_parquet({literal(path)})"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.location!r})"


class Scanned(Export):
    """An export that DuckDB reads by itself, so that its batches come from its scan."""

    @abstractmethod
    def scan(self, staging: Path) -> str: ...

    def batches(self) -> Iterator[pa.RecordBatch]:
        with Scratch() as staging, connect() as connection, told(self.location):
            reader = connection.sql(f"FROM {self.scan(staging)}").to_arrow_reader(BATCH_ROWS)
            yield pa.RecordBatch.from_pylist([], reader.schema)
            yield from reader


@contextmanager
def told(location: str) -> Iterator[None]:
    """What DuckDB, Arrow and gzip say of a broken file becomes a DataError that names the location."""
    try:
        yield
    except (duckdb.Error, pa.ArrowException, OSError, EOFError, zlib.error) as error:
        if isinstance(error, duckdb.OutOfMemoryException):
            remedy = "Raise data.memory_limit_mb in shop.toml, and read it again."
            raise DataError("the memory does not suffice to read it", where=location, remedy=remedy) from error
        if (refusal := why(error)) in REFUSALS:
            remedy = "Make room where the shop is, and where temporary files go, and read it again."
            raise DataError(f"it cannot be read now: {refusal}", where=location, remedy=remedy) from error
        sentence = re.split(r"\n|\. |;", str(error).strip(), maxsplit=1)[0]
        raise DataError(f"cannot be read: {sentence}", where=location, remedy=MEND) from error


def write_batches(batches: Iterable[pa.RecordBatch], path: Path) -> None:
    """Stream batches of one schema into a Parquet file."""
    iterator = iter(batches)
    first = next(iterator)
    with pq.ParquetWriter(path, first.schema, compression="zstd") as writer:
        writer.write_batch(first)
        for batch in iterator:
            writer.write_batch(batch)


def spread(total: int, n: int) -> list[tuple[int, int]]:
    """(offset, length) of at most RUNS runs that take about n of `total` rows: the head, the tail, evenly between."""
    if total <= n:
        return [(0, total)]
    length = max(1, n // RUNS)
    runs = min(RUNS, n)
    return [(round(run * (total - length) / max(1, runs - 1)), length) for run in range(runs)]


def take_spread(table: pa.Table, n: int) -> pa.Table:
    return pa.concat_tables([table.slice(offset, length) for offset, length in spread(table.num_rows, n)])


def slug(name: str) -> str:
    """A file name for an export's name, unique by a digest."""
    return re.sub(r"[^\w.-]+", "_", name)[-80:] + "-" + hashlib.sha256(name.encode()).hexdigest()[:8]


def file_fingerprint(path: Path) -> str:
    """A digest of size, modification time, first and last megabyte."""
    stat = path.stat()
    digest = hashlib.sha256(f"{stat.st_size} {stat.st_mtime_ns}".encode())
    with path.open("rb") as file:
        digest.update(file.read(EDGE_BYTES))
        if stat.st_size > EDGE_BYTES:
            file.seek(max(EDGE_BYTES, stat.st_size - EDGE_BYTES))
            digest.update(file.read())
    return digest.hexdigest()[:32]
