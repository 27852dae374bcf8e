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


def read_items(items: pa.Table, encoder: Encoder, max_unknown_share: float) -> Meanings:
    """From a table of schema ITEMS. Items without text, or with more unknown tokens than that share, are left out."""
    texts = [_sentence(item) for item in item_texts(items)]
    rows = np.flatnonzero(encoder.unknown_shares(texts) <= max_unknown_share).astype(np.int32)
    return Meanings(rows, encoder.encode([texts[row] for row in rows]))


def _sentence(item: ItemText) -> str:
    brand = "" if item.brand.casefold() in item.title.casefold() else item.brand
    description = "" if item.description in item.title else item.description[:_DESCRIPTION_CHARACTERS]
    return ". ".join(filter(None, (item.title, brand, item.category.replace(" \n", ", "), description)))
