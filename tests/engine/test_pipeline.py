"""Request → slate, through the whole engine of the small shop."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from small_engine import USERS, preferring, small_engine
from source_contract import DAY, NOW, interactions_of, items_table, small_items

from shopkeeper.engine.pipeline import Engine
from shopkeeper.errors import ReleaseError, RequestError
from shopkeeper.settings import DEFAULT_SURFACES, Rule, Settings, Surface
from shopkeeper.vocabulary import Event, EventType, Placement, Request, Slate

SHELVES = ("home", "new", "popular", "recent")


@pytest.fixture(scope="module")
def engine() -> Engine:
    return small_engine()


def ids(slate: Slate) -> list[str]:
    return [placement.item.id for placement in slate.placements]


def ask(engine: Engine, surface: str = "search", **request: Any) -> Slate:
    return engine.answer(Request(surface=surface, **{"time": NOW, **request}))


def with_surfaces(**surfaces: Surface) -> Settings:
    return Settings(surfaces={**DEFAULT_SURFACES, **surfaces})


class TestSearch:
    def test_finds_what_is_asked_for(self, engine: Engine) -> None:
        slate = ask(engine, query="red mug")
        assert ids(slate)[0] == "mug-red"
        assert slate.placements[0].reasons[0].source == "lexical"
        assert slate.placements[0].position == 1

    def test_finds_it_in_chinese(self, engine: Engine) -> None:
        assert ids(ask(engine, query="红色马克杯"))[0] == "mug-red"

    def test_nonsense_finds_nothing_and_says_so(self, engine: Engine) -> None:
        slate = ask(engine, query="zzqqxx")
        assert (slate.placements, slate.total) == ((), 0)
        assert "nothing matches" in slate.notes

    def test_filters_facets_and_total_agree(self, engine: Engine) -> None:
        slate = ask(engine, query="lamp", facets=("brand", "price"))
        brands, prices = slate.facets
        assert slate.total == len(slate.placements) == sum(value.count for value in brands.values) == 3
        assert (prices.minimum, prices.maximum) == (11.0, 13.0)
        for value in brands.values:
            assert ask(engine, query="lamp", filter=f'brand = "{value.value}"').total == value.count

    @pytest.mark.parametrize(("sort", "prices"), [("price", [11.0, 12.0, 13.0]), ("-price", [13.0, 12.0, 11.0])])
    def test_sorts_all_matches(self, engine: Engine, sort: str, prices: list[float]) -> None:
        assert [placement.item.price for placement in ask(engine, query="lamp", sort=sort).placements] == prices

    def test_pages_reach_beyond_the_candidates(self) -> None:
        few = with_surfaces(search=Surface(sources=("lexical",), needs="query", candidates=2))
        engine = small_engine(settings=few)
        pages = [ask(engine, query="red", size=1, offset=offset) for offset in range(5)]
        assert {page.total for page in pages} == {4}
        assert sorted(id_ for page in pages for id_ in ids(page)) == ["chair-red", "lamp-red", "mug-red", "teapot-red"]
        assert [placement.position for page in pages for placement in page.placements] == [1, 2, 3, 4]

    def test_the_words_that_matched_are_those_of_the_page(self, engine: Engine) -> None:
        assert ask(engine, query="red lammp").matched == ("lamp", "red")
        assert ask(engine, query="red lammp", size=0).matched == ()
        assert ask(engine, "home").matched == ()

    def test_a_page_of_none_counts_all(self, engine: Engine) -> None:
        slate = ask(engine, query="lamp", size=0, facets=("price",))
        assert (slate.placements, slate.total, slate.facets[0].maximum) == ((), 3, 13.0)

    def test_unknown_values_stand_last_either_way(self) -> None:
        rows = [{"item_id": str(at), "title": "mug", "price": price} for at, price in enumerate((3.0, None, 1.0))]
        engine = small_engine(items=items_table(rows), interactions=interactions_of([]))
        assert ids(ask(engine, query="mug", sort="price"))[-1] == "1"
        assert ids(ask(engine, query="mug", sort="-price")) == ["0", "2", "1"]


class TestShelves:
    @pytest.mark.parametrize("surface", SHELVES)
    @pytest.mark.parametrize("user", [None, "user1", "nobody"])
    def test_are_never_empty(self, engine: Engine, surface: str, user: str | None) -> None:
        slate = ask(engine, surface, user=user)
        assert slate.placements
        assert len(set(ids(slate))) == len(ids(slate))
        assert all(placement.reasons for placement in slate.placements)

    @pytest.mark.parametrize("surface", [*SHELVES, "similar", "cart"])
    def test_are_never_empty_in_a_shop_without_events(self, surface: str) -> None:
        engine = small_engine(interactions=interactions_of([]))
        assert ask(engine, surface, items=("mug-red",)).placements

    def test_who_fills_in_is_told(self, engine: Engine) -> None:
        slate = ask(engine, "recent", user="nobody")
        assert slate.notes == ("nothing in particular for recent: the most popular items stand in",)
        assert slate.placements[0].reasons[0].text == "popular in this shop"

    def test_similar_leaves_out_the_item_itself(self, engine: Engine) -> None:
        found = ids(ask(engine, "similar", items=("mug-red",)))
        assert "mug-red" not in found
        assert set(found[:2]) == {"mug-blue", "mug-green"}

    def test_unknown_anchors_are_noted(self, engine: Engine) -> None:
        slate = ask(engine, "similar", items=("mug-red", "no-such-item"))
        assert slate.placements
        assert any("no-such-item" in note for note in slate.notes)

    def test_what_was_bought_does_not_come_home(self, engine: Engine) -> None:
        context = engine.context(Request(surface="home", user="user1", time=NOW))
        bought = context.history[context.history_codes == EventType.PURCHASE.code]
        assert len(bought)
        assert not set(engine.rank(context).rows.tolist()) & set(bought.tolist())

    def test_an_empty_shop_answers(self) -> None:
        engine = small_engine(items=items_table([]), interactions=interactions_of([]))
        for surface in (*SHELVES, "search"):
            slate = ask(engine, surface, query="mug", facets=("*",))
            assert (slate.placements, slate.total) == ((), 0)

    def test_a_filter_that_leaves_nothing(self, engine: Engine) -> None:
        slate = ask(engine, "home", filter="price > 1000")
        assert (slate.placements, slate.notes) == ((), ("nothing matches",))

    def test_a_shop_of_one_item_and_one_person(self) -> None:
        one = interactions_of([(0, 0, EventType.VIEW, NOW - DAY, 0)])
        engine = small_engine(items=small_items().slice(0, 1), interactions=one)
        assert ids(ask(engine, "home", user="user0")) == ["mug-red"]

    def test_pins_stand_first_though_no_source_brings_them(self) -> None:
        rules = (Rule(surface="similar", pin=("chair-green",)),)
        slate = ask(small_engine(settings=Settings(rules=rules)), "similar", items=("mug-red",))
        assert ids(slate)[0] == "chair-green"
        assert slate.placements[0].reasons

    def test_a_source_that_the_release_lacks_is_noted(self, engine: Engine) -> None:
        assert any("semantic" in note for note in ask(engine, query="mug").notes)


class TestLive:
    def test_the_next_request_knows(self) -> None:
        engine = small_engine()
        viewed = Event(id="1", type=EventType.VIEW, user="newcomer", item="lamp-red", time=time.time())
        engine.record([viewed])
        slate = engine.answer(Request(surface="recent", user="newcomer"))
        assert ids(slate) == ["lamp-red"]
        assert slate.placements[0].reasons[0].text == "you viewed it today"

    def test_a_view_moves_home(self) -> None:
        engine = small_engine()
        before = ids(engine.answer(Request(surface="home", session="s")))
        engine.record([Event(id="1", type=EventType.VIEW, session="s", item="lamp-red")])
        assert ids(engine.answer(Request(surface="home", session="s"))) != before

    def test_the_past_stays_as_it_was(self, engine: Engine) -> None:
        request = Request(surface="home", user="user2", time=NOW - 5 * DAY)
        assert (engine.context(request).history_times < NOW - 5 * DAY).all()

    def test_many_threads_get_the_same_answer(self, engine: Engine) -> None:
        requests = [Request(surface="home", user=user, time=NOW) for user in USERS] * 4
        alone = [ids(engine.answer(request)) for request in requests]
        with ThreadPoolExecutor(8) as pool:
            assert [ids(slate) for slate in pool.map(engine.answer, requests)] == alone


class TestRefusals:
    @pytest.mark.parametrize(
        ("request_", "message"),
        [
            (Request(surface="serch", query="mug"), "Did you mean 'search'"),
            (Request(surface="search"), "needs a query"),
            (Request(surface="search", query="  "), "needs a query"),
            (Request(surface="similar"), "needs items"),
            (Request(surface="home", size=-1), "size is -1; expected 0 to 500"),
            (Request(surface="home", size=501), "size is 501"),
            (Request(surface="home", offset=-1), "offset is -1"),
            (Request(surface="home", sort="prise"), "Did you mean 'price'"),
            (Request(surface="home", filter="prise < 5"), "Did you mean 'price'"),
            (Request(surface="home", facets=("brend",)), "Did you mean 'brand'"),
            (Request(surface="cart", items=("mug-red",) * 1001), "1001 items"),
        ],
    )
    def test_says_what_was_wrong(self, engine: Engine, request_: Request, message: str) -> None:
        with pytest.raises(RequestError) as error:
            engine.answer(request_)
        assert message in str(error.value)


class TestRanker:
    def test_orders_by_its_score_where_the_surface_wants_it(self) -> None:
        names = small_engine().feature_names("home")
        plain = with_surfaces(home=msgspec.structs.replace(DEFAULT_SURFACES["home"], diversity=0.0))
        engine = small_engine(settings=plain, rankers={"home": preferring("price", names)})
        prices = [placement.item.price or 0.0 for placement in ask(engine, "home", user="nobody").placements]
        assert prices == sorted(prices, reverse=True)

    def test_is_left_aside_on_a_fused_surface(self) -> None:
        names = small_engine().feature_names("popular")
        engine = small_engine(rankers={"popular": preferring("price", names)})
        assert "popular" not in engine.rankers

    def test_features_are_those_of_serving(self, engine: Engine) -> None:
        context = engine.context(Request(query="red mug", time=NOW))
        pool = engine.candidates(context)
        matrix = engine.features(context, pool)
        assert matrix.shape == (len(pool.rows), len(engine.feature_names("search")))
        assert matrix.dtype == np.float32


class TestRelease:
    def test_saved_equals_opened(self, tmp_path: Path) -> None:
        rankers = {"home": preferring("price", small_engine().feature_names("home"))}
        engine = small_engine(rankers=rankers)
        engine.save(tmp_path / "release")
        opened = Engine.open(tmp_path / "release", release="r1")
        for request in _requests():
            before, after = engine.answer(request), opened.answer(request)
            for left, right in zip(before.placements, after.placements, strict=True):
                assert _known(left) == _known(right)
            assert (before.total, before.facets, before.notes) == (after.total, after.facets, after.notes)

    def test_todays_settings_win(self, tmp_path: Path) -> None:
        small_engine().save(tmp_path)
        rules = (Rule(surface="popular", pin=("chair-green",)),)
        assert ids(ask(Engine.open(tmp_path, Settings(rules=rules)), "popular"))[0] == "chair-green"

    @pytest.mark.parametrize(
        "part", ["settings.json", "actors/hashes.npy", "statistics/interest.npy", "catalogue/prices.npy"]
    )
    def test_a_missing_part_is_told(self, part: str, tmp_path: Path) -> None:
        small_engine().save(tmp_path)
        (tmp_path / part).unlink()
        with pytest.raises(ReleaseError):
            Engine.open(tmp_path)


def _requests() -> list[Request]:
    shelves = [Request(surface=surface, user="user3", time=NOW) for surface in SHELVES]
    beside = [Request(surface=surface, items=("mug-red",), time=NOW) for surface in ("similar", "cart")]
    return [*shelves, *beside, Request(query="red mug", facets=("*",), time=NOW)]


def _known(placement: Placement) -> tuple[str, int, float, tuple[object, ...]]:
    return placement.item.id, placement.position, round(placement.score, 5), placement.reasons
