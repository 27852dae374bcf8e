"""Page after page nothing comes twice and nothing is missed, whatever the shop does meanwhile and whoever answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_engine import small_engine
from source_contract import NOW, items_table

from shopkeeper.engine import slate as slates
from shopkeeper.engine.pipeline import Engine
from shopkeeper.errors import RequestError
from shopkeeper.vocabulary import Change, Item, Request, Slate

SAID = [
    {
        "item_id": f"i{row}",
        "title": f"mug {'blue' if row % 2 else 'red'} {row}",
        "brand": f"B{row % 7}" if row % 5 else None,
        "price": float(row % 11),
    }
    for row in range(60)
]
SEARCHES: tuple[dict[str, Any], ...] = (
    {"query": "mug"},
    {"query": "mug", "sort": "-price"},
    {"query": "mug red", "user": "user1"},
    {"query": "mug", "refinements": {"price": ("2..8",)}},
)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return small_engine(items=items_table(SAID))


@pytest.fixture(scope="module")
def next_release() -> Engine:
    """The same items in other rows, with other prices, and some that are new."""
    said = [{**item, "price": (item["price"] * 7) % 11} for item in reversed(SAID)]
    more = [{"item_id": f"more{row}", "title": f"mug red {row}", "price": 5.0} for row in range(20)]
    return small_engine(items=items_table([*more, *said]))


def pages(engine_of: Callable[[int], Engine], size: int = 7, **asked: Any) -> list[Slate]:
    found = [engine_of(0).answer(Request(size=size, **asked))]
    while found[-1].next:
        found.append(engine_of(len(found)).answer(Request(size=size, after=found[-1].next, **asked)))
    return found


def ids(found: list[Slate]) -> list[str]:
    return [placement.item.id for page in found for placement in page.placements]


@pytest.mark.parametrize("asked", SEARCHES)
def test_pages_together_are_the_whole_answer(engine: Engine, asked: dict[str, Any]) -> None:
    whole = engine.answer(Request(size=100, **asked))
    found = pages(lambda _: engine, **asked)
    assert ids(found) == ids([whole])
    assert [placement.position for page in found for placement in page.placements] == list(range(1, whole.total + 1))


@pytest.mark.parametrize("asked", SEARCHES[:3])
def test_nothing_drifts_when_stocks_and_prices_change_and_a_release_is_swapped(
    engine: Engine, next_release: Engine, asked: dict[str, Any]
) -> None:
    sold = {"i3", "i10", "i17", "i40", "i41"}
    gone = [Change(id=id_, time=NOW, stock=0.0) for id_ in sorted(sold)]
    dearer = [Change(id=f"i{row}", time=NOW, price=100.0 - row) for row in range(0, 60, 4)]
    new = Change(id="new", time=NOW, item=Item(id="new", title="mug red of tin", price=50.0))
    states = [engine]
    for changes in ([*gone, new], dearer):
        states.append(states[-1].updated(changes))
    swapped = next_release.updated([*gone, new])
    found = ids(pages(lambda page: states[page] if page < len(states) else swapped, **asked))
    assert len(found) == len(set(found))
    everywhere = {each["item_id"] for each in SAID if "red" not in asked["query"] or "red" in each["title"]}
    assert everywhere - sold <= set(found)


@settings(max_examples=10)
@given(st.integers(0, 2**32), st.integers(1, 20))
def test_two_processes_that_know_different_stocks_agree(engine: Engine, seed: int, size: int) -> None:
    generator = np.random.default_rng(seed)
    sold = {f"i{row}" for row in generator.choice(60, 10, replace=False)}
    other = engine.updated([Change(id=id_, time=NOW, stock=0.0) for id_ in sold])
    found = ids(pages(lambda page: (engine, other)[page % 2], size, query="mug"))
    assert len(found) == len(set(found))
    assert {each["item_id"] for each in SAID} - sold <= set(found)


def test_of_each_group_the_best_is_shown_with_how_many_others(engine: Engine) -> None:
    found = pages(lambda _: engine, 3, query="mug", sort="price, -brand", group_by="brand")
    brands = [placement.item.brand for page in found for placement in page.placements]
    alone = sum(item["brand"] is None for item in SAID)
    assert len([brand for brand in brands if brand]) == len({brand for brand in brands if brand}) == 7
    assert brands.count(None) == alone
    assert {page.total for page in found} == {7 + alone}
    for page in found:
        for placement in page.placements:
            own = [each["price"] for each in SAID if each["brand"] == placement.item.brand]
            assert placement.others == (len(own) - 1 if placement.item.brand else 0)
            assert not placement.item.brand or placement.item.price == min(map(float, own))


def test_groups_are_narrowed_and_paged_by_offset_too(engine: Engine) -> None:
    asked: dict[str, Any] = {"query": "mug", "group_by": "brand", "filter": "brand exists and price < 6"}
    whole, parts = engine.answer(Request(**asked)), range(0, 7, 2)
    found = ids([engine.answer(Request(offset=at, size=2, **asked)) for at in parts])
    assert found == ids([whole])
    assert len(found) == whole.total == 7


def test_variants_of_a_product_are_shown_once() -> None:
    said = [{"item_id": f"{row}", "title": "mug", "group_id": f"g{row % 2}"} for row in range(12)]
    slate = small_engine(items=items_table(said)).answer(Request(query="mug", group_by="product"))
    assert [placement.others for placement in slate.placements] == [5, 5]
    assert slate.total == 2


def test_the_end_of_what_can_be_paged_through_is_told(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slates, "MAX_SEEN", 20)
    monkeypatch.setattr(slates, "MATCH_CAP", 20)
    found = pages(lambda _: engine, 10, query="mug", sort="price")
    assert [len(page.placements) for page in found] == [10, 10]
    told = "the first 20 of 60 can be paged through: narrow the search to see others"
    assert [told in page.notes for page in found] == [False, True]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"after": "nonsense"}, "after: this is the end of no page"),
        ({"after": "%%%"}, "after: this is the end of no page"),
        ({"offset": 10_001}, "Narrow the search"),
        ({"group_by": "brnad"}, "group_by: there is no field 'brnad'"),
        ({"sort": "price, colour"}, "items cannot be sorted by 'colour'"),
        ({"sort": "distance(brand, 1, 2)"}, "sort: 'brand' is no location"),
        ({"sort": "distance(brand, 100, 2)"}, "names no place on earth"),
        ({"sort": ","}, "a sort by 0 fields"),
    ],
)
def test_mistakes_are_told(engine: Engine, asked: dict[str, Any], sentence: str) -> None:
    with pytest.raises(RequestError) as error:
        engine.answer(Request(query="mug", **asked))
    assert sentence in str(error.value)


def test_a_page_of_another_search_is_refused(engine: Engine) -> None:
    first = engine.answer(Request(query="mug", size=3))
    with pytest.raises(RequestError, match="a page of another search"):
        engine.answer(Request(query="cup", size=3, after=first.next))
    with pytest.raises(RequestError, match="both say where to begin"):
        engine.answer(Request(query="mug", size=3, after=first.next, offset=3))


def test_the_near_come_first() -> None:
    places = {"paris": (48.8566, 2.3522), "london": (51.5074, -0.1278), "lyon": (45.764, 4.8357), "nowhere": None}
    said = [
        {"item_id": name, "title": "mug", "attributes": f'{{"shop": "{at[0]}, {at[1]}"}}' if at else None}
        for name, at in places.items()
    ]
    others = [{"item_id": str(row), "title": "chair"} for row in range(12)]
    engine = small_engine(items=items_table([*others, *said]))
    near = engine.answer(Request(query="mug", sort="distance(shop, 48.85, 2.35)"))
    assert ids([near]) == ["paris", "london", "lyon", "nowhere"]
    far = engine.answer(Request(query="mug", sort="-distance(shop, 48.85, 2.35)"))
    assert ids([far]) == ["lyon", "london", "paris", "nowhere"]


def test_labels_sort_by_the_alphabet_and_titles_too(engine: Engine) -> None:
    brands = [p.item.brand for p in engine.answer(Request(query="mug", sort="-brand, price", size=100)).placements]
    known = [brand for brand in brands if brand]
    assert known == sorted(known, reverse=True)
    assert brands[len(known) :] == [None] * 12
    titles = [p.item.title for p in engine.answer(Request(query="mug", sort="title", size=5)).placements]
    assert titles == sorted(str(each["title"]) for each in SAID)[:5]
