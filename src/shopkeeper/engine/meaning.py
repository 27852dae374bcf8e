"""What an encoder makes of the items: a vector for each item whose text it can read."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from shopkeeper.engine.encoder import Encoder
from shopkeeper.engine.item_text import ItemText, item_texts
from shopkeeper.vocabulary import Rows, Scores

_DESCRIPTION_CHARACTERS = 200  # the rest of a description says less about what the item is


class Meanings(NamedTuple):
    """rows int32 [m], ascending: the items that can be read; vectors float32 [m, d], each of length 1."""

    rows: Rows
    vectors: Scores


class Texts(NamedTuple):
    """rows int32 [m], ascending: the items that can be read; texts: what is read of each."""

    rows: Rows
    texts: list[str]


def read_items(items: pa.Table, encoder: Encoder, max_unknown_share: float) -> Meanings:
    """From a table of schema ITEMS. What is read of them is what `readable_texts` gives."""
    rows, texts = readable_texts(items, encoder, max_unknown_share)
    return Meanings(rows, encoder.encode(texts))


def readable_texts(items: pa.Table, encoder: Encoder, max_unknown_share: float) -> Texts:
    """From a table of schema ITEMS. Lines with more unknown tokens than that share are passed over, so that a title
    may stand in several languages; an item of whose title no line can be read is left out."""
    heads, tails = [], []
    for head, tail in map(_lines, item_texts(items)):
        heads.append(head)
        tails.append(tail)

    def readable(lines_of_items: list[list[str]]) -> list[list[str]]:
        shares = iter(encoder.unknown_shares([line for lines in lines_of_items for line in lines]).tolist())
        return [[line for line in lines if next(shares) <= max_unknown_share] for lines in lines_of_items]

    heads, tails = readable(heads), readable(tails)
    rows = np.flatnonzero([bool(head) for head in heads]).astype(np.int32)
    return Texts(rows, [". ".join(heads[row] + tails[row]) for row in rows])


def texts_read(items: pa.Table) -> list[str]:
    """Of a table of schema ITEMS: the text of each item that `read_items` reads, whatever its language."""
    return [". ".join(head + tail) for head, tail in map(_lines, item_texts(items))]


def _lines(item: ItemText) -> tuple[list[str], list[str]]:
    """Those that say what it is, its title if it has one, and the others."""
    title, rest = item.title.splitlines(), _rest(item)
    return (title, rest) if title else (rest, [])


def _rest(item: ItemText) -> list[str]:
    """What a title does not say by itself: brand, categories, the beginning of the description."""
    brand = "" if item.brand.casefold() in item.title.casefold() else item.brand
    description = "" if item.description in item.title else item.description
    lines = [brand, ", ".join(item.category.splitlines()), description[:_DESCRIPTION_CHARACTERS]]
    return [line for text in lines for line in text.splitlines() if line.strip()]
