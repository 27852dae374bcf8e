"""The fields of a catalogue: labels (brand, category, colour…) and numbers (price, weight…).

A shop may have thousands of attributes that few items share, so all fields lie together in compressed sparse rows:
what is not said takes no room.
"""

from __future__ import annotations

from abc import abstractmethod
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shopkeeper.release.arrays import load_array, save_arrays
from shopkeeper.vocabulary import Rows

Starts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating[Any]]
Codes = npt.NDArray[np.integer[Any]]

LABEL_ARRAYS = ("firsts", "starts", "codes", "posting_starts", "posting_rows")
MAX_COLUMNS = 4  # by which the values of a field are counted: each takes four bytes of an item
NUMBER_ARRAYS = ("firsts", "rows", "amounts")


def fold_texts(texts: pa.Array) -> pa.Array:
    """Texts made comparable: full width as half width, lower case, no space around. Keeps the Arrow type."""
    return pc.utf8_trim_whitespace(pc.utf8_lower(pc.utf8_normalize(texts, "NFKC")))


@lru_cache(maxsize=1024)  # the names of fields come with every request
def fold_text(text: str) -> str:
    """`fold_texts` of one text."""
    return str(fold_texts(pa.scalar(text)).as_py())


def _positions(names: tuple[str, ...]) -> dict[str, int]:
    folded = fold_texts(pa.array(names, pa.string())).to_pylist()
    return {name: position for position, name in enumerate(folded)}


class Gathered(NamedTuple):
    """Values of some rows: codes[i] belongs to the row at position owners[i] of those asked for."""

    owners: npt.NDArray[np.int64]
    codes: Rows


class Counts(NamedTuple):
    """Value codes, int32 ascending, and how many items have each, int64, above 0."""

    codes: Rows
    counts: npt.NDArray[np.int64]

    @classmethod
    def of(cls, codes: Codes) -> Counts:
        """Of codes as they come."""
        found, counts = np.unique(codes, return_counts=True)
        return cls(found.astype(np.int32), counts)


def holding(keyed: pa.Array, text: str, *, begins: bool) -> npt.NDArray[np.int64]:
    """Which of the folded texts contain a text, or begin with it."""
    match = pc.starts_with if begins else pc.match_substring
    return np.flatnonzero(match(keyed, fold_text(text)).to_numpy(zero_copy_only=False))


@dataclass(frozen=True)
class Labels:
    """A many-valued label field of n items (brand, category, an attribute): compressed sparse rows.

    values: the distinct values, value code → text; starts int64 [n + 1] and codes int32 [m]: the values of item
    row r are codes[starts[r]:starts[r + 1]], in the source's order (categories from the widest to the narrowest).
    """

    values: tuple[str, ...]
    starts: Starts
    codes: Rows

    def of(self, rows: Rows) -> Gathered:
        """The codes of `rows` int32 [k], in their order."""
        return gather(self.starts, self.codes, rows)

    def counts(self, rows: Rows) -> npt.NDArray[np.int64]:
        """int64 [len(values)]: how many of rows int32 [k] have each value."""
        n_values = len(self.values)
        counts = np.zeros(n_values, np.int64)
        if self._columns is None:
            counts += np.bincount(self.of(rows).codes, minlength=n_values)
        else:
            for column in self._columns:
                counts += np.bincount(column[rows], minlength=n_values + 1)[:n_values]
        return counts

    @cached_property
    def _columns(self) -> list[Rows] | None:
        """The first value of each item, the second, …, int32 [n], len(values) for none; None where there are many."""
        lengths = np.diff(self.starts)
        if lengths.max(initial=0) > MAX_COLUMNS:
            return None
        columns = [np.full(len(lengths), len(self.values), np.int32) for _ in range(lengths.max(initial=0))]
        for place, column in enumerate(columns):
            having = np.flatnonzero(lengths > place)
            column[having] = self.codes[self.starts[having] + place]
        return columns


def gather(starts: Starts, codes: Rows, rows: Rows) -> Gathered:
    """The codes of `rows` in compressed sparse rows."""
    owners, places = places_of(starts, rows)
    return Gathered(owners, codes[places])


def places_of(
    starts: Starts, rows: npt.NDArray[np.integer[Any]]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Where the values of `rows` lie in compressed sparse rows: int64 [m], with the position of each one's row among
    those asked for, int64 [m], before."""
    firsts = starts[rows]
    lengths = starts[rows + 1] - firsts
    owners = np.repeat(np.arange(len(rows)), lengths)
    return owners, np.arange(len(owners)) + np.repeat(firsts - np.cumsum(lengths) + lengths, lengths)


def picked(starts: Starts, rows: npt.NDArray[np.integer[Any]]) -> tuple[Starts, npt.NDArray[np.int64]]:
    """Some of the items in compressed sparse rows: their starts, and where their values lay."""
    lengths = starts[rows + 1] - starts[rows]
    return starts_of(lengths), places_of(starts, rows)[1]


def starts_of(lengths: npt.NDArray[np.integer[Any]]) -> Starts:
    """Where each run begins, and the end: int64 [len(lengths) + 1]."""
    return np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))


class LabelMap(Mapping[str, Labels]):
    """All label fields of n items: field name, in any case → Labels. Across the fields, values have codes of their own,
    which `gather` gives and `field_of` and `texts_of` take; within a field they count from 0, as in its Labels."""

    names: tuple[str, ...]

    @cached_property
    def positions(self) -> dict[str, int]:
        return _positions(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and fold_text(name) in self.positions

    def position(self, name: str) -> int:
        """Where a field stands in `names`. Raises KeyError."""
        return self.positions[fold_text(name)]

    @abstractmethod
    def gather(self, rows: Rows) -> Gathered:
        """The values of rows int32 [k] in all fields."""

    @abstractmethod
    def field_of(self, codes: Codes) -> npt.NDArray[np.int64]:
        """The position in `names` of the field that owns each code."""

    @abstractmethod
    def texts_of(self, codes: Codes) -> list[str]:
        """The values as shown."""

    @abstractmethod
    def code_of(self, name: str, text: str) -> int:
        """The code of a value within its field, in any case; -1 when nothing has it."""

    @abstractmethod
    def members(self, name: str, code: int) -> Rows:
        """The items that have this value of the field: int32."""

    @abstractmethod
    def rows_having(self, name: str) -> Rows:
        """The items of which any value of this field is known: int32, by value, so an item may come twice."""

    @abstractmethod
    def rows_holding(self, name: str, text: str, *, begins: bool) -> Rows:
        """The items that have a value which contains this text, or begins with it, in any case: int32, by value, so
        that an item may come twice."""

    @abstractmethod
    def counts(self, name: str, rows: Rows) -> Counts:
        """How many of the rows int32 [k], each once, have each value of this field."""

    def rows_with(self, name: str, text: str) -> Rows:
        """The items that have this value, in any case: int32; empty when nothing has it."""
        code = self.code_of(name, text)
        return self.members(name, code) if code >= 0 else np.empty(0, np.int32)


@dataclass(frozen=True, eq=False)
class LabelFields(LabelMap):
    """The label fields of a release.

    names: the F fields; field f owns the value codes firsts[f]:firsts[f + 1] (firsts int64 [F + 1]).
    texts, keyed: large_string [V]: each value as shown, and folded; the folded ascend within a field.
    starts int64 [n + 1], codes int32 [m]: the values of an item, all fields, in order of field and source.
    posting_starts int64 [V + 1], posting_rows int32 [m]: the items that have a value, ascending.
    """

    names: tuple[str, ...]
    firsts: Starts
    texts: pa.Array
    keyed: pa.Array
    starts: Starts
    codes: Rows
    posting_starts: Starts
    posting_rows: Rows

    @cached_property
    def _labels(self) -> Callable[[int], Labels]:
        """A field's own rows, cut out when first asked for: few fields are asked for as a whole."""
        return lru_cache(maxsize=32)(partial(_cut, self.firsts, self.starts, self.codes, self.texts))

    def __getitem__(self, name: str) -> Labels:
        return self._labels(self.position(name))

    def gather(self, rows: Rows) -> Gathered:
        return gather(self.starts, self.codes, rows)

    def codes_of(self, name: str) -> range:
        """The value codes that a field owns."""
        return self.owned(self.position(name))

    def owned(self, position: int) -> range:
        """The value codes that the field at a position owns."""
        return range(int(self.firsts[position]), int(self.firsts[position + 1]))

    def field_of(self, codes: Codes) -> npt.NDArray[np.int64]:
        return np.searchsorted(self.firsts, codes, side="right") - 1

    def texts_of(self, codes: Codes) -> list[str]:
        return list(self.texts.take(pa.array(codes)).to_pylist())

    def code_of(self, name: str, text: str) -> int:
        return self.find(self.position(name), fold_text(text))

    def find(self, position: int, key: str) -> int:
        """The code of a folded text within the field at a position; -1 when nothing has it."""
        codes = self.owned(position)
        code = bisect_left(codes, key, key=lambda code: self.keyed[code].as_py())
        return code if code < len(codes) and self.keyed[codes[code]].as_py() == key else -1

    def members(self, name: str, code: int) -> Rows:
        value = self.codes_of(name)[code]
        return self.posting_rows[self.posting_starts[value] : self.posting_starts[value + 1]]

    def rows_having(self, name: str) -> Rows:
        codes = self.codes_of(name)
        return self.posting_rows[self.posting_starts[codes.start] : self.posting_starts[codes.stop]]

    def rows_holding(self, name: str, text: str, *, begins: bool) -> Rows:
        codes = self.codes_of(name)
        found = codes.start + holding(self.keyed[codes.start : codes.stop], text, begins=begins)
        return self.posting_rows[places_of(self.posting_starts, found)[1]]

    def counts(self, name: str, rows: Rows) -> Counts:
        """A field that many items have is counted along the rows, another along its postings."""
        codes = self.codes_of(name)
        starts = self.posting_starts[codes.start : codes.stop + 1]
        if int(starts[-1] - starts[0]) > len(rows):
            counts = self[name].counts(rows)
        else:
            among = np.zeros(len(self.starts) - 1, np.bool_)
            among[rows] = True
            counts = np.add.reduceat(among[self.rows_having(name)], starts[:-1] - starts[0], dtype=np.int64)
        found = np.flatnonzero(counts)
        return Counts((codes.start + found).astype(np.int32), counts[found])

    def save(self, directory: Path) -> None:
        save_arrays(directory, {name: getattr(self, name) for name in LABEL_ARRAYS})
        (directory / "names.json").write_bytes(msgspec.json.encode(self.names))
        write_table(pa.table({"text": self.texts, "keyed": self.keyed}), directory / "values.arrow")

    @classmethod
    def load(cls, directory: Path) -> LabelFields:
        texts = read_table(directory / "values.arrow")
        return cls(
            names=msgspec.json.decode((directory / "names.json").read_bytes(), type=tuple[str, ...]),
            texts=one_chunk(texts.column("text")),
            keyed=one_chunk(texts.column("keyed")),
            **{name: load_array(directory, name) for name in LABEL_ARRAYS},
        )


def _cut(firsts: Starts, starts: Starts, codes: Rows, texts: pa.Array, position: int) -> Labels:
    first, last = int(firsts[position]), int(firsts[position + 1])
    mine = (codes >= first) & (codes < last)
    before = np.concatenate(([0], np.cumsum(mine, dtype=np.int64)))
    return Labels(tuple(texts[first:last].to_pylist()), before[starts], codes[mine] - np.int32(first))


class NumberMap(Mapping[str, Floats]):
    """All numeric fields of n items: field name, in any case → float [n], NaN unknown."""

    @abstractmethod
    def of(self, name: str, rows: Rows) -> Floats:
        """The numbers of `rows` int32 [k] alone: float [k], NaN unknown."""


@dataclass(frozen=True, eq=False)
class NumberFields(NumberMap):
    """The numeric fields of a release.

    dense: the fields that nearly every item has (price float32 [n], launched float64 [n]);
    names: the F others; field f owns rows[firsts[f]:firsts[f + 1]] int32, ascending, and the same of amounts float64.
    """

    n_items: int
    dense: dict[str, Floats]
    names: tuple[str, ...]
    firsts: Starts
    rows: Rows
    amounts: npt.NDArray[np.float64]

    @cached_property
    def positions(self) -> dict[str, int]:
        return _positions(self.names)

    def __len__(self) -> int:
        return len(self.dense) + len(self.names)

    def __iter__(self) -> Iterator[str]:
        yield from self.dense
        yield from self.names

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and (fold_text(name) in self.dense or fold_text(name) in self.positions)

    def __getitem__(self, name: str) -> Floats:
        key = fold_text(name)
        if key in self.dense:
            return self.dense[key]
        rows, amounts = self._own(key)
        column = np.full(self.n_items, np.nan)
        column[rows] = amounts
        return column

    def of(self, name: str, rows: Rows) -> Floats:
        key = fold_text(name)
        if key in self.dense:
            return self.dense[key][rows]
        known, amounts = self._own(key)
        places = np.minimum(np.searchsorted(known, rows), len(known) - 1)  # no field is without items
        return np.where(known[places] == rows, amounts[places], np.nan)

    def _own(self, key: str) -> tuple[Rows, npt.NDArray[np.float64]]:
        position = self.positions[key]
        mine = slice(int(self.firsts[position]), int(self.firsts[position + 1]))
        return self.rows[mine], self.amounts[mine]

    def save(self, directory: Path) -> None:
        """All but `dense`, which the catalogue keeps."""
        save_arrays(directory, {name: getattr(self, name) for name in NUMBER_ARRAYS})
        (directory / "names.json").write_bytes(msgspec.json.encode(self.names))

    @classmethod
    def load(cls, directory: Path, n_items: int, dense: dict[str, Floats]) -> NumberFields:
        names = msgspec.json.decode((directory / "names.json").read_bytes(), type=tuple[str, ...])
        return cls(n_items, dense, names, **{name: load_array(directory, name) for name in NUMBER_ARRAYS})


def write_table(table: pa.Table, path: Path) -> None:
    """An Arrow file of one record batch, so that a row is found without looking through batches."""
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks(), max_chunksize=max(1, table.num_rows))


def read_table(path: Path) -> pa.Table:
    """Memory-mapped."""
    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_file(source).read_all()


def one_chunk(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
