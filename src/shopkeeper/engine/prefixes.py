"""Texts by their beginnings: the best of all that begin so, however many these are."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shopkeeper.release.arrays import load_array, save_arrays
from shopkeeper.vocabulary import Rows, Scores

BLOCK = 256  # keys of which the best score is kept
SCANNED = 4_096  # keys whose scores are looked at one by one
END = "\0"  # after every text: a prefix that ends with it is a whole text
_BEYOND = b"\xff"  # above every byte of UTF-8


@dataclass(frozen=True, eq=False)
class PrefixIndex:
    """k keys, each the rest of a text from some place on, in order of their bytes.

    letters uint8 [m]: the texts in UTF-8, END after each; places int64 [k]: where each key begins; owners int32 [k]:
    the entry it leads to; peaks float32 [ceil(k / BLOCK)]: the best score in each run of BLOCK keys. Several keys may
    lead to one entry. All arrays may lie in mapped files.
    """

    letters: npt.NDArray[np.uint8]
    places: npt.NDArray[np.int64]
    owners: Rows
    peaks: Scores

    @classmethod
    def build(cls, texts: Sequence[str], keys: Iterable[tuple[int, int, int]], scores: Scores) -> PrefixIndex:
        """keys: (text, character at which the key begins, entry it leads to); scores float32 [n]: of the entries."""
        raw = [text.encode() for text in texts]
        starts = np.concatenate(([0], np.cumsum([len(text) + 1 for text in raw], dtype=np.int64)))
        letters = np.frombuffer(b"".join(text + b"\0" for text in raw), np.uint8)
        whence, skipped, led = [], [], []
        for text, begin, owner in keys:
            whence.append(text)
            skipped.append(len(texts[text][:begin].encode()))
            led.append(owner)
        rests = pa.array([raw[text][skip:] for text, skip in zip(whence, skipped, strict=True)], pa.large_binary())
        order = pc.sort_indices(rests).to_numpy()
        places = (starts[whence] + np.array(skipped, np.int64))[order] if whence else np.empty(0, np.int64)
        owners = np.array(led, np.int32)[order]
        return cls(letters, places, owners, _peaks(scores[owners]))

    def span(self, prefix: str) -> tuple[int, int]:
        """The keys that begin so: from the first up to, not including, the second."""
        wanted = prefix.encode()
        view, size = self.letters.data, len(wanted) + 1

        def head(place: np.int64) -> bytes:
            return bytes(view[place : place + size])

        first = bisect_left(self.places, wanted, key=head)
        return first, bisect_left(self.places, wanted + _BEYOND, lo=first, key=head)

    def best(self, span: tuple[int, int], scores: Scores, limit: int) -> Rows:
        """The up to `limit` entries of the keys in `span` with the best scores (float32 [n], by entry; those that the
        peaks were made of), best first; fewer where several of these keys lead to one."""
        keys = self._likely(*span, limit)
        owners = self.owners[keys]
        order = np.argsort(-scores[owners], kind="stable")[:limit]
        found, firsts = np.unique(owners[order], return_index=True)
        rows: Rows = found[np.argsort(firsts)]
        return rows

    def _likely(self, first: int, end: int, limit: int) -> npt.NDArray[np.int64]:
        """Keys among which the best `limit` are: they lie in no more blocks than that, in those with the best peaks."""
        if end - first <= SCANNED:
            return np.arange(first, end)
        inner = slice(-(-first // BLOCK), end // BLOCK)
        peaks = self.peaks[inner]
        blocks = np.arange(inner.start, inner.stop)
        if len(peaks) > limit:
            blocks = np.sort(blocks[np.argpartition(-peaks, limit - 1)[:limit]])
        within = (blocks[:, None] * BLOCK + np.arange(BLOCK)).ravel()
        return np.concatenate((np.arange(first, inner.start * BLOCK), within, np.arange(inner.stop * BLOCK, end)))

    def save(self, directory: Path) -> None:
        save_arrays(directory, {field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def load(cls, directory: Path) -> PrefixIndex:
        """Memory-mapped."""
        return cls(**{field.name: load_array(directory, field.name) for field in fields(cls)})


def _peaks(scores: Scores) -> Scores:
    return np.maximum.reduceat(scores, np.arange(0, len(scores), BLOCK)) if len(scores) else scores
