"""The fields of a catalogue with newer items laid over it.

What the newer items say lies in arrays of its own, which grow by what is told: nothing of the release is copied.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shopkeeper.release.fields import (
    Codes,
    Counts,
    Floats,
    Gathered,
    LabelFields,
    LabelMap,
    Labels,
    NumberFields,
    NumberMap,
    Starts,
    fold_text,
    fold_texts,
    gather,
    holding,
    picked,
)
from shopkeeper.release.tiers import Places, Slots
from shopkeeper.vocabulary import Mask, Rows

AVAILABLE = "available"
NO_ROWS: Rows = np.empty(0, np.int32)
NOTHING_COUNTED = Counts(NO_ROWS, np.empty(0, np.int64))
NOTHING = Gathered(np.empty(0, np.int64), NO_ROWS)
FORGOTTEN_AT_ONCE = 1_000  # values that no item has any more are kept until they are so many, and most


class Vocabulary:
    """The label fields of a release and their values, and behind them those that newer items brought.

    Across the fields, the a-th new value has the code `n_released` + a. owners int64 [a]: the position of the field of
    each new value; own int32 [a]: its code within the field; texts [a].
    """

    def __init__(self, base: LabelFields) -> None:
        self._base, self.n_released = base, len(base.texts)
        self.names, self.positions = [*base.names], {**base.positions}
        self.owners, self.own, self.texts = np.empty(0, np.int64), NO_ROWS, list[str]()
        self._codes: dict[tuple[int, str], int] = {}  # of the new values, by position and folded text
        self._sizes: dict[int, int] = {}  # how many values a field has, where it has new ones

    def with_those_of(self, fields: Mapping[str, list[tuple[str, str]]]) -> tuple[Vocabulary, list[int]]:
        """With these fields, by name, and their values (folded text and text); and the code of each value."""
        newer, first = self._copied(), len(self.texts)
        codes, owners, own = list[int](), list[int](), list[int]()
        for name, values in fields.items():
            position = newer._positioned(name)
            for key, text in values:
                code = newer.code(position, key)
                if code < 0:
                    code = self.n_released + first + len(owners)
                    owners.append(position)
                    own.append(newer.size(position))
                    newer._codes[position, key], newer._sizes[position] = code, own[-1] + 1
                    newer.texts.append(text)
                codes.append(code)
        newer.owners = np.concatenate((self.owners, np.array(owners, np.int64)))
        newer.own = np.concatenate((self.own, np.array(own, np.int32)))
        return newer, codes

    def without_all_but(self, codes: Rows) -> tuple[Vocabulary, Rows]:
        """With those alone of the new values that are among codes int32 [k], and what these have become; the fields
        stay."""
        newer, added = self._copied(), np.flatnonzero(codes >= self.n_released)
        newer.owners, newer.own, newer.texts, newer._codes, newer._sizes = self.owners[:0], NO_ROWS, [], {}, {}
        kept, at = np.unique(codes[added] - self.n_released, return_inverse=True)
        keys = {code - self.n_released: key for (_, key), code in self._codes.items()}
        by_field = kept[np.argsort(self.owners[kept], kind="stable")].tolist()
        fields: dict[str, list[tuple[str, str]]] = {}
        for value in by_field:
            fields.setdefault(self.names[self.owners[value]], []).append((keys[value], self.texts[value]))
        newer, found = newer.with_those_of(fields)
        now = np.empty(len(self.texts), np.int32)
        now[by_field] = found
        codes = codes.copy()
        codes[added] = now[kept][at]
        return newer, codes

    def code(self, position: int, key: str) -> int:
        """The code of a folded text in a field, -1 where nothing has it."""
        own = self._base.find(position, key) if position < len(self._base.names) else -1
        return self._released(position).start + own if own >= 0 else self._codes.get((position, key), -1)

    def whole(self, position: int, own: int) -> int:
        """The code of what is `own` within a field."""
        released = self._released(position)
        if own < len(released):
            return released[own]
        return self.n_released + int(np.flatnonzero((self.owners == position) & (self.own == own))[0])

    def within(self, position: int, codes: Codes) -> Rows:
        """What codes that belong to a field are within it."""
        own = (codes - self._released(position).start).astype(np.int32)
        added = np.flatnonzero(codes >= self.n_released)
        own[added] = self.own[codes[added] - self.n_released]
        return own

    def owned(self, position: int, codes: Codes) -> Mask:
        """Which of the codes belong to a field."""
        released = self._released(position)
        owned: Mask = (codes >= released.start) & (codes < released.stop)
        added = np.flatnonzero(codes >= self.n_released)
        owned[added] = self.owners[codes[added] - self.n_released] == position
        return owned

    def added_to(self, position: int) -> tuple[str, ...]:
        """The new values of a field."""
        return tuple(self.texts[at] for at in np.flatnonzero(self.owners == position).tolist())

    def size(self, position: int) -> int:
        return self._sizes.get(position, len(self._released(position)))

    def _released(self, position: int) -> range:
        """The codes of the values that a field has in the release."""
        return self._base.owned(position) if position < len(self._base.names) else range(0)

    def _positioned(self, name: str) -> int:
        position = self.positions.setdefault(fold_text(name), len(self.names))
        if position == len(self.names):
            self.names.append(name)
        return position

    def _copied(self) -> Vocabulary:
        newer = copy.copy(self)
        newer.names, newer.positions, newer.texts = [*self.names], {**self.positions}, [*self.texts]
        newer._codes, newer._sizes = {**self._codes}, {**self._sizes}
        return newer


@dataclass(frozen=True)
class LiveLabel(Labels):
    """One field. `starts` and `codes` are those of the release; `newer` has those of the newer items, by place."""

    slots: Slots
    newer: Labels

    def of(self, rows: Rows) -> Gathered:
        at_base, at_newer, places = self.slots.split(rows)
        base = super().of(rows[at_base]) if len(self.starts) else NOTHING
        return _merged(at_base, base, at_newer, self.newer.of(places))


class LiveLabels(LabelMap):
    """Values keep the codes that they have in the release.

    starts int64 [k + 1], codes int32 [m]: the values of the newer items, by place. available: bool [n], what the field
    of that name says of every item: it may follow from figures alone.
    """

    def __init__(
        self, base: LabelFields, values: Vocabulary, slots: Slots, starts: Starts, codes: Rows, available: Mask
    ) -> None:
        self._base, self._values, self._slots, self._starts, self._codes = base, values, slots, starts, codes
        self._available, self.names, self.positions = available, tuple(values.names), values.positions
        self._available_at = self.positions[AVAILABLE]
        self._is = np.array([values.code(self._available_at, key) for key in ("false", "true")], np.int32)
        self._fields: dict[int, Labels] = {}

    @classmethod
    def over(cls, base: LabelFields, available: Mask) -> LiveLabels:
        values, _ = Vocabulary(base).with_those_of({AVAILABLE: [("false", "false"), ("true", "true")]})
        return cls(base, values, Slots.none(len(available)), np.zeros(1, np.int64), NO_ROWS, available)

    def told(self, fresh: LabelFields, but: set[str], kept: Places, slots: Slots, available: Mask) -> LiveLabels:
        """With the newer items `kept`, and behind them those of `fresh`, whose fields `but` are left out."""
        keys, texts = fresh.keyed.to_pylist(), fresh.texts.to_pylist()
        owned = {name: fresh.codes_of(name) for name in fresh.names if name not in but}
        values, found = self._values.with_those_of(
            {
                name: list(zip(keys[own.start : own.stop], texts[own.start : own.stop], strict=True))
                for name, own in owned.items()
            }
        )
        to_whole = np.full(len(keys), -1, np.int32)
        to_whole[[code for own in owned.values() for code in own]] = found
        codes = to_whole[fresh.codes]
        told = codes >= 0
        starts, held = picked(self._starts, kept)
        told_before = np.concatenate(([0], np.cumsum(told)))
        starts = np.concatenate((starts, starts[-1] + told_before[fresh.starts[1:]]))
        codes = np.concatenate((self._codes[held], codes[told]))
        if len(values.texts) > FORGOTTEN_AT_ONCE + 2 * len(np.unique(codes)):
            values, codes = values.without_all_but(np.concatenate((self._is, codes)))
            codes = codes[len(self._is) :]
        return LiveLabels(self._base, values, slots, starts, codes, available)

    def with_available(self, available: Mask) -> LiveLabels:
        """The same items, of which figures say otherwise what can be had."""
        newer = copy.copy(self)  # which shares the fields that were asked for
        newer._available = available
        return newer

    def __getitem__(self, name: str) -> Labels:
        position = self.position(name)
        if position == self._available_at:
            values = (*self._released(position).values, *self._values.added_to(position))
            own = self._values.within(position, self._is)[self._available.astype(np.int8)]
            return Labels(values, np.arange(len(own) + 1), own)
        if position not in self._fields:
            self._fields[position] = self._field(position)
        return self._fields[position]

    def gather(self, rows: Rows) -> Gathered:
        at_base, at_newer, places = self._slots.split(rows)
        newer = gather(self._starts, self._codes, places)
        owners, codes = _merged(at_base, self._base.gather(rows[at_base]), at_newer, newer)
        told = np.isin(codes, self._is)
        codes[told] = self._is[self._available[rows[owners[told]]].astype(np.int8)]
        return Gathered(owners, codes)

    def field_of(self, codes: Codes) -> npt.NDArray[np.int64]:
        fields = self._base.field_of(codes)
        added = np.flatnonzero(codes >= self._values.n_released)
        fields[added] = self._values.owners[codes[added] - self._values.n_released]
        return fields

    def texts_of(self, codes: Codes) -> list[str]:
        n, added = self._values.n_released, self._values.texts
        return [added[code - n] if code >= n else self._base.texts[code].as_py() for code in codes.tolist()]

    def code_of(self, name: str, text: str) -> int:
        position = self.position(name)
        code = self._values.code(position, fold_text(text))
        return int(self._values.within(position, np.array([code]))[0]) if code >= 0 else -1

    def members(self, name: str, code: int) -> Rows:
        position = self.position(name)
        whole = self._values.whole(position, code)
        if position == self._available_at:
            return np.flatnonzero(self._is[self._available.astype(np.int8)] == whole).astype(np.int32)
        released = self._base.members(name, code) if whole < self._values.n_released else NO_ROWS
        return np.concatenate((self._slots.older(released), self._newer_rows(self._codes == whole)))

    def rows_having(self, name: str) -> Rows:
        position = self.position(name)
        if position == self._available_at:
            return np.arange(len(self._available), dtype=np.int32)
        released = self._base.rows_having(name) if name in self._base else NO_ROWS
        newer = self._newer_rows(self._values.owned(position, self._codes))
        return np.concatenate((self._slots.older(released), newer))

    def rows_holding(self, name: str, text: str, *, begins: bool) -> Rows:
        position = self.position(name)
        if position == self._available_at:
            labels = self[name]
            keyed = fold_texts(pa.array(labels.values, pa.string()))
            return np.flatnonzero(np.isin(labels.codes, holding(keyed, text, begins=begins))).astype(np.int32)
        released = self._base.rows_holding(name, text, begins=begins) if name in self._base else NO_ROWS
        told = np.flatnonzero(self._values.owned(position, self._codes))
        keyed = fold_texts(pa.array(self.texts_of(self._codes[told]), pa.string()))
        newer = np.zeros(len(self._codes), np.bool_)
        newer[told[holding(keyed, text, begins=begins)]] = True
        return np.concatenate((self._slots.older(released), self._newer_rows(newer)))

    def counts(self, name: str, rows: Rows) -> Counts:
        position = self.position(name)
        if position == self._available_at:
            return Counts.of(self._is[self._available[rows].astype(np.int8)])
        at_base, _, places = self._slots.split(rows)
        released = self._base.counts(name, rows[at_base]) if name in self._base else NOTHING_COUNTED
        newer = gather(self._starts, self._codes, places).codes
        told = Counts.of(newer[self._values.owned(position, newer)])
        codes, at = np.unique(np.concatenate((released.codes, told.codes)), return_inverse=True)
        counts = np.bincount(at, np.concatenate((released.counts, told.counts)), minlength=len(codes))
        return Counts(codes, counts.astype(np.int64))

    def _field(self, position: int) -> Labels:
        released, mine = self._released(position), self._values.owned(position, self._codes)
        values = (*released.values, *self._values.added_to(position))
        before = np.concatenate(([0], np.cumsum(mine, dtype=np.int64)))
        newer = Labels(values, before[self._starts], self._values.within(position, self._codes[mine]))
        return LiveLabel(values, released.starts, released.codes, self._slots, newer)

    def _released(self, position: int) -> Labels:
        name = self.names[position]
        return self._base[name] if name in self._base else Labels((), np.empty(0, np.int64), NO_ROWS)

    def _newer_rows(self, having: Mask) -> Rows:
        """The newer items, by which of `codes` they have."""
        return self._slots.rows[np.searchsorted(self._starts, np.flatnonzero(having), side="right") - 1]


@dataclass(frozen=True, eq=False)
class LiveNumbers(NumberMap):
    """names: each field as it is shown, by its folded name. dense: price and launched of all rows, and stock where
    figures told it, changes included.

    Of the others, the newer items say: the field at positions[name], fields int32 [m], of the item at places int32 [m]
    is amounts float64 [m].
    """

    base: NumberFields
    names: Mapping[str, str]
    dense: Mapping[str, Floats]
    slots: Slots
    positions: Mapping[str, int]
    fields: Rows
    places: Rows
    amounts: npt.NDArray[np.float64]

    @classmethod
    def over(cls, base: NumberFields) -> LiveNumbers:
        slots, names = Slots.none(base.n_items), {fold_text(name): name for name in base}
        return cls(base, names, base.dense, slots, {}, NO_ROWS, NO_ROWS, np.empty(0))

    def told(self, fresh: NumberFields, kept: Places, slots: Slots, dense: Mapping[str, Floats]) -> LiveNumbers:
        """With the newer items `kept`, and behind them those of `fresh`."""
        positions = {**self.positions}
        own = np.array([positions.setdefault(key, len(positions)) for key in fresh.positions], np.int32)
        now = np.full(len(self.slots.rows), -1, np.int32)
        now[kept] = np.arange(len(kept))
        held = now[self.places] >= 0
        return replace(
            self,
            names=_more(self.names, dict(zip(fresh.positions, fresh.names, strict=True))),
            dense=dense,
            slots=slots,
            positions=positions,
            fields=np.concatenate((self.fields[held], np.repeat(own, np.diff(fresh.firsts)))),
            places=np.concatenate((now[self.places[held]], len(kept) + fresh.rows)),
            amounts=np.concatenate((self.amounts[held], fresh.amounts)),
        )

    def with_dense(self, dense: Mapping[str, Floats]) -> LiveNumbers:
        return replace(self, dense=dense, names=_more(self.names, {name: name for name in dense}))

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names.values())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and fold_text(name) in self.names

    def __getitem__(self, name: str) -> Floats:
        return self.of(name, np.arange(len(self.slots), dtype=np.int32))

    def of(self, name: str, rows: Rows) -> Floats:
        key = fold_text(name)
        if key in self.dense:
            return self.dense[key][rows]
        if key not in self.names:
            raise KeyError(name)
        at_base, at_newer, places = self.slots.split(rows)
        column: npt.NDArray[Any] = np.full(len(rows), np.nan)
        if key in self.base:
            column[at_base] = self.base.of(key, rows[at_base])
        if key in self.positions:
            mine = self.fields == self.positions[key]
            newer = np.full(len(self.slots.rows), np.nan)
            newer[self.places[mine]] = self.amounts[mine]
            column[at_newer] = newer[places]
        return column


def _more(names: Mapping[str, str], others: Mapping[str, str]) -> dict[str, str]:
    """Names, and behind them those of the others that they lack."""
    return {**names, **{key: name for key, name in others.items() if key not in names}}


def _merged(at_base: Places, base: Gathered, at_newer: Places, newer: Gathered) -> Gathered:
    """What the release says of the rows at the positions `at_base`, and the newer items of the others, in their
    order."""
    owners = np.concatenate((at_base[base.owners], at_newer[newer.owners]))
    codes = np.concatenate((base.codes, newer.codes)).astype(np.int32)
    order = np.argsort(owners, kind="stable")
    return Gathered(owners[order], codes[order])
