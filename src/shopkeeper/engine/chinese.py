"""What a release knows of Chinese beyond rjieba: the shop's own words, simplified characters, and how words are typed.

opencc and pypinyin (the extra `zh`) are asked when a release is made, and never when it serves.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path

import msgspec

from shopkeeper.engine.text import fold, is_unspaced

FILE = "chinese.json"
_HAN = range(0x3400, 0xA000)
_LONGEST_WORD, _MOST_ALIKE = 8, 4
_LONGEST_KEY = 24


class Chinese(msgspec.Struct, frozen=True, dict=True):
    """lexicon: words that are never cut; simplified: each traditional character that has a simpler form → that form;
    pinyin: letters without blanks or tones → the shop's words that are typed so, the most frequent first."""

    lexicon: frozenset[str] = frozenset()
    simplified: dict[str, str] = {}
    pinyin: dict[str, tuple[str, ...]] = {}

    @classmethod
    def of(cls, own_words: Iterable[str]) -> Chinese:
        """own_words: brands, categories, product words, in any script; those in scripts with spaces are passed over."""
        simplified = _simplified()
        plain = cls(simplified=simplified)
        folded = (plain.simplify(fold(word)) for word in own_words)
        return cls(frozenset(word for word in folded if _is_word(word)), simplified)

    def with_pinyin(self, counts: Iterable[tuple[str, int]]) -> Chinese:
        """With how words are typed; `counts` tells how many items hold each word of the shop."""
        typed: dict[str, list[tuple[int, str]]] = {}
        spelt = _pinyin()
        if spelt is None:
            return self
        for word, count in counts:
            if _is_word(word) and (key := spelt(word)):
                typed.setdefault(key, []).append((-count, word))
        return msgspec.structs.replace(
            self, pinyin={key: tuple(word for _, word in sorted(typed[key])[:_MOST_ALIKE]) for key in sorted(typed)}
        )

    def simplify(self, text: str) -> str:
        """Traditional characters as simplified ones, where the release was made with opencc."""
        return text if text.isascii() or not self.simplified else text.translate(self._table)

    def typed(self, letters: str) -> tuple[str, ...]:
        """The words that are typed so: one reading of the letters, or words one behind another ("shoujike")."""
        return self.pinyin.get(letters, ())

    def beginning(self, letters: str, limit: int) -> list[str]:
        """Words that are typed so and more."""
        found: list[str] = []
        at = bisect_left(self._keys, letters)
        while at < len(self._keys) and self._keys[at].startswith(letters) and len(found) < limit:
            found.extend(self.pinyin[self._keys[at]])
            at += 1
        return found[:limit]

    def parted(self, letters: str) -> list[str] | None:
        """The fewest words' keys that make up the letters one behind another; None where nothing does."""
        best: dict[int, list[str]] = {0: []}
        for end in range(1, len(letters) + 1):
            for begin in range(max(0, end - _LONGEST_KEY), end):
                key = letters[begin:end]
                if begin in best and key in self.pinyin:
                    way = [*best[begin], key]
                    if end not in best or len(way) < len(best[end]):
                        best[end] = way
        return best.get(len(letters))

    def save(self, directory: Path) -> None:
        (directory / FILE).write_bytes(msgspec.json.encode(self))

    @classmethod
    def load(cls, directory: Path) -> Chinese:
        """Releases of earlier versions have none. Raises msgspec.DecodeError for a damaged file."""
        path = directory / FILE
        return msgspec.json.decode(path.read_bytes(), type=cls) if path.exists() else cls()

    @cached_property
    def _table(self) -> Mapping[int, str]:
        return str.maketrans(self.simplified)

    @cached_property
    def _keys(self) -> list[str]:
        return list(self.pinyin)


def _is_word(word: str) -> bool:
    return 2 <= len(word) <= _LONGEST_WORD and all(map(is_unspaced, word))


def _simplified() -> dict[str, str]:
    try:
        import opencc
    except ImportError:
        return {}
    convert = opencc.OpenCC("t2s").convert
    pairs = ((char, convert(char)) for char in map(chr, _HAN))
    return {char: simple for char, simple in pairs if simple != char and len(simple) == 1}


def _pinyin() -> Callable[[str], str] | None:
    """A word → the letters with which it is typed, "" where it has none."""
    try:
        from pypinyin import lazy_pinyin
    except ImportError:
        return None

    def spelt(word: str) -> str:
        letters = "".join(lazy_pinyin(word))
        return letters if letters.isascii() and letters.isalpha() else ""

    return spelt
