"""The whole road with a tiny shop: a folder of CSV files in, a shop that answers out."""

from __future__ import annotations

import csv
import json
import random
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from shopkeeper.cli.commands import app
from shopkeeper.shop import Shop
from shopkeeper.vocabulary import Event, EventType, Request

COLOURS, KINDS = ("red", "blue", "green", "white", "black"), ("mug", "teapot", "lamp", "chair")


def write_exports(folder: Path, days: int = 10) -> None:
    """20 products; 20 visits a day of people who look at two products of one kind and buy the second."""
    folder.mkdir(exist_ok=True)
    dice = random.Random(7)
    products = [(f"P{n:03}", colour, kind) for n, (kind, colour) in enumerate((k, c) for k in KINDS for c in COLOURS)]
    with (folder / "products.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["product_id", "title", "brand", "category", "price"])
        for id_, colour, kind in products:
            rows.writerow(
                [id_, f"{colour.title()} {kind}", "Acme", f"Home > {kind.title()}s", f"{dice.randint(5, 90)}.00"]
            )
    with (folder / "events.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["event_time", "event_type", "product_id", "user_id", "session_id"])
        for visit in range(days * 7):
            kind = dice.randrange(len(KINDS)) * len(COLOURS)
            for step, done in enumerate(("view", "view", "purchase")):
                time = f"2026-03-{1 + visit // 7:02} {8 + visit % 7:02}:{step:02}:00"
                rows.writerow([time, done, products[kind + (visit + step // 2) % 5][0], f"U{visit % 9}", f"S{visit}"])


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("road")
    write_exports(folder / "exports")
    made = run("new", folder / "shop", "--from", folder / "exports")
    assert "events.csv: events" in made
    settings = folder / "shop" / "shop.toml"
    settings.write_text(settings.read_text().replace('# model = "bundled"', 'model = "none"     '))
    assert "Published" in run("train", "--shop", folder / "shop")
    return folder / "shop"


def run(*arguments: object) -> str:
    said = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert said.exit_code == 0, said.output
    return said.stdout


def test_search_recommend_explain(shop: Path) -> None:
    slate = json.loads(run("search", "red mug", "--shop", shop, "--json"))
    assert slate["placements"][0]["item"]["title"] == "Red mug"
    assert slate["placements"][0]["item"]["categories"] == ["Home", "Mugs"]
    similar = json.loads(run("recommend", "--item", "P000", "--size", 4, "--shop", shop, "--json"))
    assert similar["placements"][0]["item"]["categories"] == ["Home", "Mugs"]
    assert "P000" in run("recommend", "--user", "U1", "--surface", "popular", "--size", 20, "--shop", shop)
    assert run("explain", "P000", "--query", "teapot", "--shop", shop).strip()
    assert "FAIL" not in run("doctor", "--shop", shop).replace("FAIL   port", "")


def test_live_events_become_tables_by_the_same_road(shop: Path) -> None:
    opened = Shop(shop)
    before = opened.ingest()
    opened.record([Event(id=f"live-{n}", type=EventType.VIEW, user="U1", item="P003") for n in range(3)])
    opened.record([Event(id="live-search", type=EventType.SEARCH, user="U1", query="mug", attributes={"page": "home"})])
    for _ in range(2):
        rows = {table.name: table.rows for table in opened.ingest().tables}
        assert rows["events"] == {table.name: table.rows for table in before.tables}["events"] + 4


def test_ingesting_again_changes_nothing_and_new_rows_append(shop: Path) -> None:
    opened = Shop(shop)
    first = {table.name: table.rows for table in opened.ingest().tables}
    assert {table.name: table.rows for table in opened.ingest().tables} == first
    write_exports(shop.parent / "exports", days=11)
    assert {table.name: table.rows for table in opened.ingest().tables}["events"] == first["events"] + 21


def test_every_live_event_counts_once_after_training(shop: Path) -> None:
    """The tables hold fewer digits of a second than the log, and what comes after ingest may claim any time."""
    opened, newest = Shop(shop), time.time() // 1 - 1 + 0.1234549
    opened.record([Event(id="newest", type=EventType.VIEW, user="once", item="P001", time=newest)])
    opened.ingest()
    opened.record([Event(id="late", type=EventType.VIEW, user="once", item="P002", time=newest - 1e8)])
    opened.train()
    for engine in (opened.engine(), Shop(shop).engine()):
        history = engine.context(Request(surface="home", user="once")).history
        assert list(map(engine.catalogue.ids.id, history.tolist())) == ["P002", "P001"]
