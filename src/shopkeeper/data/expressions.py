"""A source's column → a typed SQL value. Each function takes a `Value` and returns SQL that gives null for what it
cannot read, in SQL that sqlglot carries to Spark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from duckdb.sqltypes import DuckDBPyType

from shopkeeper.data.duck import identifier, literal

MISSING = ("", "null", "none", "nan", "n/a", "<na>", "\\n")
SAYS_NOTHING = ("-", "--", "—", "?", "na", "#n/a", "#na", "unknown", "tbd")  # in the place of a number or time
LONGEST_MISSING = max(map(len, MISSING))
YES = (
    "true", "t", "yes", "y", "1", "1.0", "in stock", "in_stock", "instock", "available", "active", "published",
    "preorder", "backorder", "onbackorder", "limited_availability", "limitedavailability", "en stock", "disponible",
    "auf lager", "lieferbar", "ja", "oui", "sí", "si", "sim", "有货", "在售", "上架", "是",
)  # fmt: skip
NO = (
    "false", "f", "no", "n", "0", "0.0", "out of stock", "out_of_stock", "outofstock", "sold out", "soldout",
    "unavailable", "discontinued", "archived", "draft", "inactive", "agotado", "épuisé", "rupture de stock",
    "nicht lieferbar", "ausverkauft", "nein", "non", "não", "无货", "缺货", "售罄", "下架", "否",
)  # fmt: skip
FLOATING = {"float", "double", "decimal"}
WHOLE = {
    "tinyint", "smallint", "integer", "bigint", "hugeint", "utinyint", "usmallint", "uinteger", "ubigint", "uhugeint",
}  # fmt: skip
NESTED = {"list", "array", "struct", "map"}


def fields_of(kind: DuckDBPyType) -> dict[str, DuckDBPyType]:
    """The fields of a record; none for any other type."""
    return cast(dict[str, DuckDBPyType], dict(kind.children)) if kind.id == "struct" else {}


@dataclass(frozen=True)
class Value:
    """A column, or a field of a record in one: `name` as the source says it, `sql` to reach it, and how to read it."""

    name: str
    sql: str
    kind: DuckDBPyType
    format: str = ""

    @property
    def is_text(self) -> bool:
        return self.kind.id == "varchar" and not self.is_json

    @property
    def is_json(self) -> bool:
        return str(self.kind) == "JSON"

    @property
    def is_list(self) -> bool:
        return self.kind.id in ("list", "array")

    @property
    def is_bytes(self) -> bool:
        return self.kind.id == "blob" or "bytes" in fields_of(self.kind)

    @property
    def element(self) -> DuckDBPyType:
        """The type of a list's elements."""
        return cast(DuckDBPyType, self.kind.children[0][1])

    def as_type(self, sql: str, kind: DuckDBPyType) -> Value:
        return Value(self.name, sql, kind, self.format)


def text(value: Value) -> str:
    """Trimmed; null where it only says that something is missing."""
    if value.is_json:
        return f"TRIM({value.sql} ->> '$')"
    if value.is_text:
        return f"CASE {_worded(value.sql)} END"
    if value.kind.id in FLOATING:
        whole = f"{value.sql} = FLOOR({value.sql}) AND ABS({value.sql}) < 1e15"
        return f"CASE WHEN {whole} THEN CAST(CAST({value.sql} AS BIGINT) AS TEXT) ELSE CAST({value.sql} AS TEXT) END"
    if value.kind.id in NESTED:
        return f"CAST(TO_JSON({value.sql}) AS TEXT)"
    return f"CAST({value.sql} AS TEXT)"


def _worded(sql: str) -> str:
    """The branches of a CASE for a text. Nearly all are longer than a word for nothing and have no space at their ends;
    these go through as they are, which is cheaper than trimming each."""
    words = ", ".join(literal(word) for word in MISSING)
    bare = f"LENGTH({sql}) > {LONGEST_MISSING} AND {sql} NOT LIKE ' %' AND {sql} NOT LIKE '% '"
    return f"WHEN {bare} THEN {sql} WHEN LOWER(TRIM({sql})) NOT IN ({words}) THEN TRIM({sql})"


def key(value: Value) -> str:
    """An identifier. "17850.0" is 17850: a table with gaps had made a number of it."""
    if not value.is_text:
        return text(value)
    whole = f"WHEN {value.sql} LIKE '%.0' THEN REGEXP_REPLACE(TRIM({value.sql}), '^([0-9]+)[.]0$', '\\1')"
    return f"CASE {whole} {_worded(value.sql)} END"


def number(value: Value) -> str:
    """A finite number, also from "€ 1.234,50", "1,234.5 USD" or "4 of 5"; times the unit of the format."""
    if value.is_text:
        plain = value.sql
        digits = f"REGEXP_EXTRACT(REPLACE({plain}, ' ', ''), '[-+]?[0-9][0-9.,]*')"
        point = (
            f"CASE WHEN REGEXP_MATCHES({digits}, ',[0-9]{{1,2}}$')"
            f" THEN REPLACE(REPLACE({digits}, '.', ''), ',', '.') ELSE REPLACE({digits}, ',', '') END"
        )
        found = f"COALESCE(TRY_CAST({plain} AS DOUBLE), TRY_CAST({point} AS DOUBLE))"
    else:
        found = f"TRY_CAST({value.sql} AS DOUBLE)"
    finite = found if value.kind.id in WHOLE else f"CASE WHEN ABS({found}) < 1e300 THEN {found} END"
    kind, _, unit = value.format.partition(":")
    return f"{finite} * {float(unit)!r}" if kind == "unit" else finite


def whole(value: Value) -> str:
    return f"TRY_CAST({value.sql if value.kind.id in WHOLE else number(value)} AS BIGINT)"


# How well an item answers a query, in words: the labels of shopping judgements, and of editors.
GRADES = {
    "exact": 3, "e": 3, "substitute": 2, "s": 2, "complement": 1, "c": 1, "irrelevant": 0, "i": 0,
    "perfect": 4, "excellent": 3, "good": 2, "fair": 1, "bad": 0, "relevant": 1, "partial": 1, "not relevant": 0,
}  # fmt: skip


def grade(value: Value) -> str:
    """A number, or one of the usual words for relevance."""
    if not value.is_text:
        return number(value)
    words = " ".join(f"WHEN {literal(word)} THEN {points}" for word, points in GRADES.items())
    return f"COALESCE(CASE LOWER(TRIM({value.sql})) {words} END, {number(value)})"


def prose(value: Value) -> str:
    """A text; the parts of a list, joined."""
    return f"NULLIF(ARRAY_TO_STRING({labels(value)}, ' '), '')" if value.is_list else text(value)


def address(value: Value) -> str:
    """The URL or path of a picture, the first of a list."""
    return f"LIST_EXTRACT({labels(value)}, 1)" if value.is_list else text(value)


def currency(value: Value) -> str:
    """The three letters of ISO 4217 in a text."""
    found = f"NULLIF(REGEXP_EXTRACT(UPPER({text(value)}), '[A-Z]{{3}}'), '')"
    return f"CASE WHEN UPPER({value.sql}) <> LOWER({value.sql}) THEN {found} END" if value.is_text else found


def flag(value: Value) -> str:
    """Whether it can be bought: from a boolean, a count, or words in several languages."""
    if value.kind.id == "boolean":
        return value.sql
    if value.kind.id in WHOLE | FLOATING:
        return f"{value.sql} > 0"
    said = f"LOWER({text(value)})"
    yes, no = (", ".join(literal(word) for word in words) for words in (YES, NO))
    return f"CASE WHEN {said} IN ({yes}) THEN TRUE WHEN {said} IN ({no}) THEN FALSE END"


def labels(value: Value) -> str:
    """A list of texts: from a list, a text with a separator, a JSON or Python list, or one label."""
    kind, _, mark = value.format.partition(":")
    if value.is_list:
        child = text(value.as_type("label", value.element))
        return f"LIST_FILTER(LIST_TRANSFORM({value.sql}, lambda label: {child}), lambda label: label IS NOT NULL)"
    if kind == "separator":
        return _paths(text(value), mark) if mark.strip() in PATH_MARKS else _parts(text(value), mark)
    if kind in ("json", "list") or value.is_json:
        return _parts(f"REGEXP_REPLACE(CAST({value.sql} AS TEXT), '[][\"'']', '', 'g')", ",")
    return f"CASE WHEN {text(value)} IS NOT NULL THEN [{text(value)}] END"


def _parts(said: str, mark: str) -> str:
    parts = f"LIST_TRANSFORM(STRING_SPLIT({said}, {literal(mark)}), lambda label: TRIM(label))"
    return f"LIST_FILTER({parts}, lambda label: label <> '')"


PATH_MARKS = (">", "»", "/")


def _paths(said: str, mark: str) -> str:
    """The labels along "A > B", or along all the paths of "A > B, A > C", each once. A comma parts paths only where
    each part is one: "Food, Drinks > Tea" is a single path."""
    path = f"[^,;|{mark.strip()}]+[{mark.strip()}][^,;|]*"
    every = _parts(f"REGEXP_REPLACE({said}, '[,;|]', {literal(mark)}, 'g')", mark)
    once = f"LIST_FILTER({every}, lambda label, place: LIST_POSITION({every}, label) = place)"
    return f"CASE WHEN REGEXP_MATCHES({said}, '^{path}([,;|]{path})+$') THEN {once} ELSE {_parts(said, mark)} END"


def keys(value: Value) -> str:
    """A list of identifiers."""
    if not value.is_list:
        return labels(value)
    child = key(value.as_type("label", value.element))
    return f"LIST_FILTER(LIST_TRANSFORM({value.sql}, lambda label: {child}), lambda label: label IS NOT NULL)"


EPOCHS = {"epoch_s": "1e6", "epoch_ms": "1e3", "epoch_us": "1"}


def moment(value: Value) -> str:
    """A UTC timestamp: from a date or time, an epoch, ISO 8601, or a text of the format's strptime pattern."""
    if (
        value.kind.id in ("timestamp", "timestamp_ns", "timestamp_s", "timestamp_ms", "date")
        or "time zone" in str(value.kind).lower()
    ):
        return f"CAST({value.sql} AS TIMESTAMP)"
    if value.format in EPOCHS or value.kind.id in WHOLE | FLOATING:
        return _epoch(value)
    # Reading a time zone is slow, and most texts have none: the shape alone tells.
    bare = f"{value.sql} LIKE '____-__-_____:__:__'"
    zoned = f"CAST(TRY_CAST({value.sql} AS TIMESTAMPTZ) AS TIMESTAMP)"
    iso = f"CASE WHEN {bare} THEN TRY_CAST({value.sql} AS TIMESTAMP) ELSE {zoned} END"
    if "%" not in value.format:
        return iso
    return f"COALESCE({_by_patterns(f'TRIM({value.sql})', value.format)}, {iso})"


def _by_patterns(sql: str, patterns: str) -> str:
    """The moments that the first fitting pattern reads, of several that "|" parts."""
    return ", ".join(f"TRY_STRPTIME({sql}, {literal(pattern)})" for pattern in patterns.split("|"))


def _epoch(value: Value) -> str:
    """Where no format says it, the size tells seconds from milliseconds from microseconds; 20240131 is a day."""
    count = f"TRY_CAST({value.sql} AS DOUBLE)"
    if "%" in value.format:
        return f"COALESCE({_by_patterns(f'CAST({value.sql} AS TEXT)', value.format)}, NULL)"
    scale = EPOCHS.get(
        value.format, f"(CASE WHEN ABS({count}) < 1e11 THEN 1e6 WHEN ABS({count}) < 1e14 THEN 1e3 ELSE 1 END)"
    )
    return f"MAKE_TIMESTAMP(CAST(CASE WHEN ABS({count} * {scale}) < 1e17 THEN ROUND({count} * {scale}) END AS BIGINT))"


def picture(value: Value) -> str:
    """The encoded bytes of an image column."""
    return f"{value.sql}.bytes" if value.kind.id == "struct" else value.sql


def json(value: Value) -> str:
    """JSON text, null where there is nothing to say."""
    if value.is_bytes:
        return "CAST(NULL AS TEXT)"
    if value.is_json:
        return f"CAST(NULLIF({value.sql}, 'null') AS TEXT)"
    if value.format.startswith("separator:"):
        return f"CAST(TO_JSON({labels(value)}) AS TEXT)"
    if value.kind.id in FLOATING:
        return f"CASE WHEN ABS({value.sql}) < 1e300 THEN {text(value)} END"
    if value.kind.id in WHOLE | {"boolean"}:
        return f"CAST({value.sql} AS TEXT)"
    if value.kind.id in NESTED:
        return f"CASE WHEN {value.sql} IS NOT NULL THEN CAST(TO_JSON({value.sql}) AS TEXT) END"
    return f"CAST(TO_JSON({text(value)}) AS TEXT)"


def members(value: Value) -> str:
    """The inside of a JSON object, without its braces: from an object, or a GA4-like list of keys and values."""
    if value.is_list and value.element.id == "struct":
        said = _pairs(value)
    elif value.kind.id in ("struct", "map"):
        said = f"CAST(TO_JSON({value.sql}) AS TEXT)"
    else:
        plain = f"CAST({value.sql} AS TEXT)"
        is_object = f"CASE WHEN JSON_VALID({plain}) THEN JSON_TYPE({plain}) = 'OBJECT' ELSE FALSE END"
        other = f"CONCAT('{{', {_named(value.name, f'CAST(TO_JSON({plain}) AS TEXT)')}, '}}')"
        said = f"CASE WHEN {is_object} THEN TRIM({plain}) WHEN TRIM({plain}) <> '' THEN {other} END"
    return f"NULLIF(TRIM(SUBSTRING({said}, 2, LENGTH({said}) - 2)), '')"


def has_parameters(kind: DuckDBPyType) -> bool:
    """Whether it is a GA4-like list of keys and values."""
    return kind.id == "list" and {"key", "value"} <= set(fields_of(cast(DuckDBPyType, kind.children[0][1])))


def parameter(value: Value, key: str) -> Value:
    """What a list of keys and values says under a key, as text; a value may be a record of one field for each type."""
    inner = fields_of(value.element)["value"]
    options = [Value(name, f"pair.value.{identifier(name)}", kind) for name, kind in fields_of(inner).items()]
    said = ", ".join(text(option) for option in options or [Value("value", "pair.value", inner)])
    pairs = f"LIST_FILTER({value.sql}, lambda pair: pair.key = {literal(key)})"
    first = f"LIST_EXTRACT(LIST_TRANSFORM({pairs}, lambda pair: COALESCE({said}, NULL)), 1)"
    return Value(key, first, DuckDBPyType("VARCHAR"), value.format)


def _pairs(value: Value) -> str:
    fields = fields_of(value.element)
    if not has_parameters(value.kind):
        inside = _named(value.name, f"CAST(TO_JSON({value.sql}) AS TEXT)")
        return f"CASE WHEN {value.sql} IS NOT NULL THEN CONCAT('{{', {inside}, '}}') END"
    inner = fields["value"]
    if inner.id == "struct":
        options = (Value(name, f"pair.value.{identifier(name)}", kind) for name, kind in fields_of(inner).items())
        said = f"COALESCE({', '.join(json(option) for option in options)}, 'null')"
    else:
        said = f"COALESCE({json(Value('value', 'pair.value', inner))}, 'null')"
    pairs = f"LIST_TRANSFORM({value.sql}, lambda pair: CONCAT(CAST(TO_JSON(pair.key) AS TEXT), ':', {said}))"
    return f"CONCAT('{{', ARRAY_TO_STRING({pairs}, ','), '}}')"


def _named(name: str, said: str) -> str:
    """`"name": value`, null where the value is."""
    return f"{literal(json_name(name) + ':')} || {said}"


def json_name(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(character if character >= " " else " " for character in escaped) + '"'


def json_object(values: list[Value], objects: list[Value]) -> str:
    """One JSON object of the values by name and of whole objects; it may be empty."""
    parts = [_named(value.name, json(value)) for value in values] + [members(value) for value in objects]
    if not parts:
        return "CAST(NULL AS TEXT)"
    if len(values) == 1 and not objects:
        return f"{literal('{' + json_name(values[0].name) + ':')} || {json(values[0])} || '}}'"
    return f"'{{' || CONCAT_WS(',', {', '.join(parts)}) || '}}'"
