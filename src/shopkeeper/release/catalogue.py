"""The items of a release as arrays: what filters, facets, features and policies read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shopkeeper.data.schema import ITEMS
from shopkeeper.errors import DataError, ReleaseError, RequestError, did_you_mean
from shopkeeper.release.arrays import load_array, save_arrays
from shopkeeper.release.facts import build_fields
from shopkeeper.release.fields import (
    LabelFields,
    LabelMap,
    Labels,
    NumberFields,
    NumberMap,
    fold_texts,
    read_table,
)
from shopkeeper.release.ids import load_ids, save_ids
from shopkeeper.release.shown import Shown
from shopkeeper.vocabulary import Ids, Item, Mask, Rows, Scores, Seconds

__all__ = ["Catalogue", "Labels"]

ARRAYS = ("prices", "launched", "available", "groups")
SHOWN = tuple(name for name in ITEMS.names if name != "group_id")


@dataclass(frozen=True, eq=False)
class Catalogue:
    """prices float32 [n] (NaN unknown); launched float64 [n] seconds (NaN unknown); available bool [n];
    groups int32 [n]: items of one number are variants of one product (same group_id, else same brand, title and price);
    labels: field name → Labels: "brand", "category" (every level), "category_path" ("Shoes > Running", where the
    categories are a tree), "available" and each attribute of short texts, booleans or few numbers;
    numbers: field name → float [n], NaN unknown: "price", "stock", "launched" and numeric attributes;
    shown: what `item` gives. Field names are found in any case.
    """

    ids: Ids
    prices: Scores
    launched: Seconds
    available: Mask
    groups: Rows
    labels: LabelMap
    numbers: NumberMap
    shown: Shown

    def __len__(self) -> int:
        return len(self.ids)

    def narrowest_categories(self, rows: Rows | None = None) -> Rows:
        """int32 [k]: the last category of each of rows int32 [k] (None: of every item), -1 without one."""
        rows = np.arange(len(self), dtype=np.int32) if rows is None else rows
        narrowest = np.full(len(rows), -1, np.int32)
        if labels := self.labels.get("category"):
            owners, codes = labels.of(rows)
            narrowest[owners] = codes  # of several, the last stays
        return narrowest

    @classmethod
    def build(cls, items: pa.Table, over: LabelMap | None = None) -> Catalogue:
        """From a table of schema ITEMS; its row r is the catalogue's row r. `over`: the label fields of the release
        over which the items are laid; each is then read by itself, so that it is all one how many come at once.

        Raises DataError when an item_id comes twice or is missing.
        """
        said = _said(items)
        prices = _floats(items, "price").astype(np.float32)
        launched = _seconds(items)
        labels, numbers = build_fields(said, {"price": prices, "launched": launched}, over)
        return cls(
            ids=_ids(items),
            prices=prices,
            launched=launched,
            available=said.column("available").to_numpy(),
            groups=_groups(items),
            labels=labels,
            numbers=numbers,
            shown=Shown.build(said),
        )

    @property
    def field_names(self) -> list[str]:
        """What filters, facets and sorting may name."""
        return ["id", *dict.fromkeys((*self.labels, *self.numbers))]

    def unknown_field(self, name: str, where: str) -> RequestError:
        """The error for a field that no item has."""
        near = did_you_mean(name, self.field_names)
        return RequestError(
            f"there is no field {name!r}", where=where, remedy=near or "Fields are brand, category, price, …"
        )

    def item(self, row: int) -> Item:
        """The whole item, for showing."""
        return self.items([row])[0]

    def items(self, rows: Sequence[int] | Rows) -> list[Item]:
        """The whole items, in the order asked for."""
        return self.shown.items(np.asarray(rows).tolist())

    def name(self, row: int) -> str:
        """What to call an item in a sentence: its title on one line, else its id."""
        return self.names([row])[0]

    def names(self, rows: Sequence[int] | Rows) -> list[str]:
        """`name` of each of the rows, in the order asked for."""
        return self.shown.names(np.asarray(rows).tolist())

    def save(self, directory: Path) -> None:
        """A released catalogue; one with changes laid over it lives in memory alone."""
        if not isinstance(self.labels, LabelFields) or not isinstance(self.numbers, NumberFields):
            raise TypeError("only a released catalogue can be saved")
        save_arrays(directory, {name: getattr(self, name) for name in ARRAYS})
        self.labels.save(directory / "labels")
        self.numbers.save(directory / "numbers")
        save_ids(self.ids, directory / "ids")
        self.shown.save(directory / "shown")

    @classmethod
    def load(cls, directory: Path) -> Catalogue:
        """Memory-mapped, so that many processes share one copy. Raises ReleaseError when a part is missing."""
        try:
            arrays = {name: load_array(directory, name) for name in ARRAYS}
            dense = {"price": arrays["prices"], "launched": arrays["launched"]}
            older = directory / "shown.arrow"  # as releases before 2026-11-26 have it
            shown = Shown.build(read_table(older)) if older.exists() else Shown.load(directory / "shown")
            return cls(
                ids=load_ids(directory / "ids"),
                labels=LabelFields.load(directory / "labels"),
                numbers=NumberFields.load(directory / "numbers", len(shown), dense),
                shown=shown,
                **arrays,
            )
        except (OSError, pa.ArrowInvalid) as error:
            raise ReleaseError(
                f"the catalogue cannot be read: {error}",
                where=str(directory),
                remedy="Roll back to an earlier release, or train again.",
            ) from error


def _said(items: pa.Table) -> pa.Table:
    """The columns of the fields and of what is shown, availability decided, launches in seconds."""
    stock_left = pc.greater(items.column("stock"), 0)
    available = pc.fill_null(pc.coalesce(items.column("available"), stock_left), True)
    table = items.select(SHOWN).set_column(SHOWN.index("available"), "available", available)
    return table.set_column(SHOWN.index("launched"), "launched", pa.array(_seconds(items), from_pandas=True))


def _ids(items: pa.Table) -> Ids:
    column = items.column("item_id")
    counts = pc.value_counts(column)
    repeated = counts.filter(pc.greater(counts.field("counts"), 1))
    if column.null_count or len(repeated):
        what = f"item_id {repeated[0]['values']} comes more than once" if len(repeated) else "an item has no item_id"
        raise DataError(what, where="table items", expected="one row for each item", remedy="Ingest the sources again.")
    return Ids(column.to_pylist())


def _floats(items: pa.Table, name: str) -> Seconds:
    numbers: Seconds = pc.fill_null(items.column(name).cast(pa.float64()), np.nan).to_numpy()
    return numbers


def _seconds(items: pa.Table) -> Seconds:
    """When each item was launched: seconds since the epoch, NaN unknown."""
    micros = items.column("launched").cast(pa.int64())
    seconds: Seconds = pc.fill_null(pc.divide(micros.cast(pa.float64()), 1e6), np.nan).to_numpy()
    return seconds


def _groups(items: pa.Table) -> Rows:
    """int32 [n]: one number for the variants of a product; an item without twins has a number of its own."""
    keys = group_keys(items).dictionary_encode()
    numbers = pc.fill_null(keys.indices.cast(pa.int64()), -1).to_numpy()
    own = len(keys.dictionary) + np.arange(len(numbers))
    return np.where(numbers < 0, own, numbers).astype(np.int32)


def group_keys(items: pa.Table) -> pa.Array:
    """string [n]: what the variants of a product have in common; null where an item can have none."""
    titles = fold_texts(items.column("title").combine_chunks())
    brands = fold_texts(pc.fill_null(items.column("brand").combine_chunks(), ""))
    named = pc.if_else(pc.greater(pc.fill_null(pc.utf8_length(titles), 0), 0), titles, None)
    prices = pc.fill_null(items.column("price").combine_chunks().cast(pa.string()), "")
    same_name = pc.binary_join_element_wise(pa.scalar("title"), prices, brands, named, "\x1f")
    group_ids = items.column("group_id").combine_chunks()
    same_product = pc.binary_join_element_wise(pa.scalar("group"), group_ids, "\x1f")
    return pc.coalesce(same_product, same_name)
