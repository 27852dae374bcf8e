"""Which words stand in which field of which item, as arrays: text features for a whole pool of items at once."""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shopkeeper.engine.item_text import FIELDS
from shopkeeper.engine.title_terms import Titles, TitlesBuilder, Told, found_among, side_by_side
from shopkeeper.release.arrays import load_array, save_arrays
from shopkeeper.release.fields import picked, places_of
from shopkeeper.release.tiers import Places, Slots, Tier
from shopkeeper.vocabulary import Rows, Scores

Hashes = npt.NDArray[np.uint32]
Bits = npt.NDArray[np.uint8]
Sizes = npt.NDArray[np.uint16]

ARRAYS = ("hashes", "bits", "starts", "title_sizes", "sizes")
MOST_COUNTED = 65_535
FIELD_BITS = {field: 1 << at for at, field in enumerate(FIELDS)}


def term_hash(term: str) -> int:
    return zlib.crc32(term.encode())


class Terms(NamedTuple):
    """The m terms of n items: owners int64 [m], the position of each one's item among these; hashes uint32 [m]; bits
    uint8 [m], of the fields that hold it."""

    n: int
    owners: Places
    hashes: Hashes
    bits: Bits

    def found(self, terms: Sequence[str]) -> Bits:
        """uint8 [n, len(terms)]: the bits of the fields of each item that hold each term."""
        wanted, columns = np.unique(np.array([term_hash(term) for term in terms], np.uint32), return_inverse=True)
        hits, places = found_among(self.hashes, wanted)
        found = np.zeros((self.n, len(wanted)), np.uint8)
        found[self.owners[hits], places] = self.bits[hits]
        return found[:, columns]


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

    def counts(self, hashes: Hashes) -> Places:
        """int64 [len(hashes)]: how many items hold each."""
        if not len(self.hashes):
            return np.zeros(len(hashes), np.int64)
        at = np.minimum(np.searchsorted(self.hashes, hashes), len(self.hashes) - 1)
        return np.where(self.hashes[at] == hashes, self.starts[at + 1] - self.starts[at], 0)

    def save(self, directory: Path) -> None:
        save_arrays(directory, {f.name: getattr(self, f.name) for f in fields(self)})

    @classmethod
    def load(cls, directory: Path) -> Postings:
        """Memory-mapped."""
        return cls(**{f.name: load_array(directory, f.name) for f in fields(cls)})


class TermFields:
    """n items in compressed sparse rows: item r holds the terms hashes[starts[r]:starts[r + 1]] (uint32, distinct),
    each in the fields whose FIELD_BITS its `bits` (uint8) have set; starts is int64 [n + 1].

    title_sizes: uint16 [n], the number of distinct words in the title; sizes: uint16 [n, len(FIELDS)], of distinct
    terms in each field; titles: their terms in order. Two terms of one hash are held to be the same: at one in four
    thousand million, less often than a shop has a wrong title.
    """

    def __init__(
        self,
        hashes: Hashes,
        bits: Bits,
        starts: npt.NDArray[np.int64],
        title_sizes: Sizes,
        sizes: Sizes,
        titles: Titles,
        postings: Postings | None = None,
    ) -> None:
        """postings: those of these items, made here where they are not given."""
        self.hashes, self.bits, self.starts, self.title_sizes = hashes, bits, starts, title_sizes
        self.sizes, self.titles = sizes, titles
        self.postings = postings or Postings.build(hashes, starts)

    def __len__(self) -> int:
        return len(self.title_sizes)

    def rows_with(self, term: str) -> Rows:
        """The items that hold a term in any field: int32, each once."""
        return self.postings.of(term)

    def terms_of(self, rows: Rows) -> Terms:
        """The terms of `rows` in all fields."""
        owners, entries = places_of(self.starts, rows)
        return Terms(len(rows), owners, self.hashes.take(entries), self.bits.take(entries))

    def rarities(self, hashes: Hashes) -> Scores:
        """float32 [len(hashes)]: the inverse document frequency of terms."""
        counts = self.postings.counts(hashes)
        return np.log1p((len(self) - counts + 0.5) / (counts + 0.5)).astype(np.float32)

    def likeness(self, held: Terms, liked: Rows, weights: Scores) -> Scores:
        """float32 [held.n]: the share of the terms of `liked`, weighed by rarity and the weights of their items
        (float32 [len(liked)]), that each of some items has."""
        _, owners, hashes, _ = self.terms_of(liked)
        terms, at = np.unique(hashes, return_inverse=True)
        profile = np.bincount(at, weights[owners]) * self.rarities(terms)
        if not len(terms):
            return np.zeros(held.n, np.float32)
        shared, places = found_among(held.hashes, terms)
        sums = np.bincount(held.owners.take(shared), profile.take(places), minlength=held.n)
        return np.asarray(sums / max(float(profile.sum()), 1e-9), np.float32)

    def title_sizes_of(self, rows: Rows) -> Sizes:
        return self.title_sizes[rows]

    def sizes_of(self, rows: Rows) -> Sizes:
        """uint16 [len(rows), len(FIELDS)]"""
        return self.sizes[rows]

    def titles_of(self, rows: Rows) -> Told:
        return self.titles.of(rows)

    @cached_property
    def usual_sizes(self) -> Scores:
        """float32 [len(FIELDS)]: the mean number of terms in each field, over the items that have any there."""
        told = np.count_nonzero(self.sizes, axis=0)
        return np.asarray(self.sizes.sum(axis=0, dtype=np.float64) / np.maximum(told, 1), np.float32)

    def followed(self, kept: Places, other: TermFields) -> TermFields:
        """The items of `kept` and behind them those of the other, in memory."""
        starts, entries = picked(self.starts, kept)
        return TermFields(
            np.concatenate((self.hashes[entries], other.hashes)),
            np.concatenate((self.bits[entries], other.bits)),
            np.concatenate((starts, other.starts[1:] + starts[-1])),
            np.concatenate((self.title_sizes[kept], other.title_sizes)),
            np.concatenate((self.sizes[kept], other.sizes)),
            self.titles.followed(kept, other.titles),
        )

    def updated(self, newer: TermFields, rows: Rows, n: int) -> LiveTermFields:
        """With what `newer` says of rows int32 [k] of n, in their order."""
        return LiveTermFields(self, newer, Slots.none(len(self)).taken(rows, n)[1])

    def save(self, directory: Path) -> None:
        save_arrays(directory, {name: getattr(self, name) for name in ARRAYS})
        self.titles.save(directory / "titles")
        self.postings.save(directory / "postings")

    @classmethod
    def load(cls, directory: Path) -> TermFields:
        """Memory-mapped, so that many processes share one copy."""
        arrays = {name: load_array(directory, name) for name in ARRAYS}
        titles, postings = Titles.load(directory / "titles"), Postings.load(directory / "postings")
        return cls(**arrays, titles=titles, postings=postings)


class LiveTermFields(Tier[TermFields], TermFields):
    """The terms of a release, and those of newer items, which have places of their own."""

    def __len__(self) -> int:
        return len(self.slots)

    def rows_with(self, term: str) -> Rows:
        newer = self.slots.rows[self.newer.rows_with(term)]
        return np.concatenate((self.slots.older(self.base.rows_with(term)), newer))

    def terms_of(self, rows: Rows) -> Terms:
        at_base, at_newer, places = self.slots.split(rows)
        base, newer = self.base.terms_of(rows[at_base]), self.newer.terms_of(places)
        owners = np.concatenate((at_base[base.owners], at_newer[newer.owners]))
        hashes = np.concatenate((base.hashes, newer.hashes))
        return Terms(len(rows), owners, hashes, np.concatenate((base.bits, newer.bits)))

    def rarities(self, hashes: Hashes) -> Scores:
        rarities: Scores = self.base.rarities(hashes)
        return rarities

    def title_sizes_of(self, rows: Rows) -> Sizes:
        at_base, at_newer, places = self.slots.split(rows)
        sizes = np.empty(len(rows), np.uint16)
        sizes[at_base] = self.base.title_sizes_of(rows[at_base])
        sizes[at_newer] = self.newer.title_sizes[places]
        return sizes

    def sizes_of(self, rows: Rows) -> Sizes:
        at_base, at_newer, places = self.slots.split(rows)
        sizes = np.empty((len(rows), len(FIELDS)), np.uint16)
        sizes[at_base] = self.base.sizes_of(rows[at_base])
        sizes[at_newer] = self.newer.sizes[places]
        return sizes

    def titles_of(self, rows: Rows) -> Told:
        at_base, at_newer, places = self.slots.split(rows)
        return side_by_side(((at_base, self.base.titles_of(rows[at_base])), (at_newer, self.newer.titles_of(places))))

    @property
    def usual_sizes(self) -> Scores:
        usual: Scores = self.base.usual_sizes
        return usual

    def updated(self, newer: TermFields, rows: Rows, n: int) -> LiveTermFields:
        return self.with_newer(newer, rows, n)

    def followed(self, kept: Places, newer: TermFields) -> TermFields:
        return self.newer.followed(kept, newer)


class TermFieldsBuilder:
    """Collects items in row order."""

    def __init__(self) -> None:
        self._hashes, self._bits = array("I"), array("B")
        self._ends, self._title_sizes, self._sizes = array("q", [0]), array("H"), array("H")
        self._titles = TitlesBuilder()
        self._known: dict[str, int] = {}

    def add(self, terms_by_field: Mapping[str, Sequence[str]], title_size: int) -> None:
        """title_size: how many distinct words the title has."""
        found: dict[int, int] = {}
        codes = {field: list(map(self._hash, terms)) for field, terms in terms_by_field.items()}
        for field, hashes in codes.items():
            bit = FIELD_BITS[field]
            for code in hashes:
                found[code] = found.get(code, 0) | bit
        self._sizes.extend(min(len(set(codes.get(field, ()))), MOST_COUNTED) for field in FIELDS)
        self._titles.add(terms_by_field.get("title", ()), codes.get("title", ()))
        self._hashes.extend(found.keys())
        self._bits.extend(found.values())
        self._ends.append(len(self._hashes))
        self._title_sizes.append(min(title_size, MOST_COUNTED))

    def _hash(self, term: str) -> int:
        code = self._known.get(term)
        if code is None:
            code = self._known[term] = term_hash(term)
        return code

    def build(self) -> TermFields:
        return TermFields(
            np.array(self._hashes, np.uint32),
            np.array(self._bits, np.uint8),
            np.array(self._ends, np.int64),
            np.array(self._title_sizes, np.uint16),
            np.array(self._sizes, np.uint16).reshape(-1, len(FIELDS)),
            self._titles.build(),
        )
