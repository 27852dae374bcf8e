"""Files that are not what they should be: each gets a sentence or a right answer, and no row is lost."""

from __future__ import annotations

import gzip
import io
import json
import random
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from shopkeeper.cli.commands import app
from shopkeeper.data.report import read_report
from shopkeeper.data.tables import Tables
from shopkeeper.shop import Shop

HEADER = "product_id,title,price,brand\n"
RUBBISH = random.Random(0).randbytes(5_000)
Files = dict[str, bytes | str]


def products(count: int, start: int = 0, title: str = "Mug") -> str:
    return "".join(f"p{n},{title} {n},{n + 1}.5,Acme\n" for n in range(start, start + count))


def clicks(count: int, *, users: int = 6, items: int = 20) -> str:
    return "user_id,product_id,event_type,timestamp\n" + "".join(
        f"u{n % users},p{n * 7 % items},{'view' if n % 3 else 'purchase'},2026-01-{1 + n % 28:02} 10:{n % 60:02}:00\n"
        for n in range(count)
    )


def json_lines(*rows: object) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def zipped(**members: bytes | str) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.csv", content)
    return raw.getvalue()


def workbook(*rows: list[object], broken: bool = False) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    raw = io.BytesIO()
    book.save(raw)
    if not broken:
        return raw.getvalue()
    with zipfile.ZipFile(raw) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content[: len(content) // 2] if "sheet1" in name else content)
    return raw.getvalue()


def parquet(**columns: list[object]) -> bytes:
    raw = io.BytesIO()
    pq.write_table(pa.table(columns), raw)
    return raw.getvalue()


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def new(folder: Path, files: Files) -> Result:
    exports = folder / "exports"
    exports.mkdir()
    for name, content in files.items():
        (exports / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return run("new", folder / "shop", "--from", exports)


GOOD = HEADER + products(20)
REFUSED: dict[str, tuple[Files, tuple[str, ...]]] = {
    "empty folder": ({}, ("nothing here can be read", ".csv", ".xlsx")),
    "only a kind that is not known": ({"items.bin": RUBBISH}, ("nothing here can be read",)),
    "header only": ({"items.csv": HEADER}, ("no product and no event", "product_id title", "add rows")),
    "one broken file among good ones": (
        {"items.csv": GOOD, "more.csv": RUBBISH},
        ("more.csv", "no text", "take it out"),
    ),
    "one broken part of a table": (
        {f"items-{n}.csv": GOOD if n != 3 else RUBBISH for n in range(5)},
        ("items-3.csv", "no text"),
    ),
    "web page": ({"items.csv": "<!DOCTYPE html><html><title>403</title></html>\n"}, ("a web page, no table",)),
    "PDF": ({"items.csv": b"%PDF-1.7\n" + b"some words\n" * 9}, ("a PDF, no table",)),
    "JSON called CSV": ({"items.csv": json_lines({"product_id": "a"})}, ("this is JSON", "end in .jsonl")),
    "CSV called JSON": ({"items.jsonl": GOOD}, ("this is no JSON", "one object a line")),
    "CSV called XLSX": ({"items.xlsx": GOOD}, ("no readable workbook",)),
    "CSV called Parquet": ({"items.parquet": GOOD}, ("cannot be read",)),
    "a delimiter nobody uses": ({"items.csv": GOOD.replace(",", "§")}, ("no product", "product_id§title§price§brand")),
    "a JSON name that stands twice": (
        {"items.jsonl": json_lines({"id": "a"}) + '{"id": "b", "id": "c"}\n'},
        ("in line 2", 'duplicate key "id"'),
    ),
    "JSON of numbers": ({"items.json": "[1, 2, 3]"}, ("no product and no event",)),
    "JSON array without an end": ({"items.json": "[" * 100_000}, ("items.json", "cannot be read")),
    "JSON nested 5,000 deep": ({"items.json": '[{"id": ' + "[" * 5_000 + "]" * 5_000 + "}]"}, ("cannot be read",)),
    "damaged gzip": ({"items.csv.gz": gzip.compress(GOOD.encode() * 50)[:-40]}, ("items.csv.gz", "cannot be read")),
    "damaged member of a zip": ({"a.zip": zipped(items=GOOD).replace(b"Acme", b"Bcme", 1)}, ("'items.csv'", "CRC")),
    "empty member of a zip": ({"a.zip": zipped(items="")}, ("a.zip, member 'items.csv'", "empty")),
    "empty zip": ({"a.zip": zipped()}, ("nothing here can be read",)),
    "damaged sheet": ({"items.xlsx": workbook(["product_id"], ["a"], ["b"], broken=True)}, ("items.xlsx",)),
    "damaged Parquet": ({"items.parquet": parquet(product_id=[*range(999)])[:-9] + b"x" * 9}, ("cannot be read",)),
}
for kind in ("csv", "tsv", "txt", "csv.gz", "json", "jsonl", "parquet", "xlsx", "zip"):
    REFUSED[f"empty {kind}"] = {f"items.{kind}": b""}, (f"items.{kind}", "take it out")
    REFUSED[f"rubbish called {kind}"] = {f"items.{kind}": RUBBISH}, (f"items.{kind}", "take it out")
    REFUSED[f"zeros called {kind}"] = {f"items.{kind}": bytes(3_000)}, (f"items.{kind}", "take it out")


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_told(tmp_path: Path, name: str) -> None:
    files, parts = REFUSED[name]
    said = new(tmp_path, files)
    assert said.exit_code == 2, said.output
    sentence = said.stderr.strip().splitlines()[-1]
    assert all(part in sentence for part in parts), sentence
    assert str(tmp_path) in sentence, "it says where"
    assert "Traceback" not in said.output
    assert not Tables(tmp_path / "shop").count("items")


@dataclass(frozen=True)
class Mended:
    """Files that are read after all: so many `rows` lie in them; `tables` say how many are in each table, `aside` how
    many each rule took out. `inferred`: items of which only events speak; `holds`: titles as they must read."""

    files: Files
    rows: int
    tables: dict[str, int]
    aside: dict[str, int] = field(default_factory=dict)
    inferred: int = 0
    holds: tuple[str, ...] = ()


def lines_of(encodings: list[str], title: str) -> bytes:
    """Forty rows, each in one of the encodings in turn."""
    return HEADER.encode() + b"".join(
        f"p{n},{title} {n},{n}.5,Acme\n".encode(encodings[n % len(encodings)]) for n in range(40)
    )


def many_dates(count: int) -> str:
    forms = ("2026-01-{day:02} 10:{m:02}:00", "{day:02}/01/2026 10:{m:02}", "{day:02} Jan 2026 10:{m:02}")
    rows = (forms[n % 3].format(day=1 + n % 28, m=n % 60) for n in range(count))
    return "user_id,product_id,event_type,timestamp\n" + "".join(
        f"u{n % 5},p{n % 20},view,{when}\n" for n, when in enumerate(rows)
    )


WEIRD_IDS = (
    "../../etc/passwd",
    "a b",
    "'; drop table items;--",
    "😀",
    "\u202eabc",
    "a/b?c#d",
    "%00",
    "..",
    "x" * 5_000,
)
FORTY = {"items": 40}
READ: dict[str, Mended] = {
    "semicolons": Mended({"items.csv": GOOD.replace(",", ";")}, 20, {"items": 20}),
    "carets": Mended({"items.csv": GOOD.replace(",", "^")}, 20, {"items": 20}),
    "tildes": Mended({"items.txt": GOOD.replace(",", "~")}, 20, {"items": 20}),
    "a delimiter that changes": Mended(
        {"items.csv": GOOD + products(20, 20).replace(",", ";")}, 40, {"items": 20}, {"unreadable_lines": 20}
    ),
    "UTF-16 that ends in rubbish": Mended(
        {"items.csv": GOOD.encode("utf-16") + b"\0\xd8" * 40}, 21, {"items": 20}, {"unreadable_lines": 1}
    ),
    "GBK among UTF-8": Mended(
        {"items.csv": lines_of(["utf-8", "gbk"], "红色马克杯")}, 40, FORTY, holds=("红色马克杯 0", "红色马克杯 1")
    ),
    "UTF-8 among GBK": Mended(
        {"items.csv": lines_of(["gbk"] * 9 + ["utf-8"], "红色杯")}, 40, FORTY, holds=("红色杯 1", "红色杯 9")
    ),
    "Latin-1 among UTF-8": Mended(
        {"items.csv": lines_of(["utf-8", "latin-1"], "Große Café-Tasse")}, 40, FORTY,
        holds=("Große Café-Tasse 0", "Große Café-Tasse 1"),
    ),
    "Latin-1 among UTF-8 in JSON": Mended(
        {"items.jsonl": b"".join(
            json_lines({"product_id": n, "title": f"Café {n}"}).encode(("utf-8", "latin-1")[n % 2]) for n in range(40)
        )}, 40, FORTY, holds=("Café 0", "Café 1"),
    ),
    "JSON with a byte order mark": Mended(
        {"items.jsonl": "\ufeff" + json_lines(*({"product_id": n, "title": f"杯 {n}"} for n in range(40)))}, 40, FORTY,
        holds=("杯 0",),
    ),
    "line ends of Windows and Unix": Mended(
        {"items.csv": GOOD.replace("\n", "\r\n") + products(10, 20) + products(10, 30).replace("\n", "\r\n")}, 40, FORTY
    ),
    "line ends of old Macintoshes": Mended({"items.csv": GOOD.replace("\n", "\r")}, 20, {"items": 20}),
    "a return within a cell": Mended(
        {"items.csv": GOOD + "q,Tea\rpot,3,Acme\n"}, 21, {"items": 21}, holds=("Tea pot", "Mug 1")
    ),
    "a NUL and control characters": Mended(
        {"items.csv": GOOD + "q,Tea\0pot\x07,3,Acme\n"}, 21, {"items": 21}, holds=("Tea pot",)
    ),
    "a price that becomes words": Mended(
        {"items.csv": GOOD + "".join(f"q{n},Pot {n},ask us,Acme\n" for n in range(20))}, 40, FORTY
    ),
    "an id that becomes a word": Mended(
        {"items.csv": HEADER + "".join(f"{n},Mug {n},1,Acme\n" for n in range(20)) + products(20)}, 40, FORTY
    ),
    "JSON values that change type": Mended(
        {"items.jsonl": json_lines(
            *({"product_id": n, "title": f"Mug {n}", "price": n + 0.5} for n in range(20)),
            *({"product_id": f"SKU-{n}", "title": f"Pot {n}", "price": "ask us", "sizes": [1]} for n in range(20)),
        )}, 40, FORTY,
    ),
    "Parquet parts of other types": Mended(
        {"items-1.parquet": parquet(product_id=[1, 2], title=["Red mug", "Mug"], price=[1.0, 2.0]),
         "items-2.parquet": parquet(product_id=["a", "b"], title=["Pot", "Red pot"], price=["3", "4.5"])},
        4, {"items": 4},
    ),
    "dates in three formats": Mended(
        {"items.csv": GOOD, "clicks.csv": many_dates(90)}, 110, {"items": 20, "events": 90}
    ),
    "a cell of 10 MB": Mended(
        {"items.csv": HEADER + products(20) + f'q,Pot,3,"{"x " * 5_000_000}"\n'}, 21, {"items": 21}
    ),
    "a line longer than can be held": Mended(
        {"items.csv": HEADER + products(20) + f'q,Pot,3,"{"x " * 9_000_000}"\n'}, 21, {"items": 20},
        {"unreadable_lines": 1},
    ),
    "too many and too few fields": Mended(
        {"items.csv": GOOD + "q1,Pot,3,Acme,extra\nq2,Pot\n,,,\n"}, 23, {"items": 21},
        {"unreadable_lines": 1, "missing_identifiers": 1},
    ),
    "a JSON line nested too deeply": Mended(
        {"items.jsonl": json_lines(*({"product_id": f"p{n}", "title": "Mug"} for n in range(20)))
         + '{"product_id": ' + "[" * 5_000 + "]" * 5_000 + "}\n"}, 21, {"items": 20}, {"unreadable_lines": 1},
    ),
    "duplicate ids": Mended({"items.csv": HEADER + products(10) * 3}, 30, {"items": 10}, {"duplicate_identifiers": 20}),
    "events of items that nobody lists": Mended(
        {"items.csv": HEADER + products(10), "clicks.csv": clicks(60)}, 70, {"items": 20, "events": 60}, inferred=10
    ),
    "clocks ahead and behind": Mended(
        {"items.csv": GOOD, "clicks.csv": clicks(60) + "".join(
            f"u1,p1,view,{when}\n" for when in ("2199-01-01 10:00:00", "9999-12-31 23:59:59", "0001-01-01 00:00:00", "")
        )},
        84, {"items": 20, "events": 60}, {"impossible_time": 3, "missing_time": 1},
    ),
    "impossible prices": Mended(
        {"items.csv": GOOD + "a,A,-5,Acme\nb,B,inf,Acme\nc,C,1e308,Acme\nd,D,nan,Acme\n"}, 24, {"items": 24}
    ),
    "paths, SQL, blanks and emoji for ids": Mended(
        {"items.csv": HEADER + "".join(f'"{id_}",Mug,3,Acme\n' for id_ in WEIRD_IDS)},
        len(WEIRD_IDS), {"items": len(WEIRD_IDS)},
    ),
    "a sheet with gaps": Mended(
        {"items.xlsx": workbook(["product_id", "title"], *([n, f"Mug {n}"] for n in range(20)), [], [None, "Pot"])},
        21, {"items": 20}, {"missing_identifiers": 1},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_what_can_be_mended_is_read_and_no_row_is_lost(tmp_path: Path, name: str) -> None:
    day = READ[name]
    said = new(tmp_path, day.files)
    assert said.exit_code == 0, said.output
    tables, report = Tables(tmp_path / "shop"), read_report(tmp_path / "shop" / "reports")
    assert {table: tables.count(table) for table in day.tables} == day.tables
    aside = {rule.name: rule.rows for rule in report.rules if rule.rows and rule.action == "removed"}
    assert aside == day.aside
    assert sum(day.tables.values()) - day.inferred + sum(aside.values()) == day.rows
    for rule, rows in aside.items():
        kept = (tmp_path / "shop" / "quarantine").glob(f"{rule}*.parquet")
        assert sum(pq.read_metadata(path).num_rows for path in kept) == rows
    assert set(day.holds) <= set(tables.items()["title"].to_pylist())


def test_what_is_not_a_price_or_a_date_is_kept_as_text(tmp_path: Path) -> None:
    assert new(tmp_path, {"items.csv": GOOD + "q,Pot,ask us,Acme\n"}).exit_code == 0
    kept = pq.read_table(tmp_path / "shop" / "quarantine" / "unreadable_values_items.parquet").to_pylist()
    assert "ask us" in str(kept)


def test_dates_in_three_formats_are_all_read(tmp_path: Path) -> None:
    assert new(tmp_path, {"items.csv": GOOD, "clicks.csv": many_dates(90)}).exit_code == 0
    times = Tables(tmp_path / "shop").events(["time"]).read_all()["time"].to_pylist()
    assert {(time.month, time.year) for time in times} == {(1, 2026)}
    assert {time.day for time in times} == set(range(1, 29))


KINDS = {"mug": "Red stoneware mug", "lamp": "Green desk lamp", "chair": "Oak garden chair"}
CATALOGUE = "product_id,title,category,price\n" + "".join(
    f"{kind}-{n},{title} {n},{kind}s,{n + 3}.5\n" for kind, title in KINDS.items() for n in range(6)
)
VISITS = "user_id,product_id,event_type,timestamp\n"
SHOPS: dict[str, tuple[Files, Callable[[Shop], bool]]] = {
    "no events": (
        {"items.csv": CATALOGUE},
        lambda shop: (
            shop.search("garden chair").placements[0].item.id.startswith("chair")
            and {placement.item.id[:3] for placement in shop.recommend("similar", items=("mug-0",), size=5).placements}
            == {"mug"}
        ),
    ),
    "no text": (
        {"items.csv": "product_id\n" + "".join(f"{n}\n" for n in range(30))},
        lambda shop: shop.search("17").placements[0].item.id == "17",
    ),
    "ids in events alone": ({"clicks.csv": clicks(200)}, lambda shop: bool(shop.recommend("popular").placements)),
    "one user": (
        {"items.csv": GOOD, "clicks.csv": clicks(60, users=1)},
        lambda shop: shop.search("mug").total == 20 and bool(shop.recommend("recent", user="u0").placements),
    ),
    "one item": ({"items.csv": HEADER + products(1)}, lambda shop: shop.search("mug").total == 1),
    "one item with events": (
        {"items.csv": HEADER + products(1), "clicks.csv": clicks(60, items=1)},
        lambda shop: shop.recommend("home").total == 1,
    ),
    "one event": (
        {"items.csv": CATALOGUE, "clicks.csv": VISITS + "u1,lamp-3,view,2026-01-01 10:00:00\n"},
        lambda shop: shop.recommend("popular").placements[0].item.id == "lamp-3",
    ),
    "one event and nothing else": (
        {"clicks.csv": VISITS + "u1,lamp-3,view,2026-01-01 10:00:00\n"},
        lambda shop: shop.recommend("popular").placements[0].item.id == "lamp-3",
    ),
    "a title of 1 MB": (
        {"items.csv": GOOD + f"q,{'Teapot ' * 150_000},3,Acme\n"},
        lambda shop: shop.search("teapot").placements[0].item.id == "q",
    ),
    "an id of 1 MB": (
        {"items.csv": GOOD + f"{'q' * 1_000_000},Teapot,3,Acme\n"},
        lambda shop: len(shop.search("teapot").placements[0].item.id) == 1_000_000,
    ),
}


@pytest.mark.parametrize("name", SHOPS)
def test_a_shop_of_next_to_nothing_trains_and_answers(tmp_path: Path, name: str) -> None:
    files, answers_rightly = SHOPS[name]
    assert new(tmp_path, files).exit_code == 0
    settings = tmp_path / "shop" / "shop.toml"
    settings.write_text(settings.read_text().replace('# model = "auto"', 'model = "none"'))
    said = run("train", "--shop", tmp_path / "shop")
    assert said.exit_code == 0, said.output
    shop = Shop(tmp_path / "shop")
    assert answers_rightly(shop)
    some = shop.recommend("popular").placements[0].item.id
    for surface in shop.settings.surfaces:
        told = run("recommend", "--shop", tmp_path / "shop", "--surface", surface, "--item", some)
        assert told.exit_code == (2 if surface == "search" else 0), told.output
