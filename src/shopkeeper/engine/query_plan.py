"""A query's words and every way in which an item may hold them: as written, begun, misspelt, joined or parted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from shopkeeper.engine.text import STOPWORDS, Word, query_words
from shopkeeper.engine.text_index import TextIndex

_PHRASE, _PREFIX, _MISSPELT, _SUBSTRING, _FRAGMENT = 0.8, 0.35, 0.5, 0.7, 0.2
_MAX_PREFIXES, _MAX_CORRECTIONS = 8, 4
_RARE = 3  # a word of fewer items than this may be a misspelling that found its like


class Reading(NamedTuple):
    """One way to hold a word: its `terms` (stems, or characters) side by side. `text` names it to people."""

    terms: tuple[str, ...]
    weight: float
    text: str


class Wanted(NamedTuple):
    """A word of the query, its readings (best first), and how much it says (its inverse document frequency)."""

    word: str
    readings: tuple[Reading, ...]
    rarity: float
    optional: bool


def plan_query(query: str, index: TextIndex, stem: Callable[[str], str]) -> tuple[Wanted, ...]:
    """The last word may still be being typed, unless a blank follows it."""
    asked = _join_known(query_words(query), index)
    all_stopwords = all(word.text in STOPWORDS for word in asked)
    unfinished = asked[-1] if asked and not query[-1:].isspace() else None
    return tuple(
        Wanted(
            word.text,
            tuple(
                _unspaced_readings(word, index) if word.unspaced else _readings(word, index, stem, word is unfinished)
            ),
            index.rarity(word.text),
            optional=word.text in STOPWORDS and not all_stopwords,
        )
        for word in asked
    )


def _readings(word: Word, index: TextIndex, stem: Callable[[str], str], unfinished: bool) -> Iterator[Reading]:
    yield Reading((stem(word.text),), 1.0, word.text)
    if len(word.parts) > 1:
        yield Reading(tuple(map(stem, word.parts)), _PHRASE, " ".join(word.parts))
    count = index.count(word.text)
    own = index.rarity(word.text)

    def alike(other: str, weight: float) -> Reading:
        """Never above the word itself, however rare the other is."""
        return Reading((stem(other),), weight * min(1.0, own / index.rarity(other)), other)

    if unfinished and len(word.text) > 1:
        for other in index.beginning(word.text, _MAX_PREFIXES):
            if stem(other) != stem(word.text):
                yield alike(other, _PREFIX)
    if count >= _RARE or not word.text.isalpha() or (not count and index.holds_stem(stem(word.text))):
        return
    if not count and (halves := _split(word.text, index)):
        yield Reading((stem(halves[0]), stem(halves[1])), _PHRASE, " ".join(halves))
    for other, errors in index.near(word.text, _tolerance(word.text), _MAX_CORRECTIONS):
        if index.count(other) > count:
            yield alike(other, _MISSPELT**errors)


def _unspaced_readings(word: Word, index: TextIndex) -> Iterator[Reading]:
    """As a word, as a substring, and, where the shop does not know it, by neighbouring pairs of its characters."""
    yield Reading((word.text,), 1.0, word.text)
    if len(word.parts) > 1:
        yield Reading(word.parts, _SUBSTRING, word.text)
    if index.count(word.text):
        return
    if len(word.parts) > 2:
        for pair in zip(word.parts, word.parts[1:], strict=False):
            yield Reading(pair, _FRAGMENT, "".join(pair))
    else:
        for character in word.parts:
            yield Reading((character,), _FRAGMENT, character)


def _tolerance(word: str) -> int:
    """Errors forgiven: none in short words, where most neighbours are other words."""
    return 0 if len(word) < 4 else 1 if len(word) < 8 else 2


def _split(word: str, index: TextIndex) -> tuple[str, str] | None:
    """ "flashlight" → ("flash", "light"), if the shop knows both; at the cut whose rarer half is most frequent."""
    cuts = [(word[:at], word[at:]) for at in range(3, len(word) - 2)]
    best = max(cuts, key=lambda halves: min(map(index.count, halves)), default=None)
    return best if best and min(map(index.count, best)) else None


def _join_known(asked: list[Word], index: TextIndex) -> list[Word]:
    """ "head set" → "headset", where the shop knows it; the two remain its parts, so that they still count."""
    joined: list[Word] = []
    for word in asked:
        last = joined[-1] if joined else None
        if last and not last.unspaced and not word.unspaced and index.count(last.text + word.text):
            joined[-1] = Word(last.text + word.text, last.parts + word.parts, unspaced=False)
        else:
            joined.append(word)
    return joined
