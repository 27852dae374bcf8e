"""Exports → a proposed mapping.

Each file is read as the role whose fields its columns fit best. Then the files speak to each other: a column whose
values are the keys of another file's items (or users) means those, and every file is read again with that in mind.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from shopkeeper.data.mapper.events import say_events
from shopkeeper.data.mapper.fields import Bonuses, Fit, is_nameless
from shopkeeper.data.mapper.file import File, Sampled, look
from shopkeeper.data.mapper.profile import Profile, as_number
from shopkeeper.data.mapper.settle import settle
from shopkeeper.data.mapping import ColumnMapping, FileMapping, Mapping

KEY_FIELDS = {"item_id": "items", "user_id": "users", "coupon_id": "coupons"}
FEWEST_KEYS = 8  # smaller sets of numbers contain each other by chance
TIMES = ("time", "date", "launched", "starts", "ends")


def propose(exports: Sequence[Sampled]) -> Mapping:
    """The likeliest meaning of every file and column, with confidence and evidence.

    What fits no field becomes "attribute". Never raises for what a table holds; DataError where it cannot be read.
    """
    files = [look(export) for export in exports]
    for _ in range(2):
        bonuses = [_bonuses(file, files) for file in files]
        for file, bonus in zip(files, bonuses, strict=True):
            file.hear(bonus)
    return Mapping([_file_mapping(file) for file in files])


def _bonuses(file: File, files: Sequence[File]) -> dict[str, Bonuses]:
    """What other files, and this one's other columns, say of its columns."""
    found = _arithmetic(file)
    for other in files:
        if other is file:
            continue
        for field, role in KEY_FIELDS.items():
            theirs = other.profiles.get(other.reading.column(field) or "")
            if theirs is None or len(theirs.distinct) < FEWEST_KEYS:
                continue
            for name, mine in file.profiles.items():
                weight, words = _relation(mine, theirs, is_key=other.reading.role == role)
                field_here = _list_field(mine, field)
                if weight > found.get(name, {}).get(field_here, (0.0, ""))[0]:
                    found.setdefault(name, {})[field_here] = (weight, f"{words} {theirs.name!r} of {other.name}")
    return dict(found)


def _arithmetic(file: File) -> dict[str, dict[str, tuple[float, str]]]:
    """What was paid for a line is price × quantity; what is paid for an order is not."""
    price, quantity = (file.profiles.get(file.reading.column(field) or "") for field in ("price", "quantity"))
    if price is None or quantity is None or price.parent != quantity.parent:
        return {}
    products = [
        a * b if a is not None and b is not None else None
        for a, b in zip(_numbers(price), _numbers(quantity), strict=False)
    ]
    found: dict[str, dict[str, tuple[float, str]]] = {}
    for name, profile in file.profiles.items():
        rows = [(a, b) for a, b in zip(_numbers(profile), products, strict=False) if a is not None and b is not None]
        if (
            name in (price.name, quantity.name)
            or profile.parent != price.parent
            or not profile.tags & {"number", "money"}
            or len(rows) < FEWEST_KEYS
        ):
            continue
        equal = sum(abs(a - b) <= 0.01 * max(1.0, abs(b)) for a, b in rows) / len(rows)
        if equal >= 0.9:
            found[name] = {"value": (0.3, "it is price × quantity")}
        elif equal < 0.6:
            found[name] = {"value": (-0.3, "it is not price × quantity")}
    return found


def _numbers(profile: Profile) -> list[float | None]:
    return [as_number(text) if text else None for text in profile.texts]


def _list_field(profile: Profile, field: str) -> str:
    return "items" if "list" in profile.tags and field == "item_id" else field


def _relation(mine: Profile, theirs: Profile, *, is_key: bool) -> tuple[float, str]:
    """How strongly the values of a column say that they are those of another file's identifier.

    Texts that agree can only be keys; small whole numbers agree by chance, so they say little.
    """
    if len(mine.distinct) < FEWEST_KEYS or mine.tags & {
        "float",
        "scale",
        "counter",
        "epoch",
        "moment",
        "day",
        "boolean",
        "money",
    }:
        return 0.0, ""
    if is_nameless(mine.label) and "numbering" in mine.tags:
        return 0.0, ""
    shared = len(mine.distinct & theirs.distinct)
    inside, around = shared / len(mine.distinct), shared / len(theirs.distinct)
    numeric = bool(mine.tags & {"integer", "list_of_integer"}) and max(map(len, mine.distinct)) < 6
    if is_key and inside >= 0.9:
        weight, words = (0.15 if numeric else 0.4), "its values are among those of"
    elif mine.unique >= 0.98 and not is_key and around >= 0.9:
        weight, words = (0.1 if numeric else 0.35), "it holds every value of"
    elif max(inside, around) >= 0.5 and not numeric:
        weight, words = 0.15, "it shares values with"
    else:
        return 0.0, ""
    if is_nameless(mine.label) and inside >= 0.9:
        weight += 0.25
    return weight, words


def _file_mapping(file: File) -> FileMapping:
    reading = file.reading
    fields = settle(file)
    columns = {name: _column_mapping(file, name, fields) for name in file.columns}
    columns |= {name: _column_mapping(file, name, fields) for name in fields if name not in columns}
    mapping = FileMapping(file.name, reading.role, _role_confidence(file), reading.evidence, columns=columns)
    say_events(mapping, file, {field: name for name, (field, _) in fields.items()})
    return mapping


def _role_confidence(file: File) -> float:
    lead = file.reading.score - max(0.0, file.runner_up)
    return round(min(0.99, 0.5 + max(0.0, lead) * 0.4), 2)


def _column_mapping(file: File, name: str, fields: dict[str, tuple[str, Fit]]) -> ColumnMapping:
    if name not in fields:
        return ColumnMapping("attribute", confidence=0.5)
    field, found = fields[name]
    return ColumnMapping(field, _format(file.profiles[name], field), found.confidence, found.evidence)


def _format(profile: Profile, field: str) -> str:
    """How the values are to be read, where that is not plain."""
    tags = profile.tags
    if field in TIMES and profile.time:
        return profile.time.format
    if field in ("category", "image", "items") and "list" in tags:
        return "list"
    if field == "items":
        return "json" if "json_list" in tags else "separator:" + _id_separator(profile)
    if field == "category" and profile.separator:
        return f"separator:{profile.separator}"
    if field in ("lines", "attributes"):
        return "list" if "list" in tags else "json" if "json_object" in tags else ""
    if field in ("price", "value", "discount") and re.search(
        r"(?i)(?<!per)cents?\b|minor", profile.name.replace("_", " ")
    ):
        return "unit:0.01"
    return ""


def _id_separator(profile: Profile) -> str:
    text = next((text for text in profile.texts if text), "")
    return next((mark for mark in (",", ";", "|") if mark in text), " ")
