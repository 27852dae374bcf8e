"""mapping.toml: which file is what and which column means what, proposed by the mapper and edited by people."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from rapidfuzz import process

from shopkeeper.data.schema import FIELDS, ROLES
from shopkeeper.errors import MappingError
from shopkeeper.vocabulary import EVENT_TYPES


class ColumnMapping(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What one column means. `field` is a key of schema.FIELDS.

    `format` says how to read the values where that is not plain: a strptime pattern ("%m/%d/%y %H:%M"), or several
    tried in turn ("%Y-%m-%d|%d.%m.%Y"), "epoch_s", "epoch_ms", "epoch_us", "iso", "separator:|" for labels in one text,
    "json" for nested text, "unit:0.01" for a number to be multiplied (cents), "list" for a list column.
    """

    field: str
    format: str = ""
    confidence: float = 1.0
    evidence: str = ""


class FileMapping(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What one file is. `role` is a key of schema.ROLES.

    event_type: what every row of the file is, where no column says (a file of purchases);
    event_types: value in the event_type column → EventType ("pv" → "view"; "ignore" leaves the row out);
    returns: the prefix of an order_id that marks a return ("C"), where there is one.
    A column of nested records may have its fields mapped too, as "items.item_id".
    """

    path: str
    role: str
    confidence: float = 1.0
    evidence: str = ""
    event_type: str = ""
    event_types: dict[str, str] = {}
    returns: str = ""
    columns: dict[str, ColumnMapping] = {}


class Mapping(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """All of mapping.toml: one entry for each file (a database table counts as a file)."""

    files: list[FileMapping] = []


HEADER = """\
# Which file is what, and which column means what. Proposed by Shopkeeper, yours to edit; read at the next ingest.
#
# A column is  "name in the file" = {{ field = "its meaning", format = "how to read it" }}
# field "attribute" keeps a column as it is, "ignore" leaves it out.
# roles: {roles}
# fields: {fields}
# event types: {events}
"""


def read_mapping(path: Path) -> Mapping:
    """Read a mapping.toml.

    Raises MappingError with the place, what was expected and the nearest valid name.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise MappingError(
            "there is no mapping.toml", where=str(path.parent), remedy="shopkeeper ingest proposes one."
        ) from None
    except UnicodeDecodeError:
        raise MappingError("this is no UTF-8 text", where=str(path), remedy="Save the file as UTF-8.") from None
    return parse_mapping(text, where=str(path))


def parse_mapping(text: str, where: str = "mapping.toml") -> Mapping:
    """The mapping in a TOML text; `where` names it in errors."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MappingError(f"not valid TOML: {error}", where=where) from None
    except RecursionError:
        raise MappingError("nested too deeply", where=where, expected="plain tables") from None
    try:
        mapping = msgspec.convert(raw, Mapping)
    except msgspec.ValidationError as error:
        raise _explain(str(error), raw, where) from None
    for file in mapping.files:
        _check(file, where)
    return mapping


def write_mapping(mapping: Mapping, path: Path) -> None:
    """Write a mapping.toml that people can read and edit; `read_mapping` gives the same mapping back."""
    path.write_text(format_mapping(mapping), encoding="utf-8")


def append_mapping(files: Sequence[FileMapping], path: Path) -> None:
    """Add files at the end of a mapping.toml, whose text stays as people left it. Raises MappingError."""
    text = "\n".join([path.read_text(encoding="utf-8"), *(_file_text(file) for file in files)])
    parse_mapping(text, where=str(path))
    path.write_text(text, encoding="utf-8")


def format_mapping(mapping: Mapping) -> str:
    """The text of a mapping.toml: a table for each file, a line for each column."""
    header = HEADER.format(roles=", ".join(ROLES), fields=", ".join(FIELDS), events=", ".join([*EVENT_TYPES, "ignore"]))
    return "\n".join([header, *(_file_text(file) for file in mapping.files)])


def _file_text(file: FileMapping) -> str:
    lines = ["[[files]]"]
    for key, value in msgspec.to_builtins(file).items():
        if key not in ("columns", "event_types"):
            lines.append(f"{key} = {_literal(value)}")
    if file.event_types:
        lines.append(f"event_types = {_inline(file.event_types.items())}")
    if file.columns:
        lines.append("[files.columns]")
        lines += [
            f"{_literal(n)} = {_inline(msgspec.to_builtins(column).items())}" for n, column in file.columns.items()
        ]
    return "\n".join([*lines, ""])


def _inline(pairs: Iterable[tuple[str, object]]) -> str:
    return "{ " + ", ".join(f"{_key(key)} = {_literal(value)}" for key, value in pairs) + " }"


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _literal(key)


def _literal(value: object) -> str:
    """A text or a number in TOML, whose escapes are those of JSON, but for the delete character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _check(file: FileMapping, where: str) -> None:
    """Every name must be one of the vocabulary's."""
    place = f"{where}, file {file.path!r}"
    _known(file.role, ROLES, "role", place)
    events = [*EVENT_TYPES, "ignore"]
    if file.event_type:
        _known(file.event_type, events, "event type", place)
    for value, event_type in file.event_types.items():
        _known(event_type, events, "event type", f"{place}, event_types {value!r}")
    for name, column in file.columns.items():
        _known(column.field, FIELDS, "field", f"{place}, column {name!r}")
        kind, _, unit = column.format.partition(":")
        if kind == "unit" and not re.fullmatch(r"\d+(\.\d+)?", unit):
            raise MappingError(
                f"the format {column.format!r} holds no number",
                where=f"{place}, column {name!r}",
                expected="such as unit:0.01",
            )


def _known(name: str, valid: Iterable[str], what: str, where: str) -> None:
    valid = [str(one) for one in valid]
    if name in valid:
        return
    near = process.extractOne(name, valid, score_cutoff=50)
    remedy = f"Did you mean {near[0]!r}?" if near else None
    raise MappingError(
        f"there is no {what} {name!r}", where=where, expected=f"one of {', '.join(valid)}", remedy=remedy
    )


def _explain(message: str, raw: dict[str, object], where: str) -> MappingError:
    """Turn msgspec's "Expected `str`, got `int` - at `$.files[0].role`" into place, expectation and remedy."""
    what, _, path = message.partition(" - at `$")
    path = path.rstrip("`").lstrip(".")
    if index := re.match(r"files\[(\d+)\]", path):
        files = raw["files"]
        file = files[int(index[1])] if isinstance(files, list) else {}
        where = f"{where}, file {file.get('path', int(index[1]) + 1)!r}" if isinstance(file, dict) else where
        path = path[index.end() :].lstrip(".")
    where = f"{where}, {path}" if path else where
    if unknown := re.search(r"unknown field `(.+?)`", what):
        struct = ColumnMapping if "columns" in path else FileMapping if index else Mapping
        near = process.extractOne(unknown[1], struct.__struct_fields__, score_cutoff=50)
        remedy = f"Did you mean {near[0]!r}?" if near else f"Known here: {', '.join(struct.__struct_fields__)}."
        return MappingError(f"unknown key {unknown[1]!r}", where=where, remedy=remedy)
    expected, _, got = what.removeprefix("Expected ").partition(", got ")
    if not got:
        return MappingError(what.replace("`", "'"), where=where)
    return MappingError(f"this is {got.strip('`')}", where=where, expected=expected.replace("`", ""))
