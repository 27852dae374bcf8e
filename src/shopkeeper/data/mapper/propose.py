"""Exports → a proposed mapping.

Each file is read as the role whose fields its columns fit best. Then the files speak to each other: a column whose
values are the keys of another file's items (or users) means those, and every file is read again with that in mind.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from shopkeeper.data.mapper.fields import ACCEPTED, Bonuses, Fit, is_nameless
from shopkeeper.data.mapper.lexicon import concepts, event_type_of, file_concepts
from shopkeeper.data.mapper.profile import Profile, as_number, profile_table
from shopkeeper.data.mapper.roles import Reading, readings
from shopkeeper.data.mapping import ColumnMapping, FileMapping, Mapping
from shopkeeper.vocabulary import EventType

SAMPLE_ROWS = 10_000
FIRST_ROWS = 200  # enough to see whether there are pictures, of which 10,000 would be too many
PICTURE_ROWS = 1_000
KEY_FIELDS = {"item_id": "items", "user_id": "users", "coupon_id": "coupons"}
FEWEST_KEYS = 8  # smaller sets of numbers contain each other by chance
TIMES = ("time", "date", "launched", "starts", "ends")
DEFAULT_EVENTS = {"order_lines": "purchase", "ratings": "rating", "reviews": "rating", "sessions": "view"}
RETURN_PREFIX = re.compile(r"([A-Za-z]{1,4})[-_]?\d")


class Sampled(Protocol):
    """What the mapper asks of an export."""

    name: str

    def sample(self, n: int = ...) -> pa.Table: ...


@dataclass
class File:
    """One export as the mapper sees it."""

    name: str
    columns: list[str]
    table: pa.Table
    profiles: dict[str, Profile]
    reading: Reading
    runner_up: float = 0.0


def propose(exports: Sequence[Sampled]) -> Mapping:
    """The likeliest meaning of every file and column, with confidence and evidence.

    What fits no field becomes "attribute". Never raises for what a table holds; DataError where it cannot be read.
    """
    files = [_look(export) for export in exports]
    for _ in range(2):
        bonuses = [_bonuses(file, files) for file in files]
        for file, bonus in zip(files, bonuses, strict=True):
            _read(file, bonus)
    return Mapping([_file_mapping(file) for file in files])


def _look(export: Sampled) -> File:
    table = export.sample(FIRST_ROWS)
    pictures = any(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) for kind in table.schema.types)
    if table.num_rows >= FIRST_ROWS // 2:
        table = export.sample(PICTURE_ROWS if pictures else SAMPLE_ROWS)
    profiles = {profile.name: profile for profile in profile_table(table)}
    file = File(export.name, table.column_names, table, profiles, Reading("other", 0.0, {}))
    _read(file, {})
    return file


def _read(file: File, bonuses: dict[str, Bonuses]) -> None:
    first, second, *_ = readings(file.name, list(file.profiles.values()), bonuses)
    file.reading, file.runner_up = first, second.score


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
    fields = _settle(file)
    columns = {name: _column_mapping(file, name, fields) for name in file.columns}
    columns |= {name: _column_mapping(file, name, fields) for name in fields if name not in columns}
    mapping = FileMapping(file.name, reading.role, _role_confidence(file), reading.evidence, columns=columns)
    _say_events(mapping, file, fields)
    return mapping


def _role_confidence(file: File) -> float:
    lead = file.reading.score - max(0.0, file.runner_up)
    return round(min(0.99, 0.5 + max(0.0, lead) * 0.4), 2)


def _settle(file: File) -> dict[str, tuple[str, Fit]]:
    """The reading's fields, with what only shows when all are known."""
    fields = dict(file.reading.fields)
    _one_clock(file, fields)
    _readable_categories(file, fields)
    _variants(file, fields)
    _shown_position(fields)
    return fields


def _one_clock(file: File, fields: dict[str, tuple[str, Fit]]) -> None:
    """A date beside a full time says nothing more, and would be added to it."""
    named = {field: name for name, (field, _) in fields.items() if field in ("time", "date")}
    if len(named) == 2:
        shape = file.profiles[named["time"]].time
        if shape is None or shape.has_date:
            del fields[named["date"]]


def _readable_categories(file: File, fields: dict[str, tuple[str, Fit]]) -> None:
    """Where a category can be read, its opaque codes are attributes."""
    names = [name for name, (field, _) in fields.items() if field == "category"]
    opaque = [name for name in names if file.profiles[name].tags & {"number", "hash"}]
    if len(opaque) < len(names):
        for name in opaque:
            del fields[name]


def _variants(file: File, fields: dict[str, tuple[str, Fit]]) -> None:
    """Two identifiers of products in a catalogue, one of them recurring: that is what the others vary."""
    if file.reading.role != "items" or any(field == "group_id" for field, _ in fields.values()):
        return
    for name in file.columns:
        profile = file.profiles[name]
        names_item = {"item", "id"} <= set(concepts(name)) or concepts(name) in (("item",), ("sku",))
        if (
            name not in fields
            and names_item
            and "code" in profile.tags
            and profile.unique < 0.95
            and not profile.tags & {"enum"}
        ):
            fields[name] = ("group_id", Fit(ACCEPTED + 0.1, "a second identifier of products, whose values recur"))
            return


def _shown_position(fields: dict[str, tuple[str, Fit]]) -> None:
    """Where lists were shown, a position is the place in the list, though it counts up as an order would."""
    found = {field for field, _ in fields.values()}
    for name, (field, fit) in fields.items():
        if field == "ordinal" and "slate_id" in found and "position" in concepts(name):
            fields[name] = ("position", fit)


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
    if field in ("price", "value", "discount") and re.search(r"(?i)cents?\b|minor", profile.name.replace("_", " ")):
        return "unit:0.01"
    return ""


def _id_separator(profile: Profile) -> str:
    text = next((text for text in profile.texts if text), "")
    return next((mark for mark in (",", ";", "|") if mark in text), " ")


def _say_events(mapping: FileMapping, file: File, fields: dict[str, tuple[str, Fit]]) -> None:
    """What the rows are: by a column, or all of them by the file's name; and how an order says that it is a return."""
    by_field = {field: name for name, (field, _) in fields.items()}
    if "event_type" in by_field:
        mapping.event_types = _event_types(file.profiles[by_field["event_type"]])
    elif mapping.role == "events":
        mapping.event_type = _default_event(file, by_field)
    elif mapping.role in DEFAULT_EVENTS:
        mapping.event_type = DEFAULT_EVENTS[mapping.role]
    if "order_id" in by_field and "quantity" in by_field:
        mapping.returns = _returns_prefix(file.table, by_field["order_id"], by_field["quantity"])


def _event_types(profile: Profile) -> dict[str, str]:
    """Every value, most of them by their words. Bare numbers say nothing: the most frequent is taken for views."""
    values = sorted(profile.distinct)
    if "number" not in profile.tags:
        return {value: event_type_of(value) or "ignore" for value in values}
    texts = [text for text in profile.texts if text]
    commonest = max(values, key=texts.count)
    return {value: "view" if value == commonest else "ignore" for value in values}


def _default_event(file: File, by_field: dict[str, str]) -> str:
    """From the names of the file, its columns and its folders, in this order."""
    *folders, stem = file.name.replace("#", "/").split("/")
    for name in (stem, *file.columns, *reversed(folders)):
        for concept in file_concepts(name)[1]:
            if concept in ("redeem", "purchase", "favourite", "cart", "return", "impression", "search", "view"):
                return concept
    return "search" if "query" in by_field and "item_id" not in by_field else EventType.VIEW.value


def _returns_prefix(table: pa.Table, order: str, quantity: str) -> str:
    """Letters before the number of an order that come with negative quantities, and hardly with others."""
    if order not in table.column_names or quantity not in table.column_names:
        return ""
    rows = list(
        zip(table[order].cast(pa.string()).to_pylist(), table[quantity].cast(pa.string()).to_pylist(), strict=True)
    )
    backwards = [_prefix(text) for text, amount in rows if text and amount and amount.lstrip().startswith("-")]
    onwards = {_prefix(text) for text, amount in rows if text and amount and not amount.lstrip().startswith("-")}
    if not backwards:
        return ""
    commonest = max(set(backwards), key=backwards.count)
    return (
        commonest if commonest and commonest not in onwards and backwards.count(commonest) * 2 > len(backwards) else ""
    )


def _prefix(text: str) -> str:
    found = RETURN_PREFIX.match(text)
    return found[1] if found else ""
