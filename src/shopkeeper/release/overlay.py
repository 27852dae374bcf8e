"""A released catalogue with the shop's newer words laid over it: changed figures, changed items, new ones, deletions.

Rows of released items stay what they are, so that everything learned about them still holds; new items follow behind
them. What the release holds is neither copied nor written to, but for the few arrays that figures stand in.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt

from shopkeeper.data.schema import items_table
from shopkeeper.release.arrays import Slots
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.release.fields import (
    Codes,
    Floats,
    Gathered,
    LabelFields,
    LabelMap,
    Labels,
    NumberMap,
    fold_text,
)
from shopkeeper.vocabulary import UNKNOWN_ROW, Change, Ids, Item, Mask, Rows

Element = TypeVar("Element", bound=np.generic)

AVAILABLE = "available"
NO_ROWS: Rows = np.empty(0, np.int32)
NOTHING = Gathered(np.empty(0, np.int64), NO_ROWS)


@dataclass(frozen=True)
class Told:
    """What was said since the release, by item id: `whole`, the last change that told all of an item or that it is
    deleted, in the order in which items were first spoken of; `figures`, those said after it, merged."""

    whole: Mapping[str, Change]
    figures: Mapping[str, Change]

    def then(self, changes: Iterable[Change], released: Ids) -> Told:
        """After these, too. `whole` is the same object where they are about figures alone. That an item is deleted
        which nobody knows is passed over."""
        whole, figures = self.whole, dict(self.figures)
        for change in changes:
            if change.deleted and change.id not in whole and change.id not in released:
                continue
            if change.item is not None or change.deleted:
                whole = {**whole} if whole is self.whole else whole
                cast(dict[str, Change], whole)[change.id] = change
                figures.pop(change.id, None)
            elif change.id not in whole or not whole[change.id].deleted:
                figures[change.id] = figures[change.id].then(change) if change.id in figures else change
        return Told(whole, figures)


@dataclass(frozen=True, eq=False)
class Overlay:
    """Which rows the newer words are about.

    base: the released catalogue of n items; newer: the catalogue of the m items of which the shop said everything anew;
    rows int32 [m]: the row of each, n or above for the new ones; slots: of all n + new rows, which are in `newer`, and
    where; gone int32 [g]: the rows of deleted items; figures: by row, those said since.
    """

    base: Catalogue
    newer: Catalogue
    rows: Rows
    slots: Slots
    gone: Rows
    figures: Mapping[int, Change]

    def merge(self, rows: Rows, base: Gathered, newer: Gathered) -> Gathered:
        """What the base says of its part of `rows`, and the newer catalogue of the others, in the order of `rows`."""
        at_base, at_newer, _ = self.slots.split(rows)
        owners = np.concatenate((at_base[base.owners], at_newer[newer.owners]))
        codes = np.concatenate((base.codes, newer.codes)).astype(np.int32)
        order = np.argsort(owners, kind="stable")
        return Gathered(owners[order], codes[order])


def lay_over(base: Catalogue, whole: Mapping[str, Change]) -> LiveCatalogue:
    """The catalogue after whole items, or that they are deleted, were told since the release: by item id the last such
    change, in the order in which the items were first spoken of."""
    known = {id_: row for id_ in whole if (row := base.ids.row(id_)) != UNKNOWN_ROW}
    new = [id_ for id_ in whole if id_ not in known]
    places = {**known, **{id_: len(base) + at for at, id_ in enumerate(new)}}
    told = [id_ for id_ in places if whole[id_].item is not None or id_ not in known]
    newer = Catalogue.build(items_table(whole[id_].item or Item(id=id_, available=False) for id_ in told))
    rows = np.array([places[id_] for id_ in told], np.int32)
    slots = Slots.none(len(base)).taken(rows, 0, len(base) + len(new))
    gone = frozenset(id_ for id_, change in whole.items() if change.deleted)
    gone_rows = np.array([places[id_] for id_ in gone], np.int32)
    overlay = Overlay(base, newer, rows, slots, gone_rows, {})
    launched, available = _laid(base.launched, newer.launched, overlay), _available(overlay)
    prices = _laid(base.prices, newer.prices, overlay)
    return LiveCatalogue(
        ids=MoreIds(base.ids, new, gone),
        prices=prices,
        launched=launched,
        available=available,
        groups=_groups(overlay),
        labels=LiveLabels(overlay, available),
        numbers=LiveNumbers(overlay, {"price": prices, "launched": launched}),
        shown=newer.shown,
        overlay=overlay,
    )


@dataclass(frozen=True, eq=False)
class LiveCatalogue(Catalogue):
    """A catalogue whose `shown` holds the newer items alone; `overlay` says which rows they are."""

    overlay: Overlay
    labels: LiveLabels
    numbers: LiveNumbers

    def with_figures(self, told: Mapping[str, Change]) -> LiveCatalogue:
        """With these figures, by item id, and no others. Those of items that nobody knows are passed over."""
        figures = {row: change for id_, change in told.items() if (row := self.ids.row(id_)) != UNKNOWN_ROW}
        overlay = replace(self.overlay, figures=figures)
        available = _available(overlay)
        prices = _laid(overlay.base.prices, overlay.newer.prices, overlay)
        for row, change in figures.items():
            if change.price is not None:
                prices[row] = change.price
        return replace(
            self,
            prices=prices,
            available=available,
            labels=self.labels.with_available(overlay, available),
            numbers=LiveNumbers(overlay, {"price": prices, "launched": self.launched}),
            overlay=overlay,
        )

    def items(self, rows: Sequence[int] | Rows) -> list[Item]:
        asked = np.asarray(rows, np.int32)
        at_base, at_newer, slots = self.overlay.slots.split(asked)
        found = dict(zip(at_base.tolist(), self.overlay.base.items(asked[at_base]), strict=True))
        found |= zip(at_newer.tolist(), self.overlay.newer.items(slots), strict=True)
        figures = self.overlay.figures
        return [
            figures[row].applied_to(found[at]) if row in figures else found[at] for at, row in enumerate(asked.tolist())
        ]

    def names(self, rows: Sequence[int] | Rows) -> list[str]:
        asked = np.asarray(rows, np.int32)
        at_base, at_newer, slots = self.overlay.slots.split(asked)
        said = dict(zip(at_newer.tolist(), self.overlay.newer.names(slots), strict=True))
        said |= zip(at_base.tolist(), self.overlay.base.names(asked[at_base]), strict=True)
        return [said[at] for at in range(len(asked))]


class MoreIds(Ids):
    """The ids of a release with new ones behind them; those that are gone have no row any more, but rows keep their
    ids."""

    def __init__(self, base: Ids, more: Sequence[str], gone: frozenset[str]) -> None:
        self._base, self._more, self._gone = base, tuple(more), gone
        self._places = {id_: len(base) + at for at, id_ in enumerate(more)}

    def __len__(self) -> int:
        return len(self._base) + len(self._more)

    def __contains__(self, id_: object) -> bool:
        return isinstance(id_, str) and self.row(id_) != UNKNOWN_ROW

    def __iter__(self) -> Iterator[str]:
        yield from self._base
        yield from self._more

    def row(self, id_: str) -> int:
        if id_ in self._gone:
            return UNKNOWN_ROW
        return self._places.get(id_, UNKNOWN_ROW) if id_ in self._places else self._base.row(id_)

    def rows(self, ids: Iterable[str]) -> Rows:
        return np.fromiter(map(self.row, ids), dtype=np.int32)

    def id(self, row: int) -> str:
        return self._base.id(row) if row < len(self._base) else self._more[row - len(self._base)]

    def ids(self, rows: Sequence[int] | Rows) -> list[str]:
        return [self.id(row) for row in rows]


@dataclass(frozen=True)
class LiveLabel(Labels):
    """One field. `starts` and `codes` are those of the release; `newer` has the newer items' codes in this field's
    terms, None where it has no such field."""

    overlay: Overlay
    newer: Labels | None

    def of(self, rows: Rows) -> Gathered:
        at_base, _, slots = self.overlay.slots.split(rows)
        newer = self.newer.of(slots) if self.newer is not None else NOTHING
        base = super().of(rows[at_base]) if len(self.starts) else NOTHING
        return self.overlay.merge(rows, base, newer)


class LiveLabels(LabelMap):
    """Values keep the codes that they have in the release; those that it does not know follow behind.

    available: bool [n + new], what the field of that name says: it may follow from figures alone.
    """

    def __init__(self, overlay: Overlay, available: Mask) -> None:
        self._overlay, self._available = overlay, available
        self._base, self._newer = _released(overlay.base), _released(overlay.newer)
        kept = [name for name in self._newer if name in self._base or name not in overlay.base.numbers]
        self.names = (*self._base.names, *(name for name in kept if name not in self._base))
        self._counts = [len(self._base.codes_of(name)) if name in self._base else 0 for name in self.names]
        self._added: list[tuple[int, str]] = []  # the position of its field, and the text, of each new value
        self._new: dict[tuple[int, str], tuple[int, int]] = {}  # position and folded text → the codes of a new value
        self._to_whole, self._to_own = np.full((2, len(self._newer.texts)), -1, np.int32)
        for name in kept:
            self._adopt(name)
        if AVAILABLE in self:
            self._is = np.array([self._code(AVAILABLE, text) for text in ("false", "true")], np.int32)
        self._fields: dict[int, Labels] = {}

    def with_available(self, overlay: Overlay, available: Mask) -> LiveLabels:
        """The same values of an overlay of the same items, whose figures say otherwise what can be had."""
        newer = copy.copy(self)
        newer._overlay, newer._available = overlay, available
        known = self._fields.copy()  # at once, as requests add to it meanwhile
        newer._fields = {at: field for at, field in known.items() if fold_text(self.names[at]) != AVAILABLE}
        return newer

    def __getitem__(self, name: str) -> Labels:
        position = self.position(name)
        if position not in self._fields:
            self._fields[position] = self._field(position)
        return self._fields[position]

    def gather(self, rows: Rows) -> Gathered:
        at_base, _, slots = self._overlay.slots.split(rows)
        owners, codes = self._newer.gather(slots)
        codes = self._to_whole[codes]
        newer = Gathered(owners[codes >= 0], codes[codes >= 0])
        owners, codes = self._overlay.merge(rows, self._base.gather(rows[at_base]), newer)
        if AVAILABLE in self and (self._overlay.figures or len(self._overlay.gone)):
            told = np.isin(codes, self._is)
            codes[told] = self._is[self._available[rows[owners[told]]].astype(np.int8)]
        return Gathered(owners, codes)

    def field_of(self, codes: Codes) -> npt.NDArray[np.int64]:
        added = codes - len(self._base.texts)
        owners = np.array([position for position, _ in self._added] or [0])
        return np.where(added < 0, self._base.field_of(codes), owners[np.maximum(added, 0)])

    def texts_of(self, codes: Codes) -> list[str]:
        n = len(self._base.texts)
        return [self._added[code - n][1] if code >= n else self._base.texts[code].as_py() for code in codes.tolist()]

    def code_of(self, name: str, text: str) -> int:
        code = self._base.code_of(name, text) if name in self._base else -1
        return code if code >= 0 else self._new.get((self.position(name), fold_text(text)), (-1, -1))[1]

    def members(self, name: str, code: int) -> Rows:
        if fold_text(name) == AVAILABLE:
            return np.flatnonzero(self[name].of(self._every_row()).codes == code).astype(np.int32)
        known = name in self._base and code < len(self._base.codes_of(name))
        released = self._base.members(name, code) if known else NO_ROWS
        return np.concatenate((self._overlay.slots.older(released), self._members_of_newer(name, code)))

    def rows_having(self, name: str) -> Rows:
        if fold_text(name) == AVAILABLE:
            return self._every_row()
        released = self._overlay.slots.older(self._base.rows_having(name)) if name in self._base else NO_ROWS
        newer = self._overlay.rows[self._newer.rows_having(name)] if name in self._newer else NO_ROWS
        return np.concatenate((released, newer))

    def _adopt(self, name: str) -> None:
        """Find the codes, among all and within the field, of what the newer items say of it."""
        codes = self._newer.codes_of(name)
        keys, texts = (column[codes.start : codes.stop] for column in (self._newer.keyed, self._newer.texts))
        known = self._base.find(name, keys) if name in self._base else np.full(len(codes), -1, np.int32)
        first = self._base.codes_of(name).start if name in self._base else 0
        own, whole = self._to_own[codes.start : codes.stop], self._to_whole[codes.start : codes.stop]
        own[:], whole[:] = known, known + first
        for at in np.flatnonzero(known < 0).tolist():
            whole[at], own[at] = self._added_value(self.position(name), keys[at].as_py(), texts[at].as_py())

    def _added_value(self, position: int, key: str, text: str) -> tuple[int, int]:
        if (position, key) not in self._new:
            self._new[position, key] = len(self._base.texts) + len(self._added), self._counts[position]
            self._added.append((position, text))
            self._counts[position] += 1
        return self._new[position, key]

    def _code(self, name: str, text: str) -> int:
        """The code of a value among all; a new one where nothing has it yet."""
        known = self._base.code_of(name, text) if name in self._base else -1
        if known >= 0:
            return self._base.codes_of(name)[known]
        return self._added_value(self.position(name), fold_text(text), text)[0]

    def _field(self, position: int) -> Labels:
        name = self.names[position]
        released = self._base[name] if name in self._base else Labels((), np.empty(0, np.int64), NO_ROWS)
        values = (*released.values, *(text for owner, text in self._added if owner == position))
        if fold_text(name) == AVAILABLE:
            codes = np.array([self.code_of(name, text) for text in ("false", "true")], np.int32)
            return Labels(values, np.arange(len(self._available) + 1), codes[self._available.astype(np.int8)])
        newer = None
        if name in self._newer:
            own = self._newer[name]
            to_own = self._to_own[np.asarray(self._newer.codes_of(name))]
            newer = Labels(values, own.starts, to_own[own.codes])
        return LiveLabel(values, released.starts, released.codes, self._overlay, newer)

    def _members_of_newer(self, name: str, code: int) -> Rows:
        if name not in self._newer:
            return NO_ROWS
        found = np.flatnonzero(self._to_own[np.asarray(self._newer.codes_of(name))] == code)
        return self._overlay.rows[self._newer.members(name, int(found[0]))] if len(found) else NO_ROWS

    def _every_row(self) -> Rows:
        return np.arange(len(self._available), dtype=np.int32)


class LiveNumbers(NumberMap):
    """dense: price and launched of all rows, changes included."""

    def __init__(self, overlay: Overlay, dense: dict[str, Floats]) -> None:
        self._overlay, self._dense = overlay, dense
        told = {row: change.stock for row, change in overlay.figures.items() if change.stock is not None}
        self._stock_rows = np.array(sorted(told), np.int32)
        self._stock = np.array([told[row] for row in sorted(told)], np.float64)
        names = [*overlay.base.numbers, *overlay.newer.numbers, *(["stock"] if told else [])]
        self._names = {fold_text(name): name for name in reversed(names)}

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names.values())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and fold_text(name) in self._names

    def __getitem__(self, name: str) -> Floats:
        return self.of(name, np.arange(len(self._overlay.slots), dtype=np.int32))

    def of(self, name: str, rows: Rows) -> Floats:
        key = fold_text(name)
        if key in self._dense:
            return self._dense[key][rows]
        if key not in self._names:
            raise KeyError(name)
        at_base, at_newer, slots = self._overlay.slots.split(rows)
        column = np.full(len(rows), np.nan)
        if key in self._overlay.base.numbers:
            column[at_base] = self._overlay.base.numbers.of(key, rows[at_base])
        if key in self._overlay.newer.numbers:
            column[at_newer] = self._overlay.newer.numbers.of(key, slots)
        if key == "stock" and len(self._stock):
            at = np.minimum(np.searchsorted(self._stock_rows, rows), len(self._stock) - 1)
            told = self._stock_rows[at] == rows
            column[told] = self._stock[at[told]]
        return column


def _released(catalogue: Catalogue) -> LabelFields:
    if not isinstance(catalogue.labels, LabelFields):
        raise TypeError("changes are laid over a released catalogue, all at once")
    return catalogue.labels


def _laid(base: npt.NDArray[Element], newer: npt.NDArray[Element], overlay: Overlay) -> npt.NDArray[Element]:
    """An array over the rows of the base, a copy over all rows."""
    laid = np.empty(len(overlay.slots), base.dtype)
    laid[: len(base)] = base
    laid[overlay.rows] = newer
    return laid


def _available(overlay: Overlay) -> Mask:
    available = _laid(overlay.base.available, overlay.newer.available, overlay)
    for row, change in overlay.figures.items():
        available[row] = change.figures.get(AVAILABLE, available[row])
    available[overlay.gone] = False
    return available


def _groups(overlay: Overlay) -> Rows:
    """New items are variants of each other alone; a changed one stays in its group."""
    n = len(overlay.base)
    groups = _laid(overlay.base.groups, overlay.newer.groups + overlay.base.groups.max(initial=0) + 1, overlay)
    groups[:n] = overlay.base.groups
    return groups
