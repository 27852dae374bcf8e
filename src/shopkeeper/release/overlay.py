"""A released catalogue with the shop's newer words laid over it: changed figures, changed items, new ones, deletions.

Rows of released items stay what they are, so that everything learned about them still holds; new items follow behind
them. What the release holds is neither copied nor written to, but for the few arrays that figures stand in, and what
was told before is not read again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from shopkeeper.data.schema import items_table
from shopkeeper.release.catalogue import Catalogue, group_keys
from shopkeeper.release.fields import LabelFields, NumberFields
from shopkeeper.release.live_fields import LiveLabels, LiveNumbers
from shopkeeper.release.shown import name_of
from shopkeeper.release.tiers import Slots
from shopkeeper.vocabulary import UNKNOWN_ROW, Change, Ids, Item, Rows, id_hash

Element = TypeVar("Element", bound=np.generic)

STOCK = "stock"


def lay_over(base: Catalogue) -> LiveCatalogue:
    """A released catalogue, ready for what will be told."""
    labels, numbers = _released(base)
    return LiveCatalogue(
        ids=MoreIds(base.ids),
        prices=base.prices,
        launched=base.launched,
        available=base.available,
        groups=base.groups,
        labels=LiveLabels.over(labels, base.available),
        numbers=LiveNumbers.over(numbers),
        shown=base.shown,
        base=base,
        slots=Slots.none(len(base)),
        told=(),
        variants=Variants({}, int(base.groups.max(initial=-1)) + 1),
        figures={},
    )


@dataclass(frozen=True, eq=False)
class LiveCatalogue(Catalogue):
    """A catalogue whose `shown` holds the items of the release, `base`, alone.

    told: the items told whole since; slots: which rows they are, and where in `told`; variants: the groups of new ones;
    figures: by row, those said since the item was told whole, merged.
    """

    ids: MoreIds
    labels: LiveLabels
    numbers: LiveNumbers
    base: Catalogue
    slots: Slots
    told: Sequence[Item]
    variants: Variants
    figures: Mapping[int, Change]

    def after(self, changes: Iterable[Change]) -> LiveCatalogue:
        """The catalogue after these. Of an item that nobody knows, figures and deletions are passed over."""
        said = _Said.last_of(changes, self.ids)
        return self._with_items(said)._with_figures(said.figures)

    def items(self, rows: Sequence[int] | Rows) -> list[Item]:
        asked = np.asarray(rows, np.int32)
        at_base, at_newer, places = self.slots.split(asked)
        found = dict(zip(at_base.tolist(), self.base.items(asked[at_base]), strict=True))
        found |= {at: self.told[place] for at, place in zip(at_newer.tolist(), places.tolist(), strict=True)}
        figures = self.figures
        return [
            figures[row].applied_to(found[at]) if row in figures else found[at] for at, row in enumerate(asked.tolist())
        ]

    def names(self, rows: Sequence[int] | Rows) -> list[str]:
        asked = np.asarray(rows, np.int32)
        at_base, at_newer, places = self.slots.split(asked)
        said = dict(zip(at_base.tolist(), self.base.names(asked[at_base]), strict=True))
        said |= {at: name_of(self.told[place]) for at, place in zip(at_newer.tolist(), places.tolist(), strict=True)}
        return [said[at] for at in range(len(asked))]

    def _with_items(self, said: _Said) -> LiveCatalogue:
        ids = self.ids.then(said)
        if not said.items:
            return replace(self, ids=ids)
        table = items_table(said.items.values())
        fresh = Catalogue.build(table, self.base.labels)
        labels, numbers = _released(fresh)
        rows, n = ids.places(said.items), len(ids)
        kept, slots = self.slots.taken(rows, n)
        available = _laid(self.available, fresh.available, rows, n)
        dense = {
            name: _laid(column, numbers.get(name, np.float64(np.nan)), rows, n)
            for name, column in self.numbers.dense.items()
        }
        variants, groups = self.variants.with_those_of(group_keys(table).to_pylist())
        figures = {**self.figures}
        for row in rows.tolist():
            figures.pop(row, None)
        stays = rows < len(self.base)  # a changed item stays in its group; new ones are variants of each other alone
        groups[stays] = self.groups[rows[stays]]
        numeric = {name for name in labels.names if name not in self.base.labels and name in self.base.numbers}
        return replace(
            self,
            ids=ids,
            prices=dense["price"],
            launched=dense["launched"].astype(np.float64, copy=False),
            available=available,
            groups=_laid(self.groups, groups, rows, n),
            labels=self.labels.told(labels, numeric, kept, slots, available),
            numbers=self.numbers.told(numbers, kept, slots, dense),
            slots=slots,
            told=[*(self.told[place] for place in kept.tolist()), *fresh.items(range(len(rows)))],
            variants=variants,
            figures=figures,
        )

    def _with_figures(self, told: Mapping[str, Change]) -> LiveCatalogue:
        if not told:
            return self
        figures, available = {**self.figures}, self.available.copy()
        dense = {**self.numbers.dense, "price": self.prices.copy()}
        if any(change.stock is not None for change in told.values()):
            dense[STOCK] = np.array(self.numbers.get(STOCK, np.full(len(self), np.nan)))
        for row, change in zip(self.ids.places(told).tolist(), told.values(), strict=True):
            figures[row] = figures[row].then(change) if row in figures else change
            available[row] = change.figures.get("available", available[row])
            for name in ("price", STOCK):
                if (said := getattr(change, name)) is not None:
                    dense[name][row] = said
        return replace(
            self,
            prices=dense["price"],
            available=available,
            labels=self.labels.with_available(available),
            numbers=self.numbers.with_dense(dense),
            figures=figures,
        )


@dataclass(frozen=True)
class _Said:
    """What changes come to, by item id: the items told whole, the last word on each; the figures told after that,
    merged; and the ids that are gone in the end, of which a figure says that they cannot be had."""

    items: dict[str, Item]
    figures: dict[str, Change]
    gone: set[str]

    @classmethod
    def last_of(cls, changes: Iterable[Change], ids: MoreIds) -> _Said:
        said = cls({}, {}, set())
        for change in changes:
            id_ = change.id
            if change.item is not None:
                said.items[id_] = change.item
                said.figures.pop(id_, None)
                said.gone.discard(id_)
            elif change.deleted and (id_ in said.items or ids.place(id_) != UNKNOWN_ROW):
                said.figures[id_] = Change(id=id_, time=change.time, available=False)
                said.gone.add(id_)
            elif id_ not in said.gone and (id_ in said.items or ids.row(id_) != UNKNOWN_ROW):
                said.figures[id_] = said.figures[id_].then(change) if id_ in said.figures else change
        return said


class MoreIds(Ids):
    """The ids of a release with new ones behind them; those that are gone have no row any more, but a place, and rows
    keep their ids."""

    def __init__(self, base: Ids) -> None:
        self._base, self._more, self._gone = base, list[str](), set[str]()
        self._places: dict[str, int] = {}

    def then(self, said: _Said) -> MoreIds:
        """With the items that are new, and without those that are gone."""
        newer = MoreIds(self._base)
        new = [id_ for id_ in said.items if self.place(id_) == UNKNOWN_ROW]
        newer._more = [*self._more, *new]
        newer._places = {**self._places, **{id_: len(self) + at for at, id_ in enumerate(new)}}
        newer._gone = (self._gone - said.items.keys()) | said.gone
        return newer

    def __len__(self) -> int:
        return len(self._base) + len(self._more)

    def __contains__(self, id_: object) -> bool:
        return isinstance(id_, str) and self.row(id_) != UNKNOWN_ROW

    def __iter__(self) -> Iterator[str]:
        yield from self._base
        yield from self._more

    def row(self, id_: str) -> int:
        return UNKNOWN_ROW if id_ in self._gone else self.place(id_)

    def place(self, id_: str) -> int:
        """The row that an id has or had."""
        return self._places[id_] if id_ in self._places else self._base.row(id_)

    def rows_hashed(self, hash_: int) -> Iterator[int]:
        """Those of what is gone as well."""
        yield from self._base.rows_hashed(hash_)
        yield from self._rows_by_hash.get(hash_, ())

    @cached_property
    def _rows_by_hash(self) -> dict[int, list[int]]:
        """Of the new ids."""
        found: dict[int, list[int]] = {}
        for row, id_ in enumerate(self._more, start=len(self._base)):
            found.setdefault(id_hash(id_), []).append(row)
        return found

    def rows(self, ids: Iterable[str]) -> Rows:
        return np.fromiter(map(self.row, ids), dtype=np.int32)

    def places(self, ids: Iterable[str]) -> Rows:
        return np.fromiter(map(self.place, ids), dtype=np.int32)

    def id(self, row: int) -> str:
        return self._base.id(row) if row < len(self._base) else self._more[row - len(self._base)]

    def ids(self, rows: Sequence[int] | Rows) -> list[str]:
        return [self.id(row) for row in rows]


@dataclass(frozen=True)
class Variants:
    """The numbers of the groups that newer items are in, by what the variants of a product have in common; `following`
    is the next to be given."""

    numbers: Mapping[str, int]
    following: int

    def with_those_of(self, keys: Sequence[str | None]) -> tuple[Variants, Rows]:
        """And the group of each of the items of these keys; one without a key is alone."""
        numbers, groups, following = {**self.numbers}, list[int](), self.following
        for key in keys:
            group = following if key is None else numbers.setdefault(key, following)
            following += group == following
            groups.append(group)
        return Variants(numbers, following), np.array(groups, np.int32)


def _released(catalogue: Catalogue) -> tuple[LabelFields, NumberFields]:
    if not isinstance(catalogue.labels, LabelFields) or not isinstance(catalogue.numbers, NumberFields):
        raise TypeError("changes are laid over a released catalogue")
    return catalogue.labels, catalogue.numbers


def _laid(
    column: npt.NDArray[Element], told: npt.NDArray[Element] | Element, rows: Rows, n: int
) -> npt.NDArray[Element]:
    """A copy over n rows, with what was told of `rows`."""
    laid = np.empty(n, column.dtype)
    laid[: len(column)] = column
    laid[rows] = told
    return laid
