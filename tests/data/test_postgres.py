"""The PostgreSQL reader, on a server of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from shopkeeper.data.duck import connect
from shopkeeper.data.ingest import ingest
from shopkeeper.data.mapper import propose
from shopkeeper.data.readers import Export, discover
from shopkeeper.data.tables import Tables
from shopkeeper.errors import DataError
from shopkeeper.settings import DataSettings

pytestmark = pytest.mark.slow


def lacking(what: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(f"{what}, which CI must have")
    pytest.skip(what)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a fresh PostgreSQL server on a free port of the loopback, stopped at the end."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        lacking("PostgreSQL is not installed (apt-get install postgresql)")
    try:
        import psycopg  # noqa: F401
    except ImportError:
        lacking("psycopg is not installed (the extra `scale`)")
    programs = found[-1].parent
    # The server refuses to run as root, and its socket's path must be short.
    user = {"user": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    if user:
        shutil.chown(folder, "postgres")
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def run(*command: str) -> None:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, **user)  # type: ignore[call-overload]
        assert done.returncode == 0, done.stdout + done.stderr

    control = (str(programs / "pg_ctl"), "-D", str(folder / "data"), "-w")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    run(str(programs / "initdb"), "-D", str(folder / "data"), "-U", "shop", "--auth=trust", "-E", "UTF8", "--locale=C")
    try:
        run(*control, "-l", str(folder / "log"), "-o", options, "start")
        yield f"postgresql://shop:secret@127.0.0.1:{port}/postgres"
    finally:
        run(*control, "-m", "fast", "stop")
        shutil.rmtree(folder)


@pytest.fixture
def database(server: str) -> Iterator[Any]:
    """An open connection; what it made is gone afterwards."""
    import psycopg

    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA IF NOT EXISTS public")
        yield connection
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("DROP SCHEMA IF EXISTS crm CASCADE")


def read(export: Export, staging: Path) -> list[dict[str, object]]:
    """All rows, which must be the same by batches and scan."""
    rows = pa.Table.from_batches(list(export.batches())).to_pylist()
    with connect() as connection:
        assert connection.sql(f"FROM {export.scan(staging)}").to_arrow_table().to_pylist() == rows
    return rows


def test_every_type_is_read_as_text_or_bytes(server: str, database: Any, tmp_path: Path) -> None:
    database.execute(
        'CREATE TABLE "Goods, all" (id bigint, "Name" text, price numeric(10, 2), tags text[], more jsonb,'
        " made timestamptz, sold boolean, picture bytea)"
    )
    database.execute("SET TimeZone = 'UTC'")
    database.execute(
        'INSERT INTO "Goods, all" VALUES'
        " (7, '红杯 \"x\"', 2.50, '{a,\"b, c\"}', '{\"colour\": \"red\"}', '2026-01-01 10:00+02', true, '\\xffd8'),"
        " (8, NULL, NULL, NULL, NULL, NULL, NULL, NULL)"
    )
    (export,) = discover(server)
    assert export.name == "Goods, all"
    first, second = read(export, tmp_path)
    assert export.sample().to_pylist() == [first, second]
    assert (first["id"], first["Name"], first["price"], first["tags"]) == ("7", '红杯 "x"', "2.50", '["a","b, c"]')
    assert (first["more"], first["sold"], first["picture"]) == ('{"colour": "red"}', "true", b"\xff\xd8")
    assert str(first["made"]).startswith("2026-01-01 ")
    assert {value for name, value in second.items() if name != "id"} == {None}


def test_tables_views_and_schemas(server: str, database: Any, tmp_path: Path) -> None:
    database.execute("CREATE TABLE items (id int)")
    database.execute("CREATE VIEW dear AS SELECT id AS key FROM items")
    database.execute("CREATE SCHEMA crm")
    database.execute("CREATE TABLE crm.people (id int)")
    database.execute("INSERT INTO crm.people VALUES (1)")
    exports = {export.name: export for export in discover(server)}
    assert set(exports) == {"items", "dear", "crm.people"}
    assert read(exports["crm.people"], tmp_path) == [{"id": "1"}]
    assert read(exports["items"], tmp_path) == []
    assert read(exports["dear"], tmp_path) == []
    assert all(export.fingerprint() for export in exports.values())
    assert all("secret" not in export.location for export in exports.values())


def test_a_view_follows_its_table(server: str, database: Any) -> None:
    database.execute("CREATE TABLE items (id int, name text)")
    database.execute("INSERT INTO items VALUES (1, 'a')")
    database.execute("CREATE VIEW named AS SELECT name FROM items")
    view = next(export for export in discover(server) if export.name == "named")
    before = view.fingerprint()
    assert view.fingerprint() == before
    database.execute("UPDATE items SET name = 'b'")
    assert view.fingerprint() != before


def test_partitions_are_one_table(server: str, database: Any, tmp_path: Path) -> None:
    database.execute("CREATE TABLE sales (id int, day date) PARTITION BY RANGE (day)")
    for year in (2025, 2026):
        database.execute(
            f"CREATE TABLE sales_{year} PARTITION OF sales FOR VALUES FROM ('{year}-01-01') TO ('{year + 1}-01-01')"
        )
        database.execute(f"INSERT INTO sales VALUES ({year}, '{year}-05-05')")
    (export,) = discover(server)
    before = export.fingerprint()
    assert sorted(str(row["id"]) for row in read(export, tmp_path)) == ["2025", "2026"]
    database.execute("DELETE FROM sales_2025")
    assert export.fingerprint() != before


def test_large_tables_stream_and_samples_spread(server: str, database: Any) -> None:
    database.execute(
        "CREATE TABLE events AS SELECT n, 'item ' || n % 100 AS item FROM generate_series(1, 150000) AS s(n)"
    )
    (export,) = discover(server)
    assert [batch.num_rows for batch in export.batches()] == [65_536, 65_536, 150_000 - 2 * 65_536]
    seen = [int(n) for n in export.sample(800)["n"].to_pylist()]
    assert len(seen) == 800
    assert (min(seen), max(seen)) == (1, 150_000)


@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO items VALUES (3, 'c')",
        "UPDATE items SET name = 'z' WHERE id = 1",
        "DELETE FROM items WHERE id = 2",
        "DELETE FROM items WHERE id = 1; INSERT INTO items VALUES (1, 'a')",
    ],
)
def test_fingerprints_follow_every_write(server: str, database: Any, change: str) -> None:
    database.execute("CREATE TABLE items (id int, name text)")
    database.execute("INSERT INTO items VALUES (1, 'a'), (2, 'b')")
    before = discover(server)[0].fingerprint()
    assert discover(server)[0].fingerprint() == before
    database.execute(change)
    assert discover(server)[0].fingerprint() != before


def test_a_shop_in_a_database(server: str, database: Any, tmp_path: Path) -> None:
    database.execute(
        "CREATE TABLE products AS SELECT n AS product_id, 'Mug ' || n AS product_name, n + 0.5 AS price"
        " FROM generate_series(1, 40) AS s(n)"
    )
    database.execute(
        "CREATE TABLE orders AS SELECT n AS order_id, 'u' || n % 9 AS user_id, 1 + n % 40 AS product_id, 1 AS quantity,"
        " TIMESTAMP '2026-01-01' + n * INTERVAL '1 hour' AS ordered_at FROM generate_series(1, 200) AS s(n)"
    )
    mapping = propose(discover(server))
    report = ingest(mapping, [server], tmp_path / "shop", DataSettings())
    tables = Tables(tmp_path / "shop")
    assert (tables.count("items"), tables.count("events")) == (40, 200)
    assert tables.items()["title"].to_pylist().count("Mug 7") == 1
    assert not any(rule.rows for rule in report.rules)
    assert all(file.reused for file in ingest(mapping, [server], tmp_path / "shop", DataSettings()).files)


def test_a_server_that_refuses_gets_a_sentence(server: str) -> None:
    with pytest.raises(DataError) as caught:
        discover(server.replace("/postgres", "/nowhere"))
    assert "nowhere" in str(caught.value)
    assert "secret" not in str(caught.value)
