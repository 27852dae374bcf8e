"""What people type: every query of the shop, with what it asks for, so that its relevance is known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from shopkeeper.data.simulate.assortment import FACETS, NONE, Assortment, Bools, Groups, Ints
from shopkeeper.data.simulate.leaves import LEAVES, Leaf
from shopkeeper.data.simulate.words import BRANDS, COLOURS, DEPARTMENTS, PATTERNS, PLAIN, TRAITS, Word

_TYPO_SHARE = 0.06


@dataclass(frozen=True)
class Queries:
    """q queries. text: string [q]; language int32 [q] (0 English, 1 Chinese); department int32 [q];
    leaf int32 [q], -1 for a broad query, which asks for a whole department;
    facet and value int32 [q]: the attribute asked for (row of FACETS) and its code, -1 where none is;
    misspelt bool [q].
    """

    text: pa.Array
    language: Ints
    department: Ints
    leaf: Ints
    facet: Ints
    value: Ints
    misspelt: Bools

    def __len__(self) -> int:
        return len(self.leaf)

    def choose(
        self, leaf: Ints, department: Ints, language: Ints, facet: Ints, value: Ints, rng: np.random.Generator
    ) -> Ints:
        """For each wish one of its queries, int32 [n], the usual words more often than the others.

        A `leaf` of -1 wishes for the department, a `facet` of -1 for the leaf as such; a wish that nobody has words for
        falls back to the leaf.
        """
        found = np.full(len(leaf), NONE, np.int32)
        misspelt = rng.random(len(leaf)) < _TYPO_SHARE
        attempts = ((facet, value, misspelt), (facet, value, False), (NONE, NONE, False))
        for wanted_facet, wanted_value, wrong in attempts:
            keys = self._keys(leaf, department, language, wanted_facet, wanted_value, wrong)
            place = np.minimum(np.searchsorted(self._distinct, keys), len(self._distinct) - 1)
            drawn = self._groups.draw(place, rng)
            found = np.where((found == NONE) & (self._distinct[place] == keys), drawn, found)
        return found.astype(np.int32)

    def _keys(
        self, leaf: Ints, department: Ints, language: Ints, facet: Ints | int, value: Ints | int, misspelt: Bools | bool
    ) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        """One number for one wish."""
        place = np.where(leaf < 0, department, leaf + self._departments).astype(np.int64) * 2 + language
        keys: np.ndarray[tuple[int, ...], np.dtype[np.int64]] = (
            (place * (len(FACETS) + 1) + facet + 1) * self._values + value + 1
        ) * 2 + misspelt
        return keys

    @cached_property
    def _departments(self) -> int:
        return int(self.department.max()) + 1

    @cached_property
    def _values(self) -> int:
        return int(self.value.max()) + 2

    @cached_property
    def _own_keys(self) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        return self._keys(self.leaf, self.department, self.language, self.facet, self.value, self.misspelt)

    @cached_property
    def _distinct(self) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        return np.unique(self._own_keys)

    @cached_property
    def _groups(self) -> Groups:
        codes = np.searchsorted(self._distinct, self._own_keys)
        return Groups.of(codes, np.arange(len(self)), len(self._distinct))


@dataclass
class _Phrases:
    """Collects queries one by one, and gives them as arrays."""

    rows: list[tuple[str, int, int, int, int, int, bool]]

    def add(
        self, text: str, language: int, department: int, leaf: int, facet: int = NONE, value: int = NONE,
        misspelt: bool = False,
    ) -> None:  # fmt: skip
        if text:
            self.rows.append((text, language, department, leaf, facet, value, misspelt))

    def queries(self) -> Queries:
        text, *codes, misspelt = zip(*dict.fromkeys(self.rows), strict=True)
        language, department, leaf, facet, value = (np.array(column, np.int32) for column in codes)
        return Queries(
            pa.array(text, pa.string()), language, department, leaf, facet, value, np.array(misspelt, np.bool_)
        )


def invented_queries(leaves: tuple[Leaf, ...] = LEAVES, *, rng: np.random.Generator) -> Queries:
    """The queries of an invented catalogue, in both languages, broad and narrow, each English one also misspelt."""
    phrases = _Phrases([])
    for code in sorted({leaf.department for leaf in leaves}):
        for language in (0, 1):
            phrases.add(DEPARTMENTS[code].name[language].lower(), language, code, NONE)
    for number, leaf in enumerate(leaves):
        for language in (0, 1):
            for noun in (leaf.name, *leaf.nouns):
                _add_with_facets(phrases, noun, number, leaf, language, rng)
    return phrases.queries()


def _add_with_facets(
    phrases: _Phrases, noun: Word, number: int, leaf: Leaf, language: int, rng: np.random.Generator
) -> None:
    for facet, value, word in ((NONE, NONE, Word("", "")), *_facet_words(leaf)):
        gap = " " if language == 0 and word.en else ""
        text = f"{word[language]}{gap}{noun[language]}".lower()
        phrases.add(text, language, leaf.department, number, facet, value)
        if language == 0:
            phrases.add(misspell(text, rng), language, leaf.department, number, facet, value, misspelt=True)


def _facet_words(leaf: Leaf) -> list[tuple[int, int, Word]]:
    """Facet, code and word of everything that a product of this leaf can be asked to be."""
    colours = enumerate(COLOURS) if leaf.coloured else ()
    brands = ((code, BRANDS[code]) for code in range(leaf.department, len(BRANDS), len(DEPARTMENTS)))
    traits = ((code, TRAITS[name]) for code, name in enumerate(TRAITS) if name in leaf.traits)
    patterns = ((code, word) for code, word in enumerate(PATTERNS) if code != PLAIN and leaf.coloured)
    return [
        (facet, code, word) for facet, words in enumerate((colours, brands, traits, patterns)) for code, word in words
    ]


def adopted_queries(shop: Assortment, brands: tuple[str, ...], *, rng: np.random.Generator) -> Queries:
    """The queries of a real catalogue: its departments, its categories, and its brands within a category."""
    phrases = _Phrases([])
    for code, name in enumerate(shop.department_names):
        phrases.add(name.lower(), 0, code, NONE)
    for number, name in enumerate(shop.leaf_names):
        phrases.add(name.lower(), 0, int(shop.department[number]), number)
        phrases.add(misspell(name.lower(), rng), 0, int(shop.department[number]), number, misspelt=True)
    facet = FACETS.index("brand")
    pairs = np.unique(np.stack([shop.leaf, shop.facets[facet]])[:, shop.facets[facet] >= 0], axis=1)
    for number, brand in pairs.T.tolist():
        text = f"{brands[brand]} {shop.leaf_names[number]}".lower()
        phrases.add(text, 0, int(shop.department[number]), number, facet, brand)
    return phrases.queries()


def misspell(text: str, rng: np.random.Generator) -> str:
    """A slip of the finger: a letter left out, doubled, or swapped with the next; never the first."""
    if len(text) < 4:
        return text
    place = int(rng.integers(1, len(text) - 1))
    slips = (
        text[:place] + text[place + 1 :],
        text[:place] + text[place] + text[place:],
        text[:place] + text[place + 1] + text[place] + text[place + 2 :],
    )
    return slips[int(rng.integers(len(slips)))]
