"""What a simulated shop exports: sizes, seeds, texts, pictures, time."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from PIL import Image
from pyarrow import csv

from shopkeeper.data.schema import ITEMS
from shopkeeper.data.simulate import Truth, simulation
from shopkeeper.data.simulate.pictures import SIZE
from shopkeeper.errors import DataError

simulate = partial(simulation.simulate, end=date(2026, 4, 5))


def events_of(truth: Truth) -> pa.Table:
    return pq.read_table(truth.exports / "events")


def products_of(truth: Truth) -> pa.Table:
    return pq.read_table(truth.exports / "products.parquet")


@pytest.mark.parametrize(("products", "events"), [(1, 1), (10, 100), (37, 5000), (700, 20_000)])
def test_sizes_are_exact(folder: Path, products: int, events: int) -> None:
    truth = simulate(folder, products=products, events=events)
    assert products_of(truth).num_rows == truth.products == products
    assert events_of(truth).num_rows == truth.events == events
    assert csv.read_csv(truth.exports / "customers.csv").num_rows == truth.users


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    def contents(name: str, seed: int) -> dict[str, bytes]:
        root = tmp_path / name
        simulate(root, products=50, events=2000, seed=seed)
        return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}

    first, again, other = contents("first", 1), contents("again", 1), contents("other", 2)
    assert first == again
    assert first["exports/events/part-00000.parquet"] != other["exports/events/part-00000.parquet"]
    assert first["exports/products.parquet"] != other["exports/products.parquet"]


def test_the_shop_ends_today_unless_a_day_is_named(tmp_path: Path) -> None:
    before = datetime.now(UTC).date()
    today = simulation.simulate(tmp_path / "today", products=20, events=500)
    ends = datetime.fromtimestamp(today.end, UTC)
    assert before <= ends.date() <= datetime.now(UTC).date()
    newest = pc.max(events_of(today)["event_time"]).as_py().replace(tzinfo=UTC)
    assert ends - timedelta(days=2) < newest < ends <= datetime.now(UTC)
    named = simulate(tmp_path / "named", products=20, events=500, days=30)
    assert (named.start, named.end) == (
        datetime(2026, 3, 6, tzinfo=UTC).timestamp(),
        datetime(2026, 4, 5, tzinfo=UTC).timestamp(),
    )


def test_blocks_give_one_stream_in_order_of_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation, "_EVENTS_PER_BLOCK", 1500)
    truth = simulate(folder, products=60, events=10_000)
    parts = sorted((truth.exports / "events").iterdir())
    assert len(parts) == 7
    events = pa.concat_tables([pq.read_table(part) for part in parts])
    assert events.num_rows == 10_000
    assert pc.count_distinct(events["event_id"]).as_py() == 10_000
    assert np.all(np.diff(events["event_time"].to_numpy().astype(np.int64)) >= 0)
    # Numbers of visits, lists and orders are not used again by a later block.
    for name in ("request_id", "order_id"):
        pairs = events.filter(pc.is_valid(events[name])).group_by([name]).aggregate([("session_id", "count_distinct")])
        assert pc.max(pairs["session_id_count_distinct"]).as_py() == 1
    assert pc.count_distinct(events.filter(pc.equal(events["event_type"], "return"))["session_id"]).as_py() > 0


def test_everything_happens_within_the_days_and_after_the_launch(shop: Truth) -> None:
    events = events_of(shop)
    times = events["event_time"].to_numpy().astype("datetime64[us]").astype(np.int64) / 1e6
    assert times.min() >= shop.start
    assert times.max() < shop.end
    products = products_of(shop)
    launched = dict(zip(products["product_id"].to_pylist(), products["launch_date"].to_pylist(), strict=True))
    late = {item for item, day in launched.items() if np.datetime64(day) > np.datetime64("2026-01-05")}
    assert late, "no item is launched within the period"
    named = events.filter(pc.is_valid(events["product_id"]))
    first = named.group_by("product_id").aggregate([("event_time", "min")]).to_pylist()
    assert late & {row["product_id"] for row in first}, "no late item is ever seen"
    for row in first:
        assert np.datetime64(row["event_time_min"]) >= np.datetime64(launched[row["product_id"]])


def test_the_mix_leaves_enough_to_learn_from(shop: Truth) -> None:
    kinds = events_of(shop)["event_type"].value_counts().to_pylist()
    counts = {kind["values"]: kind["counts"] for kind in kinds}
    acts = sum(count for kind, count in counts.items() if kind not in ("impression", "search"))
    assert 0.35 < acts / shop.events < 0.5
    assert counts["view"] > counts["add_to_cart"] > counts["purchase"] > counts["rating"] > counts["return"] > 0
    assert counts["redeem"] > 0


def test_texts_are_readable_in_both_languages(shop: Truth) -> None:
    products = products_of(shop)
    chinese = re.compile(r"[\u4e00-\u9fff]")
    for row in products.drop_columns(["image"]).to_pylist():
        for name in ("title", "description", "category"):
            assert not chinese.search(row[name]), row[name]
            assert re.match(r"[A-Z0-9]", row[name]), row[name]
        for name in ("title_zh", "description_zh", "keywords_zh"):
            assert len(chinese.findall(row[name])) >= 3, row[name]
        for name in ("title", "title_zh", "description", "description_zh"):
            assert not re.search(r"  | [,.。，]|[{}]|^[ ,]|[ ,]$", row[name]), row[name]
    mugs = products.filter(
        pc.and_(pc.equal(products["colour"], "red"), pc.match_substring(products["category"], "Mugs"))
    )
    assert any("red" in title.lower() and "mug" in title for title in mugs["title"].to_pylist())
    assert any("红色" in title and "马克杯" in title for title in mugs["title_zh"].to_pylist())


def test_a_red_mug_is_there_however_small_the_shop(folder: Path) -> None:
    first = products_of(simulate(folder, products=1, events=1)).to_pylist()[0]
    assert "red" in first["title"].lower()
    assert "mug" in first["title"]
    assert "红色" in first["title_zh"]
    assert "马克杯" in first["title_zh"]


def test_pictures_show_colour_and_pattern(shop: Truth) -> None:
    products = products_of(shop)
    by_look: dict[tuple[str, str], set[bytes]] = {}
    for row in products.filter(pc.equal(products["pattern"], "plain")).to_pylist():
        with Image.open(io.BytesIO(row["image"])) as picture:
            assert picture.format == "WEBP"
            assert picture.size == (SIZE, SIZE)
            middle = slice(SIZE * 2 // 5, SIZE * 3 // 5)
            centre = np.asarray(picture.convert("RGB"), float)[middle, middle].mean((0, 1))
        if row["category"].endswith("Mugs") and row["colour"] in ("red", "blue", "green"):
            assert centre.argmax() == ("red", "green", "blue").index(row["colour"])
        by_look.setdefault((row["category"], row["colour"] or ""), set()).add(row["image"])
    assert all(len(pictures) == 1 for (_, colour), pictures in by_look.items() if colour)


def test_rows_hang_together(shop: Truth) -> None:
    events = events_of(shop)
    kind = events["event_type"]
    assert events.filter(pc.equal(kind, "search"))["search_query"].null_count == 0
    assert events.filter(pc.equal(kind, "search"))["product_id"].null_count == pc.sum(pc.equal(kind, "search")).as_py()
    assert events.filter(pc.equal(kind, "impression"))["position"].null_count == 0
    assert events.filter(pc.equal(kind, "purchase"))["order_id"].null_count == 0
    ratings = events.filter(pc.equal(kind, "rating"))["rating"]
    assert set(ratings.unique().to_pylist()) == {1, 2, 3, 4, 5}
    lists = events.filter(pc.equal(kind, "impression")).group_by("request_id")
    seen = lists.aggregate([("product_id", "count"), ("product_id", "count_distinct"), ("position", "max")])
    assert seen["product_id_count"].equals(seen["product_id_count_distinct"])
    assert seen["product_id_count"].to_pylist() == seen["position_max"].to_pylist()


def test_the_truth_stays_out_of_the_exports(shop: Truth) -> None:
    names = {path.relative_to(shop.exports).parts[0] for path in shop.exports.rglob("*")}
    assert names == {"products.parquet", "customers.csv", "events", "coupons.csv", "coupon_sends.parquet"}
    assert "evaluation alone" in (shop.folder / "truth" / "README.md").read_text().lower()
    columns = {*products_of(shop).column_names, *events_of(shop).column_names}
    assert not columns & {"quality", "fame", "bot", "return_probability"}


def test_a_real_catalogue_gets_shoppers(folder: Path) -> None:
    n = 40
    items = pa.Table.from_pylist(
        [
            {
                "item_id": f"x{number}",
                "title": f"Thing {number}",
                "brand": None if number % 7 == 0 else f"Maker {number % 3}",
                "categories": None if number % 10 == 0 else ["Tools", ("Saws", "Hammers")[number % 2]],
                "price": None if number % 5 == 0 else 5.0 + number,
                "attributes": "{}",
            }
            for number in range(n)
        ],
        schema=pa.schema(
            [ITEMS.field(name) for name in ("item_id", "title", "brand", "categories", "price", "attributes")]
        ),
    )
    truth = simulate(folder, catalogue=items, events=3000)
    assert truth.products == n
    assert products_of(truth)["product_id"].to_pylist() == items["item_id"].to_pylist()
    assert products_of(truth)["categories"].to_pylist() == items["categories"].to_pylist()
    events = events_of(truth)
    assert events.num_rows == 3000
    assert set(events["product_id"].drop_null().unique().to_pylist()) <= set(items["item_id"].to_pylist())
    asked = set(events["search_query"].drop_null().unique().to_pylist())
    assert {"saws", "hammers"} <= asked
    assert any(query.startswith("maker ") for query in asked)


def test_a_catalogue_in_a_file_is_the_same(tmp_path: Path) -> None:
    items = pa.table(
        {
            "item_id": ["a", "b"],
            "title": ["A", "B"],
            "brand": ["m", "m"],
            "categories": [["c"], ["c"]],
            "price": [1.0, 2.0],
        }
    )
    pq.write_table(items, tmp_path / "items.parquet")
    from_table = simulate(tmp_path / "one", catalogue=items, events=200)
    from_file = simulate(tmp_path / "two", catalogue=tmp_path / "items.parquet", events=200)
    assert events_of(from_table).equals(events_of(from_file))


def test_a_catalogue_without_categories_is_told_apart_by_its_titles(folder: Path) -> None:
    kinds = ("toner cartridge", "patch cable")
    items = pa.table(
        {
            "item_id": [f"x{number}" for number in range(40)],
            "title": [f"Acme {kinds[number % 2]} black {number}" for number in range(39)] + [None],
            "brand": ["Acme"] * 40,
            "categories": pa.array([None] * 40, pa.list_(pa.string())),
            "price": [float(number) for number in range(40)],
        }
    )
    truth = simulate(folder, catalogue=items, events=1000)
    assert set(truth.table("items")["category"].to_pylist()) == {*kinds, "products"}
    assert {"toner cartridge", "cable"} <= set(truth.table("queries")["query"].to_pylist())


def test_a_real_catalogue_of_thousands(folder: Path, real_data: Callable[[str], Path]) -> None:
    source = pq.read_table(real_data("icecat-electronics-search") / "products.parquet")
    items = pa.table(
        {
            "item_id": source["id"].cast(pa.string()),
            "title": source["title"],
            "brand": source["supplier"],
            "categories": pa.nulls(source.num_rows, pa.list_(pa.string())),
            "price": source["price"].cast(pa.float64()),
        }
    )
    truth = simulate(folder, catalogue=items, events=20_000)
    kinds = truth.table("items")["category"].value_counts().to_pylist()
    assert len(kinds) > 100
    assert max(kind["counts"] for kind in kinds) < 0.25 * truth.products


@pytest.mark.parametrize(
    "wrong",
    [{"seed": -1}, {"products": 0}, {"events": 0}, {"days": 0}, {"predictability": 1.5}, {"predictability": -0.1}],
)
def test_impossible_worlds_are_refused(folder: Path, wrong: dict[str, int]) -> None:
    with pytest.raises(DataError, match=next(iter(wrong))):
        simulate(folder, **wrong)
    assert not folder.exists()


def test_a_catalogue_must_have_its_columns(folder: Path) -> None:
    with pytest.raises(DataError, match="'brand' is missing"):
        simulate(folder, catalogue=pa.table({"item_id": ["a"], "title": ["A"]}))
    empty = pa.table({name: pa.array([], pa.string()) for name in ("item_id", "title", "brand", "categories", "price")})
    with pytest.raises(DataError, match="no item"):
        simulate(folder, catalogue=empty)


def test_replaces_a_simulated_shop_and_nothing_else(folder: Path) -> None:
    simulate(folder, products=10, events=50)
    assert simulate(folder, products=12, events=60).products == 12
    (folder / "truth" / "truth.json").unlink()
    with pytest.raises(DataError, match="not of a simulated shop"):
        simulate(folder, products=10, events=50)
    assert (folder / "exports" / "products.parquet").exists()


def test_an_interrupted_run_leaves_nothing_half_made(folder: Path) -> None:
    def interrupt(what: str, *_: int) -> None:
        if what == "events":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(folder, products=10, events=50, progress=interrupt)
    assert not (folder / "exports").exists()
    assert simulate(folder, products=10, events=50).events == 50
    assert sorted(path.name for path in folder.iterdir()) == ["exports", "truth"]


def test_progress_tells_what_is_written(folder: Path) -> None:
    told: list[tuple[str, int, int]] = []
    simulate(folder, products=10, events=500, progress=lambda *news: told.append(news))
    assert ("products", 10, 10) in told
    assert ("events", 500, 500) in told
