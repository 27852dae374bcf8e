"""Which words stand in which field of which item, as arrays: text features for a whole pool of items at once."""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shopkeeper.engine.item_text import FIELDS
from shopkeeper.release.arrays import load_array, save_arrays
from shopkeeper.release.fields import picked, places_of
from shopkeeper.release.tiers import Places, Slots, Tier
from shopkeeper.vocabulary import Rows

Hashes = npt.NDArray[np.uint32]
Bits = npt.NDArray[np.uint8]

FIELD_BITS = {field: 1 << at for at, field in enumerate(FIELDS)}


def term_hash(term: str) -> int:
    return zlib.crc32(term.encode())


@dataclass(frozen=True)
class Postings:
    """The items that hold each term, in compressed sparse rows: hashes uint32 [t], ascending; the items of term t are
    rows[starts[t]:starts[t + 1]], int32, ascending. starts int64 [t + 1]."""

    hashes: Hashes
    starts: npt.NDArray[np.int64]
    rows: Rows

    @classmethod
    def build(cls, hashes: Hashes, starts: npt.NDArray[np.int64]) -> Postings:
        """From the terms of the items, in the form of TermFields."""
        order = np.argsort(hashes, kind="stable")
        rows = np.repeat(np.arange(len(starts) - 1, dtype=np.int32), np.diff(starts))[order]
        hashes = hashes[order]
        begins = np.flatnonzero(np.append(True, hashes[1:] != hashes[:-1])[: len(hashes)])
        return cls(hashes[begins], np.append(begins, len(hashes)), rows)

    def of(self, term: str) -> Rows:
        hash_ = np.uint32(term_hash(term))
        at = int(self.hashes.searchsorted(hash_))
        if at == len(self.hashes) or self.hashes[at] != hash_:
            return np.empty(0, np.int32)
        return self.rows[self.starts[at] : self.starts[at + 1]]

    def save(self, directory: Path) -> None:
        save_arrays(directory, {f.name: getattr(self, f.name) for f in fields(self)})

    @classmethod
    def load(cls, directory: Path) -> Postings:
        """Memory-mapped."""
        return cls(**{f.name: load_array(directory, f.name) for f in fields(cls)})


class TermFields:
    """n items in compressed sparse rows: item r holds the terms hashes[starts[r]:starts[r + 1]] (uint32, distinct),
    each in the fields whose FIELD_BITS its `bits` (uint8) have set; starts is int64 [n + 1].

    title_sizes: uint16 [n], the number of distinct terms in the title. Two terms of one hash are held to be the same:
    at one in four thousand million, less often than a shop has a wrong title.
    """

    def __init__(
        self,
        hashes: Hashes,
        bits: Bits,
        starts: npt.NDArray[np.int64],
        title_sizes: npt.NDArray[np.uint16],
        postings: Postings | None = None,
    ) -> None:
        """postings: those of these items, made here where they are not given."""
        self.hashes, self.bits, self.starts, self.title_sizes = hashes, bits, starts, title_sizes
        self.postings = postings or Postings.build(hashes, starts)

    def __len__(self) -> int:
        return len(self.title_sizes)

    def rows_with(self, term: str) -> Rows:
        """The items that hold a term in any field: int32, each once."""
        return self.postings.of(term)

    def find(self, rows: Rows, terms: Sequence[str]) -> Bits:
        """uint8 [len(rows), len(terms)]: the bits of the fields of each item that hold each term."""
        wanted, columns = np.unique(np.array([term_hash(term) for term in terms], np.uint32), return_inverse=True)
        owners, entries = places_of(self.starts, rows)
        hits = np.flatnonzero(np.isin(self.hashes[entries], wanted, kind="sort"))
        entries = entries[hits]
        found = np.zeros((len(rows), len(wanted)), np.uint8)
        found[owners[hits], np.searchsorted(wanted, self.hashes[entries])] = self.bits[entries]
        return found[:, columns]

    def title_sizes_of(self, rows: Rows) -> npt.NDArray[np.uint16]:
        return self.title_sizes[rows]

    def followed(self, kept: Places, other: TermFields) -> TermFields:
        """The items of `kept` and behind them those of the other, in memory."""
        starts, entries = picked(self.starts, kept)
        return TermFields(
            np.concatenate((self.hashes[entries], other.hashes)),
            np.concatenate((self.bits[entries], other.bits)),
            np.concatenate((starts, other.starts[1:] + starts[-1])),
            np.concatenate((self.title_sizes[kept], other.title_sizes)),
        )

    def updated(self, newer: TermFields, rows: Rows, n: int) -> LiveTermFields:
        """With what `newer` says of rows int32 [k] of n, in their order."""
        return LiveTermFields(self, newer, Slots.none(len(self)).taken(rows, n)[1])

    def save(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        for name in ("hashes", "bits", "starts", "title_sizes"):
            np.save(directory / f"{name}.npy", getattr(self, name))
        self.postings.save(directory / "postings")

    @classmethod
    def load(cls, directory: Path) -> TermFields:
        """Memory-mapped, so that many processes share one copy."""
        names = ("hashes", "bits", "starts", "title_sizes")
        hashes, bits, starts, title_sizes = (load_array(directory, name) for name in names)
        return cls(hashes, bits, starts, title_sizes, Postings.load(directory / "postings"))


class LiveTermFields(Tier[TermFields], TermFields):
    """The terms of a release, and those of newer items, which have places of their own."""

    def __len__(self) -> int:
        return len(self.slots)

    def rows_with(self, term: str) -> Rows:
        newer = self.slots.rows[self.newer.rows_with(term)]
        return np.concatenate((self.slots.older(self.base.rows_with(term)), newer))

    def find(self, rows: Rows, terms: Sequence[str]) -> Bits:
        at_base, at_newer, places = self.slots.split(rows)
        found = np.empty((len(rows), len(terms)), np.uint8)
        found[at_base] = self.base.find(rows[at_base], terms)
        found[at_newer] = self.newer.find(places, terms)
        return found

    def title_sizes_of(self, rows: Rows) -> npt.NDArray[np.uint16]:
        at_base, at_newer, places = self.slots.split(rows)
        sizes = np.empty(len(rows), np.uint16)
        sizes[at_base] = self.base.title_sizes_of(rows[at_base])
        sizes[at_newer] = self.newer.title_sizes[places]
        return sizes

    def updated(self, newer: TermFields, rows: Rows, n: int) -> LiveTermFields:
        return self.with_newer(newer, rows, n)

    def followed(self, kept: Places, newer: TermFields) -> TermFields:
        return self.newer.followed(kept, newer)


class TermFieldsBuilder:
    """Collects items in row order."""

    def __init__(self) -> None:
        self._hashes, self._bits = array("I"), array("B")
        self._ends, self._title_sizes = array("q", [0]), array("H")
        self._known: dict[str, int] = {}

    def add(self, terms_by_field: Mapping[str, Iterable[str]], title_size: int) -> None:
        found: dict[int, int] = {}
        for field, terms in terms_by_field.items():
            bit = FIELD_BITS[field]
            for term in terms:
                code = self._known.get(term)
                if code is None:
                    code = self._known[term] = term_hash(term)
                found[code] = found.get(code, 0) | bit
        self._hashes.extend(found.keys())
        self._bits.extend(found.values())
        self._ends.append(len(self._hashes))
        self._title_sizes.append(min(title_size, 65_535))

    def build(self) -> TermFields:
        return TermFields(
            np.array(self._hashes, np.uint32),
            np.array(self._bits, np.uint8),
            np.array(self._ends, np.int64),
            np.array(self._title_sizes, np.uint16),
        )
