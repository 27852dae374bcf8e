"""An encoder of the shop's own: a text lies where its words, and the characters that they are made of, add up to.

Words are bags of character n-grams (Bojanowski et al., "Enriching Word Vectors with Subword Information", TACL 2017),
texts are bags of words (Wu et al., "StarSpace: Embed All The Things!", AAAI 2018). NumPy is all it needs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from shopkeeper.engine.chinese import Chinese
from shopkeeper.engine.context import places_among
from shopkeeper.engine.item_terms import hash_of
from shopkeeper.engine.text import is_unspaced
from shopkeeper.engine.wording import Analyser
from shopkeeper.release.arrays import Array, load_array, save_arrays
from shopkeeper.vocabulary import Mask, Scores

FILE = "subword.json"
GRAMS = range(2, 5)  # characters
_LONGEST = 32  # characters of a word that are read
_CHARACTERS = 16  # of a text that are looked at, for each token that is read
_CHUNK = 2_048  # texts read at a time

Hashes = npt.NDArray[np.uint32]
Counts = npt.NDArray[np.int64]


class Bags(NamedTuple):
    """Some things in each of several bags: things [m], bag after bag; sizes int64 [b]."""

    things: Array
    sizes: Counts

    @classmethod
    def of(cls, lists: Sequence[Sequence[int] | Array], dtype: npt.DTypeLike) -> Bags:
        sizes = np.fromiter(map(len, lists), np.int64, len(lists))
        things = np.concatenate(lists) if len(lists) and sizes.any() else np.empty(0)
        return cls(things.astype(dtype), sizes)

    @property
    def owners(self) -> Counts:
        """int64 [m]: the bag of each."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    def and_(self, others: Bags) -> Bags:
        """Each bag with what that of others holds besides."""
        order = np.argsort(np.concatenate((self.owners, others.owners)), kind="stable")
        return Bags(np.concatenate((self.things, others.things))[order], self.sizes + others.sizes)

    def where(self, kept: Mask) -> Bags:
        """Those of which bool [m] says so."""
        return Bags(self.things[kept], np.bincount(self.owners[kept], minlength=len(self.sizes)))

    def take(self, bags: Counts) -> Bags:
        """Of these bags int64 [k] only, in that order."""
        sizes, starts = self.sizes[bags], (np.cumsum(self.sizes) - self.sizes)[bags]
        begins = np.cumsum(sizes) - sizes
        return Bags(self.things[np.repeat(starts - begins, sizes) + np.arange(int(sizes.sum()))], sizes)

    def sums(self, vectors: Array) -> Scores:
        """float32 [b, d], of vectors float [n, d] that the things are places in."""
        found = np.zeros((len(self.sizes), vectors.shape[1]), np.float32)
        full = np.flatnonzero(self.sizes)
        if len(full):
            starts = (np.cumsum(self.sizes) - self.sizes)[full]
            found[full] = np.add.reduceat(vectors[self.things].astype(np.float32), starts)
        return found


class Reading(NamedTuple):
    """Texts → tokens, of which the first `most` are read."""

    analyser: Analyser
    most: int

    @classmethod
    def of(cls, chinese: Chinese, most: int) -> Reading:
        return cls(Analyser(str, chinese), most)

    def tokens(self, text: str) -> list[str]:
        """The words; of scripts without spaces the characters and neighbouring pairs of them as well."""
        text = text[: _CHARACTERS * self.most]
        found = [word[:_LONGEST] for word in self.analyser.words(text)]
        if characters := self.analyser.characters(text):
            found = [word for word in found if len(word) > 1 or not is_unspaced(word)]
            found += [one for one in characters if one != "|"]
            found += [one + other for one, other in pairwise(characters) if one != "|" != other]
        return found[: self.most]

    def bags(self, texts: Iterable[str]) -> tuple[list[str], Bags]:
        """The tokens that there are, each once, and their places in each text."""
        known = dict[str, int]()
        lists = [[known.setdefault(token, len(known)) for token in self.tokens(text)] for text in texts]
        return list(known), Bags.of(lists, np.int64)


def features(tokens: Sequence[str]) -> Bags:
    """uint32 hashes, of each token."""
    return Bags.of([_features(token) for token in tokens], np.uint32)


@lru_cache(maxsize=65_536)
def _features(token: str) -> Hashes:
    """Of a token of an unspaced script itself; of a word also its n-grams, which know where it begins and ends."""
    return np.fromiter(map(hash_of, _written(token)), np.uint32)


def _written(token: str) -> Iterator[str]:
    yield token
    if not is_unspaced(token):
        bounded = f"<{token}>"
        for n in GRAMS:
            yield from (f"~{bounded[at : at + n]}" for at in range(len(bounded) - n + 1))


class SubwordEncoder:
    """hashes: uint32 [f], ascending, the features it knows; table: float16 [f, d], what each adds; convincing: as
    Encoder has it."""

    def __init__(self, hashes: Hashes, table: Array, reading: Reading, convincing: float) -> None:
        self.hashes, self.table, self.reading, self.convincing = hashes, table, reading, convincing
        self.dimension = int(table.shape[1])

    @cached_property
    def digest(self) -> str:
        told = hashlib.sha256(np.ascontiguousarray(self.hashes).data)
        told.update(np.ascontiguousarray(self.table).data)
        return told.hexdigest()

    @classmethod
    def load(cls, directory: Path) -> SubwordEncoder:
        told = msgspec.json.decode((directory / FILE).read_bytes(), type=_Told)
        reading = Reading.of(Chinese.load(directory), told.max_tokens)
        return cls(load_array(directory, "hashes"), load_array(directory, "table"), reading, told.convincing)

    def save(self, directory: Path) -> None:
        save_arrays(directory, {"hashes": self.hashes, "table": self.table})
        (directory / FILE).write_bytes(msgspec.json.encode(_Told(self.reading.most, self.convincing)))
        self.reading.analyser.chinese.save(directory)

    def encode(self, texts: Sequence[str]) -> Scores:
        """float32 [len(texts), dimension], each of length 1, or zeros where nothing is known of it."""
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for start in range(0, len(texts), _CHUNK):
            tokens, bags = self.reading.bags(texts[start : start + _CHUNK])
            vectors[start : start + _CHUNK] = bags.sums(self._vectors(tokens))
        lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
        vectors /= np.maximum(lengths, 1e-12)[:, None]
        return vectors

    def unknown_shares(self, texts: Sequence[str]) -> Scores:
        """float32 [len(texts)]: the share of each text's words (characters, where words are not spaced) that are not
        known, nor half of their n-grams; 1 for an empty text."""
        shares = np.ones(len(texts), np.float32)
        for start in range(0, len(texts), _CHUNK):
            tokens, bags = self.reading.bags(texts[start : start + _CHUNK])
            counted = np.array([len(token) == 1 or not is_unspaced(token) for token in tokens], np.bool_)
            bags = bags.where(counted[bags.things])
            unknown = np.bincount(bags.owners, ~self._known(tokens)[bags.things], len(bags.sizes))
            np.divide(unknown, bags.sizes, out=shares[start : start + _CHUNK], where=bags.sizes > 0, casting="unsafe")
        return shares

    def knows(self, word: str) -> bool:  # noqa: ARG002
        """Never: it has learned from the words of the shop, which knows them, and from what people typed."""
        return False

    def _vectors(self, tokens: Sequence[str]) -> Scores:
        """float32 [len(tokens), d]."""
        held = self._places(tokens)
        held = held.where(held.things >= 0)
        lengths = np.sqrt(np.maximum(held.sizes, 1)).astype(np.float32)  # long words are not heavier than short ones
        vectors: Scores = held.sums(self.table) / lengths[:, None]
        return vectors

    def _known(self, tokens: Sequence[str]) -> Mask:
        """bool [len(tokens)]."""
        places = self._places(tokens)
        firsts = np.cumsum(places.sizes) - places.sizes  # every token has itself as its first feature
        of_grams = np.bincount(places.owners, places.things >= 0, len(tokens)) / np.maximum(places.sizes - 1, 1)
        return np.asarray((places.things[firsts] >= 0) | (of_grams >= 0.5))

    def _places(self, tokens: Sequence[str]) -> Bags:
        """Of each token's features in the table, -1 for those that are not there."""
        found = features(tokens)
        return Bags(places_among(self.hashes, found.things), found.sizes)


class _Told(msgspec.Struct, frozen=True):
    max_tokens: int
    convincing: float
