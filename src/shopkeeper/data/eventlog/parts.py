"""What was moved out of events.sqlite: immutable Parquet files beside it, in live/<id of the log>/.

A part is called for the first and the last place that it may hold, "events-000000000001-000000004711.parquet". It gets
that name once it is whole and on the disk, and from then on its rows are read there, whether or not they are still in
SQLite. So each part begins where the one before it ends.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from shopkeeper.data.durable import sync
from shopkeeper.data.eventlog.file import EVENT_COLUMNS
from shopkeeper.errors import DataError

FOLDER = "live"
_NUMBERS = {"time", "quantity", "price", "rating"}
SCHEMA = pa.schema(
    [("place", pa.int64())]
    + [
        (name, pa.float64() if name in _NUMBERS else pa.int64() if name == "position" else pa.string())
        for name in EVENT_COLUMNS
    ]
)

Row = tuple[Any, ...]  # place and EVENT_COLUMNS


class Part(NamedTuple):
    first: int
    last: int
    path: Path


class Parts:
    """The parts of one stream of one log, which lies at `log`."""

    def __init__(self, log: Path, log_id: str, stream: str) -> None:
        self.folder, self.stream = log.parent / FOLDER / log_id, stream

    def all(self) -> list[Part]:
        """By place."""
        named = re.compile(rf"{self.stream}-(\d+)-(\d+)\.parquet")
        try:
            found = [(match, path) for path in self.folder.iterdir() if (match := named.fullmatch(path.name))]
        except FileNotFoundError:
            return []
        return sorted(Part(int(match[1]), int(match[2]), path) for match, path in found)

    def after(self, place: int) -> Part | None:
        """The part that goes on from a place."""
        return next((part for part in self.all() if part.last > place), None)

    def last(self) -> int:
        """The place where SQLite takes over; 0 where it holds everything."""
        parts = self.all()
        return parts[-1].last if parts else 0

    def count(self) -> int:
        """Of rows. Raises DataError for a part that is damaged or gone."""
        return sum(_count(part.path) for part in self.all())

    def sweep(self) -> None:
        """Remove what a compaction that was killed left behind."""
        for path in self.folder.glob(f"{self.stream}-*.unfinished"):
            path.unlink()

    def write(self, first: int, last: int, batches: Iterable[list[Row]]) -> Part:
        """Raises OSError and pa.ArrowException, and leaves no part then."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{self.stream}-{first:012}-{last:012}.parquet"
        unfinished = path.with_suffix(".unfinished")
        write_rows(batches, unfinished)
        sync(unfinished)
        unfinished.rename(path)
        for folder in (self.folder, self.folder.parent, self.folder.parent.parent):
            sync(folder)
        return Part(first, last, path)


def write_rows(batches: Iterable[list[Row]], path: Path) -> None:
    """Of SCHEMA."""
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        for rows in batches:
            columns = zip(*rows, strict=True)
            writer.write_table(
                pa.table([pa.array(values, kind) for values, kind in zip(columns, SCHEMA.types, strict=True)], SCHEMA)
            )


def read_rows(part: Part, after: int, until: int, size: int) -> Iterator[list[Row]]:
    """The rows at the places after one and up to another, at most `size` at a time. Raises DataError for a part that is
    damaged or gone."""
    with _readable(part.path), pq.ParquetFile(part.path) as file:
        for batch in file.iter_batches(size):
            place = batch.column("place")
            kept = batch.filter(pc.and_(pc.greater(place, after), pc.less_equal(place, until)))
            if kept.num_rows:
                yield list(zip(*(column.to_pylist() for column in kept.columns), strict=True))


def _count(path: Path) -> int:
    with _readable(path):
        return int(pq.read_metadata(path).num_rows)


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"a part of the event log cannot be read ({str(error).splitlines()[0]})",
            where=str(path),
            remedy="Put it back from a backup; without one, move it aside, and what it holds is lost.",
        ) from error
