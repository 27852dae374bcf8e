"""The whole road with a tiny shop: a folder of CSV files in, a shop that answers out."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from small_exports import write_exports
from typer.testing import CliRunner

from shopkeeper.cli.commands import app
from shopkeeper.shop import Shop
from shopkeeper.vocabulary import Event, EventType, Request


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("road")
    write_exports(folder / "exports")
    made = run("new", folder / "shop", "--from", folder / "exports")
    assert "events.csv: events" in made
    settings = folder / "shop" / "shop.toml"
    settings.write_text(settings.read_text().replace('# model = "auto"', 'model = "none"  '))
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
