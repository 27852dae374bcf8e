"""The tables of a shop, as ingest left them. A table that is missing reads as an empty one."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from shopkeeper.data.eventlog import BEGINNING, Places
from shopkeeper.data.schema import INFERRED, TABLES
from shopkeeper.data.scratch import Scratch
from shopkeeper.errors import DataError

BATCH_ROWS, PICTURES_AT_ONCE = 131_072, 1_024
LIVE = "live.json"
REMEDY = "Make the tables again with: shopkeeper ingest"


class Tables:
    """Reads `<shop>/tables`. Events are one directory partitioned by month; every other table is one file."""

    def __init__(self, shop: Path) -> None:
        folder, before = Path(shop) / "tables", Path(shop) / "tables.old"
        # An ingest that was killed between its two renames left the tables it was about to replace.
        self.folder = before if before.is_dir() and not folder.exists() else folder
        self.named = self.folder  # where a person finds them

    @contextlib.contextmanager
    def held(self) -> Iterator[Tables]:
        """The tables as they are now, while an ingest may put others in their place: links to the same files, in the
        shop's `cache/`."""
        shop = self.folder.parent
        if not _present(shop):
            yield self
            return
        cache = shop / "cache"
        cache.mkdir(exist_ok=True)
        with Scratch(cache) as scratch:
            while not _linked(shop, scratch / "tables"):
                shutil.rmtree(scratch / "tables", ignore_errors=True)
            held = Tables(scratch)
            held.named = self.named
            yield held

    def has(self, name: str) -> bool:
        """Whether the table holds at least one row."""
        return self.count(name) > 0

    def paths(self, name: str) -> list[Path]:
        """The Parquet files of a table, months in order.

        Raises DataError for a name that is no table.
        """
        _check(name)
        if name == "events":
            return sorted(self.folder.glob("events/month=*/*.parquet"))
        path = self.folder / f"{name}.parquet"
        return [path] if path.is_file() else []

    def pictures(self) -> Iterator[pa.RecordBatch]:
        """Of schema IMAGES, few at a time."""
        return (batch for path in self.paths("images") for batch in pq.ParquetFile(path).iter_batches(PICTURES_AT_ONCE))

    def count(self, name: str) -> int:
        with _readable(self.named / name):
            return sum(pq.read_metadata(path).num_rows for path in self.paths(name))

    def items(self) -> pa.Table:
        """All items, of schema ITEMS, ordered by item_id."""
        return self.table("items")

    def inferred(self) -> pa.Table:
        """Schema INFERRED: the items of which ingest learned something from events alone."""
        path = self.folder / "inferred.parquet"
        return pq.read_table(path, schema=INFERRED) if path.is_file() else INFERRED.empty_table()

    def table(self, name: str) -> pa.Table:
        """A whole table in memory, in its schema; for events prefer `events`."""
        with _readable(self.named / name):
            return self._dataset(name, None).to_table()

    def events(self, columns: Sequence[str] | None = None) -> pa.RecordBatchReader:
        """All events (or some of their columns), streaming, by month and in each month by time."""
        scanner = self._dataset("events", columns).scanner(batch_size=BATCH_ROWS)
        return scanner.to_reader()

    @property
    def live(self) -> Places:
        """How far ingest read the shop's own log; of tables that do not tell, nothing."""
        try:
            return msgspec.json.decode((self.folder / LIVE).read_bytes(), type=Places)
        except FileNotFoundError:
            return BEGINNING

    @live.setter
    def live(self, places: Places) -> None:
        (self.folder / LIVE).write_bytes(msgspec.json.encode(places))

    def fingerprint(self) -> str:
        """Changes when any table does."""
        digest = hashlib.sha256()
        for name in TABLES:
            for path in self.paths(name):
                stat = path.stat()
                digest.update(f"{path.relative_to(self.folder)} {stat.st_size} {stat.st_mtime_ns};".encode())
        return digest.hexdigest()[:32]

    def _dataset(self, name: str, columns: Sequence[str] | None) -> ds.Dataset:
        _check(name)
        schema = TABLES[name]
        if columns is not None:
            if unknown := [column for column in columns if column not in schema.names]:
                raise DataError(f"{name} has no column {unknown[0]!r}", expected=", ".join(schema.names))
            schema = pa.schema([schema.field(column) for column in columns])
        paths = self.paths(name)
        if not paths:
            return ds.dataset(schema.empty_table())
        return ds.dataset([str(path) for path in paths], schema=schema, format="parquet")


def _present(shop: Path) -> bool:
    """Whether a shop has tables; between two renames of an ingest one may look for each where it just was."""
    for _ in range(3):
        if Tables(shop).folder.is_dir():
            return True
        time.sleep(0.02)
    return False


def _linked(shop: Path, target: Path) -> bool:
    """Whether all of one ingest's tables was there till the end."""
    folder = Tables(shop).folder
    try:
        before = folder.stat().st_ino
        shutil.copytree(folder, target, copy_function=_link)
        return folder.stat().st_ino == before
    except (FileNotFoundError, shutil.Error):  # an ingest has just removed it
        return False


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:  # a file system without links
        shutil.copy2(source, target)


@contextlib.contextmanager
def _readable(place: Path) -> Iterator[None]:
    try:
        yield
    except pa.ArrowException as error:
        said = str(error).splitlines()[0]
        raise DataError(f"cannot be read as a table ({said})", where=str(place), remedy=REMEDY) from None


def _check(name: str) -> None:
    if name not in TABLES:
        raise DataError(f"there is no table {name!r}", expected=", ".join(TABLES))
