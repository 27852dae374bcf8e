"""What is written about each item, by field: what the text sources read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa

from shopkeeper.vocabulary import Item

FIELDS = ("title", "brand", "category", "attributes", "description")

_BATCH = 4096
# "title_zh", "name", "description-en": an attribute that is one of the fields, in another language.
_TRANSLATED = re.compile(r"(title|name|brand|category|categories|description)([ _.-][a-z]{2}([ _-][a-z]{2,4})?)?", re.I)
_HOMES = {"name": "title", "categories": "category"}


class ItemText(NamedTuple):
    """The fields are texts, each thing said on a line of its own, "" where nothing is said; `labels` are the
    attributes as (name, text) pairs."""

    item_id: str
    title: str
    brand: str
    category: str
    attributes: str
    description: str
    labels: tuple[tuple[str, str], ...]


def item_texts(items: pa.Table) -> Iterator[ItemText]:
    """From a table of schema ITEMS, in row order."""
    columns = ["item_id", "title", "brand", "categories", "description", "attributes"]
    for batch in items.select(columns).to_batches(max_chunksize=_BATCH):
        for row in batch.to_pylist():
            yield _item_text(row)


def names_of(item: Item) -> list[str]:
    """What a page calls an item: its title in every language, and its brand."""
    titles = [text for name, text in item.attributes.items() if _home(name) == "title" and isinstance(text, str)]
    return [item.title, *titles, item.brand or ""]


def _item_text(row: dict[str, Any]) -> ItemText:
    fields: dict[str, list[str]] = {
        "title": [row["title"] or ""],
        "brand": [row["brand"] or ""],
        "category": [label for label in row["categories"] or () if label],
        "description": [row["description"] or ""],
    }
    labels: list[tuple[str, str]] = []
    attributes = msgspec.json.decode(row["attributes"]) if row["attributes"] else {}
    for name, value in attributes.items():
        texts = [text for each in (value if isinstance(value, list) else [value]) if (text := _text(name, each))]
        if home := _home(name):
            fields[home].extend(texts)
        else:
            labels.extend((name, text) for text in texts)
    said = {name: "\n".join(filter(None, texts)) for name, texts in fields.items()}
    return ItemText(row["item_id"], attributes="\n".join(text for _, text in labels), labels=tuple(labels), **said)


@lru_cache(maxsize=10_000)
def _home(attribute: str) -> str | None:
    """The field that an attribute translates."""
    translated = _TRANSLATED.fullmatch(attribute)
    name = translated[1].lower() if translated else ""
    return _HOMES.get(name, name) or None


def _text(name: str, value: Any) -> str:
    """What a person would search for: "Black", "15.6", and of what is merely true, its name. Addresses are no text."""
    if isinstance(value, bool):
        return name if value else ""
    if isinstance(value, int | float):
        return f"{value:g}"
    if isinstance(value, str) and not value.startswith(("http://", "https://")):
        return value
    return ""
