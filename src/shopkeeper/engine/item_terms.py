"""What is written about items as terms: words of the title, categories, brand and attributes, each by its hash."""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shopkeeper.engine.item_text import ItemText, item_texts
from shopkeeper.engine.text import fold, words
from shopkeeper.vocabulary import Scores

_WEIGHTS = {"title": 1.0, "category": 1.5, "brand": 0.7, "attribute": 0.5}


class Terms(NamedTuple):
    """How many terms each of n items has, int64 [n]; the hash uint32 [m] and the weight float32 [m] of each, item after
    item."""

    sizes: npt.NDArray[np.int64]
    hashes: npt.NDArray[np.uint32]
    weights: Scores


def item_terms(items: pa.Table) -> Terms:
    """From a table of schema ITEMS, in row order."""
    sizes, hashes, weights = array("q"), array("I"), array("f")
    for item in item_texts(items):
        terms = dict(_weighted_terms(item))
        sizes.append(len(terms))
        hashes.extend(hash_of(term) for term in terms)
        weights.extend(terms.values())
    return Terms(np.array(sizes, np.int64), np.array(hashes, np.uint32), np.array(weights, np.float32))


def hash_of(term: str) -> int:
    return zlib.crc32(term.encode())


def _weighted_terms(item: ItemText) -> Iterator[tuple[str, float]]:
    for word in words(item.title):
        yield word, _WEIGHTS["title"]
    for label in item.category.splitlines():
        if label:
            yield f"category={fold(label)}", _WEIGHTS["category"]
    if item.brand:
        yield f"brand={fold(item.brand)}", _WEIGHTS["brand"]
    for name, text in item.labels:
        yield f"{name}={fold(text)}", _WEIGHTS["attribute"]
