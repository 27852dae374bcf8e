"""Records come back as they were sent, whatever is in them, and are items to the shop."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopkeeper.data.schema import items_table
from shopkeeper.errors import RequestError
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.server.algolia.objects import item_of, picked, record_of
from shopkeeper.vocabulary import Change

names = st.sampled_from(
    ("title", "name", "price", "brand", "categories", "category", "stock", "available", "image", "url", "_sent", "size")
) | st.text(max_size=4)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 10**6) | st.floats(-1e6, 1e6) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(names, values, max_size=6))
def test_a_record_comes_back_as_it_was_sent(said: dict[str, Any]) -> None:
    record = {**msgspec.json.decode(msgspec.json.encode(said)), "objectID": "a"}
    assert record_of(item_of(record)) == record


@settings(max_examples=10)  # each is a catalogue
@given(st.dictionaries(names, values, max_size=6))
def test_a_shop_can_keep_any_record(said: dict[str, Any]) -> None:
    record = {**msgspec.json.decode(msgspec.json.encode(said)), "objectID": "a"}
    assert record_of(Catalogue.build(items_table([item_of(record)])).item(0)) == record


def test_a_record_is_an_item() -> None:
    item = item_of(
        {
            "objectID": "a",
            "name": "Red mug",
            "price": 5,
            "hierarchicalCategories": {"lvl0": "Home", "lvl1": "Home > Mugs"},
            "image_url": "https://example.com/a.png",
            "url": "javascript:alert(1)",
            "size": {"width": 3},
            "parts": [{"of": "clay"}, {"of": "tin"}],
            "stock": 0,
        }
    )
    assert (item.title, item.price, item.categories) == ("Red mug", 5.0, ("Home", "Mugs"))
    assert (item.image, item.url, item.available) == ("https://example.com/a.png", None, False)
    assert item.attributes["size.width"] == 3
    assert item.attributes["parts.of"] == ["clay", "tin"]
    assert item.attributes["hierarchicalCategories.lvl1"] == "Home > Mugs"


def test_a_figure_that_changed_since_is_the_one_of_today() -> None:
    item = item_of({"objectID": "a", "title": "Mug", "price": 5})
    assert record_of(Change(id="a", time=0.0, price=4.0).applied_to(item))["price"] == 4.0


@pytest.mark.parametrize("id_", [None, "", 1.5, True, "x" * 401])
def test_a_record_needs_an_id(id_: Any) -> None:
    with pytest.raises(RequestError, match="objectID"):
        item_of({"objectID": id_})
    assert item_of({"objectID": 7}).id == "7"


def test_attributes_are_picked() -> None:
    record = {"objectID": "a", "title": "Mug", "size": {"width": 1, "height": 2}, "cost": 3}
    assert picked(record, ("title", "size.width")) == {"objectID": "a", "title": "Mug", "size": {"width": 1}}
    assert picked(record, ("*", "-title"), ("cost",)) == {"objectID": "a", "size": {"width": 1, "height": 2}}
    assert picked(record, ("*",), ("size.width", "title", "cost")) == {"objectID": "a", "size": {"height": 2}}
    assert picked({"objectID": "a", "parts": [{"of": 1, "by": 2}]}, ("*",), ("parts.of",))["parts"] == [{"by": 2}]
    assert picked(record, ()) == {"objectID": "a"}
