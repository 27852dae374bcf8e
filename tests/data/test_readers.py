from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import sqlite3
import sys
import zipfile
from contextlib import closing
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopkeeper.data.duck import connect
from shopkeeper.data.readers import Export, discover, discover_all
from shopkeeper.data.readers import base as readers_base
from shopkeeper.errors import DataError, MissingExtraError

ROWS = [["id", "name", "price"], ["007", "rote Tasse", "1,50"], ["008", "blaue, große Kanne", "2,00"]]
CHINESE = [["商品编号", "商品名称"], ["001", "红色马克杯"], ["002", "蓝色的大茶壶，陶瓷"]]


def write(path: Path, rows: list[list[str]], *, delimiter: str = ",", encoding: str = "utf-8") -> Path:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    path.write_bytes(text.getvalue().encode(encoding))
    return path


def rows_of(export: Export, tmp_path: Path) -> list[list[object]]:
    """The header and all rows, which must be the same by sample, batches and scan."""
    table = pa.Table.from_batches(list(export.batches()))
    with connect() as connection:
        scanned = connection.sql(f"FROM {export.scan(tmp_path / 'staging')}").to_arrow_table()
    assert export.sample().to_pylist() == table.to_pylist() == scanned.to_pylist()
    return [table.column_names, *(list(row.values()) for row in table.to_pylist())]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_any_delimiter_and_encoding(tmp_path: Path, delimiter: str, encoding: str) -> None:
    write(tmp_path / "items.csv", ROWS, delimiter=delimiter, encoding=encoding)
    (export,) = discover(tmp_path)
    assert export.name == "items.csv"
    assert rows_of(export, tmp_path) == ROWS


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16-le", "utf-16"])
def test_chinese(tmp_path: Path, encoding: str) -> None:
    (export,) = discover(write(tmp_path / "商品.csv", CHINESE, encoding=encoding))
    assert rows_of(export, tmp_path) == CHINESE


def test_an_accent_far_behind_an_ascii_head(tmp_path: Path) -> None:
    rows = [["id", "name"], *[[str(n), "mug"] for n in range(60_000)], ["x", "café"]]
    (export,) = discover(write(tmp_path / "late.csv", rows, encoding="cp1252"))
    with connect() as connection:
        found = connection.sql(f"SELECT name FROM {export.scan(tmp_path)} WHERE id = 'x'").fetchall()
    assert found == [("café",)]


def test_gzip_and_zip(tmp_path: Path) -> None:
    plain = write(tmp_path / "a.csv", ROWS)
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(plain.read_bytes()))
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.write(plain, "inside/items.csv")
        archive.writestr("README.txt", "words")
    exports = discover(tmp_path)
    assert [export.name for export in exports] == ["a.csv", "b.csv.gz", "c.zip/inside/items.csv"]
    assert all(rows_of(export, tmp_path) == ROWS for export in exports)


def test_quotes_newlines_and_html_in_cells(tmp_path: Path) -> None:
    rows = [["Handle", "Body (HTML)", "Price"], ["mug", '<p class="x">a, b;\n\nc</p>', "12"], ["pot", 'said "yes"', ""]]
    (export,) = discover(write(tmp_path / "products.csv", rows))
    rows[2][2] = None  # type: ignore[call-overload]
    assert rows_of(export, tmp_path) == rows


def test_no_header(tmp_path: Path) -> None:
    rows = [["1", "2268318", "pv", "1511544070"], ["1", "2333346", "pv", "1511561733"]]
    (export,) = discover(write(tmp_path / "UserBehavior.csv", rows))
    assert rows_of(export, tmp_path) == [["col0", "col1", "col2", "col3"], *rows]


def test_two_character_delimiter(tmp_path: Path) -> None:
    (tmp_path / "ratings.dat").write_text("1::1193::5::978300760\n1::661::3::978302109\n")
    assert rows_of(discover(tmp_path)[0], tmp_path)[1] == ["1", "1193", "5", "978300760"]


def test_header_only_is_an_empty_table(tmp_path: Path) -> None:
    (export,) = discover(write(tmp_path / "items.csv", [["id", "name"]]))
    assert rows_of(export, tmp_path) == [["id", "name"]]


def test_missing_and_repeated_names(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text(",name,Name\n0,a,b\n1,c,d\n")
    assert rows_of(discover(tmp_path)[0], tmp_path)[0] == ["col0", "name", "Name_2"]


def test_short_rows_read_as_null(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("id,name,price\n1,a,2\n2,b\n3,c,4\n")
    assert rows_of(discover(tmp_path)[0], tmp_path)[2] == ["2", "b", None]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"", "empty"),
        ("a.csv", b" \n\n", "empty"),
        ("a.csv", bytes(range(256)) * 40, "no text"),
        ("a.jsonl", b"id,name\n1,2\n", "no JSON"),
        ("a.jsonl", b'{"a": 1}\n{"a": \n', "cannot be read"),
        ("a.parquet", b"PAR1 not really", "cannot be read"),
        ("a.csv.gz", b"not gzip", "cannot be read"),
    ],
)
def test_bad_files_get_a_sentence(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    (export,) = discover(tmp_path / name)
    with pytest.raises(DataError, match=said) as caught:
        export.sample()
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "content"), [("a.xlsx", b"no"), ("a.zip", b"no"), ("a.pdf", b"no")])
def test_files_that_cannot_be_opened(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=name):
        discover(tmp_path / name)


def test_nothing_to_find(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        discover(tmp_path / "absent")
    (tmp_path / "README.md").write_text("words")
    (tmp_path / ".hidden.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="nothing here"):
        discover(tmp_path)


def test_nested_json(tmp_path: Path) -> None:
    events = [
        {"event": "view", "items": [{"id": "001", "price": 2.5}], "extra": 1},
        {"event": "view", "items": [], "extra": {"a": [1]}, "说明": "红"},
    ]
    (tmp_path / "ga.jsonl").write_text("\n".join(json.dumps(event, ensure_ascii=False) for event in events))
    (export,) = discover(tmp_path)
    first, second = export.sample().to_pylist()
    assert first["items"] == [{"id": "001", "price": 2.5}]
    assert (json.loads(first["extra"]), json.loads(second["extra"])) == (1, {"a": [1]})
    assert second["说明"] == "红"


def test_parquet_keeps_lists_and_bytes(tmp_path: Path) -> None:
    table = pa.table({"id": [1, 2], "tags": [["a"], []], "image": [b"\xff\xd8", None]})
    pq.write_table(table, tmp_path / "items.parquet")
    assert rows_of(discover(tmp_path)[0], tmp_path)[1:] == [[1, ["a"], b"\xff\xd8"], [2, [], None]]


def test_each_sheet_of_a_workbook(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Artikel"
    for row in [[None, None], ["Nr", "Preis"], ["007", 1.5], [8.0, None]]:
        book.active.append(row)
    book.create_sheet("leer")
    book.save(tmp_path / "shop.xlsx")
    (export,) = discover(tmp_path)
    assert export.name == "shop.xlsx#Artikel"
    assert rows_of(export, tmp_path) == [["Nr", "Preis"], ["007", "1.5"], ["8", None]]


def test_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.execute('CREATE TABLE "order" (id INTEGER, name TEXT, image BLOB)')
        connection.execute("INSERT INTO \"order\" VALUES (7, '红', x'ff')")
        connection.execute("CREATE TABLE empty (id TEXT)")
    empty, order = discover(f"sqlite:///{path}")
    assert rows_of(order, tmp_path) == [["id", "name", "image"], ["7", "红", b"\xff"]]
    assert rows_of(empty, tmp_path) == [["id"]]


def test_a_query_of_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE goods (id INTEGER, name TEXT, live INTEGER)")
        connection.executemany("INSERT INTO goods VALUES (?, ?, ?)", [(1, "杯", 1), (2, "lamp", 0)])
    (products,) = discover(f"sqlite:///{path}#products=SELECT id AS sku, name FROM goods WHERE live = 1;")
    assert products.name == "products"
    assert pa.Table.from_batches(products.batches()).to_pylist() == [{"sku": "1", "name": "杯"}]
    with pytest.raises(DataError, match="names no query"):
        discover(f"sqlite:///{path}#SELECT 1")
    with pytest.raises(DataError, match="no such table"):
        discover(f"sqlite:///{path}#products=SELECT * FROM products")


def test_a_write_that_lies_in_sqlite_s_log_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE items (id TEXT)")
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (items,) = discover(f"sqlite:///{path}")
        before, file = items.fingerprint(), path.read_bytes()
        connection.execute("INSERT INTO items VALUES ('7')")
        connection.commit()
        assert path.read_bytes() == file  # the write is in the log alone
        assert items.fingerprint() != before
        assert rows_of(items, tmp_path) == [["id"], ["7"]]


def test_databases_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "no.db").write_text("not a database, but long enough to be looked at")
    with pytest.raises(DataError, match=r"no\.db"):
        discover(f"sqlite:///{tmp_path}/no.db")
    with pytest.raises(DataError, match="mysql"):
        discover("mysql://me:secret@host/shop")
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtraError, match="shopkeeper\\[scale\\]"):
        discover("postgresql://host/shop")


def test_passwords_stay_out_of_errors() -> None:
    pytest.importorskip("psycopg", reason="the extra `scale` is not installed")
    with pytest.raises(DataError) as caught:
        discover("postgresql://me:hunter2@127.0.0.1:1/shop")
    assert "hunter2" not in str(caught.value)


def test_parts_are_one_table(tmp_path: Path) -> None:
    for month in (1, 2):
        folder = tmp_path / f"events/month=2026-0{month}"
        folder.mkdir(parents=True)
        write(folder / "part-0.csv", [["id", "type"], [str(month), "view"]])
    write(tmp_path / "test1.csv", [["a"], ["x"]])
    write(tmp_path / "test2.csv", [["b"], ["y"]])
    exports = discover(tmp_path)
    assert [export.name for export in exports] == ["events/month=*-*/part-*.csv", "test1.csv", "test2.csv"]
    assert rows_of(exports[0], tmp_path) == [["id", "type"], ["1", "view"], ["2", "view"]]


def test_sources_that_share_names(tmp_path: Path) -> None:
    for folder in ("shop", "web"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder / "items.csv", ROWS)
    write(tmp_path / "web" / "events.csv", ROWS)
    exports = discover_all([tmp_path / "shop", tmp_path / "web"])
    assert {export.name for export in exports} == {"shop/items.csv", "web/items.csv", "events.csv"}


def test_fingerprints_follow_the_content(tmp_path: Path) -> None:
    path = write(tmp_path / "items.csv", ROWS)
    before = discover(path)[0].fingerprint()
    assert discover(path)[0].fingerprint() == before
    write(path, [*ROWS, ["9", "x", "y"]])
    assert discover(path)[0].fingerprint() != before


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_samples_of_large_files_are_spread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    monkeypatch.setattr("shopkeeper.data.readers.delimited.SMALL_BYTES", 1000)
    monkeypatch.setattr("shopkeeper.data.readers.jsonlines.SMALL_BYTES", 1000)
    path, n = tmp_path / f"events.{suffix}", 20_000
    if suffix == "csv":
        write(path, [["n", "name"], *[[str(k), "红"] for k in range(n)]])
    elif suffix == "jsonl":
        path.write_text("".join(json.dumps({"n": str(k), "name": "红"}) + "\n" for k in range(n)))
    else:
        pq.write_table(pa.table({"n": [str(k) for k in range(n)]}), path, row_group_size=3000)
    seen = [int(value) for value in discover(path)[0].sample(800)["n"].to_pylist()]
    assert 400 <= len(seen) <= 800
    assert seen == sorted(set(seen))
    assert len({value // 2500 for value in seen}) == readers_base.RUNS


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8).map(str.strip).filter(bool)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(TEXT, TEXT, st.integers(0, 9999).map(str)), min_size=2, max_size=20),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]], encoding: str
) -> None:
    folder = tmp_path_factory.mktemp("csv")
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([("first column", "second column", "number"), *rows])
    (folder / "t.csv").write_bytes(text.getvalue().encode(encoding))
    found = discover(folder)[0].sample().to_pylist()
    assert [tuple(row.values()) for row in found] == rows


@settings(max_examples=100, deadline=None)
@given(st.binary(min_size=0, max_size=300).map(lambda raw: raw + codecs.BOM_UTF8[:0]))
def test_rubbish_is_a_data_error_or_a_table(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.mktemp("rubbish") / "t.csv"
    path.write_bytes(raw)
    error = None
    try:
        columns = discover(path)[0].sample().num_columns
    except DataError as caught:
        columns, error = 0, caught
    assert columns >= 1 or str(path) in str(error)


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.floats(-1e9, 1e9), TEXT)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {"id": TEXT},
            optional={
                "name": st.one_of(st.none(), TEXT.map(lambda text: f"n {text}")),
                "price": st.one_of(st.none(), st.floats(0, 1e6).map(lambda price: round(price, 2) + 0.001)),
                "sold": st.one_of(st.none(), st.booleans()),
                "tags": st.lists(TEXT.map(lambda text: f"t {text}"), max_size=3),
                "size": st.fixed_dictionaries({"unit": st.just("cm"), "tall": st.integers(0, 99)}),
            },
        ).map(lambda row: {**row, "id": f"x{row['id']}"}),
        min_size=1,
        max_size=15,
    ),
    st.sampled_from(["lines", "array", "gzip", "utf-8-sig", "utf-16"]),
)
def test_json_that_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, object]], form: str
) -> None:
    """Values come back as they were; what a row does not say, and what no row says, is null."""
    folder = tmp_path_factory.mktemp("json")
    text = json.dumps(rows, ensure_ascii=False) if form == "array" else "\n".join(map(json.dumps, rows)) + "\n"
    raw = text.encode(form if form.startswith("utf") else "utf-8")
    (folder / ("t.jsonl.gz" if form == "gzip" else "t.jsonl")).write_bytes(
        gzip.compress(raw) if form == "gzip" else raw
    )
    found = discover(folder)[0].sample().to_pylist()
    assert len(found) == len(rows)
    for told, row in zip(found, rows, strict=True):
        for name in ("id", "name", "price", "sold", "size"):
            assert told.get(name) == row.get(name)
        assert (told.get("tags") or []) == row.get("tags", [])


@settings(max_examples=80, deadline=None)
@given(st.lists(st.dictionaries(TEXT, st.one_of(SCALARS, st.lists(SCALARS, max_size=3)), max_size=4), max_size=12))
def test_ragged_json_loses_no_row(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, object]]) -> None:
    """Whatever the rows hold, they are all there, or a sentence says why not."""
    path = tmp_path_factory.mktemp("ragged") / "t.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n", encoding="utf-8")
    error = None
    try:
        found = pa.Table.from_batches(list(discover(path)[0].batches())).num_rows
    except DataError as caught:
        found, error = -1, caught
    assert found == len(rows) or str(path) in str(error)


def test_a_few_nul_bytes_make_no_utf_16(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_bytes(b"line0line,'a\x03\x00,2b\x00/\n")
    with pytest.raises(DataError, match="no text"):
        discover(tmp_path / "items.csv")[0].sample()
