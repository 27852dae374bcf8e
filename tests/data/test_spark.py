"""Which of the statements could run on Spark as they are: what it lacks is written down, and nothing else creeps in."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from shopkeeper.data import clean, derive

PACKAGE = Path(derive.__file__).parents[1]
STATEMENTS = sorted(PACKAGE.glob("*/*.sql")) + sorted(PACKAGE.glob("data/sql/*.sql"))
WORDS = {"gap": 30, "start": "TIMESTAMP '2026-01-01'", "verdict": clean.verdict(), "notes": clean.notes(),
         "words": "x", "live": "x", "relation": "staged_events", "content": "'x'"}  # fmt: skip
# DuckDB's own, which sqlglot passes on by name: docs/design.md tells them.
LACKING = {"EPOCH_US", "FOLD", "FROM_JSON", "HASH", "ISFINITE", "JSON_EACH", "JSON_MERGE_PATCH", "JSON_VALID",
           "LIST_REDUCE", "LIST_SLICE"}  # fmt: skip


@pytest.mark.parametrize("path", STATEMENTS, ids=lambda path: path.stem)
def test_spark_reads_every_statement_but_for_the_functions_it_is_known_to_lack(path: Path) -> None:
    sql = path.read_text(encoding="utf-8")
    for word, value in WORDS.items():
        sql = sql.replace("{" + word + "}", str(value))
    statements = sqlglot.transpile(sql, read="duckdb", write="spark", unsupported_level=sqlglot.ErrorLevel.RAISE)
    assert statements
    for spark in statements:
        unknown = {call.name.upper() for call in sqlglot.parse_one(spark, read="spark").find_all(exp.Anonymous)}
        assert unknown <= LACKING


def test_statements_of_every_room_are_looked_at() -> None:
    assert {path.parent.name for path in STATEMENTS} >= {"sql", "learn", "release"}


def test_what_spark_lacks_is_told() -> None:
    told = (PACKAGE.parents[1] / "docs" / "design.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in told for name in LACKING)
