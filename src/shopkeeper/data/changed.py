"""What the shop said of its items while it was open, beside what its exports say of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pyarrow as pa
from msgspec.structs import replace

from shopkeeper.data.schema import ITEMS, items_table
from shopkeeper.vocabulary import Change, Item

FIGURES = pa.schema([ITEMS.field(name) for name in ("item_id", "price", "stock", "available")])


def said_since(changes: Iterable[Change], told: Mapping[str, float]) -> tuple[pa.Table, pa.Table]:
    """What holds of each item by the changes (in the order of the log) that are newer than `told`, the time at which a
    catalogue last told of it: whole items, of schema ITEMS, and of other items the figures, of schema FIGURES, null
    where nothing is said. What is deleted is not available, and keeps the last that was said of it. An item that no
    catalogue tells of is launched, where it does not say when, with the first whole word on it.
    """
    words: dict[str, Change] = {}
    items: dict[str, Item] = {}
    first: dict[str, float] = {}
    for change in changes:
        if change.item is not None:
            first.setdefault(change.id, change.time)
        if change.time > told.get(change.id, float("-inf")):
            words[change.id] = words[change.id].then(change) if change.id in words else change
            if (item := words[change.id].item) is not None:
                items[change.id] = item
    whole = (
        replace(
            item,
            available=item.available and not words[id_].deleted,
            launched=first[id_] if item.launched is None and id_ not in told else item.launched,
        )
        for id_, item in items.items()
    )
    figures = [
        {"item_id": id_, "available": False} if word.deleted else {"item_id": id_, **word.figures}
        for id_, word in words.items()
        if id_ not in items
    ]
    return items_table(whole), pa.Table.from_pylist(figures, FIGURES)
