"""What a release can suggest to somebody who types: queries, categories and brands, each with the items it leads to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path

import numpy as np
import pyarrow as pa

from shopkeeper.engine.prefixes import END, PrefixIndex
from shopkeeper.engine.recent_searches import PastSearches
from shopkeeper.engine.spellings import Spellings
from shopkeeper.engine.text import fold, is_unspaced, spaced_tokens
from shopkeeper.release.arrays import load_array, save_arrays
from shopkeeper.release.fields import one_chunk, read_table, write_table
from shopkeeper.vocabulary import Mask, Rows, Scores

ITEMS_KEPT = 8  # of each entry: those it most often led to
MAX_TYPED = 100  # characters: what is longer completes nothing
_CORRECTIONS, _CORRECTED_TEXTS = 3, 4
_DEPTHS = (64, 512, 4_096)  # how many are looked at until enough of them may be shown


def typed_key(query: str) -> str:
    """What is typed as the index has it: folded, single blanks, one at the end where a word is finished."""
    folded = fold(query[: 2 * MAX_TYPED])
    key = " ".join(folded.split())
    return key + " " if key and folded[-1:].isspace() else key


@dataclass(frozen=True, eq=False)
class Completions:
    """n entries, in order of their keys.

    texts: large_string [n], as shown; scores, trending float32 [n]: how much each is wanted, and of late;
    items int32 [n, ITEMS_KEPT]: rows of what it leads to, the best first, -1 behind them; scopes int32 [n]: the row,
    among the categories, of the one in which most of these lie, -1 without one; begins, within, sounds: by their
    beginning, by that of a later word, and by that of their sound (Pinyin); spellings: of the words in them.
    """

    texts: pa.Array
    scores: Scores
    trending: Scores
    items: Rows
    scopes: Rows
    begins: PrefixIndex
    within: PrefixIndex
    sounds: PrefixIndex
    spellings: Spellings

    @classmethod
    def build(
        cls,
        texts: Sequence[str],
        scores: Scores,
        items: Rows,
        *,
        trending: Scores | None = None,
        scopes: Rows | None = None,
        sounds: Sequence[str] = (),
    ) -> Completions:
        """Of texts whose `typed_key` differ; arrays as the class has them. sounds: of each text, "" without one."""
        keys = [typed_key(text).rstrip() for text in texts]
        order = np.array(sorted(range(len(keys)), key=keys.__getitem__), np.int64)
        keys, heard = [keys[at] for at in order], [sounds[at] for at in order] if sounds else []
        scores = scores[order].astype(np.float32)
        n, spoken = len(keys), [at for at, sound in enumerate(heard) if sound]
        inner = ((at, begin, at) for at, key in enumerate(keys) for begin in later_words(key))
        return cls(
            texts=pa.array([texts[at] for at in order], pa.large_string()),
            scores=scores,
            trending=np.zeros(n, np.float32) if trending is None else trending[order].astype(np.float32),
            items=items[order],
            scopes=np.full(n, -1, np.int32) if scopes is None else scopes[order],
            begins=PrefixIndex.build(keys, ((at, 0, at) for at in range(n)), scores),
            within=PrefixIndex.build(keys, inner, scores),
            sounds=PrefixIndex.build(heard, ((at, 0, at) for at in spoken), scores),
            spellings=Spellings.build(_word_weights(keys, scores)),
        )

    def __len__(self) -> int:
        return len(self.texts)

    def find(self, typed: str, limit: int, allowed: Mask | None, blocked: Sequence[str] = ()) -> Rows:
        """The best `limit` entries for what was typed (`typed_key`) that lead to an item of `allowed` bool [n_items]
        (None: to any) and hold none of the phrases `blocked` (folded): int32. First those that begin so, then those of
        which a later word does, those that sound so, and those that do but for an error in a word; of each by score."""
        found: dict[int, None] = {}
        for index, key in self._ways(typed):
            span = index.span(key)
            if span[0] < span[1]:
                rows = self._first_allowed(index, span, limit, allowed, blocked)
                found |= dict.fromkeys(rows.tolist())
            if len(found) >= limit:
                break
        return np.fromiter(islice(found, limit), np.int32)

    def most_trending(self, limit: int, allowed: Mask | None, blocked: Sequence[str] = ()) -> Rows:
        """The entries most wanted of late, as `find` gives them."""
        depth = min(_DEPTHS[1], len(self))
        top = np.argpartition(-self.trending, depth - 1)[:depth] if depth else np.empty(0, np.int64)
        top = top[np.argsort(-self.trending[top], kind="stable")]
        wanted: Rows = top[self.trending[top] > 0.0].astype(np.int32)
        return wanted[self._may_show(wanted, allowed, blocked)][:limit]

    def _ways(self, typed: str) -> Iterator[tuple[PrefixIndex, str]]:
        if not typed or len(typed) > MAX_TYPED or END in typed:
            return
        yield self.begins, typed
        yield self.within, typed
        if len(self.sounds.places) and typed.isascii():
            yield self.sounds, typed.replace(" ", "")
        for corrected in self._corrected(typed):
            yield self.begins, corrected
            yield self.within, corrected

    def _corrected(self, typed: str) -> Iterator[str]:
        """What may have been meant where no text holds a word of it."""
        words, finished = typed.split(), typed.endswith(" ")
        readings = []
        for at, word in enumerate(words):
            whole = finished or at < len(words) - 1
            known = self._knows(word, whole=whole)
            readings.append([word] if known else self.spellings.near(word, _CORRECTIONS, whole=whole) or [word])
        for reading in islice(product(*readings), _CORRECTED_TEXTS):
            if list(reading) != words:
                yield " ".join(reading) + " " * finished

    def _knows(self, word: str, *, whole: bool) -> bool:
        ends = (" ", END) if whole else ("",)
        spans = (index.span(word + end) for index in (self.begins, self.within) for end in ends)
        return any(first < end for first, end in spans)

    def _first_allowed(
        self, index: PrefixIndex, span: tuple[int, int], limit: int, allowed: Mask | None, blocked: Sequence[str]
    ) -> Rows:
        kept: Rows = np.empty(0, np.int32)
        for depth in _DEPTHS:
            rows = index.best(span, self.scores, depth)
            kept = rows[self._may_show(rows, allowed, blocked)][:limit]
            if len(kept) == limit or span[1] - span[0] <= depth:
                break
        return kept

    def _may_show(self, rows: Rows, allowed: Mask | None, blocked: Sequence[str]) -> Mask:
        items = self.items[rows]
        led = items >= 0
        may: Mask = np.any(led if allowed is None else led & allowed[items], axis=1)
        if blocked:
            for at in np.flatnonzero(may).tolist():
                may[at] = not is_blocked(str(self.texts[int(rows[at])]), blocked)
        return may

    def save(self, directory: Path) -> None:
        save_arrays(directory, {name: getattr(self, name) for name in ("scores", "trending", "items", "scopes")})
        write_table(pa.table({"text": self.texts}), directory / "texts.arrow")
        for name in ("begins", "within", "sounds"):
            getattr(self, name).save(directory / name)
        self.spellings.save(directory / "spellings")

    @classmethod
    def load(cls, directory: Path) -> Completions:
        """Memory-mapped, so that many processes share one copy."""
        return cls(
            texts=one_chunk(read_table(directory / "texts.arrow").column("text")),
            scores=load_array(directory, "scores"),
            trending=load_array(directory, "trending"),
            items=load_array(directory, "items"),
            scopes=load_array(directory, "scopes"),
            begins=PrefixIndex.load(directory / "begins"),
            within=PrefixIndex.load(directory / "within"),
            sounds=PrefixIndex.load(directory / "sounds"),
            spellings=Spellings.load(directory / "spellings"),
        )


@dataclass(frozen=True, eq=False)
class Suggestions:
    """All that a release can suggest. past: what the people of the shop searched for, each for their own eyes."""

    queries: Completions
    categories: Completions
    brands: Completions
    past: PastSearches

    @classmethod
    def none(cls) -> Suggestions:
        nothing = Completions.build([], np.empty(0, np.float32), np.empty((0, ITEMS_KEPT), np.int32))
        return cls(nothing, nothing, nothing, PastSearches.none())

    def save(self, directory: Path) -> None:
        for name in ("queries", "categories", "brands", "past"):
            getattr(self, name).save(directory / name)

    @classmethod
    def load(cls, directory: Path) -> Suggestions:
        """Memory-mapped; of a release that was made before there were any: none."""
        if not directory.is_dir():
            return cls.none()
        kinds = {name: Completions.load(directory / name) for name in ("queries", "categories", "brands")}
        return cls(**kinds, past=PastSearches.load(directory / "past"))


def is_blocked(text: str, blocked: Sequence[str]) -> bool:
    """Whether a text holds one of the phrases (folded), as words; in a script without spaces, anywhere."""
    key = f" {' '.join(fold(text).split())} "
    return any((phrase if is_unspaced(phrase) else f" {phrase} ") in key for phrase in blocked)


def later_words(key: str) -> Iterator[int]:
    """Where words begin, but for the first; every character of a script without spaces is taken for a word's."""
    for at in range(1, len(key)):
        if (not key[at - 1].isalnum() and key[at].isalnum()) or is_unspaced(key[at]):
            yield at


def _word_weights(keys: Sequence[str], scores: Scores) -> Counter[str]:
    """By word: the scores of the texts that hold it, and a little for each."""
    weights: Counter[str] = Counter()
    for key, score in zip(keys, np.maximum(scores, 0.0).tolist(), strict=True):
        for word in spaced_tokens(key):
            weights[word] += score + 1e-3
    return weights
