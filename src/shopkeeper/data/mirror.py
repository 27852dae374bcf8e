"""A shop's catalogues, looked at again while it is open: what they say now that they did not say before."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pyarrow.parquet as pq

from shopkeeper.data.duck import connect, literal
from shopkeeper.data.ingest import ingest
from shopkeeper.data.mapping import Mapping
from shopkeeper.data.schema import item_of
from shopkeeper.errors import DataError
from shopkeeper.settings import DataSettings
from shopkeeper.vocabulary import Change, Item, Progress, silent

AT_ONCE = 1_000  # changes in one write
MOST_GONE = 0.5  # of the items that were listed before: more are believed to be a broken export
IN_RELEASE = "table:images"  # an item's picture is in its own table


class Mirrored(NamedTuple):
    """What came of a look at `listed` items: how many were new to the shop, changed, or no longer listed."""

    listed: int
    new: int
    changed: int
    gone: int


class Mirror:
    """Of a shop's catalogues: the files of role "items" in its mapping. `folder` keeps what they said at the last look,
    and what has been read, so that a file which did not change is not read again."""

    def __init__(self, mapping: Mapping, sources: Sequence[str | Path], folder: Path, settings: DataSettings) -> None:
        """Raises DataError for a mapping without a catalogue."""
        self._mapping = Mapping([file for file in mapping.files if file.role == "items"])
        if not self._mapping.files:
            expected = 'a file of role "items" in mapping.toml'
            raise DataError("there is no catalogue to mirror", where=str(folder.parent.parent), expected=expected)
        self._sources, self._folder, self._settings = sources, folder, settings

    @property
    def _now(self) -> Path:
        return self._folder / "tables" / "items.parquet"

    @property
    def _before(self) -> Path:
        return self._folder / "before.parquet"

    def look(
        self,
        known: Callable[[str], Item | None],
        tell: Callable[[Sequence[Change]], int],
        now: float,
        progress: Progress = silent,
        *,
        let_go: bool = False,
    ) -> Mirrored:
        """Read the catalogues, and `tell` what differs from what they said before and from what is `known` of an item;
        `tell` says how many changes it took. `now`: their time, in seconds since the epoch.

        What a catalogue leaves empty stays as it is known. The first look takes nothing out, as it has nothing to
        compare with. Stopped in the middle, the next look tells the rest. Raises DataError as ingest does, and where
        more than MOST_GONE of the items are gone, unless these may be `let_go`.
        """
        ingest(self._mapping, self._sources, self._folder, self._settings, progress)
        listed = pq.read_metadata(self._now).num_rows
        gone = self._gone()
        if len(gone) > MOST_GONE * (listed + len(gone)) and not let_go:
            raise DataError(
                f"the catalogue lists {listed:,} items, and no longer {len(gone):,} of those before",
                where=", ".join(file.path for file in self._mapping.files),
                remedy="Nothing was changed. If that is right, say so with: --let-go",
            )
        new = changed = 0
        for rows in self._different():
            before = [known(row["item_id"]) for row in rows]
            words = [_word(row, item, now) for row, item in zip(rows, before, strict=True)]
            new += before.count(None)
            changed += tell([word for word in words if word])
        for at in range(0, len(gone), AT_ONCE):
            tell([Change(id=id_, time=now, deleted=True) for id_ in gone[at : at + AT_ONCE]])
        shutil.copyfile(self._now, unfinished := self._before.with_suffix(".unfinished"))
        unfinished.replace(self._before)
        return Mirrored(listed, new, changed - new, len(gone))

    def _different(self) -> Iterator[list[dict[str, Any]]]:
        """The items of which something else is said than at the last look, AT_ONCE at a time."""
        only_new = f" EXCEPT SELECT * FROM {_table(self._before)}" if self._before.exists() else ""
        rows = f"SELECT * FROM {_table(self._now)}{only_new}"
        with connect(self._folder / "spill", self._settings.memory_limit_mb) as database:
            told = database.sql(f"SELECT * REPLACE (epoch(launched) AS launched) FROM ({rows}) ORDER BY item_id")
            for batch in told.to_arrow_reader(AT_ONCE):
                yield batch.to_pylist()

    def _gone(self) -> list[str]:
        if not self._before.exists():
            return []
        with connect() as database:
            gone = f"SELECT item_id FROM {_table(self._before)} EXCEPT SELECT item_id FROM {_table(self._now)}"
            return [id_ for (id_,) in database.sql(f"{gone} ORDER BY item_id").fetchall()]


def _table(path: Path) -> str:
    return f"read_parquet({literal(path)})"


def _word(row: dict[str, Any], known: Item | None, now: float) -> Change | None:
    """What a row says anew of an item; None where it says nothing."""
    word = Change(id=row["item_id"], time=now, item=_laid_over(known, row))
    if known is not None:
        word = word.news_of(known)
    return word if word.item or word.figures else None


def _laid_over(known: Item | None, row: dict[str, Any]) -> Item:
    """What a row says, over what is known of the item. Stock decides whether it can be had, where nothing else does."""
    if row["available"] is None and row["stock"] is not None:
        row["available"] = row["stock"] > 0
    elif row["available"] is None:
        row["available"] = known.available if known else True
    if row["image"] == IN_RELEASE:
        row["image"] = known.image if known else None
    said = item_of(row)
    if known is None:
        return said
    told = {name: value for name in Item.__struct_fields__ if (value := getattr(said, name)) not in (None, "", ())}
    return msgspec.structs.replace(known, **{**told, "attributes": {**known.attributes, **said.attributes}})
