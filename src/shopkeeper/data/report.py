"""What ingest found: tables, files, rules and personal data, as JSON and as a page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import msgspec

from shopkeeper.data.duck import connect, identifier, literal
from shopkeeper.data.mapping import FileMapping, Mapping
from shopkeeper.data.schema import TABLES
from shopkeeper.data.staging import Staged
from shopkeeper.data.tables import Tables

# A column name that hints at personal data, by kind, in several languages.
PERSONAL_NAMES = {
    "e-mail": r"e-?mail|邮箱|courriel|correo",
    "phone": r"phone|mobile|(^|_|\b)tel(\b|_|$)|telefon|téléphone|teléfono|手机|电话",
    "name": r"(first|last|full|sur|given|family|customer|billing|shipping|user)[ _-]?name|vorname|nachname|姓名",
    "address": r"address|street|zip|postal|postcode|plz|adresse|地址|邮编",
    "birth": r"birth|dob|geburt|naissance|生日",
    "network": r"\bip\b|ip_address|user_agent|device_id",
}
PERSONAL_VALUES = {"e-mail": r"[\w.+-]+@[\w-]+[.][a-zA-Z]{2,}"}
LOOKED_AT = 10_000


class RuleReport(msgspec.Struct):
    """A cleaning rule: the rows that it removed, mended or flagged, and the first of them."""

    name: str
    sentence: str
    action: str
    rows: int = 0
    first: str = ""


class ColumnReport(msgspec.Struct):
    """`filled` is the share of rows that say something."""

    name: str
    filled: float


class TableReport(msgspec.Struct):
    """A table: its rows, how far each column is filled, the span of its times, the files it came from."""

    name: str
    rows: int
    columns: list[ColumnReport]
    earliest: str | None = None
    latest: str | None = None
    days_old: float | None = None
    sources: list[str] = []
    kinds: dict[str, int] = {}


class FileReport(msgspec.Struct):
    """A file: what it was taken for, how many rows it gave, whether it was read this time."""

    mapping: FileMapping
    rows: int
    reused: bool


class PersonalHint(msgspec.Struct):
    """A column that seems to hold personal data."""

    path: str
    column: str
    kind: str


class IngestReport(msgspec.Struct):
    """All of it. `seconds` is how long it took; `created` in UTC, ISO 8601.

    unmapped: exports that mapping.toml does not name, which were not read.
    """

    created: str
    seconds: float
    tables: list[TableReport]
    files: list[FileReport]
    rules: list[RuleReport]
    personal: list[PersonalHint]
    unmapped: list[str] = []


def describe(
    shop: Path, mapping: Mapping, staged: Sequence[Staged], rules: list[RuleReport], seconds: float
) -> IngestReport:
    """Take stock of a shop's tables as they are on disk."""
    tables = Tables(shop)
    by_path = {file.path: file for file in staged}
    return IngestReport(
        created=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        seconds=round(seconds, 2),
        tables=[_table(tables, name) for name in TABLES],
        files=[FileReport(file, by_path[file.path].rows, by_path[file.path].reused) for file in mapping.files],
        rules=rules,
        personal=_personal(mapping, staged),
    )


def write_report(report: IngestReport, folder: Path) -> None:
    """`ingest.json` and `ingest.html` in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ingest.json").write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2))
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("shopkeeper.data"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    page = environment.get_template("ingest.html").render(report=report)
    (folder / "ingest.html").write_text(page, encoding="utf-8")


def read_report(folder: Path) -> IngestReport:
    """The report that the last ingest left."""
    return msgspec.json.decode((folder / "ingest.json").read_bytes(), type=IngestReport)


def _table(tables: Tables, name: str) -> TableReport:
    schema = TABLES[name]
    paths = tables.paths(name)
    if not tables.has(name):
        return TableReport(name, 0, [ColumnReport(field.name, 0.0) for field in schema])
    relation = f"read_parquet([{', '.join(literal(path) for path in paths)}], hive_partitioning = false)"
    counts = ", ".join(f"COUNT({identifier(field.name)})" for field in schema)
    clock = "time" if "time" in schema.names else "launched" if "launched" in schema.names else "NULL::TIMESTAMP"
    with connect() as connection:
        found: tuple[Any, ...] = connection.execute(
            f"SELECT COUNT(*), MIN({clock}), MAX({clock}), {counts} FROM {relation}"
        ).fetchone() or (0, None, None)
        rows, earliest, latest, *filled = found
        report = TableReport(
            name, rows, [ColumnReport(field.name, round(n / rows, 4)) for field, n in zip(schema, filled, strict=True)]
        )
        if earliest is not None:
            now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
            report.earliest, report.latest = earliest.isoformat(sep=" "), latest.isoformat(sep=" ")
            report.days_old = round((now - latest).total_seconds() / 86400, 1)
        if name == "events":
            report.sources = [
                s for (s,) in connection.execute(f"SELECT DISTINCT source FROM {relation} ORDER BY 1").fetchall()
            ]
            kinds = connection.execute(
                f"SELECT type, COUNT(*) FROM {relation} GROUP BY type ORDER BY 2 DESC"
            ).fetchall()
            report.kinds = dict(kinds)
    return report


def _personal(mapping: Mapping, staged: Sequence[Staged]) -> list[PersonalHint]:
    """By the columns' names, and by what the attributes of the first rows hold."""
    hints = {}
    with connect() as connection:
        for file in mapping.files:
            for column in file.columns:
                for kind, pattern in PERSONAL_NAMES.items():
                    matches = connection.execute("SELECT REGEXP_MATCHES(LOWER(?), ?)", [column, pattern]).fetchone()
                    if matches and matches[0]:
                        hints[file.path, column] = PersonalHint(file.path, column, kind)
        for held in staged:
            if held.role == "other" or "attributes" not in held.columns:
                continue
            for path in held.files()[:1]:
                for kind, pattern in PERSONAL_VALUES.items():
                    found = connection.execute(
                        f"SELECT COUNT(*) FROM (SELECT attributes FROM read_parquet({literal(path)}) LIMIT {LOOKED_AT})"
                        f" WHERE REGEXP_MATCHES(attributes, {literal(pattern)})"
                    ).fetchone()
                    if found and found[0]:
                        hints.setdefault((held.path, "attributes"), PersonalHint(held.path, "attributes", kind))
    return list(hints.values())
