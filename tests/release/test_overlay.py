"""Changes laid over a released catalogue: the answer is that of a catalogue built from the changed items anew."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
import small_shop
from hypothesis import given
from hypothesis import strategies as st

from shopkeeper.data.schema import items_table
from shopkeeper.engine.facets import count
from shopkeeper.engine.filters import compile_filter
from shopkeeper.errors import RequestError
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.release.overlay import LiveCatalogue, lay_over
from shopkeeper.vocabulary import Change, Item, Request

BASE = Catalogue.build(small_shop.items())
IDS = (*BASE.ids, "kettle-1", "kettle-2", "水壶")
TITLES = ("Red mug", "Copper kettle", "铜水壶")
FILTERS = (
    "price < 9",
    "brand = Acme",
    "brand = Novum",
    "category in [Mugs, Kettles]",
    "colour = copper",
    "available = false",
    "available = true",
    "stock > 2",
    "colour exists",
    "not brand exists",
    'category_path = "Home > Kettles"',
    "litres > 1",
    "litres exists",
)

items = st.builds(
    Item,
    id=st.sampled_from(IDS),
    title=st.sampled_from(TITLES),
    brand=st.sampled_from([None, "Acme", "Novum"]),
    categories=st.sampled_from([("Home", "Mugs"), ("Home", "Kettles")]),
    price=st.sampled_from([None, 1.0, 8.5, 79.99]),
    stock=st.sampled_from([None, 0.0, 3.0]),
    attributes=st.sampled_from([{}, {"colour": "Red"}, {"colour": "copper", "litres": 1.5}]),
)
words = st.one_of(
    st.builds(lambda item: Change(id=item.id, time=1.0, item=item), items),
    st.builds(Change, id=st.sampled_from(IDS), time=st.just(1.0), deleted=st.just(True)),
    st.builds(
        Change,
        id=st.sampled_from(IDS),
        time=st.just(1.0),
        price=st.sampled_from([None, 2.0]),
        stock=st.sampled_from([None, 0.0, 5.0]),
        available=st.sampled_from([None, False]),
    ),
)


def live_after(*batches: list[Change]) -> LiveCatalogue:
    live = lay_over(BASE)
    for changes in batches:
        live = live.after(changes)
    return live


def anew(changes: list[Change]) -> tuple[Catalogue, set[str]]:
    """The catalogue of the changed items, built from nothing; and which of its items are gone."""
    now = {item.id: item for item in BASE.items(range(len(BASE)))}
    gone = set[str]()
    for change in changes:
        if change.deleted and change.id in now:
            gone.add(change.id)
            now[change.id] = msgspec.structs.replace(now[change.id], available=False)
        elif change.item or (change.id in now and change.id not in gone):
            gone.discard(change.id)
            now[change.id] = change.applied_to(now.get(change.id, Item(id=change.id)))
    return Catalogue.build(items_table(now.values())), gone


def ids_where(catalogue: Catalogue, text: str, gone: set[str]) -> set[str]:
    try:
        mask = compile_filter(text).mask(catalogue)
    except RequestError:  # nothing that is sold has the field
        return set()
    return {catalogue.ids.id(row) for row in np.flatnonzero(mask)} - gone


@given(st.lists(st.lists(words, max_size=5), max_size=4))
def test_filters_facets_and_items_are_those_of_a_catalogue_built_anew(said: list[list[Change]]) -> None:
    live, (fresh, gone) = live_after(*said), anew([change for changes in said for change in changes])
    assert set(live.ids) >= set(fresh.ids)
    for row, id_ in enumerate(live.ids):
        assert live.ids.id(row) == id_
        assert live.ids.row(id_) == (-1 if id_ in gone else row)
    for text in FILTERS:
        assert ids_where(live, text, gone) == ids_where(fresh, text, gone), text
    here = [id_ for id_ in fresh.ids if id_ not in gone]
    rows, same = live.ids.rows(here), fresh.ids.rows(here)
    assert live.items(rows) == fresh.items(same)
    assert live.names(rows) == fresh.names(same)
    for name in ("brand", "category", "category_path", "colour", "price", "stock", "litres", "available"):
        if name not in fresh.field_names:
            continue
        expected = count(fresh, same, Request(facets=(name,)))[0]
        if expected.values or expected.minimum is not None:  # else, only what is gone has the field
            counted = count(live, rows, Request(facets=(name,)))[0]
            assert {(each.value.casefold(), each.count) for each in counted.values} == {
                (each.value.casefold(), each.count) for each in expected.values
            }
            assert (counted.minimum, counted.maximum) == (expected.minimum, expected.maximum)
    labels = live.labels["category"]
    narrowest = [labels.values[code] if code >= 0 else None for code in live.narrowest_categories(rows)]
    assert narrowest == [item.categories[-1] if item.categories else None for item in fresh.items(same)]


def test_released_rows_stay_and_new_ones_follow() -> None:
    new = Item(id="kettle-1", title="Copper kettle", price=30.0)
    live = live_after([Change(id="kettle-1", time=1.0, item=new)])
    assert live.ids.rows(BASE.ids).tolist() == list(range(len(BASE)))
    assert live.ids.row("kettle-1") == len(BASE)
    assert live.prices[len(BASE)] == pytest.approx(30.0)
    assert len(live) == len(BASE) + 1


def test_figures_of_an_unknown_item_are_passed_over() -> None:
    live = live_after([Change(id="nobody", time=1.0, stock=3.0), Change(id="no one", time=1.0, deleted=True)])
    assert len(live) == len(BASE)
    assert "nobody" not in live.ids


def test_new_items_are_variants_of_each_other_whenever_they_came() -> None:
    kettles = [Item(id=f"kettle-{n}", title="Copper kettle", price=30.0) for n in range(3)]
    live = live_after(*([Change(id=kettle.id, time=1.0, item=kettle)] for kettle in kettles))
    groups = live.groups[live.ids.rows([kettle.id for kettle in kettles])]
    assert len(set(groups.tolist())) == 1
    assert groups[0] not in BASE.groups
    other = Item(id="kettle-0", title="Steel kettle", price=30.0)
    live = live.after([Change(id=other.id, time=1.0, item=other)])
    assert live.groups[live.ids.row("kettle-0")] not in (*BASE.groups, groups[0])
    assert live.groups[live.ids.rows(BASE.ids)].tolist() == BASE.groups.tolist()


@pytest.mark.parametrize(("released", "is_tree"), [(("Home", "Mugs"), True), (("Mugs",), False)])
def test_whether_categories_are_a_tree_is_what_the_release_says(released: tuple[str, ...], is_tree: bool) -> None:
    base = Catalogue.build(items_table([Item(id="mug", categories=released)]))
    new = [Item(id="a", categories=("Kettles",)), Item(id="b", categories=("Home", "Kettles"))]
    live = lay_over(base)
    for item in new:
        live = live.after([Change(id=item.id, time=1.0, item=item)])
    assert ("category_path" in live.labels) == is_tree
    assert ids_where(live, "category_path = Kettles", set()) == ({"a"} if is_tree else set())
    assert ids_where(live, 'category_path = "Home > Kettles"', set()) == ({"b"} if is_tree else set())
    assert ids_where(live, "category = Kettles", set()) == {"a", "b"}


@pytest.mark.parametrize("base", [BASE, Catalogue.build(items_table([Item(id="mug")]))])
def test_which_fields_there_are_does_not_hang_on_how_many_items_came_at_once(base: Catalogue) -> None:
    """A process that starts reads all at once what another saw come one by one."""
    new = [
        Item(id=f"k{n}", categories=("Home", "Kettles")[n % 2 :], attributes={"weight": n * 1.37, "size": n % 3})
        for n in range(60)
    ]
    changes = [Change(id=item.id, time=1.0, item=item) for item in new]
    one_by_one, at_once = lay_over(base), lay_over(base).after(changes)
    for change in changes:
        one_by_one = one_by_one.after([change])
    assert set(one_by_one.field_names) == set(at_once.field_names)
    assert {*one_by_one.labels} == {*at_once.labels}
    rows = at_once.ids.rows([item.id for item in new])
    for name in at_once.field_names[1:]:
        counted = [
            ({(each.value, each.count) for each in facet.values}, facet.minimum, facet.maximum)
            for facet in (
                count(live, rows, Request(facets=(name,), max_values=100))[0] for live in (one_by_one, at_once)
            )
        ]
        assert counted[0] == counted[1], name


def test_values_that_no_item_has_any_more_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """An attribute that says something else every minute would else fill the memory of every worker."""
    monkeypatch.setattr("shopkeeper.release.live_fields.FORGOTTEN_AT_ONCE", 20)
    live, patient = lay_over(BASE), lay_over(BASE)
    for minute in range(100):
        told = {"colour": ("Red", "mauve")[minute % 2], "seen": f"minute {minute}"}
        items = [Item(id=f"k{minute % 3}", brand="Acme", attributes=told), Item(id="mug-red", brand=f"B{minute % 5}")]
        live = live.after([Change(id=item.id, time=1.0, item=item) for item in items])
    assert len(live.labels._values.texts) < 40  # type: ignore[attr-defined]
    for minute in (97, 98, 99):
        patient = patient.after(
            [Change(id=i.id, time=1.0, item=i) for i in live.items(live.ids.rows([f"k{minute % 3}"]))]
        )
        assert ids_where(live, f'seen = "minute {minute}"', set()) == {f"k{minute % 3}"}
    assert ids_where(live, 'seen = "minute 5"', set()) == set()
    assert ids_where(live, "available = true", set()) >= {"k0", "k1", "k2"}
    rows = live.ids.rows(["k0", "k1", "k2"])
    for name in ("colour", "seen", "brand"):
        counted = [
            count(each, each.ids.rows(live.ids.ids(rows)), Request(facets=(name,), max_values=100))
            for each in (live, patient)
        ]
        assert {(v.value, v.count) for v in counted[0][0].values} == {(v.value, v.count) for v in counted[1][0].values}


def test_an_empty_shop_fills() -> None:
    empty = Catalogue.build(small_shop.items().slice(0, 0))
    live = lay_over(empty).after([Change(id="a", time=1.0, item=Item(id="a", title="First", brand="Acme"))])
    assert [item.title for item in live.items([0])] == ["First"]
    assert ids_where(live, "brand = acme", set()) == {"a"}


def test_figures_leave_the_fields_that_were_asked_for() -> None:
    kettle = Item(id="kettle-1", attributes={"litres": "two"})
    live = live_after([Change(id=kettle.id, time=1.0, item=kettle)])
    brand, mugs = live.labels["brand"], live.ids.rows(["mug-red"])
    assert len(live.labels["available"].of(mugs).codes) == 1
    sold_out = live.after([Change(id="mug-red", time=1.0, stock=0.0)])
    assert sold_out.labels["brand"] is brand
    assert sold_out.labels["litres"].values == ("two",)
    for catalogue, said in ((live, "true"), (sold_out, "false")):
        labels = catalogue.labels["available"]
        assert [labels.values[code] for code in labels.of(mugs).codes] == [said]
