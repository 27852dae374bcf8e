"""A catalogue of a few planted items: what goes in is found again, by field, by value and as a whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopkeeper.data.schema import ITEMS
from shopkeeper.errors import DataError, ReleaseError
from shopkeeper.release.catalogue import Catalogue

SHOES: list[dict[str, Any]] = [
    {
        "item_id": "a",
        "title": "Red runner",
        "brand": "Nike",
        "categories": ["Shoes", "Running"],
        "price": 79.99,
        "stock": 3.0,
        "launched": datetime(2026, 1, 31),
        "group_id": "runner",
        "attributes": json.dumps({"colour": "Red", "weight": 250, "materials": ["mesh", "rubber"], "vegan": True}),
    },
    {
        "item_id": "b",
        "title": "跑步鞋",
        "brand": "ＮＩＫＥ",
        "categories": ["Shoes", "Running"],
        "price": 50.0,
        "stock": 0.0,
        "group_id": "runner",
        "attributes": json.dumps({"Colour": "red", "weight": "300", "note": "x" * 200}),
    },
    {"item_id": "c", "title": "Sandal", "brand": "Puma", "categories": ["Shoes", "Beach"], "available": False},
    {"item_id": "d"},
]


def build(items: list[dict[str, Any]]) -> Catalogue:
    return Catalogue.build(pa.Table.from_pylist(items, schema=ITEMS))


@pytest.fixture(scope="module")
def shoes() -> Catalogue:
    return build(SHOES)


def test_arrays_say_what_the_table_said(shoes: Catalogue) -> None:
    assert len(shoes) == 4
    np.testing.assert_array_equal(shoes.prices, np.array([79.99, 50.0, np.nan, np.nan], np.float32))
    assert shoes.launched[0] == datetime.fromisoformat("2026-01-31T00:00:00+00:00").timestamp()
    assert np.isnan(shoes.launched[1:]).all()


def test_what_has_no_stock_is_not_available_and_silence_means_on_sale(shoes: Catalogue) -> None:
    assert shoes.available.tolist() == [True, False, False, True]


def test_spellings_of_a_value_are_one_value(shoes: Catalogue) -> None:
    assert shoes.labels.rows_with("BRAND", "nike").tolist() == [0, 1]
    assert shoes.labels.rows_with("colour", "RED").tolist() == [0, 1]
    assert len(shoes.labels.codes_of("colour")) == 1
    assert shoes.labels.rows_with("brand", "adidas").tolist() == []


def test_labels_keep_the_order_of_the_source(shoes: Catalogue) -> None:
    categories = shoes.labels["category"]
    owners, codes = categories.of(np.array([2, 3, 0], np.int32))
    assert owners.tolist() == [0, 0, 2, 2]
    assert [categories.values[code] for code in codes] == ["Shoes", "Beach", "Shoes", "Running"]
    assert [shoes.labels["materials"].values[code] for code in shoes.labels["materials"].codes] == ["mesh", "rubber"]


def test_the_narrowest_category_is_the_last_one(shoes: Catalogue) -> None:
    values = (*shoes.labels["category"].values, None)
    assert [values[code] for code in shoes.narrowest_categories()] == ["Running", "Running", "Beach", None]
    assert [values[code] for code in shoes.narrowest_categories(np.array([3, 2], np.int32))] == [None, "Beach"]
    assert build([{"item_id": "x"}]).narrowest_categories().tolist() == [-1]


def test_a_tree_of_categories_has_paths_and_a_set_of_labels_has_none(shoes: Catalogue) -> None:
    assert shoes.labels.rows_with("category_path", "Shoes > Running").tolist() == [0, 1]
    genres = build(
        [
            {"item_id": "1", "categories": ["Drama", "Comedy"]},
            {"item_id": "2", "categories": ["Comedy", "Drama"]},
            {"item_id": "3", "categories": ["Drama"]},
        ]
    )
    assert "category_path" not in genres.labels
    assert genres.labels.rows_with("category", "comedy").tolist() == [0, 1]


def test_numbers_are_numbers_however_they_are_written(shoes: Catalogue) -> None:
    np.testing.assert_array_equal(shoes.numbers["Weight"], [250.0, 300.0, np.nan, np.nan])
    np.testing.assert_array_equal(shoes.numbers.of("weight", np.array([3, 1], np.int32)), [np.nan, 300.0])
    np.testing.assert_array_equal(shoes.numbers.of("price", np.array([1], np.int32)), [50.0])
    np.testing.assert_array_equal(shoes.numbers["stock"], [3.0, 0.0, np.nan, np.nan])
    assert shoes.numbers["price"] is shoes.prices
    assert shoes.labels.rows_with("weight", "250").tolist() == [0]
    assert shoes.labels.rows_with("vegan", "true").tolist() == [0]


def test_long_texts_are_no_labels(shoes: Catalogue) -> None:
    assert "note" not in shoes.labels
    assert shoes.item(1).attributes["note"] == "x" * 200


def test_variants_share_a_group_and_so_do_twins_of_one_brand_and_price() -> None:
    twins = build(
        [
            {"item_id": "1", "title": "T-shirt", "brand": "A"},
            {"item_id": "2", "title": "t-shirt", "brand": "a"},
            {"item_id": "3", "title": "T-shirt", "brand": "B"},
            {"item_id": "4", "title": "T-shirt", "brand": "A", "group_id": "g"},
            {"item_id": "5", "title": "Other", "brand": "C", "group_id": "g"},
            {"item_id": "6"},
            {"item_id": "7", "title": " "},
            {"item_id": "8", "title": "T-shirt", "brand": "A", "price": 5.0},
        ]
    ).groups
    assert twins[0] == twins[1]
    assert twins[3] == twins[4]
    assert len(set(twins.tolist())) == 6


def test_an_item_is_shown_whole_and_in_the_order_asked(shoes: Catalogue) -> None:
    puma, nike = shoes.items([2, 0])
    assert (puma.id, puma.available, puma.price) == ("c", False, None)
    assert (nike.title, nike.categories, nike.price) == ("Red runner", ("Shoes", "Running"), 79.99)
    assert nike.attributes["materials"] == ["mesh", "rubber"]
    assert nike.launched == shoes.launched[0]
    assert shoes.item(3).title == ""
    assert shoes.items([]) == []


@pytest.mark.parametrize("items", [SHOES, SHOES[:1], []], ids=["shop", "one item", "empty"])
def test_saved_equals_loaded(items: list[dict[str, Any]], tmp_path: Path) -> None:
    built = build(items)
    built.save(tmp_path)
    loaded = Catalogue.load(tmp_path)
    rows = range(len(built))
    assert loaded.items(rows) == built.items(rows)
    assert list(loaded.ids) == list(built.ids)
    assert list(loaded.labels) == list(built.labels)
    assert list(loaded.numbers) == list(built.numbers)
    for name in built.labels:
        np.testing.assert_array_equal(loaded.labels[name].codes, built.labels[name].codes)
        assert loaded.labels[name].values == built.labels[name].values
    for name in built.numbers:
        np.testing.assert_array_equal(loaded.numbers[name], built.numbers[name])
    for name in ("prices", "launched", "available", "groups"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(built, name))


def test_an_empty_shop_has_a_catalogue() -> None:
    empty = build([])
    assert len(empty) == 0
    assert "price" in empty.numbers
    assert "brand" not in empty.labels


def test_one_id_for_two_items_is_named() -> None:
    with pytest.raises(DataError, match="item_id x comes more than once"):
        build([{"item_id": "x"}, {"item_id": "x"}])


def test_broken_attributes_hurt_no_one() -> None:
    odd = build(
        [
            {"item_id": "1", "attributes": "[1, 2]"},
            {"item_id": "2", "attributes": '{"": "nameless", "a": null, "b": {"deep": 1}, "c": "", "brand": "mine"}'},
        ]
    )
    assert list(odd.labels) == ["attributes.brand", "available"]
    assert odd.labels.rows_with("attributes.brand", "mine").tolist() == [1]


def test_a_missing_part_is_a_release_error(shoes: Catalogue, tmp_path: Path) -> None:
    shoes.save(tmp_path)
    (tmp_path / "labels" / "codes.npy").unlink()
    with pytest.raises(ReleaseError, match="catalogue cannot be read"):
        Catalogue.load(tmp_path)


TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(TEXTS, st.dictionaries(TEXTS, TEXTS | st.booleans(), max_size=4)), max_size=8))
def test_every_label_is_found_by_its_own_text(said: list[tuple[str, dict[str, Any]]]) -> None:
    items = [
        {"item_id": str(row), "brand": brand, "attributes": json.dumps(attributes)}
        for row, (brand, attributes) in enumerate(said)
    ]
    catalogue = build(items)
    for name in catalogue.labels:
        labels = catalogue.labels[name]
        for row in range(len(catalogue)):
            for code in labels.codes[labels.starts[row] : labels.starts[row + 1]]:
                assert row in catalogue.labels.rows_with(name, labels.values[code])


def test_thousands_of_sparse_attributes(real_data: Callable[[str], Path], tmp_path: Path) -> None:
    products = real_data("icecat-electronics-search") / "products.parquet"
    found = duckdb.sql(f"SELECT id::VARCHAR AS item_id, title, supplier AS brand, attributes FROM '{products}'")
    table = found.to_arrow_table()
    items = pa.table(
        {f.name: table[f.name] if f.name in table.column_names else pa.nulls(table.num_rows, f.type) for f in ITEMS},
        schema=ITEMS,
    )
    catalogue = Catalogue.build(items)
    assert len(catalogue) == 19_406
    told = duckdb.sql(
        f"""SELECT count(*) FROM '{products}' WHERE lower(attributes ->> 'attr_t_product_colour') = 'black'"""
    ).fetchall()[0][0]
    assert len(catalogue.labels.rows_with("attr_t_product_colour", "black")) == told
    assert np.count_nonzero(~np.isnan(catalogue.numbers["attr_n_weight"])) == 6_861
    catalogue.save(tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*")) < 60e6
