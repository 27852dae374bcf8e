"""Records, as Algolia's clients send them, ↔ items.

A record comes back as it was sent, but for the figures that changed since. What an item has a place for goes there;
other values become attributes, those of nested objects under the path to them ("size.width"), which is what filters and
facets call them. What no attribute can hold so that it can be read back (and names of ours for other things) is kept as
it is in the attribute SENT, with the names of the item's own fields that were made from something else.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from shopkeeper.errors import RequestError
from shopkeeper.release.facts import SEPARATOR
from shopkeeper.server.algolia.places import GEOLOC, place_said
from shopkeeper.vocabulary import Item

SENT = "_sent"
OBJECT_ID = "objectID"
MAX_ID, MAX_TITLE, MAX_LIST = 400, 2_000, 100

_FIELDS = tuple(name for name in Item.__struct_fields__ if name not in ("id", "attributes"))
# Where the fields of an item are read from: the first that fits. The first name is the field's own.
_SPELLINGS: dict[str, tuple[str, ...]] = {
    "title": ("title", "name"),
    "description": ("description", "short_description", "shortDescription"),
    "brand": ("brand", "manufacturer"),
    "categories": ("categories", "category", "hierarchicalCategories", "hierarchical_categories"),
    "image": ("image", "image_url", "imageUrl", "imageURL", "thumbnail", "thumbnailImage"),
    "url": ("url", "link", "productUrl"),
}


class _Sent(msgspec.Struct, omit_defaults=True):
    """What is kept of a record as it was: `whole` by name, and which fields of the item were `made` from others."""

    whole: dict[str, Any] = {}
    made: list[str] = []


def item_of(record: Mapping[str, Any]) -> Item:
    """Raises RequestError for a record without an objectID that is a text (or a whole number)."""
    fields, sent = dict[str, Any](), _Sent()
    for name in _FIELDS:
        spelling, value = _said(name, record)
        if value is not None:
            fields[name] = value
        if value is not None and (spelling != name or not _same(value, record[name])):
            sent.made.append(name)
    if "available" not in fields:
        fields["available"] = fields.get("stock", 1) > 0
        sent.made.append("available")
    kept = {name for name in fields if name not in sent.made}
    attributes = dict[str, Any]()
    for name, value in record.items():
        if name == OBJECT_ID or name in kept:
            continue
        if name == GEOLOC and (place := place_said(value)):
            attributes[GEOLOC] = place
            sent.whole |= {} if value == place else {GEOLOC: value}
            continue
        flat = dict(_flattened(name, value)) if name and "." not in name else {}
        attributes |= {path: said for path, said in flat.items() if _is_attribute(said) and path not in _FIELDS}
        if name in (*_FIELDS, SENT) or not _is_plain(name, value):
            sent.whole[name] = value
    if sent != _Sent():
        attributes[SENT] = msgspec.to_builtins(sent)
    return Item(id=id_of(record), attributes=attributes, **fields)


def record_of(item: Item) -> dict[str, Any]:
    """The record of which `item_of` made this item, with the figures of today; or, of an item that the shop knows from
    elsewhere, its fields and attributes."""
    sent = msgspec.convert(item.attributes.get(SENT, {}), _Sent)
    record: dict[str, Any] = {OBJECT_ID: item.id}
    for name in _FIELDS:
        value = getattr(item, name)
        if name not in sent.made and value is not None and value != "" and value != ():
            record[name] = list(value) if isinstance(value, tuple) else value
    for path, value in item.attributes.items():
        top, *rest = path.split(".")
        if path == SENT or top in sent.whole:
            continue
        _put(record, [top, *rest], value)
    return record | sent.whole


def id_of(record: Mapping[str, Any]) -> str:
    """Raises RequestError."""
    said = record.get(OBJECT_ID)
    id_ = str(said) if isinstance(said, int) and not isinstance(said, bool) else said
    if not isinstance(id_, str) or not 0 < len(id_) <= MAX_ID:
        raise RequestError(
            "a record has no objectID", where=OBJECT_ID, expected=f"a text of at most {MAX_ID} characters"
        )
    return id_


def picked(record: Mapping[str, Any], names: tuple[str, ...], never: tuple[str, ...] = ()) -> dict[str, Any]:
    """Those attributes of a record, "*" for all, but "-name" and `never`; "size.width" names what is within."""
    barred = {*never, *(name[1:] for name in names if name.startswith("-"))}
    record = _without(record, barred)
    wanted = {name for name in names if not name.startswith("-")}
    found: dict[str, Any] = {}
    for name, value in record.items():
        if "*" in wanted or name in wanted or name == OBJECT_ID:
            found[name] = value
        elif isinstance(value, dict) and (inner := tuple(_within(name, wanted))):
            found[name] = {key: said for key, said in picked(value, inner).items() if key != OBJECT_ID}
    return found


def _without(said: Any, barred: set[str]) -> Any:
    """A record, or a part of one, without what is barred there, by the path to it; the id always stays."""
    if isinstance(said, list):
        return [_without(each, barred) for each in said]
    if not isinstance(said, dict) or not barred:
        return said
    kept = {name: value for name, value in said.items() if name not in barred or name == OBJECT_ID}
    return {name: _without(value, _within(name, barred)) for name, value in kept.items()}


def _within(name: str, paths: set[str]) -> set[str]:
    return {path.removeprefix(f"{name}.") for path in paths if path.startswith(f"{name}.")}


def _said(field: str, record: Mapping[str, Any]) -> tuple[str, Any]:
    """What a record says of a field of an item, and by which name; None where nothing fits."""
    for spelling in _SPELLINGS.get(field, (field,)):
        value = _fitting(field, record.get(spelling))
        if value is not None:
            return spelling, value
    return field, None


def _fitting(field: str, said: Any) -> Any:
    if field in ("price", "stock", "launched"):
        fits = isinstance(said, int | float) and not isinstance(said, bool) and abs(said) <= 1e12
        return float(said) if fits and (field == "stock" or said >= 0.0) and math.isfinite(said) else None
    if field == "available":
        return said if isinstance(said, bool) else None
    if field == "categories":
        return _categories(said)
    if not isinstance(said, str) or not said.strip() or not _is_text(said):
        return None
    if field in ("image", "url"):  # a page makes links of these, and none may run a script
        return said if said.startswith(("https://", "http://", "/")) and len(said) <= MAX_TITLE else None
    if field == "currency":
        return said if len(said) == 3 and said.isascii() and said.isupper() else None
    return said[: {"title": MAX_TITLE, "brand": MAX_ID}.get(field, 100_000)]


def _categories(said: Any) -> tuple[str, ...] | None:
    """A label, several, or levels: {"lvl0": "Home", "lvl1": "Home > Mugs"}, of which the deepest says all."""
    if isinstance(said, str):
        labels: Any = said.split(SEPARATOR)
    elif isinstance(said, dict):
        levels = sorted(name for name in said if isinstance(name, str) and name.startswith("lvl"))
        deepest = said[levels[-1]] if levels else None
        path = deepest[0] if isinstance(deepest, list) and deepest else deepest
        labels = path.split(SEPARATOR) if isinstance(path, str) else None
    else:
        labels = said
    if not isinstance(labels, list) or not 0 < len(labels) <= 20:
        return None
    fits = all(
        isinstance(label, str) and label.strip() and len(label) <= MAX_ID and _is_text(label) for label in labels
    )
    return tuple(labels) if fits else None


def _same(value: Any, said: Any) -> bool:
    """Whether what the item keeps is read back as it was said."""
    return bool((list(value) if isinstance(value, tuple) else value) == said)


def _flattened(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Values by the path to them; of a list of objects, a list by each path."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flattened(f"{path}.{name}", inner)
    elif isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
        together: dict[str, list[Any]] = {}
        for each in value:
            for inner, said in _flattened(path, each):
                together.setdefault(inner, []).extend(said if isinstance(said, list) else [said])
        yield from together.items()
    else:
        yield path, value


def _is_attribute(value: Any) -> bool:
    if isinstance(value, list):
        return 0 < len(value) <= MAX_LIST and all(_is_attribute(each) and not isinstance(each, list) for each in value)
    if isinstance(value, str):
        return bool(value) and _is_text(value)
    return isinstance(value, bool) or (isinstance(value, int | float) and abs(value) <= 1e15)


def _is_plain(name: str, value: Any) -> bool:
    """Whether the attributes alone say it, so that `record_of` reads it back."""
    if not name or "." in name or not _is_text(name):
        return False
    if isinstance(value, dict):
        return bool(value) and all(_is_plain(key, inner) for key, inner in value.items())
    return _is_attribute(value)


def _is_text(text: str) -> bool:
    """Whether it can be written: half of a surrogate pair cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in text


def _put(record: dict[str, Any], path: list[str], value: Any) -> None:
    for name in path[:-1]:
        inner = record.setdefault(name, {})
        if not isinstance(inner, dict):
            return  # said as a plain value as well: the item was not made of a record
        record = inner
    record[path[-1]] = value
