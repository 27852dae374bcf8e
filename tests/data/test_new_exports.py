"""Exports that appear after mapping.toml was written."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from shopkeeper.cli.commands import app
from shopkeeper.data.tables import Tables
from shopkeeper.shop import Shop
from shopkeeper.vocabulary import Event, EventType


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    exports = tmp_path / "exports"
    exports.mkdir()
    rows = "".join(f"{n},Mug {n},{n}.5,Home > Mugs\n" for n in range(30))
    (exports / "products.csv").write_text("product_id,product_name,price,category\n" + rows)
    shop = Shop.new(tmp_path / "shop", [exports])
    path = shop.directory / "mapping.toml"
    path.write_text(path.read_text(encoding="utf-8") + "# my own note\n", encoding="utf-8")
    return shop


def add_orders(shop: Shop) -> None:
    lines = "".join(f"o{n},u{n % 7},{n % 30},1,2026-01-{1 + n % 28:02} 10:00:00\n" for n in range(60))
    (shop.directory.parent / "exports/orders.csv").write_text(
        "order_id,user_id,product_id,quantity,ordered_at\n" + lines
    )


def test_new_files_are_told_then_mapped_beside_what_people_wrote(shop: Shop) -> None:
    assert shop.ingest().unmapped == []
    assert shop.map_new() == []
    add_orders(shop)
    assert shop.ingest().unmapped == ["orders.csv"]
    assert shop.map_new() == ["orders.csv"]
    text = (shop.directory / "mapping.toml").read_text(encoding="utf-8")
    assert "# my own note" in text
    assert shop.ingest().unmapped == []
    assert Tables(shop.directory).count("events") == 60
    assert shop.map_new() == []


def test_the_command_names_the_remedy_and_takes_it(shop: Shop) -> None:
    add_orders(shop)
    told = CliRunner().invoke(app, ["ingest", "--shop", str(shop.directory)])
    assert told.exit_code == 0
    assert "orders.csv is not in mapping.toml" in told.output.replace("\n", " ")
    assert "--new" in told.output
    done = CliRunner().invoke(app, ["ingest", "--new", "--shop", str(shop.directory)])
    assert "orders.csv is new" in done.output.replace("\n", " ")
    assert Tables(shop.directory).count("events") == 60


def test_the_shop_s_own_log_is_no_new_file(shop: Shop) -> None:
    shop.record([Event(id="v", type=EventType.VIEW, item="1", user="u")])
    assert shop.ingest().unmapped == []
    assert Tables(shop.directory).count("events") == 1
