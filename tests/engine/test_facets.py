"""Facets: exact counts, and a fair choice of the useful ones."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopkeeper.data.schema import ITEMS
from shopkeeper.engine.facets import count
from shopkeeper.engine.useful import MAX_USEFUL
from shopkeeper.errors import RequestError
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.vocabulary import Facet, FacetValue, Request, Rows

COLOURS = ("red", "blue", "红色")


def shop(n: int = 60) -> Catalogue:
    return Catalogue.build(
        pa.Table.from_pylist(
            [
                {
                    "item_id": str(row),
                    "brand": "Only",
                    "categories": ["Home", "Mugs" if row % 2 else "Plates"],
                    "price": 1.0 + row,
                    "attributes": json.dumps(
                        {
                            "colour": COLOURS[row % 3],
                            "serial": f"S{row}",
                            "made for": ["tea", "coffee"] if row % 4 == 0 else ["tea"],
                            **({"rare": str(row % 2)} if row < 2 else {}),
                            "weight": row * 1.5,
                        }
                    ),
                }
                for row in range(n)
            ],
            schema=ITEMS,
        )
    )


SHOP = shop()
EVERYTHING = np.arange(len(SHOP), dtype=np.int32)


def facets_of(catalogue: Catalogue, rows: Rows, names: tuple[str, ...], **asked: Any) -> tuple[Facet, ...]:
    return count(catalogue, rows, Request(facets=names, **asked))


def test_counts_are_exact_and_most_frequent_first() -> None:
    (colour, purpose) = facets_of(SHOP, np.array([0, 1, 2, 3, 4], np.int32), ("colour", "made for"))
    assert colour.values == (FacetValue("blue", 2), FacetValue("red", 2), FacetValue("红色", 1))
    assert purpose.values == (FacetValue("tea", 5), FacetValue("coffee", 2))


def test_a_numeric_field_gives_its_range() -> None:
    price, weight = facets_of(SHOP, np.array([3, 10, 7], np.int32), ("price", "weight"))
    assert (price.minimum, price.maximum, price.values) == (4.0, 11.0, ())
    assert (weight.minimum, weight.maximum) == (4.5, 15.0)


def test_prices_are_told_as_they_are_written() -> None:
    pennies = Catalogue.build(pa.Table.from_pylist([{"item_id": "a", "price": 0.95}], schema=ITEMS))
    assert facets_of(pennies, np.array([0], np.int32), ("price",))[0].minimum == 0.95


def test_the_limit_keeps_the_most_frequent() -> None:
    assert [len(facet.values) for facet in facets_of(SHOP, EVERYTHING, ("serial", "colour"), max_values=2)] == [2, 2]


def test_the_useful_ones_divide_the_answer() -> None:
    names = [facet.name for facet in facets_of(SHOP, EVERYTHING, ("*",))]
    assert names[:3] == ["price", "category_path", "colour"]
    assert "brand" not in names  # one value divides nothing
    assert "available" not in names
    assert "serial" not in names  # a value for each item divides nothing either
    assert "rare" not in names
    assert len(names) <= MAX_USEFUL


def test_a_star_stands_among_named_ones_and_nothing_comes_twice() -> None:
    names = [facet.name for facet in facets_of(SHOP, EVERYTHING, ("colour", "*"))]
    assert names[0] == "colour"
    assert len(names) == len(set(names))


def test_an_unknown_field_is_named_with_the_nearest() -> None:
    with pytest.raises(RequestError, match=r"facets: there is no field 'color'. Did you mean 'colour'"):
        facets_of(SHOP, EVERYTHING, ("color",))


def test_nothing_found_divides_by_nothing() -> None:
    nothing = np.empty(0, np.int32)
    assert facets_of(SHOP, nothing, ("*",)) == ()
    (colour, price) = facets_of(SHOP, nothing, ("colour", "price"))
    assert (colour.values, price.minimum) == ((), None)
    assert facets_of(Catalogue.build(ITEMS.empty_table()), nothing, ("*", "price"))[0].minimum is None


@given(st.sets(st.integers(0, 59)))
def test_counts_equal_counting_by_hand(chosen: set[int]) -> None:
    rows = np.array(sorted(chosen), np.int32)
    (facet,) = facets_of(SHOP, rows, ("colour",))
    by_hand = {colour: sum(row % 3 == code for row in chosen) for code, colour in enumerate(COLOURS)}
    assert {value.value: value.count for value in facet.values} == {c: n for c, n in by_hand.items() if n}
