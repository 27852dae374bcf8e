"""Text → words, for every script: what is indexed, and what is asked.

Words are folded (NFKC, lower case, no accents). A compound such as "TN-2110" or "1TB" is indexed as its parts in
order and as one word, so that it is found however it is written. Scripts without spaces (Chinese, Japanese, Thai)
are cut into words by rjieba; their single characters are the fallback.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import rjieba

MAX_QUERY_CHARACTERS, MAX_QUERY_WORDS = 1000, 24

# Words that a query may do without.
STOPWORDS = frozenset(
    (
        "a",
        "an",
        "and",
        "at",
        "by",
        "for",
        "from",
        "in",
        "is",
        "of",
        "on",
        "or",
        "the",
        "to",
        "with",
        *"的了和与及或在是",
    )
)

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_LETTERS = rf"(?:(?![{_UNSPACED}])(?:[^\W\d_]|[\u0900-\u0dff]))+"  # Indic vowel signs are no letters to `re`
_PIECE = re.compile(rf"\d+(?:[.,]\d+)*|{_LETTERS}")
_RUN = re.compile(rf"(?P<unspaced>[{_UNSPACED}]+)|(?:{_PIECE.pattern})(?:[-'’.&]?(?:{_PIECE.pattern}))*")
_ASCII_PIECE = r"(?:\d+(?:[.,]\d+)*|[a-z]+)"  # most texts are plain: the same, many times as fast
_ASCII_RUN = re.compile(rf"{_ASCII_PIECE}(?:[-'.&]?{_ASCII_PIECE})*", re.ASCII)
_TOKEN = re.compile(rf"[^\W_{_UNSPACED}]+")
_UNSPACED_START = re.compile(f"[{_UNSPACED}]")
_ACCENTS = re.compile("[\u0300-\u036f]")


class Word(NamedTuple):
    """A word of a query. `parts` are the pieces it is made of, in order: one for a plain word."""

    text: str
    parts: tuple[str, ...]
    unspaced: bool


def is_unspaced(text: str) -> bool:
    """Whether the text begins in a script that writes its words without spaces."""
    return bool(_UNSPACED_START.match(text))


def fold(text: str) -> str:
    """The same letters for what people hold to be the same: width, case and accents."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFKD", folded)))


def words(text: str) -> list[str]:
    """The words under which a text is indexed, in order."""
    folded, found = fold(text), list[str]()
    if folded.isascii():
        for spaced in _ASCII_RUN.findall(folded):
            found.extend(_compound(spaced))
        return found
    for run in _RUN.finditer(folded):
        found.extend(rjieba.cut_for_search(run[0]) if run["unspaced"] else _compound(run[0]))
    return found


def characters(text: str) -> list[str]:
    """The unspaced characters of a text in order, for matching by substring; "|" parts the runs."""
    if text.isascii():
        return []
    found: list[str] = []
    for run in _RUN.finditer(fold(text)):
        if run["unspaced"]:
            found.extend((*run[0], "|"))
    return found


def spaced_tokens(folded: str) -> list[str]:
    """The runs of letters and digits of a folded text, without those of the unspaced scripts."""
    return _TOKEN.findall(folded)


def query_words(query: str) -> list[Word]:
    """What a query asks for: at most MAX_QUERY_WORDS distinct words of its first MAX_QUERY_CHARACTERS characters."""
    found: dict[str, Word] = {}
    for word in _query_words(fold(query[:MAX_QUERY_CHARACTERS])):
        found.setdefault(word.text, word)
        if len(found) == MAX_QUERY_WORDS:
            break
    return list(found.values())


def _query_words(folded: str) -> Iterator[Word]:
    for run in _RUN.finditer(folded):
        if not run["unspaced"]:
            parts = _pieces(run[0])
            yield Word("".join(parts), parts, unspaced=False)
            continue
        for segment in _join_singles(rjieba.cut(run[0])):
            yield Word(segment, tuple(segment), unspaced=True)


def _join_singles(segments: list[str]) -> Iterator[str]:
    """Neighbouring single characters are a word that the dictionary lacks (a name, Japanese, Thai)."""
    single = ""
    for segment in segments:
        if len(segment) == 1 and segment not in STOPWORDS:
            single += segment
            continue
        if single:
            yield single
        single = ""
        yield segment
    if single:
        yield single


@lru_cache(maxsize=100_000)
def _compound(run: str) -> tuple[str, ...]:
    """The pieces in order, and if they are many, all as one word."""
    parts = _pieces(run)
    return parts if len(parts) == 1 else (*parts, "".join(parts))


def _pieces(compound: str) -> tuple[str, ...]:
    return tuple(piece.replace(",", ".") for piece in _PIECE.findall(compound))
