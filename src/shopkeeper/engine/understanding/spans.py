"""A query in units whose places in it are known: stems of words, and segments of scripts without spaces."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import groupby
from typing import NamedTuple

import rjieba

from shopkeeper.engine.text import fold, is_unspaced

_TOKEN = re.compile(r"\d+|[^\W\d_]+")


class Unit(NamedTuple):
    """`text` is a stem or a segment; it stands at folded[start:end]."""

    text: str
    start: int
    end: int
    unspaced: bool


class Folded(NamedTuple):
    """A text folded, and where in the original each of its characters began; one more for the end."""

    text: str
    places: Sequence[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Of folded[start:end], in the original."""
        return self.places[start], self.places[end - 1] + 1 if end > start else self.places[start]


def folded(text: str) -> Folded:
    if text.isascii():
        return Folded(text.lower(), range(len(text) + 1))
    parts = [fold(character) for character in text]
    places = [at for at, part in enumerate(parts) for _ in part]
    return Folded("".join(parts), [*places, len(text)])


def units_of(text: str, stem: Callable[[str], str], read_as: Mapping[str, str] = {}) -> list[Unit]:
    """The units of a folded text, in order. read_as: of some words, others that stand in their places."""
    found: list[Unit] = []
    for token in _TOKEN.finditer(text):
        start, word = token.start(), token[0]
        if word in read_as:
            found.extend(unit._replace(start=start, end=token.end()) for unit in units_of(read_as[word], stem))
        elif word.isascii():
            found.append(Unit(stem(word), start, token.end(), unspaced=False))
        else:
            found.extend(_parted(word, start, stem))
    return found


def _parted(word: str, start: int, stem: Callable[[str], str]) -> Iterator[Unit]:
    for unspaced, run in groupby(word, key=is_unspaced):
        part = "".join(run)
        for segment in rjieba.cut(part) if unspaced else [part]:
            yield Unit(segment if unspaced else stem(_composed(segment)), start, start + len(segment), unspaced)
            start += len(segment)


def _composed(word: str) -> str:
    return unicodedata.normalize("NFC", word)


def key_of(units: Sequence[Unit]) -> str:
    """What texts of the same words have in common, however they are written, spaced and segmented."""
    return next(key for _, end, key in keys_of(units, len(units)) if end == len(units))


def keys_of(units: Sequence[Unit], most: int) -> Iterator[tuple[int, int, str]]:
    """Every units[begin:end] of at most so many, and its key."""
    for begin, first in enumerate(units):
        key, unspaced = first.text, first.unspaced
        yield begin, begin + 1, key
        for end in range(begin + 1, min(begin + most, len(units))):
            unit = units[end]
            key += unit.text if unspaced and unit.unspaced else f" {unit.text}"
            unspaced = unit.unspaced
            yield begin, end + 1, key


def key_hash(key: str) -> int:
    """uint64; of a million keys, two share one once in forty million shops."""
    return int.from_bytes(blake2b(key.encode(errors="surrogatepass"), digest_size=8).digest(), "little")
