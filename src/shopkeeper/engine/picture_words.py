"""What is said of items, word by word: how words are asked of pictures ("like this, but red")."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shopkeeper.engine.item_terms import hash_of
from shopkeeper.engine.item_text import item_texts
from shopkeeper.engine.text import STOPWORDS, words
from shopkeeper.release.arrays import load_array, save_arrays
from shopkeeper.vocabulary import Rows, Scores

_DESCRIPTION_CHARACTERS = 200  # the rest of a description says less about what the item is
_MAX_WORDS = 24
# By which people tell that it shall be another one: no item is meant.
_COMPARING = {
    *("like", "similar", "same", "this", "that", "these", "one", "ones", "but", "as", "instead", "other", "another"),
    *("像", "这", "这个", "这种", "这款", "类似", "一样", "同款"),
    *("但", "但是", "不过", "换", "换成", "改成", "要", "想要"),
}

Hashes = npt.NDArray[np.uint32]


def asked(query: str) -> Hashes:
    """The hashes of the words of a query that may be said of items, uint32 [k], each once, in order."""
    found = dict.fromkeys(word for word in words(query[:1000]) if word not in STOPWORDS and word not in _COMPARING)
    return np.array([hash_of(word) for word in [*found][:_MAX_WORDS]], np.uint32)


@dataclass(frozen=True, eq=False)
class Said:
    """hashes uint32 [t], ascending: of words that more than one item is described by; the items of word w are
    rows[starts[w]:starts[w + 1]] (int32, ascending; starts int64 [t + 1]); rarity float32 [t]."""

    hashes: Hashes
    starts: npt.NDArray[np.int64]
    rows: Rows
    rarity: Scores

    @classmethod
    def of(cls, items: pa.Table) -> Said:
        """From a table of schema ITEMS, whose row numbers are those of the catalogue."""
        sizes, flat = list[int](), list[int]()
        for told in _told(items):
            sizes.append(len(told))
            flat.extend(map(hash_of, told))
        all_hashes = np.array(flat, np.uint32)
        owners = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
        hashes, at, counts = np.unique(all_hashes, return_inverse=True, return_counts=True)
        shared = counts > 1
        kept = shared[at]
        order = np.argsort(at[kept], kind="stable")
        starts = np.concatenate(([0], np.cumsum(counts[shared]))).astype(np.int64)
        rarity = np.log(max(len(sizes), 1) / counts[shared]).astype(np.float32)
        return cls(hashes[shared], starts, owners[kept][order], rarity)

    def places(self, hashes: Hashes) -> npt.NDArray[np.int64]:
        """Where the known ones of hashes [k] stand: int64 [≤ k]."""
        if not len(self.hashes):
            return np.empty(0, np.int64)
        at = np.minimum(np.searchsorted(self.hashes, hashes), len(self.hashes) - 1)
        return np.asarray(at[self.hashes[at] == hashes], np.int64)

    def agreement(self, places: npt.NDArray[np.int64], n_items: int) -> Scores:
        """float32 [n_items]: of the words at places int64 [k], the share that is said of each item, the rarer ones
        counting for more."""
        agreement = np.zeros(n_items, np.float32)
        for place in places.tolist():
            agreement[self.rows[self.starts[place] : self.starts[place + 1]]] += self.rarity[place]
        return agreement / np.float32(max(float(self.rarity[places].sum()), 1e-6))

    def save(self, directory: Path) -> None:
        save_arrays(directory, {f.name: getattr(self, f.name) for f in fields(self)})

    @classmethod
    def load(cls, directory: Path) -> Said:
        """Memory-mapped."""
        return cls(**{f.name: load_array(directory, f.name) for f in fields(cls)})


def _told(items: pa.Table) -> Iterator[dict[str, None]]:
    for item in item_texts(items):
        parts = (item.title, item.category, item.brand, item.attributes, item.description[:_DESCRIPTION_CHARACTERS])
        yield dict.fromkeys(word for word in words("\n".join(parts)) if word not in STOPWORDS)
