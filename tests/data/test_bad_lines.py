"""One line that cannot be read costs that line: it is counted and kept aside, and the others are read."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopkeeper.data.ingest import ingest
from shopkeeper.data.mapping import ColumnMapping, FileMapping, Mapping
from shopkeeper.data.readers import discover
from shopkeeper.data.readers.quotes import Quoting
from shopkeeper.data.tables import Tables
from shopkeeper.errors import DataError
from shopkeeper.settings import DataSettings

STRAY = 'p309,"12 inch pan,3.5,Acme'


def products(stray: dict[int, str], count: int = 500) -> str:
    rows = [stray.get(n, f"p{n},Title {n},{n}.5,Acme") for n in range(count)]
    return "product_id,title,price,brand\n" + "\n".join(rows) + "\n"


def take_in(shop: Path, source: Path, columns: dict[str, str]) -> tuple[set[str], int, list[dict[str, object]]]:
    """The ids of the items, the count of bad lines and what is kept of them."""
    fields = {name: ColumnMapping(field) for name, field in columns.items()}
    files = [FileMapping(export.name, "items", columns=fields) for export in discover(source)]
    report = ingest(Mapping(files), [source], shop, DataSettings())
    bad = next((rule.rows for rule in report.rules if rule.name == "unreadable_lines"), 0)
    kept = [row for path in shop.glob("quarantine/unreadable_lines*") for row in pq.read_table(path).to_pylist()]
    return set(Tables(shop).items()["item_id"].to_pylist()), bad, kept


COLUMNS = {"product_id": "item_id", "title": "title", "price": "price", "brand": "brand"}


@pytest.mark.parametrize("name", ["products.csv", "products.csv.gz"])
def test_a_stray_quote_costs_its_own_line(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    raw = products({309: STRAY}).encode()
    path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    items, bad, kept = take_in(tmp_path / "shop", path, COLUMNS)
    assert items == {f"p{n}" for n in range(500)} - {"p309"}
    assert bad == 1
    assert [(row["line"], row["text"]) for row in kept] == [(311, STRAY)]


@pytest.mark.parametrize(
    ("stray", "lost"),
    [
        ({309: STRAY, 400: 'p400,24" pan,3.5,Acme'}, {309}),  # closes the first one, as if all between were its text
        ({309: STRAY, 400: 'p400,"24 inch pan",3.5,Acme'}, {309}),
        ({309: STRAY, 310: 'p310,"14 inch pan,3.5,Acme', 450: 'p450,"9 inch,1,Zen'}, {309, 310, 450}),
        ({499: 'p499,"12 inch pan,3.5,Acme'}, {499}),
        ({309: 'p309,12" pan,"3.5,Acme'}, {309}),  # an even number of quotes, of which the second opens
        ({7: 'p7,12" pan,3.5,Acme', 9: 'p9,3.5" disk,3.5,Acme'}, set()),
    ],
)
def test_stray_quotes_in_several_places(tmp_path: Path, stray: dict[int, str], lost: set[int]) -> None:
    (tmp_path / "products.csv").write_text(products(stray))
    items, bad, _ = take_in(tmp_path / "shop", tmp_path / "products.csv", COLUMNS)
    assert items == {f"p{n}" for n in range(500) if n not in lost}
    assert bad == len(lost)


def test_fields_of_several_lines_are_believed(tmp_path: Path) -> None:
    page = '<p>Red, with a 12" lid.\n\nSizes:\n"S", M, L\n</p>\n'
    rows = [[f"p{n}", page, f"{n}.5", "Acme"] for n in range(50)]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([list(COLUMNS), *rows])
    (tmp_path / "products.csv").write_text(text.getvalue() + f"{STRAY}\n" + "p900,Cup,1,Acme\n" * 3)
    items, bad, _ = take_in(tmp_path / "shop", tmp_path / "products.csv", COLUMNS)
    assert items == {f"p{n}" for n in range(50)} | {"p900"}
    assert bad == 1
    assert page.strip() in next(iter(discover(tmp_path / "products.csv"))).sample()["title"].to_pylist()[0]


@pytest.mark.parametrize(
    "header",
    ['product_id,"title"s,price,brand', 'product_id, ""title"" s,price,brand', 'product_id,"title,x"y,price,brand'],
)
def test_a_header_whose_quotes_are_stray_costs_no_row(tmp_path: Path, header: str) -> None:
    (tmp_path / "products.csv").write_text(products({}).replace("product_id,title,price,brand", header))
    (export,) = discover(tmp_path / "products.csv")
    table = export.sample()
    assert table.column("product_id").to_pylist() == [f"p{n}" for n in range(500)]
    assert table.column("brand").to_pylist() == ["Acme"] * 500


@pytest.mark.parametrize("last", ["", 'p500,"x",3,Acme\n'])
@pytest.mark.parametrize("header", ['product_id,"title,price,brand', 'product_id,"title"s,"price,brand'])
def test_a_quote_of_a_header_that_does_not_close_costs_no_row(tmp_path: Path, header: str, last: str) -> None:
    (tmp_path / "products.csv").write_text(products({}).replace("product_id,title,price,brand", header) + last)
    (export,) = discover(tmp_path / "products.csv")
    table = export.sample()
    assert table.column("product_id").to_pylist()[:500] == [f"p{n}" for n in range(500)]
    assert table.num_columns == 4


def test_two_characters_part_fields_whatever_quotes_stand_between(tmp_path: Path) -> None:
    (tmp_path / "m.dat").write_text('id::title::year\n1::"Up::1999\n2::12" mug::2000\n3::"a"b::2001\n')
    (export,) = discover(tmp_path / "m.dat")
    assert export.sample().column("title").to_pylist() == ['"Up', '12" mug', '"a"b']


CELLS = st.text('ab,;" \n\\é', max_size=12)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS, CELLS), min_size=1, max_size=8))
def test_what_is_well_written_is_left_as_it_is(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]]
) -> None:
    """Unless most lines of a field look like rows of five fields."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(rows)
    folder = tmp_path_factory.mktemp("quotes")
    raw = text.getvalue()
    (folder / "t.csv").write_bytes(raw.encode())
    rejected = Quoting(",", '"', '"', 5).mend(folder / "t.csv", folder / "mended.csv", header=False)
    like_rows = any(line.count(",") >= 4 for row in rows for cell in row for line in cell.split("\n"))
    if not like_rows:
        assert rejected == []
        assert (folder / "mended.csv").read_bytes() == raw.encode()


@pytest.mark.parametrize("name", ["items.jsonl", "items.jsonl.gz"])
def test_a_bad_json_line_costs_itself(tmp_path: Path, name: str) -> None:
    lines = ['{"id": "a", "name": "Red mug"}', '{"id": "b", "name":', '{"id": "c", "name": "杯"}', "", '{"id": "d"}']
    raw = "\n".join(lines).encode()
    (tmp_path / name).write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
    items, bad, kept = take_in(tmp_path / "shop", tmp_path / name, {"id": "item_id", "name": "title"})
    assert items == {"a", "c", "d"}
    assert (bad, [(row["line"], row["text"]) for row in kept]) == (1, [(2, lines[1])])


def test_mostly_bad_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "items.jsonl").write_text('{"id": "a"}\n{"id": \n{"id"\n')
    with pytest.raises(DataError, match="cannot be read"):
        take_in(tmp_path / "shop", tmp_path / "items.jsonl", {"id": "item_id"})


@pytest.mark.parametrize(
    "row",
    [
        ("", "\n", ",,", ",,", "\n"),
        ("p1", "Red,\nS, M, L, XL, XXL\nwashable", "3.5", "Acme", ""),  # a line of the text has as many fields
        ("a", "b", ",,\n,,", ",,\n,,,", "e"),
    ],
)
def test_a_sound_row_is_read_whatever_its_lines_look_like(tmp_path: Path, row: tuple[str, ...]) -> None:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerow(row)
    (tmp_path / "t.csv").write_bytes(text.getvalue().encode())
    assert Quoting(",", '"', '"', 5).mend(tmp_path / "t.csv", tmp_path / "mended.csv", header=False) == []
