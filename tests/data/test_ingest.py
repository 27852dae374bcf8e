from __future__ import annotations

import datetime as dt
import json
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlglot

from shopkeeper.data import clean, derive, staging, workbench
from shopkeeper.data.duck import connect
from shopkeeper.data.ingest import ingest
from shopkeeper.data.mapper import propose
from shopkeeper.data.mapping import ColumnMapping, FileMapping, Mapping
from shopkeeper.data.readers import discover
from shopkeeper.data.report import IngestReport, read_report
from shopkeeper.data.schema import TABLES
from shopkeeper.data.staging import columns_of
from shopkeeper.data.tables import Tables
from shopkeeper.data.translate import translate
from shopkeeper.errors import DataError, MappingError
from shopkeeper.settings import DataSettings
from shopkeeper.vocabulary import silent

FIXTURES = Path(__file__).parent / "fixtures"


def mapped(path: str, role: str, columns: dict[str, str], **more: Any) -> FileMapping:
    """`columns`: name → "field" or "field format"."""
    meant = {name: ColumnMapping(*said.split(" ", 1)) for name, said in columns.items()}
    return FileMapping(path, role, columns=meant, **more)


def take_in(folder: Path, *files: FileMapping, **settings: Any) -> tuple[Tables, IngestReport]:
    shop = folder / "shop"
    report = ingest(Mapping(list(files)), [folder / "exports"], shop, DataSettings(**settings))
    return Tables(shop), report


@pytest.fixture
def exports(tmp_path: Path) -> Path:
    folder = tmp_path / "exports"
    folder.mkdir()
    return folder


def events_of(tables: Tables, *columns: str) -> list[tuple[Any, ...]]:
    table = tables.events(columns).read_all()
    return list(zip(*(table[column].to_pylist() for column in columns), strict=True))


def found(report: IngestReport) -> dict[str, int]:
    return {rule.name: rule.rows for rule in report.rules if rule.rows}


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


CLICKS = mapped(
    "clicks.csv", "events", {"user": "user_id", "item": "item_id", "what": "event_type", "when": "time iso"},
    event_types={"pv": "view", "buy": "purchase", "noise": "ignore"},
)  # fmt: skip


def clicks(folder: Path, *rows: str) -> None:
    (folder / "clicks.csv").write_text("user,item,what,when\n" + "".join(f"{row}\n" for row in rows))


def test_an_empty_shop_has_empty_tables(tmp_path: Path) -> None:
    tables = Tables(tmp_path)
    assert tables.items().schema == TABLES["items"]
    assert not tables.has("events")
    assert tables.events(["item_id"]).read_all().num_rows == 0
    with pytest.raises(DataError, match="no table"):
        tables.table("orders")
    with pytest.raises(DataError, match="no column"):
        tables.events(["when"])


def test_files_without_rows(tmp_path: Path, exports: Path) -> None:
    clicks(exports)
    tables, report = take_in(tmp_path, CLICKS)
    assert tables.count("events") == tables.count("items") == 0
    assert found(report) == {}


def test_one_user_one_event(tmp_path: Path, exports: Path) -> None:
    clicks(exports, "007,红杯,pv,2026-01-31T23:30:00Z")
    tables, _ = take_in(tmp_path, CLICKS)
    assert events_of(tables, "type", "user_id", "actor", "item_id", "time") == [
        ("view", "007", "007", "红杯", at("2026-01-31T23:30:00"))
    ]
    assert tables.items()["item_id"].to_pylist() == ["红杯"]
    assert tables.table("events").schema.equals(TABLES["events"])


def test_visits_end_with_silence_and_span_months(tmp_path: Path, exports: Path) -> None:
    clicks(
        exports,
        "u,a,pv,2026-01-31 23:50:00", "u,b,pv,2026-02-01 00:10:00", "u,c,pv,2026-02-01 00:50:00",
        "v,d,pv,2026-02-01 00:11:00", "u,e,noise,2026-02-01 00:12:00",
    )  # fmt: skip
    tables, _ = take_in(tmp_path, CLICKS)
    visits = dict(events_of(tables, "item_id", "session_id"))
    assert visits["a"] == visits["b"]
    assert len({visits["b"], visits["c"], visits["d"]}) == 3
    assert "e" not in visits
    months = sorted(path.parent.name for path in tables.paths("events"))
    assert months == ["month=2026-01", "month=2026-02"]
    tables, _ = take_in(tmp_path, CLICKS, session_gap_minutes=60)
    visits = dict(events_of(tables, "item_id", "session_id"))
    assert visits["a"] == visits["b"] == visits["c"]


def test_the_same_source_again_and_new_rows(tmp_path: Path, exports: Path) -> None:
    first = ("u,a,pv,2026-01-01 10:00:00", "u,a,pv,2026-01-01 10:00:00", "u,b,buy,2026-01-02 10:00:00")
    clicks(exports, *first)
    tables, report = take_in(tmp_path, CLICKS)
    before = set(events_of(tables, "event_id", "item_id"))
    assert found(report) == {"duplicates": 1}
    tables, report = take_in(tmp_path, CLICKS)
    assert report.files[0].reused
    assert set(events_of(tables, "event_id", "item_id")) == before
    clicks(exports, *first, "w,c,pv,2026-03-01 10:00:00")
    tables, report = take_in(tmp_path, CLICKS)
    assert not report.files[0].reused
    assert before < set(events_of(tables, "event_id", "item_id"))
    assert tables.count("events") == 3


def test_true_repeats_of_days_are_kept(tmp_path: Path, exports: Path) -> None:
    (exports / "sales.csv").write_text("day,user,item\n" + "2026-01-01,u,milk\n" * 3)
    sales = mapped("sales.csv", "order_lines", {"day": "date iso", "user": "user_id", "item": "item_id"})
    tables, _ = take_in(tmp_path, sales)
    assert len({event_id for (event_id,) in events_of(tables, "event_id")}) == 3


ORDERS = mapped(
    "orders.csv",
    "order_lines",
    {
        "Invoice": "order_id", "Code": "item_id", "Text": "title", "Qty": "quantity", "Date": "time %m/%d/%y %H:%M",
        "Price": "price", "Customer": "user_id", "Country": "attribute",
    },
    returns="C",
)  # fmt: skip


def orders(folder: Path, *rows: str) -> None:
    products = [f"1,{10000 + n},Mug {n},1,12/1/10 8:26,2.50,17850.0,France" for n in range(60)]
    lines = ["Invoice,Code,Text,Qty,Date,Price,Customer,Country", *products, *rows]
    (folder / "orders.csv").write_text("\n".join(lines) + "\n")


def test_orders_returns_and_postage(tmp_path: Path, exports: Path) -> None:
    orders(
        exports,
        "2,10001,Mug 1,-3,12/2/10 8:26,2.50,17850.0,France",
        "C3,10002,Mug 2,2,12/2/10 8:27,2.50,,France",
        "4,POST,POSTAGE,1,12/2/10 8:28,18,17850,France",
        "5,M,Manual,1,12/2/10 8:28,1,17850,France",
        "6,PADS,PADS TO MATCH ALL CUSHIONS,1,12/2/10 8:28,1,17850,France",
        "7,B,Adjust bad debt,1,12/2/10 8:28,-11062,,France",
        "8,,Lost,1,12/2/10 8:28,1,17850,France",
    )
    tables, report = take_in(tmp_path, ORDERS)
    assert found(report) == {"no_product": 2, "impossible_price": 1, "missing_keys": 1, "returns": 1}
    rows = events_of(tables, "type", "item_id", "quantity", "actor", "session_id", "order_id")
    assert ("return", "10001", 3.0, "17850", "2", "2") in rows
    assert ("return", "10002", 2.0, "order:C3", "C3", "C3") in rows
    items = {row["item_id"]: row for row in tables.items().to_pylist()}
    assert "POST" not in items
    assert items["PADS"]["title"] == "PADS TO MATCH ALL CUSHIONS"
    assert items["10005"]["price"] == 2.5
    kept_aside = pq.read_table(tmp_path / "shop/quarantine/no_product.parquet")
    assert sorted(kept_aside["item_id"].to_pylist()) == ["M", "POST"]
    assert set(kept_aside["source"].to_pylist()) == {"orders.csv"}
    first = next(rule.first for rule in report.rules if rule.name == "no_product")
    assert "orders.csv" in first
    attributes = tables.table("events")["attributes"].to_pylist()
    assert json.loads(attributes[0]) == {"Country": "France"}


def test_order_headers_and_lines_in_two_files(tmp_path: Path, exports: Path) -> None:
    (exports / "heads.csv").write_text("order,who,when,how\n1,u,2026-01-05 10:00:00,card\n2,v,2026-02-05 10:00:00,\n")
    (exports / "lines.csv").write_text("order,sku,n\n1,a,2\n1,b,1\n2,a,1\n3,c,1\n")
    tables, report = take_in(
        tmp_path,
        mapped("heads.csv", "order_lines", {"order": "order_id", "who": "user_id", "when": "time iso"}),
        mapped("lines.csv", "order_lines", {"order": "order_id", "sku": "item_id", "n": "quantity"}),
    )
    assert sorted(events_of(tables, "item_id", "actor", "time", "session_id"), key=str) == [
        ("a", "u", at("2026-01-05T10:00:00"), "1"),
        ("a", "v", at("2026-02-05T10:00:00"), "2"),
        ("b", "u", at("2026-01-05T10:00:00"), "1"),
    ]
    assert found(report) == {"missing_time": 1}  # the order without a header
    assert tables.table("events")["attributes"].to_pylist()[0] == '{"how":"card"}'


def test_grades_in_words(tmp_path: Path, exports: Path) -> None:
    (exports / "judged.csv").write_text("words,id,label\nmug,1,E\nmug,2,Irrelevant\nmug,3,2.5\nmug,4,?\n")
    tables, report = take_in(
        tmp_path, mapped("judged.csv", "judgements", {"words": "query", "id": "item_id", "label": "grade"})
    )
    assert tables.table("judgements")["grade"].to_pylist() == [3.0, 0.0, 2.5]
    assert found(report) == {"missing_identifiers": 1}


def test_words_alone_make_no_postage(tmp_path: Path, exports: Path) -> None:
    orders(exports, "2,10077,SHIPPING CRATE TOY WITH POSTAGE STAMPS,1,12/2/10 8:26,2.50,17850,France")
    tables, report = take_in(tmp_path, ORDERS)
    assert found(report) == {}
    assert "10077" in tables.items()["item_id"].to_pylist()


def test_times_that_cannot_be(tmp_path: Path, exports: Path) -> None:
    usual = [f"u,i{n},pv,2026-01-0{1 + n % 9} 10:{n:02}:00" for n in range(60)]
    clicks(exports, *usual, "u,a,pv,1970-01-01 00:00:00", "u,b,pv,2999-01-01 00:00:00", "u,c,pv,2024-01-01 00:00:00",
           "u,d,pv,", "u,e,dance,2026-01-01 10:00:00")  # fmt: skip
    tables, report = take_in(tmp_path, CLICKS)
    assert found(report) == {"impossible_time": 2, "outlying_time": 1, "missing_time": 1, "unknown_type": 1}
    assert tables.count("events") == 60


def test_absurd_and_unusual_values(tmp_path: Path, exports: Path) -> None:
    orders(
        exports,
        "2,10001,Mug 1,80,12/2/10 8:26,2.50,17850,France",
        "3,10001,Mug 1,99999999,12/2/10 8:26,2.50,17850,France",
    )
    tables, report = take_in(tmp_path, ORDERS)
    assert found(report) == {"absurd_values": 1, "unusual_values": 1}
    assert max(quantity for (quantity,) in events_of(tables, "quantity")) == 80


def test_a_clock_that_cannot_be_read_is_told(tmp_path: Path, exports: Path) -> None:
    clicks(exports, "u,a,pv,sometime", "u,b,pv,later")
    with pytest.raises(MappingError, match=r"clicks\.csv.*only 0% of the times.*format"):
        take_in(tmp_path, CLICKS)


def test_mappings_that_do_not_fit(tmp_path: Path, exports: Path) -> None:
    clicks(exports, "u,a,pv,2026-01-01 10:00:00")
    with pytest.raises(MappingError, match=r"no column 'itm'.*Did you mean 'item'"):
        take_in(tmp_path, mapped("clicks.csv", "events", {"itm": "item_id"}))
    with pytest.raises(MappingError, match=r"no 'gone\.csv'"):
        take_in(tmp_path, mapped("gone.csv", "events", {}))
    with pytest.raises(MappingError, match="twice"):
        take_in(tmp_path, CLICKS, CLICKS)
    with pytest.raises(MappingError, match="item_id"):
        take_in(tmp_path, mapped("clicks.csv", "items", {"user": "title"}))


def test_items_from_several_files(tmp_path: Path, exports: Path) -> None:
    pq.write_table(
        pa.table({
            "id": ["1", "2"], "name": ["红杯", None], "cents": [250, None], "tags": [["a", "b"], []],
            "more": ['{"colour": "red"}', None], "size": ["L", None], "photo": [b"\xff\xd8", None],
            "state": ["in stock", "缺货"],
        }),
        exports / "items.parquet",
    )  # fmt: skip
    (exports / "names.csv").write_text(
        "id,name,price,path\n2,Pot,€ 1.234,50,Home > Tea\n".replace("€ 1.234,50", '"€ 1.234,50"')
    )
    (exports / "seen.csv").write_text("id,name,price\n1,cup,9\n3,Lid,4\n3,Lid,6\n")
    tables, report = take_in(
        tmp_path,
        mapped("items.parquet", "items", {
            "id": "item_id", "name": "title", "cents": "price unit:0.01", "tags": "category list",
            "more": "attributes json", "photo": "image", "state": "available",
        }),
        mapped("names.csv", "items", {
            "id": "item_id", "name": "title", "price": "price", "path": "category separator:>",
        }),
        mapped("seen.csv", "events", {"id": "item_id", "name": "title", "price": "price"}),
    )  # fmt: skip
    one, two, three = tables.items().to_pylist()
    assert (one["title"], one["price"], one["categories"]) == ("红杯", 2.5, ["a", "b"])
    assert (one["image"], one["available"], json.loads(one["attributes"])) == (
        "table:images", True, {"size": "L", "colour": "red"},
    )  # fmt: skip
    assert (two["title"], two["price"], two["categories"], two["available"]) == ("Pot", 1234.5, ["Home", "Tea"], False)
    assert (three["title"], three["price"]) == ("Lid", 5.0)
    assert found(report) == {"units": 2}
    assert tables.table("images").to_pylist() == [{"item_id": "1", "image": b"\xff\xd8"}]
    assert tables.items().schema.equals(TABLES["items"])


def test_nested_lines_parameters_and_records(tmp_path: Path, exports: Path) -> None:
    sold = {"name": "purchase", "us": "1706774512929981", "order": {"id": "T1"}, "user": "u",
            "params": [{"key": "page", "value": {"s": "/a", "n": None}}, {"key": "n", "value": {"s": None, "n": 3}}],
            "items": [{"sku": "001", "title": "Mug", "price": 2.5, "quantity": 2, "colour": "red"},
                      {"sku": "002"}]}  # fmt: skip
    searched = {
        "name": "search",
        "us": "1706774512929999",
        "order": {"id": None},
        "user": "u",
        "params": [],
        "items": [],
    }
    (exports / "ga.jsonl").write_text(json.dumps(sold) + "\n" + json.dumps(searched) + "\n")
    tables, report = take_in(
        tmp_path,
        mapped("ga.jsonl", "events", {
            "name": "event_type", "us": "time epoch_us", "order.id": "order_id", "user": "user_id",
            "params": "attributes",
            "items": "lines list", "items.sku": "item_id", "items.title": "title", "items.price": "price",
            "items.quantity": "quantity",
        }),
    )  # fmt: skip
    rows = events_of(tables, "type", "item_id", "quantity", "order_id")
    assert sorted(rows, key=str) == [("purchase", "001", 2.0, "T1"), ("purchase", "002", None, "T1")]
    assert found(report) == {"missing_keys": 1}  # a search without its words
    attributes = json.loads(tables.table("events")["attributes"].to_pylist()[0])
    assert (attributes["page"], attributes["n"]) == ("/a", 3)
    assert tables.items()["title"].to_pylist() == ["Mug", None]


SLIDING = [("u", [1, 2], 3), ("u", [1, 2, 3], 4), ("u", [2, 3, 4], 4), ("u", [3, 4, 4], 5), ("v", [7], 8)]


def test_sliding_windows_and_prefixes_do_not_double_events(tmp_path: Path, exports: Path) -> None:
    def lists(rows: Sequence[tuple[str, list[int], int]], name: str) -> None:
        user, items, target = zip(*rows, strict=True)
        pq.write_table(pa.table({"user": user, "before": items, "next": target}), exports / name)

    lists(SLIDING[3:], "a_test.parquet")  # later in time, first by name
    lists(SLIDING[:3], "b_valid.parquet")
    columns = {"user": "user_id", "before": "items list", "next": "target"}
    tables, _ = take_in(
        tmp_path, mapped("a_test.parquet", "sessions", columns), mapped("b_valid.parquet", "sessions", columns)
    )
    rows = sorted(events_of(tables, "user_id", "ordinal", "item_id"))
    assert [item for user, _, item in rows if user == "u"] == ["1", "2", "3", "4", "4", "5"]
    assert [item for user, _, item in rows if user == "v"] == ["7", "8"]


def test_prefixes_without_an_owner(tmp_path: Path, exports: Path) -> None:
    rows = [([1, 2, 3], 4), ([1, 2], 3), ([1], 2), ([9], 9), ([5, 6], 7), ([5], 6)]
    pq.write_table(pa.table({"prefix": [p for p, _ in rows], "next": [t for _, t in rows]}), exports / "s.parquet")
    tables, _ = take_in(tmp_path, mapped("s.parquet", "sessions", {"prefix": "items list", "next": "target"}))
    sessions: dict[str, list[str]] = {}
    for session, _, item in sorted(events_of(tables, "session_id", "ordinal", "item_id")):
        sessions.setdefault(session, []).append(item)
    assert sorted(sessions.values()) == [["1", "2", "3", "4"], ["5", "6", "7"], ["9", "9"]]


def test_other_tables(tmp_path: Path, exports: Path) -> None:
    (exports / "judged.csv").write_text("words,id,grade,judge\n红杯,1,3,x\n红杯,1,1,y\n,2,1,x\n")
    (exports / "people.csv").write_text("id,Email,age\n1,a@b.com,30\n,c@d.com,31\n")
    (exports / "coupons.csv").write_text("code,id,campaign\nX,1,c1\n")
    (exports / "campaigns.csv").write_text("campaign,begin,finish\nc1,2026-01-01,2026-02-01\n")
    (exports / "reviews.csv").write_text(
        "id,who,stars,head,body,day\n1,u,4 of 5,Good,很好,2026-01-05\n2,u,2,,,2026-01-06\n"
    )
    (exports / "weather.csv").write_text("day,rain\n1,2\n")
    tables, report = take_in(
        tmp_path,
        mapped("judged.csv", "judgements", {"words": "query", "id": "item_id", "grade": "grade"}),
        mapped("people.csv", "users", {"id": "user_id"}),
        mapped("coupons.csv", "coupons", {"code": "coupon_id", "id": "item_id", "campaign": "campaign_id"}),
        mapped("campaigns.csv", "coupons", {"campaign": "campaign_id", "begin": "starts iso", "finish": "ends iso"}),
        mapped("reviews.csv", "reviews", {
            "id": "item_id", "who": "user_id", "stars": "rating", "head": "title", "body": "text", "day": "date iso",
        }),
        mapped("weather.csv", "other", {}),
    )  # fmt: skip
    assert tables.table("judgements").to_pylist() == [{"query": "红杯", "item_id": "1", "grade": 2.0}]
    (user,) = tables.table("users").to_pylist()
    assert json.loads(user["attributes"]) == {"Email": "a@b.com", "age": "30"}
    (coupon,) = tables.table("coupons").to_pylist()
    assert (coupon["coupon_id"], coupon["starts"]) == ("X", at("2026-01-01"))
    (review,) = tables.table("reviews").to_pylist()
    assert (review["title"], review["text"], review["rating"]) == ("Good", "很好", 4.0)
    assert sorted(events_of(tables, "type", "rating")) == [("rating", 2.0), ("rating", 4.0)]
    assert found(report) == {"missing_identifiers": 2}
    assert len(list((tmp_path / "shop/tables/other").iterdir())) == 2
    assert {(hint.path, hint.kind) for hint in report.personal} >= {("people.csv", "e-mail")}


def test_garbled_texts_are_mended(tmp_path: Path, exports: Path) -> None:
    (exports / "items.csv").write_text("id,name\n1,CafÃ© au lait\n2,Mug\x01 red\n3,红杯\n4,naïve\n")
    tables, report = take_in(tmp_path, mapped("items.csv", "items", {"id": "item_id", "name": "title"}))
    assert tables.items()["title"].to_pylist() == ["Café au lait", "Mug red", "红杯", "naïve"]
    assert found(report) == {"encodings": 2}


def test_lines_that_do_not_fit_are_set_aside(tmp_path: Path, exports: Path) -> None:
    rows = [f"{n},mug" for n in range(5000)]
    rows[4000] = "4000,mug,and,more"
    (exports / "items.csv").write_text("id,name\n" + "\n".join(rows) + "\n")
    tables, report = take_in(tmp_path, mapped("items.csv", "items", {"id": "item_id", "name": "title"}))
    assert tables.count("items") == 4999
    assert found(report) == {"unreadable_lines": 1}
    assert "items.csv, line 4002" in next(rule.first for rule in report.rules if rule.rows)


def test_a_database_is_a_source(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("CREATE TABLE products (sku INTEGER, name TEXT, price REAL)")
        connection.execute("INSERT INTO products VALUES (7, '红杯', 2.5)")
    products = mapped("products", "items", {"sku": "item_id", "name": "title", "price": "price"})
    ingest(Mapping([products]), [f"sqlite:///{tmp_path}/shop.db"], tmp_path / "shop", DataSettings())
    (item,) = Tables(tmp_path / "shop").items().to_pylist()
    assert (item["item_id"], item["title"], item["price"]) == ("7", "红杯", 2.5)


def test_an_interruption_leaves_the_shop_as_it_was(
    tmp_path: Path, exports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clicks(exports, "u,a,pv,2026-01-01 10:00:00")
    tables, _ = take_in(tmp_path, CLICKS)
    before = tables.fingerprint()
    clicks(exports, "u,a,pv,2026-01-01 10:00:00", "u,b,pv,2026-01-01 10:01:00")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(derive.Derivation, "_items", interrupted)
        with pytest.raises(KeyboardInterrupt):
            take_in(tmp_path, CLICKS)
    assert tables.fingerprint() == before
    read: list[str] = []
    original = staging._translated

    def counted(*arguments: Any) -> staging.Staged:
        read.append("a file")
        return original(*arguments)

    monkeypatch.setattr(staging, "_translated", counted)
    tables, report = take_in(tmp_path, CLICKS)
    assert read == []  # the interrupted run had read it
    assert report.files[0].reused
    assert tables.count("events") == 2
    assert not (tmp_path / "shop/unfinished").exists()


def test_a_shop_is_the_same_however_its_directory_is_spelt(
    tmp_path: Path, exports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clicks(exports, "u,a,pv,2026-01-01 10:00:00")
    (exports / "shops.csv").write_text("name,street\nMain,High Street\n")
    monkeypatch.chdir(tmp_path)
    for folder in (Path(), tmp_path, Path("shop/..")):
        tables, report = take_in(folder, CLICKS, mapped("shops.csv", "other", {}))
        assert tables.count("events") == 1
        (other,) = (tmp_path / "shop/tables/other").iterdir()
        assert pq.read_table(other).num_rows == 1
        assert all(file.reused == (folder != Path()) for file in report.files)
    moved = (tmp_path / "shop").rename(tmp_path / "moved")
    for reused in (True, False):
        report = ingest(Mapping([CLICKS]), [exports], moved, DataSettings())
        assert [file.reused for file in report.files] == [reused]
        assert Tables(moved).count("events") == 1
        for staged in (moved / "staging").rglob("*.parquet"):  # as a sweeper of old files does
            staged.unlink()


def test_what_a_sweeper_left_of_staging_is_not_taken_for_all_of_it(tmp_path: Path, exports: Path) -> None:
    clicks(exports, "u,a,pv,2026-01-01 10:00:00", "u,b,pv,2026-02-01 10:00:00")
    take_in(tmp_path, CLICKS)
    january, february = sorted((tmp_path / "shop/staging").rglob("*.parquet"))
    january.unlink()
    tables, report = take_in(tmp_path, CLICKS)
    assert not report.files[0].reused
    assert tables.count("events") == 2
    assert january.exists()
    assert february.exists()


def test_the_report_is_on_disk(tmp_path: Path, exports: Path) -> None:
    orders(exports, "4,POST,<b>POSTAGE</b>,1,12/2/10 8:28,18,17850,France")
    _, report = take_in(tmp_path, ORDERS)
    assert read_report(tmp_path / "shop/reports") == report
    page = (tmp_path / "shop/reports/ingest.html").read_text(encoding="utf-8")
    assert "no_product" in page
    assert "<b>POSTAGE" not in page
    events = next(table for table in report.tables if table.name == "events")
    assert (events.rows, events.sources, events.earliest) == (60, ["orders.csv"], "2010-12-01 08:26:00")


def test_every_derived_statement_goes_to_spark(exports: Path) -> None:
    orders(exports)
    folder = Path(derive.__file__).parent / "sql"
    words = {"gap": 30, "start": "TIMESTAMP '2026-01-01'", "verdict": clean.verdict(), "notes": clean.notes(),
             "words": "x", "relation": "staged_events"}  # fmt: skip
    statements = [workbench.statement(path.stem, **words) for path in sorted(folder.glob("*.sql"))]
    assert len(statements) >= 15
    with connect() as connection:
        scan = f"read_csv('{exports / 'orders.csv'}', all_varchar = true)"
        statements.append(translate(ORDERS, columns_of(connection, scan), "orders"))
    for sql in statements:
        (spark,) = sqlglot.transpile(sql, read="duckdb", write="spark", unsupported_level=sqlglot.ErrorLevel.RAISE)
        assert spark.startswith(("/*", "SELECT", "WITH", "--"))


def test_real_sets(real_data: Callable[[str], Path], tmp_path: Path) -> None:
    """Known counts of three real shops."""
    taobao = mapped(
        "events.parquet", "events",
        {"user_id": "user_id", "item_id": "item_id", "category_id": "category", "behavior_type": "event_type",
         "timestamp": "time epoch_s"},
        event_types={"pv": "view", "fav": "favourite", "cart": "cart", "buy": "purchase"},
    )  # fmt: skip
    report = ingest(Mapping([taobao]), [real_data("taobao-user-behavior")], tmp_path / "taobao", DataSettings(), silent)
    assert next(table.rows for table in report.tables if table.name == "events") == 84_474
    assert found(report) == {"missing_time": 1, "outlying_time": 1}
    lists = {"user_id": "user_id", "history_item_id": "items list", "item_id": "target"}
    office = Mapping([mapped(name, "sessions", lists) for name in ("test.parquet", "valid.parquet")])
    ingest(office, [real_data("amazon-office")], tmp_path / "office", DataSettings())
    rows = sorted(events_of(Tables(tmp_path / "office"), "user_id", "ordinal", "item_id"))
    told = "454 541 542 543 123 544 545 545 546 210 547 548 549"
    assert " ".join(item for user, _, item in rows if user == "A107") == told


def test_ga4_searches_keep_their_words_and_sessions(tmp_path: Path) -> None:
    source = FIXTURES / "ga4"
    shop = tmp_path / "shop"
    report = ingest(propose(discover(source)), [source], shop, DataSettings())
    rows = events_of(Tables(shop), "type", "query", "session_id")
    words = [query for kind, query, _ in rows if kind == "search"]
    assert len(words) == 6
    assert {"super tee", "红色马克杯"} <= set(words)
    assert all(session and session.startswith("17067") for _, _, session in rows)
    # What a mapping leaves out is counted and kept aside.
    assert set(found(report)) == {"ignored_type"}
    aside = pq.read_table(shop / "quarantine/ignored_type.parquet")
    assert aside.num_rows == found(report)["ignored_type"] > 0
    assert not set(aside["item_id"].drop_null().to_pylist()) - set(Tables(shop).items()["item_id"].to_pylist())


def test_a_file_of_which_every_row_is_ignored(tmp_path: Path, exports: Path) -> None:
    clicks(exports, "u,a,noise,2026-01-31 23:50:00", "u,b,noise,2026-02-01 00:10:00")
    tables, report = take_in(tmp_path, CLICKS)
    assert found(report) == {"ignored_type": 2}
    assert tables.count("events") == tables.count("items") == 0


@pytest.mark.parametrize(
    ("cell", "labels"),
    [
        ("Clothing > Hoodies", ["Clothing", "Hoodies"]),
        ("Clothing > Hoodies, Clothing > Sale > Red", ["Clothing", "Hoodies", "Sale", "Red"]),
        ("衣服 > 帽衫 | 促销 > 红色", ["衣服", "帽衫", "促销", "红色"]),
        ("Food, Drinks & Tobacco > Tea", ["Food, Drinks & Tobacco", "Tea"]),
        ("Food > Meat, Fish & Eggs", ["Food", "Meat, Fish & Eggs"]),
        ("Uncategorised", ["Uncategorised"]),
        ("", None),
    ],
)
def test_paths_of_categories(tmp_path: Path, exports: Path, cell: str, labels: list[str] | None) -> None:
    (exports / "items.csv").write_text(f'id,in\n1,"{cell}"\n2,x\n')
    tables, _ = take_in(tmp_path, mapped("items.csv", "items", {"id": "item_id", "in": "category separator:>"}))
    assert tables.items()["categories"].to_pylist()[0] == labels


def test_a_new_file_is_told(tmp_path: Path, exports: Path) -> None:
    clicks(exports, "u,a,pv,2026-01-01 10:00:00")
    (exports / "new.csv").write_text("id,name\n1,x\n")
    _, report = take_in(tmp_path, CLICKS)
    assert report.unmapped == ["new.csv"]
    assert "new.csv" in (tmp_path / "shop/reports/ingest.html").read_text(encoding="utf-8")


def test_the_next_part_of_a_table_needs_no_mapping(tmp_path: Path, exports: Path) -> None:
    def sales(year: int) -> None:
        (exports / f"sales-{year}.csv").write_text(f"day,user,item\n{year}-01-01,u,milk\n")

    columns = {"day": "date iso", "user": "user_id", "item": "item_id"}
    sales(2025)
    first, _ = take_in(tmp_path, mapped("sales-2025.csv", "order_lines", columns))
    before = set(events_of(first, "event_id"))
    sales(2026)
    tables, report = take_in(tmp_path, mapped("sales-2025.csv", "order_lines", columns))
    assert report.unmapped == []
    assert before < set(events_of(tables, "event_id"))
    (exports / "sales-2025.csv").unlink()
    tables, _ = take_in(tmp_path, mapped("sales-*.csv", "order_lines", columns))
    assert tables.count("events") == 1
