"""A mapped file → one SELECT that says the same in the vocabulary: the columns of STAGED, as far as it has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from duckdb.sqltypes import DuckDBPyType
from rapidfuzz import process

from shopkeeper.data import expressions as ex
from shopkeeper.data.duck import identifier, literal
from shopkeeper.data.expressions import Value, fields_of
from shopkeeper.data.mapping import FileMapping
from shopkeeper.data.readers.compound import PART
from shopkeeper.errors import MappingError
from shopkeeper.vocabulary import EVENT_TYPES, EventType

# What a staged file may hold, with its SQL types: the vocabulary of `schema.FIELDS`, typed and with times joined.
STAGED: dict[str, str] = {
    **dict.fromkeys(("event_id", "type"), "TEXT"),
    "time": "TIMESTAMP",
    "ordinal": "BIGINT",
    **dict.fromkeys(("user_id", "session_id", "order_id", "item_id", "group_id", "slate_id"), "TEXT"),
    **dict.fromkeys(("coupon_id", "campaign_id"), "TEXT"),
    **dict.fromkeys(("title", "description", "brand"), "TEXT"),
    "categories": "TEXT[]",
    "price": "DOUBLE",
    "currency": "TEXT",
    "stock": "DOUBLE",
    "available": "BOOLEAN",
    "image": "TEXT",
    "picture": "BLOB",
    "url": "TEXT",
    "launched": "TIMESTAMP",
    **dict.fromkeys(("quantity", "value", "discount", "rating", "grade"), "DOUBLE"),
    **dict.fromkeys(("text", "query"), "TEXT"),
    "items": "TEXT[]",
    "target": "TEXT",
    "starts": "TIMESTAMP",
    "ends": "TIMESTAMP",
    "position": "INTEGER",
    "attributes": "TEXT",
    "row": "BIGINT",
    "source": "TEXT",
    "part": "TEXT",
    "unread": "TEXT",
}

Reader = Callable[[Value], str]
READERS: dict[str, Reader] = {
    **dict.fromkeys(("event_id", "user_id", "session_id", "order_id", "item_id", "group_id", "slate_id"), ex.key),
    **dict.fromkeys(("coupon_id", "campaign_id", "target"), ex.key),
    **dict.fromkeys(("title", "description", "text"), ex.prose),
    **dict.fromkeys(("brand", "url", "query"), ex.text),
    "image": ex.address,
    **dict.fromkeys(("price", "stock", "quantity", "value", "discount", "rating"), ex.number),
    "grade": ex.grade,
    **dict.fromkeys(("launched", "starts", "ends"), ex.moment),
    "ordinal": ex.whole,
    "position": lambda value: f"TRY_CAST({ex.whole(value)} AS INTEGER)",
    "currency": ex.currency,
    "available": ex.flag,
    "items": ex.keys,
}

ITEM_FIELDS = (
    "item_id", "title", "description", "brand", "categories", "price", "currency", "stock", "available", "image",
    "picture", "url", "launched", "group_id",
)  # fmt: skip
EVENT_FIELDS = (
    "event_id", "type", "time", "ordinal", "user_id", "session_id", "item_id", "query", "quantity", "price", "value",
    "rating", "order_id", "slate_id", "position",
)  # fmt: skip
MAY_BE_UNREADABLE = (
    "price", "stock", "quantity", "value", "discount", "rating", "launched", "starts", "ends", "available",
)  # fmt: skip
EVENT_ROLES = ("events", "order_lines", "ratings", "reviews")
# The fields that have a place of their own in the tables a role feeds; any other becomes an attribute.
PLACES: dict[str, frozenset[str]] = {
    "items": frozenset(ITEM_FIELDS),
    "users": frozenset({"user_id"}),
    "events": frozenset({*EVENT_FIELDS, *ITEM_FIELDS}),
    "order_lines": frozenset({*EVENT_FIELDS, *ITEM_FIELDS}),
    "ratings": frozenset({*EVENT_FIELDS, *ITEM_FIELDS}),
    "sessions": frozenset({*EVENT_FIELDS, "items", "target"}),
    "coupons": frozenset({"coupon_id", "item_id", "campaign_id", "discount", "starts", "ends"}),
    "images": frozenset({"item_id", "image", "picture"}),
    "reviews": frozenset({*EVENT_FIELDS, "title", "text"}),
    "judgements": frozenset({"query", "item_id", "grade", *ITEM_FIELDS}),
}
DEFAULT_TYPES: dict[str, EventType] = {
    "events": EventType.VIEW,
    "sessions": EventType.VIEW,
    "order_lines": EventType.PURCHASE,
    "ratings": EventType.RATING,
    "reviews": EventType.RATING,
}


def translate(mapping: FileMapping, columns: dict[str, DuckDBPyType], scan: str) -> str:
    """SQL over `scan` (a FROM-expression whose columns have these types) that gives the file's rows as staged rows.

    Event-like roles also get `month` (year × 12 + month − 1, 0 without a time); their `type` is "ignore" in rows that
    the mapping leaves out. Raises MappingError for a column that the file does not have.
    """
    values = _values(mapping, columns)
    said = _fields(mapping, values)
    said["attributes"] = ex.json_object(*_attributes(mapping, values))
    said["source"] = literal(mapping.path)
    if PART in columns:
        said["part"] = PART
    ordered = mapping.role in ("sessions", "items", "users", "images")
    if ordered or (mapping.role in EVENT_ROLES and not {"time", "ordinal"} & set(said)):
        said["row"] = "ROW_NUMBER() OVER ()"
    if "lines" in values:
        scan = f"(SELECT *, {_unnested(values['lines'][0])} AS __line FROM {scan})"
        if "event_id" in said:  # the lines of one event are events of their own
            said["event_id"] = f"{said['event_id']} || CONCAT_WS(':', '', {said.get('item_id', 'NULL')})"
    raw, unread = _unread(said, values)
    read = ",\n  ".join(
        [f"CAST({sql} AS {STAGED[name]}) AS {identifier(name)}" for name, sql in said.items()]
        + [f"{sql} AS {name}" for name, sql in raw.items()]
    )
    told = {name: identifier(name) for name in said} | _second_look(mapping, said) | unread
    selected = ",\n  ".join(sql if sql == identifier(name) else f"{sql} AS {name}" for name, sql in told.items())
    return f"SELECT\n  {selected}\nFROM (\nSELECT\n  {read}\nFROM {scan}\n)"


def _second_look(mapping: FileMapping, said: dict[str, str]) -> dict[str, str]:
    """What is told by what has been read. Named again, a value is not read again, as it would be inside a CASE."""
    told = {"attributes": "NULLIF(attributes, '{}')"}
    if mapping.role in EVENT_ROLES:
        told["month"] = "COALESCE(YEAR(time) * 12 + MONTH(time) - 1, 0)" if "time" in said else "0"
    if "type" in said:
        told["type"] = _event_type(mapping, said)
    return told


def _unread(said: dict[str, str], values: dict[str, list[Value]]) -> tuple[dict[str, str], dict[str, str]]:
    """The texts of values that may turn out unreadable, under names of their own; and `unread`, which tells of those
    that say something and could not be read, as "price: ask us"."""
    raw: dict[str, str] = {}
    cases = []
    words = ", ".join(literal(word) for word in ex.SAYS_NOTHING)
    for field in MAY_BE_UNREADABLE:
        for value in values.get(field, []) if field in said else []:
            if value.is_text:
                name = f"__raw_{len(raw)}"
                raw[name] = value.sql
                text = ex.text(Value(name, name, value.kind))
                unread = f"{field} IS NULL AND LOWER({text}) NOT IN ({words})"
                cases.append(f"CASE WHEN {unread} THEN CONCAT('{field}: ', {text}) END")
    return raw, {"unread": f"NULLIF(CONCAT_WS(', ', {', '.join(cases)}), '')"} if cases else {}


def _values(mapping: FileMapping, columns: dict[str, DuckDBPyType]) -> dict[str, list[Value]]:
    """The columns by the field they mean, in the order of the mapping; columns it does not name are attributes."""
    values: dict[str, list[Value]] = {}
    lines = next((name for name, column in mapping.columns.items() if column.field == "lines"), None)
    for name, column in mapping.columns.items():
        values.setdefault(column.field, []).append(_reach(name, column.format, columns, lines, mapping.path))
    for name, kind in columns.items():
        if name not in mapping.columns and name != PART:
            values.setdefault("attribute", []).append(Value(name, identifier(name), kind))
    if lines is not None and values["lines"][0].is_list:
        values.setdefault("attribute", []).extend(_other_line_fields(lines, values["lines"][0].element, mapping))
    return values


def _reach(name: str, how: str, columns: dict[str, DuckDBPyType], lines: str | None, path: str) -> Value:
    """A column by its name; "items.price" is a field of the record, or of each record of the list, called "items";
    "params.term" is what the list of keys and values called "params" says under "term"."""
    if name in columns:
        return Value(name, identifier(name), columns[name], how)
    parent, _, field = name.partition(".")
    if parent in columns and field:
        column = Value(parent, identifier(parent), columns[parent])
        record = column.element if column.is_list and parent == lines else column.kind
        base = "__line" if parent == lines else column.sql
        if found := _within(base, record, field):
            return Value(field, *found, how)
        if parent != lines and ex.has_parameters(column.kind):
            return ex.parameter(replace(column, format=how), field)
        if parent == lines and record.id == "varchar":
            return Value(field, f"({base} ->> {literal('$.' + json_path(field))})", DuckDBPyType("VARCHAR"), how)
    near = process.extractOne(name, list(columns), score_cutoff=50)
    remedy = f"Did you mean {near[0]!r}?" if near else "Correct the name in mapping.toml."
    raise MappingError(
        f"there is no column {name!r}", where=path, expected=f"one of {', '.join(columns) or 'none'}", remedy=remedy
    )


def _within(base: str, record: DuckDBPyType, field: str) -> tuple[str, DuckDBPyType] | None:
    """The SQL and the type of a record's field, or, as "object.id", of a field of the record within it."""
    if field in fields_of(record):
        return f"{base}.{identifier(field)}", fields_of(record)[field]
    outer, _, inner = field.partition(".")
    if inner and outer in fields_of(record):
        return _within(f"{base}.{identifier(outer)}", fields_of(record)[outer], inner)
    return None


def json_path(field: str) -> str:
    return '"' + field.replace('"', '\\"') + '"'


def _other_line_fields(lines: str, kind: DuckDBPyType, mapping: FileMapping) -> list[Value]:
    return [
        Value(field, f"__line.{identifier(field)}", inner)
        for field, inner in fields_of(kind).items()
        if f"{lines}.{field}" not in mapping.columns
    ]


def _unnested(lines: Value) -> str:
    """One row for each line; a row without lines stays one."""
    if lines.is_list:
        return f"UNNEST(CASE WHEN LEN({lines.sql}) > 0 THEN {lines.sql} ELSE [NULL] END)"
    listed = f"CASE WHEN JSON_VALID({lines.sql}) THEN FROM_JSON({lines.sql}, '[\"JSON\"]') END"
    return f"UNNEST(CASE WHEN LEN({listed}) > 0 THEN {listed} ELSE [NULL] END)"


def _fields(mapping: FileMapping, values: dict[str, list[Value]]) -> dict[str, str]:
    """Staged column → SQL. Of several columns that mean the same, the first that says something counts."""
    said: dict[str, str] = {}
    places = PLACES.get(mapping.role, frozenset())
    for field, read in READERS.items():
        found = [value for value in values.get(field, []) if not (field == "image" and value.is_bytes)]
        if field in places and found:
            said[field] = _first([read(value) for value in (found[:1] if field == "image" else found)])
    pictures = [value for value in values.get("image", []) if value.is_bytes]
    if "picture" in places and pictures:
        said["picture"] = ex.picture(pictures[0])
    if "categories" in places and "category" in values:
        said["categories"] = _joined([ex.labels(value) for value in values["category"]])
    if "price" in places and "currency" not in said and "price" in values and values["price"][0].is_text:
        said["currency"] = ex.currency(values["price"][0])
    if "type" in places:
        said["type"] = ex.text(values["event_type"][0]) if "event_type" in values else literal(_only_type(mapping))
        if time := _time(values):
            said["time"] = time
    return said


def _first(options: Sequence[str]) -> str:
    return options[0] if len(options) == 1 else f"COALESCE({', '.join(options)})"


def _joined(lists: Sequence[str]) -> str:
    """All labels in order, each once."""
    if len(lists) == 1:
        return lists[0]
    every = f"FLATTEN([{', '.join(f'COALESCE({labels}, [])' for labels in lists)}])"
    return f"LIST_FILTER({every}, lambda label, place: LIST_POSITION({every}, label) = place)"


def _only_type(mapping: FileMapping) -> str:
    """What every row of a file is that has no column for it."""
    return mapping.event_type or DEFAULT_TYPES[mapping.role]


def _event_type(mapping: FileMapping, said: dict[str, str]) -> str:
    """An EventType, or "ignore"; null for a value that the mapping does not know."""
    kind = "type"
    if any(column.field == "event_type" for column in mapping.columns.values()):
        own = {kind.value: kind.value for kind in EVENT_TYPES} | mapping.event_types
        cases = " ".join(f"WHEN {literal(name)} THEN {literal(kind)}" for name, kind in own.items())
        kind = f"CASE type {cases} END"
    if mapping.returns and "order_id" in said:
        return f"CASE WHEN STARTS_WITH(order_id, {literal(mapping.returns)}) THEN 'return' ELSE {kind} END"
    return kind


def _time(values: dict[str, list[Value]]) -> str | None:
    """The moment: a full time, or a day with the time of day or the milliseconds since the session began."""
    times, dates = values.get("time", []), values.get("date", [])
    options = [ex.moment(value) for value in times]
    if dates:
        day = _first([ex.moment(value) for value in dates])
        if times:
            # The time of day alone, read as an ISO time after the day it belongs to.
            clock = f"TRY_CAST(LPAD(TRIM(CAST({times[0].sql} AS TEXT)), 8, '0') AS TIME)"
            short = f"TRY_CAST(LPAD(TRIM(CAST({times[0].sql} AS TEXT)), 5, '0') AS TIME)"
            options = [f"CAST({day} AS DATE) + COALESCE({clock}, {short}, TIME '00:00')"]
        else:
            options = [day]
    if not options:
        return None
    time = _first(options)
    if "elapsed_ms" in values:
        return f"MAKE_TIMESTAMP(EPOCH_US({time}) + 1000 * COALESCE({ex.whole(values['elapsed_ms'][0])}, 0))"
    return time


def _attributes(mapping: FileMapping, values: dict[str, list[Value]]) -> tuple[list[Value], list[Value]]:
    """What has no place of its own in the role's tables, and the columns that hold whole objects of attributes."""
    places = PLACES.get(mapping.role, frozenset())
    named: list[Value] = []
    for field, found in values.items():
        if field in ("attributes", "lines", "ignore", "date", "elapsed_ms"):
            continue
        staged = {"category": "categories", "event_type": "type"}.get(field, field)
        kept = found if staged not in places or field == "attribute" else found[1:] if field != "category" else []
        named.extend(kept)
    unique = {value.name: value for value in reversed(named)}
    return list(reversed(unique.values())), values.get("attributes", [])
