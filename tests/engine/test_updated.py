"""An engine after changes in the shop: found by words, by meaning and on shelves at once, and gone at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
import small_encoder
from small_engine import small_engine
from source_contract import NOW, material_of, small_interactions, small_items

from shopkeeper.engine.context import Candidates, Context
from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.sources.semantic import Semantic
from shopkeeper.engine.sources.similar import Similar
from shopkeeper.release.overlay import LiveCatalogue
from shopkeeper.release.tiers import RECENT
from shopkeeper.settings import Settings
from shopkeeper.vocabulary import Change, Event, EventType, Item, Request

KETTLE = Item(
    id="kettle-copper",
    title="Copper kettle",
    description="A copper kettle.",
    brand="Novum",
    categories=("home", "kitchen"),
    price=30.0,
    attributes={"colour": "copper", "title_zh": "铜水壶"},
)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Engine]:
    """A release of the small shop with every source, opened as a server opens it."""
    directory = tmp_path_factory.mktemp("release")
    encoder = small_encoder.make_encoder(directory / "made")
    engine = small_engine()
    engine.encoder = encoder
    material = material_of(small_items(), small_interactions(), encoder=encoder)
    engine.sources |= {recipe.name: recipe.fit(material) for recipe in (Semantic(), Similar())}
    engine.save(directory / "r")
    return lambda: Engine.open(directory / "r", Settings(), release="r")


def put(item: Item) -> Change:
    return Change(id=item.id, time=NOW, item=item)


def found(engine: Engine, **request: object) -> list[str]:
    return [placement.item.id for placement in engine.answer(Request(**{"size": 50, **request})).placements]


@pytest.mark.parametrize("query", ["copper kettle", "kettl", "coper kettle", "copperkettle", "铜水壶", "kettle-copper"])
def test_a_new_item_is_found_by_its_words(opened: Callable[[], Engine], query: str) -> None:
    assert found(opened().updated([put(KETTLE)]), query=query)[0] == "kettle-copper"


def test_a_new_item_is_found_by_meaning(opened: Callable[[], Engine]) -> None:
    engine = opened().updated([put(Item(id="k", title="Kettle"))])
    placements = engine.answer(Request(query="teapot", size=50)).placements
    sources = {placement.item.id: {reason.source for reason in placement.reasons} for placement in placements}
    assert sources["k"] == {"semantic"}


def test_a_new_item_stands_on_shelves(opened: Callable[[], Engine]) -> None:
    before = opened()
    engine = before.updated([put(KETTLE)])
    assert found(engine, surface="new")[0] == "kettle-copper"
    assert "kettle-copper" in found(engine, surface="similar", items=("teapot-red",))
    assert {"teapot-red", "mug-red"} & set(found(engine, surface="similar", items=("kettle-copper",)))
    assert "kettle-copper" not in found(before, surface="new")


def test_a_new_item_counts_in_facets_filters_and_sorting(opened: Callable[[], Engine]) -> None:
    engine = opened().updated([put(KETTLE), put(Item(id="kettle-red", title="Red kettle", price=10.0))])
    slate = engine.answer(Request(query="kettle", facets=("brand", "price"), sort="-price", size=5))
    assert slate.placements[0].item.price == 30.0
    assert ("Novum", 1) in {(each.value, each.count) for each in slate.facets[0].values}
    assert found(engine, query="kettle", filter="brand = novum") == ["kettle-copper"]
    assert found(engine, query="kettle", filter="colour = copper and price < 31") == ["kettle-copper"]


def test_a_changed_item_keeps_its_place_among_people_and_loses_its_old_words(opened: Callable[[], Engine]) -> None:
    before = opened()
    interest = before.statistics.interest[before.catalogue.ids.row("mug-red")]
    engine = before.updated([put(Item(id="mug-red", title="Scarlet tankard", categories=("home", "kitchen")))])
    assert "mug-red" not in found(engine, query="mug", filter="")[:2]
    assert found(engine, query="tankard") == ["mug-red"]
    assert engine.statistics.interest[engine.catalogue.ids.row("mug-red")] == interest
    assert engine.answer(Request(query="tankard")).placements[0].item.title == "Scarlet tankard"


def test_figures_change_at_once(opened: Callable[[], Engine]) -> None:
    change = Change(id="mug-red", time=NOW, price=99.0)
    engine = opened().updated([change])
    slate = engine.answer(Request(query="mug", filter="price > 90"))
    assert [(each.item.id, each.item.price) for each in slate.placements] == [("mug-red", 99.0)]
    sold_out = engine.updated([Change(id="mug-red", time=NOW, stock=0.0)])
    assert "mug-red" not in found(sold_out, query="mug")
    assert "mug-red" in found(sold_out.updated([Change(id="mug-red", time=NOW, stock=2.0)]), query="mug")


def told_of(engine: Engine) -> tuple[list[str], list[str]]:
    """The items that were told whole since the release, and those of which figures were."""
    live = engine.catalogue
    assert isinstance(live, LiveCatalogue)
    return [item.id for item in live.told], live.ids.ids([*live.figures])


def test_a_catalogue_that_is_sent_again_changes_figures_alone(opened: Callable[[], Engine]) -> None:
    before = opened()
    items = before.catalogue.items(range(len(before.catalogue)))
    dearer = {item.id: msgspec.structs.replace(item, price=item.price + 1.0) for item in items if item.price}
    renamed = msgspec.structs.replace(items[0], title="Scarlet tankard", price=5.0)
    engine = before.updated([*map(put, items), *map(put, dearer.values()), put(renamed)])
    assert told_of(engine) == ([*dearer], [])  # told twice at once: the second word is taken as it is
    after = before.updated([*map(put, items)])
    assert (told_of(after), after.unread) == (([], []), ())
    after = after.updated([put(item) for item in dearer.values()])
    assert told_of(after) == ([], [*dearer])
    after = after.updated([put(renamed)])
    assert told_of(after) == ([renamed.id], [id_ for id_ in dearer if id_ != renamed.id])
    for known in (engine, after):
        for id_, item in {**dearer, renamed.id: renamed}.items():
            assert known.catalogue.item(known.catalogue.ids.row(id_)) == item


def test_an_item_told_again_without_its_price_has_none(opened: Callable[[], Engine]) -> None:
    before = opened()
    item = msgspec.structs.replace(before.catalogue.item(0), price=None)
    engine = before.updated([put(item)])
    assert engine.catalogue.item(0) == item


def test_a_deleted_item_is_nowhere_until_it_comes_again(opened: Callable[[], Engine]) -> None:
    engine = opened().updated([Change(id="mug-red", time=NOW, deleted=True)])
    for request in ({"query": "red mug"}, {"surface": "popular"}, {"surface": "home", "user": "user0"}):
        assert "mug-red" not in found(engine, **request)
    assert engine.explain(Request(query="mug"), "mug-red").verdict == "unknown item"
    again = engine.updated([put(Item(id="mug-red", title="Red mug"))])
    assert "mug-red" in found(again, query="red mug")


def test_an_item_that_came_and_went_leaves_the_engine_whole(opened: Callable[[], Engine]) -> None:
    engine = opened().updated([put(KETTLE), Change(id="kettle-copper", time=NOW, deleted=True)])
    engine.record([Event(id="e1", type=EventType.VIEW, user="user0", item="mug-red")])
    for request in ({"query": "kettle"}, {"surface": "new"}, {"surface": "home", "user": "user0"}):
        assert "kettle-copper" not in found(engine, **request)
    assert found(engine.updated([put(KETTLE)]), query="copper kettle")[0] == "kettle-copper"


def test_an_item_that_came_and_went_at_once_is_new_when_it_comes_again(opened: Callable[[], Engine]) -> None:
    engine = opened().updated([put(KETTLE), Change(id="kettle-copper", time=NOW, deleted=True)])
    engine = engine.updated([put(KETTLE)])
    assert found(engine, surface="new")[0] == "kettle-copper"
    assert engine.statistics.since[engine.catalogue.ids.row("kettle-copper")] == NOW


def test_of_many_items_some_are_read_later(opened: Callable[[], Engine], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shopkeeper.engine.renewing.READ_AT_ONCE", 2)
    engine = opened().updated([put(Item(id=f"k{n}", title="Kettle")) for n in range(5)])

    def by_meaning() -> set[str]:
        return {
            each.item.id
            for each in engine.answer(Request(query="teapot", size=50)).placements
            if each.item.id[0] == "k"
        }

    assert (len(by_meaning()), len(engine.unread)) == (2, 3)
    assert {f"k{n}" for n in range(5)} <= set(found(engine, query="kettle"))
    engine = engine.reading()
    assert (len(by_meaning()), len(engine.unread)) == (4, 1)
    engine = engine.reading()
    assert (by_meaning(), engine.unread) == ({f"k{n}" for n in range(5)}, ())


def test_what_people_do_with_a_new_item_counts(opened: Callable[[], Engine]) -> None:
    before = opened()
    engine = before.updated([put(KETTLE)])
    event = Event(id="e1", type=EventType.VIEW, user="user0", item="kettle-copper")
    engine.record([event])
    assert found(engine, surface="recent", user="user0")[0] == "kettle-copper"
    assert found(engine, surface="home", user="user0")
    assert found(before, surface="home", user="user0")  # a request in flight on the engine before


@pytest.mark.parametrize("recent", [0, 3, RECENT])
def test_many_small_changes_are_one_large_one(
    opened: Callable[[], Engine], recent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shopkeeper.release.tiers.RECENT", recent)
    kinds = ["kettle", "tankard", "stool"]
    changes = [
        put(Item(id=f"{kind}-{n}", title=f"{colour} {kind}", categories=("home", kind), price=float(n)))
        for n, colour in enumerate(("Red", "Blue", "Teal"))
        for kind in kinds
    ]
    changes += [Change(id="kettle-1", time=NOW, deleted=True), Change(id="mug-blue", time=NOW, price=1.0)]
    changes += [put(Item(id="stool-0", title="Copper stool", categories=("home", "stool"), price=2.0))]
    at_once, step_by_step = opened().updated(changes), opened()
    for change in changes:
        step_by_step = step_by_step.updated([change])
    for request in (
        {"query": "red kettle"},
        {"query": "teal"},
        {"query": "copper"},
        {"query": "stool", "filter": "category = stool and price > 1", "sort": "price"},
        {"query": "stol"},
        {"surface": "similar", "items": ("stool-0",)},
        {"surface": "home", "user": "user1"},
        {"query": "mug", "filter": "price < 2"},
    ):
        assert set(found(step_by_step, **request)) == set(found(at_once, **request)), request


def test_the_engine_before_goes_on_as_it_was(opened: Callable[[], Engine]) -> None:
    before = opened()
    words = found(before, query="red mug")
    before.updated([put(KETTLE), Change(id="mug-red", time=NOW, deleted=True)])
    assert found(before, query="red mug") == words
    assert "kettle-copper" not in found(before, query="copper kettle")


class Everything:
    """A source that knows nothing of changes, as a user may have written it: it proposes all that it was fitted on."""

    name = "everything"

    def __init__(self, n: int) -> None:
        self.n = n

    def retrieve(self, context: Context, limit: int) -> Candidates:
        assert context.allowed is not None
        assert len(context.allowed) == self.n
        assert all(len(rows) == 0 or rows.max() < self.n for rows in (context.history, context.anchors))
        return Candidates.top(np.flatnonzero(context.allowed), np.ones(int(context.allowed.sum())), limit)

    def reason(self, context: Context, row: int) -> str:  # noqa: ARG002
        return "it is there"

    def save(self, directory: Path) -> None:
        raise NotImplementedError


def test_a_source_that_knows_nothing_of_changes_is_asked_about_released_items(opened: Callable[[], Engine]) -> None:
    engine = opened()
    engine.sources["popular"] = Everything(len(engine.catalogue))
    engine = engine.updated([put(KETTLE)]).updated([put(Item(id="k2", title="Kettle"))])
    engine.record([Event(id="e1", type=EventType.VIEW, user="user0", item="kettle-copper")])
    assert len(found(engine, surface="popular", user="user0", items=("kettle-copper",))) == 12
