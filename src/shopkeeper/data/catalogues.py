"""The catalogues among a shop's sources, read by themselves: items, and no events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq

from shopkeeper.data.duck import connect, literal
from shopkeeper.data.ingest import ingest
from shopkeeper.data.mapping import Mapping
from shopkeeper.data.schema import IN_RELEASE, item_of
from shopkeeper.errors import DataError
from shopkeeper.settings import DataSettings
from shopkeeper.vocabulary import Item, Progress, silent


class Catalogues:
    """The files of role "items" in a mapping. `folder` keeps what has been read, so that a file which did not change is
    not read again."""

    def __init__(self, mapping: Mapping, sources: Sequence[str | Path], folder: Path, settings: DataSettings) -> None:
        """Raises DataError for a mapping without a catalogue."""
        self.mapping = Mapping([file for file in mapping.files if file.role == "items"])
        if not self.mapping.files:
            named = ", ".join(file.path for file in mapping.files)
            raise DataError("this holds no catalogue", where=named, expected='a file of role "items" in mapping.toml')
        self._sources, self._folder, self._settings = sources, folder, settings

    @property
    def path(self) -> Path:
        """What was read: Parquet of schema ITEMS."""
        return self._folder / "tables" / "items.parquet"

    def read(self, progress: Progress = silent) -> int:
        """How many items they list now. Raises DataError and MappingError."""
        ingest(self.mapping, self._sources, self._folder, self._settings, progress)
        return pq.read_metadata(self.path).num_rows if self.path.exists() else 0

    def items(self, size: int) -> Iterator[list[Item]]:
        """All of them, `size` at a time."""
        for rows in self.rows(f"SELECT * FROM {table(self.path)}", size):
            yield [new_item(row) for row in rows]

    def rows(self, query: str, size: int) -> Iterator[list[dict[str, Any]]]:
        """The rows, of schema ITEMS, that a query over such files gives, by id; `launched` in seconds."""
        with connect(self._folder / "spill", self._settings.memory_limit_mb) as database:
            told = database.sql(f"SELECT * REPLACE (epoch(launched) AS launched) FROM ({query}) ORDER BY item_id")
            for batch in told.to_arrow_reader(size):
                yield batch.to_pylist()


def table(path: Path) -> str:
    return f"read_parquet({literal(path)})"


def new_item(row: dict[str, Any]) -> Item:
    """An item of which nothing else is known. Stock decides whether it can be had, where nothing else does."""
    available = row["available"] if row["available"] is not None else row["stock"] is None or row["stock"] > 0
    return item_of(row | {"available": available, "image": None if row["image"] == IN_RELEASE else row["image"]})


def laid_over(known: Item, row: dict[str, Any]) -> Item:
    """What a row says, over what is known of the item: what it leaves empty stays."""
    said = new_item(row)
    told = {name: value for name in Item.__struct_fields__ if (value := getattr(said, name)) not in (None, "", ())}
    if row["available"] is None and row["stock"] is None:
        told["available"] = known.available
    return msgspec.structs.replace(known, **{**told, "attributes": {**known.attributes, **said.attributes}})
