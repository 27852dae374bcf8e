"""What cleaning takes out, and that it takes out nothing else."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shopkeeper.data.ingest import ingest
from shopkeeper.data.mapping import ColumnMapping, FileMapping, Mapping
from shopkeeper.data.report import IngestReport
from shopkeeper.data.tables import Tables
from shopkeeper.settings import DataSettings


def meant(path: str, role: str, **columns: str) -> FileMapping:
    """`columns`: name → "field" or "field format"."""
    return FileMapping(path, role, columns={name: ColumnMapping(*said.split(" ", 1)) for name, said in columns.items()})


def clean(folder: Path, *files: FileMapping) -> tuple[Tables, IngestReport]:
    report = ingest(Mapping(list(files)), [folder / "exports"], folder / "shop", DataSettings())
    return Tables(folder / "shop"), report


def write(folder: Path, name: str, *lines: str) -> None:
    (folder / "exports").mkdir(exist_ok=True)
    (folder / "exports" / name).write_text("\n".join(lines) + "\n")


def found(report: IngestReport) -> dict[str, int]:
    return {rule.name: rule.rows for rule in report.rules if rule.rows}


def events_of(tables: Tables, *columns: str) -> list[tuple[Any, ...]]:
    table = tables.events(columns).read_all()
    return sorted(zip(*(table[column].to_pylist() for column in columns), strict=True), key=str)


LOG = {"id": "event_id", "user": "user_id", "item": "item_id", "what": "event_type", "time": "time iso"}
HEAD = "id,user,item,what,time"


def test_files_may_count_their_rows_alike(tmp_path: Path) -> None:
    write(tmp_path, "clicks.csv", HEAD, *(f"{n},u{n},p{n},view,2026-01-02 10:00:{n:02}" for n in range(30)))
    write(tmp_path, "sales.csv", HEAD, *(f"{n},u{n},p{n},purchase,2026-02-02 11:00:{n:02}" for n in range(20)))
    files = meant("clicks.csv", "events", **LOG), meant("sales.csv", "events", **LOG)
    tables, report = clean(tmp_path, *files)
    assert found(report) == {}
    assert [kind for (kind,) in events_of(tables, "type")] == ["purchase"] * 20 + ["view"] * 30
    first = events_of(tables, "event_id", "type")
    assert len({event_id for event_id, _ in first}) == 50  # no two events share an identifier, whatever their month
    assert events_of(clean(tmp_path, *files)[0], "event_id", "type") == first


def test_an_identifier_with_the_same_content_is_a_duplicate(tmp_path: Path) -> None:
    rows = [f"e{n},u{n},p{n},view,2026-01-{n + 1:02}" for n in range(20)]
    write(tmp_path, "old.csv", HEAD + ",exported", *(f"{row},monday" for row in rows))
    write(tmp_path, "new.csv", HEAD + ",exported", *(f"{row},tuesday" for row in rows), "e20,u,p,view,2026-01-30,x")
    write(tmp_path, "self.csv", HEAD, "s1,u,p,view,2026-01-30", "s1,u,p,view,2026-01-30")
    tables, report = clean(tmp_path, *(meant(name, "events", **LOG) for name in ("old.csv", "new.csv", "self.csv")))
    assert tables.count("events") == 22
    assert found(report) == {"duplicates": 21}
    assert pq.read_metadata(tmp_path / "shop/quarantine/duplicates.parquet").num_rows == 21


DAYS = {"day": "date iso", "user": "user_id", "item": "item_id"}


@pytest.mark.parametrize("names", [("early.csv", "late.csv"), ("sales_1.csv", "sales_2.csv")])  # two exports, one
def test_overlapping_files_of_days(tmp_path: Path, names: tuple[str, str]) -> None:
    milk, tea = "2026-01-01,u,milk", "2026-01-02,u,tea"
    write(tmp_path, names[0], "day,user,item", milk, milk, tea)
    write(tmp_path, names[1], "day,user,item", milk, milk, milk, "2026-01-03,u,jam")
    paths = ["sales_*.csv"] if names[0] == "sales_1.csv" else list(names)
    tables, report = clean(tmp_path, *(meant(path, "order_lines", **DAYS) for path in paths))
    assert [item for (item,) in events_of(tables, "item_id")] == ["jam", "milk", "milk", "milk", "tea"]
    assert found(report) == {"duplicates": 2}
    assert len(set(events_of(tables, "event_id"))) == 5


PRODUCTS = {"id": "item_id", "name": "title", "price": "price", "brand": "brand", "stock": "stock"}


def aside(folder: Path, name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(folder / f"shop/quarantine/{name}.parquet").to_pylist()
    return rows


def test_rows_about_the_same_item_are_put_together(tmp_path: Path) -> None:
    head = "id,name,price,brand,stock,colour,size"
    write(tmp_path, "products.csv", head, "b,Pot,2,,1,,", "a,Mug,1,,,red,", "a,Cup,9,Acme,7,blue,L", "c,Lid,3,,1,,")
    write(tmp_path, "people.csv", "id,city,age", "u,Paris,", "u,Lyon,30", "v,Rome,")
    people = meant("people.csv", "users", id="user_id")
    tables, report = clean(tmp_path, meant("products.csv", "items", **PRODUCTS), people)
    mug = tables.items().to_pylist()[0]
    assert (mug["title"], mug["price"], mug["brand"], mug["stock"]) == ("Mug", 1.0, "Acme", 7.0)
    assert json.loads(mug["attributes"]) == {"colour": "red", "size": "L"}
    assert mug["attributes"].count("colour") == 1
    assert json.loads(tables.table("users")["attributes"][0].as_py()) == {"city": "Paris", "age": "30"}
    assert found(report) == {"duplicate_identifiers": 2}
    assert [row["title"] for row in aside(tmp_path, "duplicate_identifiers_items")] == ["Cup"]
    assert len(aside(tmp_path, "duplicate_identifiers_users")) == 1
    first = next(rule.first for rule in report.rules if rule.name == "duplicate_identifiers")
    assert "products.csv" in first
    assert "Cup" in first


def test_prices_that_cannot_be(tmp_path: Path) -> None:
    rows = [f"p{n},Mug {n},{n}.5,,5," for n in range(30)]
    write(tmp_path, "products.csv", "id,name,price,brand,stock,size", *rows,
          "x,Negative,-5,,5,", "y,Huge,99999999999,,5,", "z,None,n/a,,-,")  # fmt: skip
    tables, report = clean(tmp_path, meant("products.csv", "items", **PRODUCTS))
    prices = {row["item_id"]: row["price"] for row in tables.items().to_pylist()}
    assert len(prices) == 33
    assert prices["x"] is prices["y"] is prices["z"] is None
    assert found(report) == {"impossible_item_price": 2}
    assert {row["price"] for row in aside(tmp_path, "impossible_item_price_items")} == {-5, 99999999999}


def test_values_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    write(tmp_path, "products.csv", "id,name,price,brand,stock", "a,Mug,ask us,,many", "b,Pot,n/a,,-", "c,Lid, ,,3")
    write(tmp_path, "sales.csv", "day,item,price,n", "2026-01-01,a,two,1", "2026-01-01,b,2,?", "2026-01-02,c,,lots")
    sales = meant("sales.csv", "order_lines", day="date iso", item="item_id", price="price", n="quantity")
    tables, report = clean(tmp_path, meant("products.csv", "items", **PRODUCTS), sales)
    assert tables.count("items") == tables.count("events") == 3
    assert found(report) == {"unreadable_values": 3}
    assert [row["unread"] for row in aside(tmp_path, "unreadable_values_items")] == ["price: ask us, stock: many"]
    assert {row["unread"] for row in aside(tmp_path, "unreadable_values_order_lines")} == {
        "price: two", "quantity: lots",
    }  # fmt: skip


def test_reviews_and_images_of_the_same(tmp_path: Path) -> None:
    head = "id,who,stars,body,day"
    write(tmp_path, "reviews.csv", head, "1,u,4,Good,2026-01-05", "1,u,4,Good,2026-01-05", "1,u,4,Bad,2026-01-05")
    pictures = pa.table({"id": ["1", "1", "2"], "photo": [b"\xff\xd8one", b"\xff\xd8two", b"\xff\xd8"]})
    pq.write_table(pictures, tmp_path / "exports/photos.parquet")
    reviews = meant("reviews.csv", "reviews", id="item_id", who="user_id", stars="rating", body="text", day="date iso")
    tables, report = clean(tmp_path, reviews, meant("photos.parquet", "images", id="item_id", photo="image"))
    table = tables.table("reviews")
    assert sorted(table["text"].to_pylist()) == ["Bad", "Good"]
    assert len(set(table["review_id"].to_pylist())) == 2
    images = {row["item_id"]: row["image"] for row in tables.table("images").to_pylist()}
    assert images == {"1": b"\xff\xd8one", "2": b"\xff\xd8"}
    assert found(report) == {"duplicate_identifiers": 2}
    assert len(aside(tmp_path, "duplicate_identifiers_reviews")) == 1
    assert aside(tmp_path, "duplicate_identifiers_images")[0]["item_id"] == "1"


SOLD = {
    "invoice": "order_id", "code": "item_id", "name": "title", "price": "price", "who": "user_id", "when": "time iso",
}  # fmt: skip


def test_words_of_billing_in_the_names_of_products(tmp_path: Path) -> None:
    lines = [f"{n},{10000 + n},Thing {n},2.5,u{n % 7},2026-01-02 10:{n % 60:02}:00" for n in range(160)]
    odd = [("COFFEE1X", "Ground Coffee"), ("DOLL-7", "Doll carriage wood"), ("TOFFEE", "Toffee"),
           ("VAN", "Delivery van"), ("KIT", "Testing kit"), ("BOX", "Safe deposit box")]  # fmt: skip
    billed = [("POST", "POSTAGE"), ("SH", "Shipping & handling"), ("C2", "CARRIAGE"), ("M", "Manual")]
    named = [(code, name, "3", f"u{n}") for code, name in (*odd, *billed) for n in range(4)]
    # One word of several, and a sign besides: nobody is named, or the price is any.
    signed = [("DOT", "Dotcom postage", "3", "")] * 3 + [
        ("CRUK", "CRUK Commission", f"{10**n}", "u1") for n in range(4)
    ]
    lines += [
        f"x{n},{code},{name},{price},{who},2026-01-03 11:{n:02}:00"
        for n, (code, name, price, who) in enumerate([*named, *signed])
    ]
    write(tmp_path, "sales.csv", "invoice,code,name,price,who,when", *lines)
    tables, report = clean(tmp_path, meant("sales.csv", "order_lines", **SOLD))
    gone = {row["item_id"] for row in aside(tmp_path, "no_product")}
    assert gone == {"POST", "SH", "C2", "M", "DOT", "CRUK"}
    assert found(report) == {"no_product": 23}
    assert {code for code, _ in odd} <= set(tables.items()["item_id"].to_pylist())


def test_real_postage(real_data: Callable[[str], Path], tmp_path: Path) -> None:
    columns = {
        "Invoice": "order_id", "StockCode": "item_id", "Description": "title", "Quantity": "quantity",
        "InvoiceDate": "time %m/%d/%y %H:%M", "Price": "price", "Customer ID": "user_id",
    }  # fmt: skip
    mapping = Mapping([meant("transactions.parquet", "order_lines", **columns)])
    ingest(mapping, [real_data("online-retail")], tmp_path / "shop", DataSettings())
    gone = {row["item_id"] for row in aside(tmp_path, "no_product")}
    assert gone >= {"POST", "DOT", "M", "BANK CHARGES", "AMAZONFEE", "D", "S", "CRUK", "C2"}
    assert gone <= {"POST", "DOT", "M", "BANK CHARGES", "AMAZONFEE", "D", "S", "CRUK", "C2", "m", "B"}


CELLS = {
    "id": ["", "1", "2", "x"],
    "user": ["", "u", "v"],
    "item": ["", "a", "b", "n/a"],
    "what": ["view", "purchase", "noise", "dance", ""],
    "time": ["2026-01-01 10:00:00", "2026-01-31 23:59:00", "2026-02-01", "1970-01-01", "2999-01-01", "soon", ""],
    "n": ["", "1", "-2", "many", "1e300", "inf"],
    "price": ["", "2.5", "-3", "ask us", "€ 1.234,50"],
}
ROW = st.tuples(*(st.sampled_from(cells) for cells in CELLS.values()))


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ROW, max_size=60), st.lists(ROW, max_size=60), st.booleans())
def test_every_row_is_in_the_tables_or_set_aside(
    tmp_path: Path, one: list[tuple[str, ...]], other: list[tuple[str, ...]], identified: bool
) -> None:
    with tempfile.TemporaryDirectory(dir=tmp_path) as place:
        folder = Path(place)
        # Enough rows with a time, in either file, that its clock can be read.
        usual = [("", "w", "c", "view", f"2026-01-02 10:00:{n:02}", "1", "2") for n in range(20)]
        for name, rows in (("one.csv", one), ("other.csv", other)):
            write(folder, name, ",".join(CELLS), *(",".join(f'"{cell}"' for cell in row) for row in [*usual, *rows]))
        columns = {**LOG, "n": "quantity", "price": "price", "id": "event_id" if identified else "attribute"}
        files = [
            msgspec.structs.replace(meant(name, "events", **columns), event_types={"noise": "ignore"})
            for name in ("one.csv", "other.csv")
        ]
        tables, report = clean(folder, *files)
        removed = sum(rule.rows for rule in report.rules if rule.action == "removed")
        kept_aside = sum(
            pq.read_metadata(folder / f"shop/quarantine/{rule.name}.parquet").num_rows
            for rule in report.rules
            if rule.rows and rule.action == "removed"
        )
        assert tables.count("events") + removed == 40 + len(one) + len(other)
        assert kept_aside == removed
        ids = events_of(tables, "event_id")
        assert len(set(ids)) == len(ids)
        before = events_of(tables, "event_id", "type", "time")
        assert events_of(clean(folder, *files)[0], "event_id", "type", "time") == before
