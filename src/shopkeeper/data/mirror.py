"""A shop's catalogues, looked at again while it is open: what they say now that they did not say before."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from shopkeeper.data.catalogues import Catalogues, laid_over, new_item, table
from shopkeeper.data.duck import connect
from shopkeeper.errors import DataError
from shopkeeper.vocabulary import Change, Item, Progress, silent

AT_ONCE = 1_000  # changes in one write
MOST_GONE = 0.5  # of the items that were listed before: more are believed to be a broken export


class Mirrored(NamedTuple):
    """What came of a look at `listed` items: how many were new to the shop, changed, or no longer listed."""

    listed: int
    new: int
    changed: int
    gone: int


class Mirror:
    """Keeps what the catalogues said at the last look in the file `before`."""

    def __init__(self, catalogues: Catalogues, before: Path) -> None:
        self._catalogues, self._before = catalogues, before

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
        listed = self._catalogues.read(progress)
        gone = self._gone()
        if len(gone) > MOST_GONE * (listed + len(gone)) and not let_go:
            raise DataError(
                f"the catalogue lists {listed:,} items, and no longer {len(gone):,} of those before",
                where=", ".join(file.path for file in self._catalogues.mapping.files),
                remedy="Nothing was changed. If that is right, say so with: --let-go",
            )
        new = changed = 0
        for rows in self._catalogues.rows(self._different(), AT_ONCE):
            before = [known(row["item_id"]) for row in rows]
            words = [_word(row, item, now) for row, item in zip(rows, before, strict=True)]
            new += before.count(None)
            changed += tell([word for word in words if word])
        for at in range(0, len(gone), AT_ONCE):
            tell([Change(id=id_, time=now, deleted=True) for id_ in gone[at : at + AT_ONCE]])
        shutil.copyfile(self._catalogues.path, unfinished := self._before.with_suffix(".unfinished"))
        unfinished.replace(self._before)
        return Mirrored(listed, new, changed - new, len(gone))

    def _different(self) -> str:
        """The query for the items of which something else is said than at the last look."""
        now = f"SELECT * FROM {table(self._catalogues.path)}"
        return f"{now} EXCEPT SELECT * FROM {table(self._before)}" if self._before.exists() else now

    def _gone(self) -> list[str]:
        if not self._before.exists():
            return []
        with connect() as database:
            listed = f"SELECT item_id FROM {table(self._catalogues.path)}"
            gone = f"SELECT item_id FROM {table(self._before)} EXCEPT {listed} ORDER BY item_id"
            return [id_ for (id_,) in database.sql(gone).fetchall()]


def _word(row: dict[str, Any], known: Item | None, now: float) -> Change | None:
    """What a row says anew of an item; None where it says nothing."""
    if known is None:
        return Change(id=row["item_id"], time=now, item=new_item(row))
    word = Change(id=known.id, time=now, item=laid_over(known, row)).news_of(known)
    return word if word.item or word.figures else None
