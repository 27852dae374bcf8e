"""What is shown to those who have not asked: everything that may stand there, in pages, counted by levels."""

from __future__ import annotations

from pathlib import Path

import pytest
import small_shop

from shopkeeper.errors import RequestError
from shopkeeper.shop import Shop
from shopkeeper.vocabulary import Request


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    directory: Path = tmp_path_factory.mktemp("browsing") / "small"
    return small_shop.open_shop(directory)


def test_pages_show_everything_once_and_what_is_wanted_first(shop: Shop) -> None:
    pages = [shop.browse(Request(size=5, offset=offset)) for offset in (0, 5, 10)]
    shown = [placement.item.id for page in pages for placement in page.placements]
    engine = shop.engine()
    assert shown == engine.catalogue.ids.ids(engine.statistics.order)
    assert {page.total for page in pages} == {12}


def test_filters_narrow_and_sorts_order(shop: Shop) -> None:
    slate = shop.browse(Request(filter="colour = red", sort="-price"))
    assert [placement.item.id for placement in slate.placements][:2] == ["chair-red", "lamp/red"]
    rows = shop.engine().matching(Request(query="mug", filter="colour = red"))
    assert shop.engine().catalogue.ids.ids(rows) == ["mug-red"]


def test_categories_are_counted_by_levels(shop: Shop) -> None:
    first, second = shop.browse(Request(size=0, facets=("category_path.0", "category_path.1"), max_values=3)).facets
    assert [(value.value, value.count) for value in first.values] == [("Home", 12)]
    assert len(second.values) == 3
    assert all(value.count == 3 and value.value.startswith("Home > ") for value in second.values)


def test_what_cannot_be_browsed_is_refused(shop: Shop) -> None:
    for wrong in (Request(surface="nowhere"), Request(size=-1), Request(filter="price <"), Request(max_values=-1)):
        with pytest.raises(RequestError):
            shop.browse(wrong)


@pytest.mark.parametrize("filter_", ["", "price < 40"])
def test_one_item_stands_for_each_group(shop: Shop, filter_: str) -> None:
    """As many pages as it takes, each group once, by the item that would come first without grouping."""
    every = [one.item for one in shop.browse(Request(size=50, filter=filter_)).placements]
    firsts = {item.attributes["colour"]: item.id for item in reversed(every)}
    pages = [shop.browse(Request(size=2, offset=offset, group_by="colour", filter=filter_)) for offset in (0, 2, 4)]
    shown = [one for page in pages for one in page.placements]
    assert {one.item.attributes["colour"]: one.item.id for one in shown} == firsts
    assert len(shown) == len(firsts)
    assert {page.total for page in pages} == {len(firsts)}
    assert sum(one.others + 1 for one in shown) == len(every)
