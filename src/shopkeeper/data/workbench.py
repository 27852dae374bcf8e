"""What derived tables are made with: statements, tables and views on one connection, and the account of the rules."""

from __future__ import annotations

from importlib.resources import files as resources
from pathlib import Path

import duckdb
import pyarrow as pa

from shopkeeper.data import clean
from shopkeeper.data.duck import identifier, literal
from shopkeeper.data.report import RuleReport

PARQUET = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1"  # smaller and faster here than the default level
# What is told of a rule's first offender.
SHOWN = (
    "source",
    "type",
    "time",
    "user_id",
    "session_id",
    "order_id",
    "item_id",
    "query",
    "quantity",
    "price",
    "title",
    "unread",
)
SQL_TYPES: dict[pa.DataType, str] = {
    pa.string(): "TEXT",
    pa.float64(): "DOUBLE",
    pa.int64(): "BIGINT",
    pa.int32(): "INTEGER",
    pa.bool_(): "BOOLEAN",
    pa.binary(): "BLOB",
    pa.timestamp("us"): "TIMESTAMP",
    pa.list_(pa.string()): "TEXT[]",
}


def statement(name: str, **words: object) -> str:
    """A derived table's SQL from `data/sql/`, with its {words} filled in."""
    sql = (resources("shopkeeper.data") / "sql" / f"{name}.sql").read_text(encoding="utf-8")
    for word, value in words.items():
        sql = sql.replace("{" + word + "}", str(value))
    return sql


class Workbench:
    """Tables go to `target`/tables, what rules take out to `target`/quarantine; `rules` counts what each found."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, target: Path) -> None:
        self.connection = connection
        self.tables, self.quarantine = target / "tables", target / "quarantine"
        self.rules = {
            rule.name: RuleReport(rule.name, rule.sentence, rule.action)
            for rule in (*clean.ROW_RULES, *clean.EVENT_RULES)
        }

    def _set_aside(self, rule: str, role: str, rows: str) -> None:
        """Count rows, and keep them in quarantine."""
        if count := self._one(f"SELECT COUNT(*) FROM ({rows})"):
            out = literal(self.quarantine / f"{rule}_{role}.parquet")
            self.connection.execute(f"COPY ({rows}) TO {out} ({PARQUET})")
            self._tell(rule, count, f"FROM read_parquet({out}) ORDER BY source, row LIMIT 1")

    def _count(self, rule: str, rows: int, first: str) -> None:
        report = self.rules[rule]
        report.rows += rows
        report.first = report.first or first

    def _tell(self, rule: str, rows: int, first: str) -> None:
        """Count, with the row that `first` selects in words."""
        said = ""
        if not self.rules[rule].first:
            cursor = self.connection.execute(first)
            names = [column[0] for column in cursor.description or ()]
            row = cursor.fetchone() or ()
            told = {name: value for name, value in zip(names, row, strict=True) if value is not None and name in SHOWN}
            said = ", ".join(f"{name} {value}" for name, value in told.items())
        self._count(rule, rows, said)

    def _copy(self, sql: str, path: Path, schema: pa.Schema, options: str = "") -> None:
        """Write a table with the columns and types of its schema."""
        path.parent.mkdir(parents=True, exist_ok=True)
        columns = ", ".join(
            f"CAST({identifier(field.name)} AS {SQL_TYPES[field.type]}) AS {identifier(field.name)}" for field in schema
        )
        self.connection.execute(f"COPY (SELECT {columns} FROM ({sql})) TO {literal(path)} ({PARQUET}{options})")

    def _table(self, name: str, sql: str) -> None:
        self.connection.execute(f"CREATE OR REPLACE TABLE {name} AS {sql}")

    def _view(self, name: str, sql: str) -> None:
        self.connection.execute(f"CREATE OR REPLACE VIEW {name} AS {sql}")

    def _one(self, sql: str) -> int:
        row = self.connection.execute(sql).fetchone()
        return int(row[0]) if row else 0
