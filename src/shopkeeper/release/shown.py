"""Whole items as a page shows them, each in one piece, so that an item costs one look at the disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shopkeeper.data.schema import item_of
from shopkeeper.release.arrays import load_array, save_arrays
from shopkeeper.vocabulary import Item

_BATCH = 4096
_encode = msgspec.json.Encoder().encode


class _Named(msgspec.Struct):
    id: str
    title: str = ""


_item, _named = msgspec.json.Decoder(Item).decode, msgspec.json.Decoder(_Named).decode


class Shown:
    """n items as JSON, one after the other: that of row r is texts[starts[r]:starts[r + 1]]. texts uint8 [m];
    starts int64 [n + 1]."""

    def __init__(self, texts: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64]) -> None:
        self.texts, self.starts = texts, starts
        self._view = texts.data

    @classmethod
    def build(cls, items: pa.Table) -> Shown:
        """Of a table that has the columns of ITEMS, `launched` in seconds."""
        texts, ends = bytearray(), [0]
        for item in _items(items):
            texts += _encode(item)
            ends.append(len(texts))
        return cls(np.frombuffer(texts, np.uint8), np.array(ends, np.int64))

    def __len__(self) -> int:
        return len(self.starts) - 1

    def items(self, rows: Iterable[int]) -> list[Item]:
        return [_item(self._text(row)) for row in rows]

    def names(self, rows: Iterable[int]) -> list[str]:
        """What to call each in a sentence: its title on one line, else its id."""
        return [name_of(_named(self._text(row))) for row in rows]

    def save(self, directory: Path) -> None:
        save_arrays(directory, {"texts": self.texts, "starts": self.starts})

    @classmethod
    def load(cls, directory: Path) -> Shown:
        """Memory-mapped."""
        return cls(load_array(directory, "texts"), load_array(directory, "starts"))

    def _text(self, row: int) -> memoryview:
        return self._view[self.starts[row] : self.starts[row + 1]]


def name_of(item: Item | _Named) -> str:
    """What to call an item in a sentence."""
    return " ".join(item.title.split()) or item.id


def _items(items: pa.Table) -> Iterator[Item]:
    for batch in items.to_batches(max_chunksize=_BATCH):
        yield from map(item_of, batch.to_pylist())
