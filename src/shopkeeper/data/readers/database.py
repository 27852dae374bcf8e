"""Database tables, streamed. Values are read as text (and bytes); types are the mapper's business."""

from __future__ import annotations

import hashlib
import sqlite3
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pyarrow as pa

from shopkeeper.data.duck import identifier
from shopkeeper.data.readers.base import BATCH_ROWS, Export, file_fingerprint, spread
from shopkeeper.errors import DataError, MissingExtraError

QUERY = "QUERY"  # beside the kinds of tables that PostgreSQL has


def tables(url: str) -> list[Export]:
    """One export for each table and view of a `sqlite:///path` or `postgresql://…` address; or one for the query that
    stands behind the address as `#NAME=SELECT …`.

    Raises DataError when the database cannot be read, MissingExtraError without psycopg.
    """
    url, _, asked = url.partition("#")
    name, _, query = (part.strip(" \n;") for part in asked.partition("="))
    if asked and not (name and query):
        raise DataError("this names no query", where=f"{public(url)}#{asked}", expected="#products=SELECT …")
    scheme = urlsplit(url).scheme
    if scheme == "sqlite":
        path = Path(unquote(url.removeprefix("sqlite:///")))
        return [_sqlite_query(path, name, query)] if query else _sqlite_tables(path)
    if scheme in ("postgresql", "postgres"):
        return [_postgres_query(url, name, query)] if query else _postgres_tables(url)
    raise DataError(f"cannot read from {scheme!r}", where=public(url), expected="postgresql://… or sqlite:///path")


def public(url: str) -> str:
    """The address without its password."""
    parts = urlsplit(url)
    return url.replace(f":{parts.password}@", ":…@") if parts.password else url


class DatabaseTable(Export):
    """A table, a view or a query; `selected` are SQL expressions, one for each field of `schema`."""

    def __init__(self, name: str, location: str, source: str, selected: list[str], schema: pa.Schema) -> None:
        self.name, self.location, self.source, self.selected, self.schema = name, location, source, selected, schema

    @abstractmethod
    def _cursor(self, query: str) -> AbstractContextManager[Any]:
        """A DB-API cursor that has run the query and streams its rows."""

    def sample(self, n: int = 2000) -> pa.Table:
        select = f"SELECT {', '.join(self.selected)} FROM {self.source}"
        blocks = []
        for offset, length in spread(self._count(), n):
            with self._cursor(f"{select} LIMIT {length} OFFSET {offset}") as cursor:
                blocks.append(self._batch(cursor.fetchall()))
        return pa.Table.from_batches(blocks, self.schema)

    def batches(self) -> Iterator[pa.RecordBatch]:
        with self._cursor(f"SELECT {', '.join(self.selected)} FROM {self.source}") as cursor:
            yield self._batch(cursor.fetchmany(BATCH_ROWS))
            while rows := cursor.fetchmany(BATCH_ROWS):
                yield self._batch(rows)

    def _count(self) -> int:
        with self._cursor(f"SELECT count(*) FROM {self.source}") as cursor:
            return int(cursor.fetchone()[0])

    def _batch(self, rows: list[tuple[Any, ...]]) -> pa.RecordBatch:
        columns = zip(*rows, strict=True) if rows else [()] * len(self.schema)
        arrays = [pa.array(values, field.type) for values, field in zip(columns, self.schema, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)


class SqliteTable(DatabaseTable):
    format = "sqlite"

    def __init__(self, path: Path, name: str, columns: list[tuple[str, str]], query: str = "") -> None:
        binary = ["BLOB" in declared.upper() for _, declared in columns]
        names = [identifier(column) for column, _ in columns]
        super().__init__(
            name,
            f"{path}, {'query' if query else 'table'} {name!r}",
            f"({query})" if query else identifier(name),
            [column if blob else f"CAST({column} AS TEXT)" for column, blob in zip(names, binary, strict=True)],
            pa.schema(
                [
                    (column, pa.binary() if blob else pa.string())
                    for (column, _), blob in zip(columns, binary, strict=True)
                ]
            ),
        )
        self.path = path

    def fingerprint(self) -> str:
        """Of the file and of the log beside it, in which the newest writes may lie."""
        log = self.path.with_name(self.path.name + "-wal")
        written = file_fingerprint(log) if log.exists() else ""
        return hashlib.sha256(f"{file_fingerprint(self.path)} {written} {self.name}".encode()).hexdigest()[:32]

    @contextmanager
    def _cursor(self, query: str) -> Iterator[sqlite3.Cursor]:
        with _sqlite(self.path) as connection:
            yield connection.execute(query)


class PostgresTable(DatabaseTable):
    format = "postgresql"

    def __init__(self, url: str, name: str, source: str, kind: str, columns: list[tuple[str, str]]) -> None:
        super().__init__(
            name,
            f"{public(url)}, {'query' if kind == QUERY else 'table'} {name!r}",
            f"{source} AS seen",
            [_as_text(identifier(column), kind) for column, kind in columns],
            pa.schema([(column, pa.binary() if kind == "bytea" else pa.string()) for column, kind in columns]),
        )
        self.url, self.kind = url, kind

    def fingerprint(self) -> str:
        """The count, and the transaction of the newest row version: any write changes it. A view or query, which has no
        transactions, is read for the sum of its rows' hashes."""
        newest = "max(xmin::text::bigint)" if self.kind == "BASE TABLE" else "sum(hashtext(ROW(seen.*)::text)::bigint)"
        with self._cursor(f"SELECT count(*), {newest} FROM {self.source}") as cursor:
            return hashlib.sha256(repr((self.name, *cursor.fetchone())).encode()).hexdigest()[:32]

    @contextmanager
    def _cursor(self, query: str) -> Iterator[Any]:
        with _postgres(self.url) as connection, connection.cursor("shopkeeper") as cursor:
            cursor.execute(query)
            yield cursor


def _as_text(column: str, kind: str) -> str:
    if kind == "bytea":
        return column
    return f"to_json({column})::text" if kind == "ARRAY" else f"{column}::text"


@contextmanager
def _sqlite(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise DataError(f"cannot be read: {error}", where=str(path), expected="a SQLite database") from error


@contextmanager
def _postgres(url: str) -> Iterator[Any]:
    try:
        import psycopg
    except ImportError:
        raise MissingExtraError("reading from PostgreSQL", "scale", "psycopg") from None
    try:
        with psycopg.connect(url) as connection:
            yield connection
    except psycopg.Error as error:
        raise DataError(f"cannot be read: {str(error).strip()}", where=public(url)) from error


def _sqlite_tables(path: Path) -> list[Export]:
    with _sqlite(path) as connection:
        names = connection.execute(
            "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY name"
        ).fetchall()
        columns = {
            name: connection.execute("SELECT name, type FROM pragma_table_info(?)", (name,)).fetchall()
            for (name,) in names
        }
    return [SqliteTable(path, name, of) for name, of in columns.items()]


def _postgres_tables(url: str) -> list[Export]:
    found: dict[tuple[str, str, str], list[tuple[str, str]]] = {}
    with _postgres(url) as connection:
        # The partitions of a table are read through it.
        rows = connection.execute(
            "SELECT table_schema, table_name, table_type, column_name, data_type"
            " FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)"
            " WHERE table_schema NOT IN ('information_schema', 'pg_catalog') AND NOT EXISTS ("
            "   SELECT FROM pg_class JOIN pg_namespace ON relnamespace = pg_namespace.oid"
            "   WHERE relispartition AND relname = table_name AND nspname = table_schema)"
            " ORDER BY table_schema, table_name, ordinal_position"
        )
        for table_schema, table, kind, column, data_type in rows:
            found.setdefault((table_schema, table, kind), []).append((column, data_type))
    return [
        PostgresTable(
            url,
            table if table_schema == "public" else f"{table_schema}.{table}",
            f"{identifier(table_schema)}.{identifier(table)}",
            kind,
            columns,
        )
        for (table_schema, table, kind), columns in found.items()
    ]


def _sqlite_query(path: Path, name: str, query: str) -> SqliteTable:
    with _sqlite(path) as connection:
        described = connection.execute(f"SELECT * FROM ({query}) LIMIT 0").description
    return SqliteTable(path, name, [(column, "") for column, *_ in described], query)


def _postgres_query(url: str, name: str, query: str) -> PostgresTable:
    with _postgres(url) as connection:
        described = connection.execute(f"SELECT * FROM ({query}) AS seen LIMIT 0").description
    kinds = [(each.name, "ARRAY" if each.type_display.endswith("[]") else each.type_display) for each in described]
    return PostgresTable(url, name, f"({query})", QUERY, kinds)
