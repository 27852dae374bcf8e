"""The words of a shop's suggestions, found by a beginning that holds one error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shopkeeper.release.arrays import load_array, save_arrays
from shopkeeper.vocabulary import Scores

LONGEST = 20  # letters of a word that are kept
SHORTEST = 4  # letters below which nothing is held to be an error

Letters = npt.NDArray[np.uint16]


@dataclass(frozen=True, eq=False)
class Spellings:
    """letters uint16 [V, LONGEST]: the code points of V words of letters, ascending, 0 behind them;
    weights float32 [V]: how often each is meant."""

    letters: Letters
    weights: Scores

    @classmethod
    def build(cls, weights: Mapping[str, float]) -> Spellings:
        """Of the words that can be misspelt: of letters alone, and not too short or rare scripts' own."""
        words = sorted(word for word in weights if len(word) >= SHORTEST and word.isalpha() and max(word) < "\u3000")
        letters = np.array([_codes(word) for word in words], np.uint16).reshape(-1, LONGEST)
        return cls(letters, np.array([weights[word] for word in words], np.float32))

    def near(self, typed: str, limit: int, *, whole: bool) -> list[str]:
        """The beginnings within one error of `typed` (a letter too many, too few, another, or two that changed places),
        those of the heaviest words first. whole: the words themselves, `typed` being one to its end.

        The first letter is held to be right, or to have changed places with the second.
        """
        if not SHORTEST <= len(typed) < LONGEST - 1 or max(typed) > "\uffff":
            return []
        wanted = np.array([ord(letter) for letter in (typed + "\0" if whole else typed)], np.uint16)
        found: dict[str, float] = {}
        for initial in dict.fromkeys(wanted[:2].tolist()):
            first, end = np.searchsorted(self.letters[:, 0], [initial, initial + 1])
            rows, sizes = _one_error(self.letters[first:end], wanted)
            for row, size in zip((rows + first).tolist(), sizes.tolist(), strict=True):
                beginning = "".join(map(chr, self.letters[row, :size])).rstrip("\0")
                found[beginning] = found.get(beginning, 0.0) + float(self.weights[row])
        found.pop(typed, None)
        return sorted(found, key=lambda beginning: -found[beginning])[:limit]

    def save(self, directory: Path) -> None:
        save_arrays(directory, {"letters": self.letters, "weights": self.weights})

    @classmethod
    def load(cls, directory: Path) -> Spellings:
        """Memory-mapped."""
        return cls(load_array(directory, "letters"), load_array(directory, "weights"))


def _one_error(letters: Letters, wanted: Letters) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The rows of `letters` that begin as `wanted` does but for one error, and how many letters stand for it.

    Whatever the error, what precedes it agrees in place, and what follows agrees at a shift: by none where a letter is
    another (or two changed places), by one where there is one too few or too many.
    """
    size = len(wanted)
    same = letters[:, :size] == wanted
    before = np.where(same.all(axis=1), size, np.argmin(same, axis=1))
    after = {shift: _agreeing_ends(letters, wanted, shift) for shift in (-1, 0, 1)}
    at = np.minimum(before, size - 2)
    rows = np.arange(len(letters))
    swapped = (letters[rows, at] == wanted[at + 1]) & (letters[rows, at + 1] == wanted[at])
    fits = {
        size: (before + after[0] >= size - 1) | (swapped & (before + after[0] >= size - 2)),
        size + 1: before + after[1] >= size,
        size - 1: before + after[-1] >= size - 1,
    }
    lengths = np.zeros(len(letters), np.int64)
    for length, fitting in fits.items():
        lengths[fitting & (lengths == 0)] = length
    found = np.flatnonzero(lengths)
    return found, lengths[found]


def _agreeing_ends(letters: Letters, wanted: Letters, shift: int) -> npt.NDArray[np.int64]:
    """How many of the last letters of `wanted` stand `shift` places further on in each row."""
    first = max(0, -shift)
    differ = (letters[:, first + shift : len(wanted) + shift] != wanted[first:])[:, ::-1]
    return np.where(differ.any(axis=1), np.argmax(differ, axis=1), len(wanted) - first)


def _codes(word: str) -> list[int]:
    codes = [ord(letter) for letter in word[:LONGEST]]
    return codes + [0] * (LONGEST - len(codes))
