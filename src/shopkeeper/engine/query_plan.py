"""A query's words and every way in which an item may hold them: as written, begun, misspelt, joined or parted, by
another name, in another script."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from shopkeeper.engine.measures import UNIT_OF
from shopkeeper.engine.text import Word, fold, parse_query
from shopkeeper.engine.text_index import Near, TextIndex
from shopkeeper.engine.wording import Analyser, Stems, Wording

_PHRASE, _PREFIX, _SUBSTRING, _FRAGMENT, _SYNONYM, _JOINED, _TYPED = 0.8, 0.35, 0.7, 0.2, 0.8, 0.9, 0.9
_CORRECTED, _DOUBTED = 1.0, 0.5  # a word that the shop does not know, read as its like; and one that it hardly knows
_OTHER_START, _FEW_WAYS, _ANOTHER_ERROR = 0.5, 4.0, 0.05  # how much more likely a word is misspelt so
_LIKELY = 0.05  # as the likeliest correction: less likely ones are no readings
_MAX_PREFIXES, _MAX_CORRECTIONS, _CONSIDERED = 8, 4, 24
_RARE = 3  # a word of fewer items than this may be a misspelling that found its like
_OUTNUMBERED = 30  # and so may one whose like has so many times its items
_OUTNUMBERED_BESIDE = 5  # or so many, where that stands beside the other words of the query, and the word never does
_SHORTEST, _SHORTEST_TYPED = 4, 2


class Reading(NamedTuple):
    """One way to hold a word: its `terms` (stems, or characters) side by side. `text` names it to people."""

    terms: Stems
    weight: float
    text: str


class Wanted(NamedTuple):
    """A word of the query, its readings (best first), and how much it says (its inverse document frequency)."""

    word: str
    readings: tuple[Reading, ...]
    rarity: float
    optional: bool


class Plan(NamedTuple):
    """read_as: words of the query that the shop does not know, folded, each with what it was read as;
    corrected: the query as it was read, "" where as written; suggestion: another query that may be meant. phrases
    and excluded are terms side by side, which an item must hold, or must not."""

    wanted: tuple[Wanted, ...]
    read_as: tuple[tuple[str, str], ...] = ()
    corrected: str = ""
    suggestion: str = ""
    phrases: tuple[Stems, ...] = ()
    excluded: tuple[Stems, ...] = ()

    @property
    def needed(self) -> list[Wanted]:
        """The words that an item should hold."""
        return [wanted for wanted in self.wanted if not wanted.optional]


@dataclass(frozen=True)
class Planner:
    """Makes plans for one index. knows: whether a word is one, though the shop does not have it: then it is not taken
    for a misspelling of another."""

    index: TextIndex
    analyser: Analyser
    wording: Wording
    knows: Callable[[str], bool]

    def plan(self, query: str, verbatim: bool) -> Plan:
        """The last word may still be being typed, unless a blank follows it. verbatim: words are read as written."""
        asked = parse_query(query)
        words = self._pinyin_parted(self._codes_joined(self._run_together_parted(asked.text, verbatim)), verbatim)
        optional = {word.text for word in words if word.text in self.wording.stop_words}
        if len(optional) == len({word.text for word in words}):
            optional = set()
        unfinished = words[-1] if words and not verbatim and not asked.text[-1:].isspace() else None
        shared = [[], *([] for _ in words[1:])] if verbatim else self._shared(words)
        wanted, read_as, suggested = [], dict[str, str](), dict[str, str]()
        known = [stem for word in words if self.index.holds_stem(stem := self.analyser.stem(word.text))]
        for word, others in zip(words, shared, strict=True):
            beside = [stem for stem in known if stem != self.analyser.stem(word.text)]
            readings, better = self._readings(word, others, beside, word is unfinished, verbatim)
            rarity = self.index.rarity(readings[0].text if better else word.text)
            wanted.append(Wanted(word.text, readings, rarity, word.text in optional))
            if better:
                (suggested if self.index.count(word.text) else read_as)[word.text] = better
        told = fold(asked.text)
        if not all(re.search(rf"\b{re.escape(word)}\b", told) for word in read_as):
            told = " ".join(word.text for word in words)  # the words were parted
        return Plan(
            tuple(wanted),
            tuple(read_as.items()),
            _rewritten(told, read_as),
            _rewritten(told, read_as | suggested) if suggested else "",
            tuple(self._terms(phrase) for phrase in asked.quoted if self._terms(phrase)),
            tuple(self._terms(word) for word in asked.excluded if self._terms(word)),
        )

    def _terms(self, said: str) -> Stems:
        words = self.analyser.query_words(said)
        return tuple(
            part for word in words for part in (word.parts if word.unspaced else map(self.analyser.stem, word.parts))
        )

    def _readings(
        self, word: Word, shared: Sequence[Reading], beside: Sequence[str], unfinished: bool, verbatim: bool
    ) -> tuple[tuple[Reading, ...], str]:
        """The readings of a word, and what it was probably meant to be, "" where what it is. shared: readings that it
        has together with its neighbours; beside: the stems of the other words."""
        if word.unspaced:
            return (*_unspaced_readings(word, self.index), *shared), ""
        readings = list(self._as_written(word))
        if verbatim:
            return tuple(readings), ""
        known, stem = self.index.count(word.text), self.analyser.stem(word.text)
        begun = list(self._begun(word)) if unfinished and len(word.text) > 1 else []
        typed = list(self._typed(word, unfinished)) if known < _RARE else []
        parted = self._parted(word)
        readings += [*shared, *begun, *typed, *parted]
        if not known and (shared or typed or parted or self.index.holds_stem(stem)):
            return tuple(readings), typed[0].text if typed else ""
        corrections = self._corrections(word, known, [each.text for each in begun], beside)
        if corrections and not known:
            readings = []  # nothing is written so
        readings += [self._alike(word, other, weight) for other, weight in corrections]
        if unfinished and not (known or begun or corrections):
            readings += [self._alike(word, other, _PREFIX) for other in self._begun_near(word)]
        return tuple(readings), corrections[0][0] if corrections else ""

    def _as_written(self, word: Word) -> Iterator[Reading]:
        stem = self.analyser.stem
        yield Reading((stem(word.text),), 1.0, word.text)
        if len(word.parts) > 1:
            yield Reading(tuple(map(stem, word.parts)), _PHRASE, " ".join(word.parts))
        if (unit := UNIT_OF.get(word.text, word.text)) != word.text:
            yield Reading((unit,), _SYNONYM, unit)

    def _begun(self, word: Word) -> Iterator[Reading]:
        stem = self.analyser.stem
        for other in self.index.beginning(word.text, _MAX_PREFIXES):
            if stem(other) != stem(word.text):
                yield self._alike(word, other, _PREFIX)

    def _begun_near(self, word: Word) -> list[str]:
        return self.index.beginning_near(word.text, _MAX_PREFIXES) if len(word.text) > 3 else []

    def _alike(self, word: Word, other: str, weight: float) -> Reading:
        """Never above the word itself, however rare the other is."""
        own = self.index.rarity(word.text)
        return Reading((self.analyser.stem(other),), weight * min(1.0, own / self.index.rarity(other)), other)

    def _corrections(
        self, word: Word, known: int, begun: Sequence[str], beside: Sequence[str]
    ) -> list[tuple[str, float]]:
        """Words like this one that the shop knows far better, with weights: the one that is most likely meant first."""
        found = self._meant(word, known, begun, beside)
        named = [self._named(near.word, beside) for near in found]
        if not any(named):
            named = [self._named(near.word, ()) for near in found]
        likely = sorted(
            (
                (_likelihood(near, word.text) * (count + 0.1) ** 0.5, near.word)
                for near, count in zip(found, named, strict=True)
            ),
            reverse=True,
        )[:_MAX_CORRECTIONS]
        first = _DOUBTED if known else _CORRECTED
        best = likely[0][0] if likely else 0.0
        return [(other, first * (share / best) ** 0.5) for share, other in likely if share > _LIKELY * best]

    def _meant(self, word: Word, known: int, begun: Sequence[str], beside: Sequence[str]) -> list[Near]:
        """Words that may be meant by this one, or by the beginning of `begun` that it is. Where no item has what is
        written together with all of `beside`, more is forgiven to find what some have."""
        if not word.text.isalpha() or len(word.text) < _SHORTEST - 1 or (not known and self.knows(word.text)):
            return []
        alone = cache(lambda: self._stands_alone((word.text, *begun), beside))
        if begun and not known and not alone():
            return []
        forgiven = 1 if known or len(word.text) <= _SHORTEST else 2
        most = 2 if beside and not known and len(word.text) == _SHORTEST else forgiven
        near = [
            each
            for each in self.index.near(word.text, most, 8 * _CONSIDERED)
            if each.word not in self.wording.stop_words
        ]
        meant, others = list[Near](), list[Near]()
        for each in near:
            if each.errors <= forgiven and self._is_likelier(each, word.text, known, begun):
                meant.append(each)
            elif each.items >= max(_RARE, _OUTNUMBERED_BESIDE * known):
                others.append(each)
        if others and alone():
            least = _RARE if known else 1
            meant += [each for each in others[:_CONSIDERED] if self._named(each.word, beside) >= least]
        return meant[:_CONSIDERED]

    def _stands_alone(self, words: Sequence[str], beside: Sequence[str]) -> bool:
        """Whether no item has one of these words together with all of `beside`, of which there are some."""
        stems = map(self.analyser.stem, words)
        return bool(beside) and not any(self.index.together((stem, *beside)) for stem in stems)

    def _is_likelier(self, near: Near, word: str, known: int, begun: Sequence[str]) -> bool:
        """Whether a word that looks like `word` is meant rather than that, whatever stands beside it."""
        if len(word) < _SHORTEST and len(near.word) <= len(word):
            return False  # of these a letter may be missing, and no other is told from another word
        if not known:
            return not begun
        least = known + 1 if known < _RARE else _OUTNUMBERED * known
        return near.items >= least and self._named(near.word, ()) >= least

    def _named(self, word: str, beside: Sequence[str]) -> int:
        return self.index.named(self.analyser.stem(word), beside)

    def _parted(self, word: Word) -> list[Reading]:
        """ "flashlight" → "flash light", where the shop writes it so as well."""
        halves = _halves(word.text, self.index) if word.text.isalpha() else None
        stems = halves and tuple(map(self.analyser.stem, halves))
        return (
            [Reading(stems, _PHRASE, " ".join(halves))] if halves and stems and self.index.side_by_side(stems) else []
        )

    def _shared(self, words: Sequence[Word]) -> list[list[Reading]]:
        """By word: the readings of runs of words together, which hold each of them. "head set" → "headset", and what a
        synonym says of the run."""
        shared: list[list[Reading]] = [[] for _ in words]
        stems = self.analyser.stems(words)
        for at, (word, other) in enumerate(pairwise(words)):
            joined = word.text + other.text
            if not (word.unspaced or other.unspaced) and self.index.count(joined):
                for each in (at, at + 1):
                    shared[each].append(self._alike(words[each], joined, _JOINED))
        for begin in range(len(words)):
            for end in range(begin + 1, min(len(words), begin + self.wording.longest) + 1):
                for meant in self.wording.synonyms.get(stems[begin:end], ()):
                    for at in range(begin, end):
                        shared[at].append(self._meaning(words[at], meant))
        return shared

    def _meaning(self, word: Word, meant: Sequence[str]) -> Reading:
        if len(meant) == 1:
            return self._alike(word, meant[0], _SYNONYM)
        rarest = max(map(self.index.rarity, meant))
        weight = _SYNONYM * min(1.0, self.index.rarity(word.text) / rarest)
        return Reading(tuple(map(self.analyser.stem, meant)), weight, " ".join(meant))

    def _typed(self, word: Word, unfinished: bool) -> Iterator[Reading]:
        """Words in Chinese characters that are typed with these letters."""
        if len(word.text) < _SHORTEST_TYPED or not word.text.isascii():
            return
        chinese = self.analyser.chinese
        for other in chinese.typed(word.text):
            yield Reading((other,), _TYPED, other)
        if unfinished and not chinese.typed(word.text):
            for other in chinese.beginning(word.text, _MAX_PREFIXES):
                yield Reading((other,), _PREFIX, other)

    def _pinyin_parted(self, words: list[Word], verbatim: bool) -> list[Word]:
        """ "shoujike" → "shouji", "ke", where the shop knows no such word and what the parts type."""
        if verbatim or not self.analyser.chinese.pinyin:
            return words
        parted: list[Word] = []
        for word in words:
            unknown = word.text.isascii() and word.text.isalpha() and not self.index.count(word.text)
            keys = self.analyser.chinese.parted(word.text) if unknown else None
            parted += [Word(key, (key,), unspaced=False) for key in keys] if keys else [word]
        return parted

    def _run_together_parted(self, query: str, verbatim: bool) -> list[Word]:
        """ "wirelessheadphones" → "wireless", "headphones", where the shop knows no such word, nor the two as one."""
        parted: list[Word] = []
        for word in self.analyser.query_words(query):
            text = word.text
            unknown = not (verbatim or word.unspaced) and text.isalpha() and not self.index.count(text)
            halves = _halves(text, self.index) if unknown else None
            sure = halves and min(map(self.index.count, halves)) >= _RARE and not self._parted(word)
            if halves and sure and not self.index.near(text, 1, 1):
                parted += [Word(half, (half,), unspaced=False) for half in halves]
            else:
                parted.append(word)
        return parted

    def _codes_joined(self, words: list[Word]) -> list[Word]:
        """ "tn 2110" → "tn2110", where the shop knows it; the two remain its parts, so that they still count."""
        joined: list[Word] = []
        for word in words:
            last = joined[-1] if joined else None
            if last and _is_code(last, word) and self.index.count(last.text + word.text):
                joined[-1] = Word(last.text + word.text, last.parts + word.parts, unspaced=False)
            else:
                joined.append(word)
        return joined


def _unspaced_readings(word: Word, index: TextIndex) -> Iterator[Reading]:
    """As a word, as a substring, and, where the shop does not know it, by neighbouring pairs of its characters."""
    yield Reading((word.text,), 1.0, word.text)
    if len(word.parts) > 1:
        yield Reading(word.parts, _SUBSTRING, word.text)
    if index.count(word.text):
        return
    if len(word.parts) > 2:
        for pair in pairwise(word.parts):
            yield Reading(pair, _FRAGMENT, "".join(pair))
    else:
        for character in word.parts:
            yield Reading((character,), _FRAGMENT, character)


def _is_code(word: Word, other: Word) -> bool:
    return not (word.unspaced or other.unspaced) and any(map(str.isdecimal, word.text + other.text))


def _likelihood(near: Near, word: str) -> float:
    """How likely a word is to be misspelt so, up to a factor. There are few ways to leave out a letter or to exchange
    two, and many to hit a wrong one; and people rarely err twice, or in the first letter."""
    few_ways = len(near.word) > len(word) or sorted(near.word) == sorted(word)
    start = 1.0 if near.word[0] == word[0] else _OTHER_START
    return (_FEW_WAYS if few_ways else 1.0) * start * _ANOTHER_ERROR ** (near.errors - 1)


def _halves(word: str, index: TextIndex) -> tuple[str, str] | None:
    """Two words that the shop knows, at the cut whose rarer half is most frequent."""
    cuts = [(word[:at], word[at:]) for at in range(3, len(word) - 2)]
    best = max(cuts, key=lambda halves: min(map(index.count, halves)), default=None)
    return best if best and min(map(index.count, best)) else None


def _rewritten(query: str, read_as: dict[str, str]) -> str:
    """The query with other words in the place of some; "" where there are none."""
    if not read_as:
        return ""
    written = "|".join(rf"(?<!\w){re.escape(word)}(?!\w)" for word in read_as)
    return " ".join(re.sub(written, lambda found: read_as[found[0]], query).split())
