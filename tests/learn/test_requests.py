"""Held-back events become the requests that they answer."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
from histories import history
from worlds import catalogue, visits, write_shop

from shopkeeper.data.schema import JUDGEMENTS
from shopkeeper.engine.ranking.features import device_number
from shopkeeper.learn.replay import examples_of
from shopkeeper.learn.requests import Asked, judgements_of, requests_of, with_visits
from shopkeeper.learn.split import Part, split
from shopkeeper.learn.workshop import Workshop
from shopkeeper.release.interactions import Interactions
from shopkeeper.settings import DEFAULT_SURFACES, EncoderSettings, Settings, TrainSettings
from shopkeeper.vocabulary import EventType, Ids, Request, silent

SETTINGS = Settings(encoder=EncoderSettings(model="none"), train=TrainSettings(threads=1))
ACTORS = Ids(["ann", "bob", "session:x"])
ITEMS = Ids([f"i{n}" for n in range(30)])
NAN = float("nan")
CART, BUY, RETURN = EventType.CART, EventType.PURCHASE, EventType.RETURN


def later_than(interactions: Interactions, cut: float) -> Part:
    held = interactions.times >= cut
    return Part(interactions, interactions.before(cut), interactions, held, cut)


def asked_of(surface: str, part: Part, limit: int = 1000, seed: int = 0) -> list[Asked]:
    return requests_of(surface, DEFAULT_SURFACES[surface], part, ACTORS, ITEMS, limit=limit, seed=seed)


def test_home_wants_what_is_new_to_the_person_in_the_rest_of_the_visit() -> None:
    past = [(0, 1, 1.0, 0), (0, 2, 2.0, 0)]
    visit = [(0, 2, 10.0, 1), (0, 3, 11.0, 1), (0, 3, 12.0, 1, BUY), (0, 4, 13.0, 1), (0, 5, 14.0, 1, RETURN)]
    part = later_than(history([*past, *visit]), 5)
    starts = set()
    for seed in range(20):
        (asked,) = asked_of("home", part, seed=seed) or [None]
        if asked is None:
            continue
        starts.add(asked.request.time)
        assert asked.request.user == "ann"
        want = dict(zip(asked.rows.tolist(), asked.gains.tolist(), strict=True))
        expected = {10.0: {3: 4, 4: 1}, 11.0: {3: 4, 4: 1}, 12.0: {4: 1}, 13.0: {4: 1}}
        assert want == expected[asked.request.time or 0]
    assert len(starts) >= 3


def test_what_happens_at_once_is_wanted_together_and_not_yet_history() -> None:
    part = later_than(history([(0, n, 10.0, 1, BUY) for n in range(5)] + [(1, 9, 1.0, 0)]), 5)
    (asked,) = asked_of("home", part)
    assert asked.rows.tolist() == [0, 1, 2, 3, 4]
    assert asked.request.time == 10.0


def test_a_purchase_that_is_sent_back_is_worth_less_than_one_that_is_kept() -> None:
    """As far as it was sent back before the part ended: what came later nobody could know."""
    visit = [(0, 3, 10.0, 1, BUY), (0, 4, 10.0, 1, BUY), (0, 5, 10.0, 1, BUY), (1, 4, 10.0, 2, BUY)]
    back = [(0, 3, 5.0, 0, RETURN), (0, 4, 20.0, 3, RETURN), (0, 5, 40.0, 4, RETURN)]
    everything = history([(0, 3, 1.0, 0, BUY), *visit, *back])
    part = Part(everything, everything.before(9), everything.before(30), everything.times == 10.0, 9.0)
    worth = {
        one.request.user: dict(zip(one.rows.tolist(), one.gains.tolist(), strict=True))
        for one in asked_of("home", part)
    }
    assert worth == {"ann": {4: 2.0, 5: 4.0}, "bob": {4: 4.0}}


def test_similar_asks_with_one_item_for_the_next_of_the_visit() -> None:
    visits = [(0, 1, 10.0, 1), (0, 1, 11.0, 1), (0, 2, 12.0, 1, CART), (0, 3, 90.0, 2), (1, 7, 91.0, 3)]
    (asked,) = asked_of("similar", later_than(history([(0, 9, 1.0, 0), *visits]), 5))
    assert asked.request.items == ("i1",)
    assert asked.rows.tolist() == [2]
    assert asked.gains.tolist() == [3]
    assert asked.request.time == 12.0


def test_cart_asks_with_the_basket_for_what_came_into_sight_then() -> None:
    order = [(0, n, 10.0, 1, BUY) for n in (4, 5, 6)]
    steps = [(1, 7, 10.0, 2, CART), (1, 8, 11.0, 2), (1, 8, 12.0, 2, CART), (1, 7, 20.0, 2, BUY), (1, 8, 20.0, 2, BUY)]
    early = [(2, 9, 9.0, 3), (2, 1, 10.0, 3, CART), (2, 9, 13.0, 3, CART)]  # seen before anything lay in the basket
    found = {asked.request.user: asked for asked in asked_of("cart", later_than(history([*order, *steps, *early]), 5))}
    assert set(found) == {"ann", "bob"}
    assert set(found["ann"].request.items) | {f"i{found['ann'].rows[0]}"} == {"i4", "i5", "i6"}
    assert found["bob"].request.items == ("i7",)
    assert found["bob"].rows.tolist() == [8]
    assert found["bob"].gains.tolist() == [3]
    assert found["bob"].request.time == 11.0


def test_going_back_is_no_answer_to_similar() -> None:
    visit = [(0, 1, 10.0, 1), (0, 2, 11.0, 1), (0, 1, 12.0, 1), (0, 3, 13.0, 1)]
    asked = asked_of("similar", later_than(history([(0, 3, 1.0, 0), *visit]), 5))
    assert [(one.request.items, one.rows.tolist()) for one in asked] == [(("i1",), [2]), (("i1",), [3])]


def test_without_a_clock_the_held_item_is_the_answer() -> None:
    everything = history([(user, 10 * user + n, NAN, -1) for user in range(3) for n in range(5)])
    held = np.zeros(len(everything), bool)
    held[[4, 9, 14]] = True
    known = everything.where(~held)
    part = Part(everything, known, known, held, 77.0)
    home = asked_of("home", part)
    assert sorted(asked.rows.tolist() for asked in home) == [[4], [14], [24]]
    assert {asked.request.time for asked in home} == {77.0}
    assert sorted(asked.request.items for asked in asked_of("similar", part)) == [("i13",), ("i23",), ("i3",)]
    assert asked_of("cart", part) == []


def test_samples_are_seeded_and_bounded() -> None:
    visits = [(user, n, 10.0 + 100 * visit + n, visit) for user in range(3) for visit in range(40) for n in range(3)]
    part = later_than(history(visits), 5)
    few = asked_of("similar", part, limit=10, seed=1)
    assert len(few) == 10
    assert [asked.request for asked in few] == [asked.request for asked in asked_of("similar", part, limit=10, seed=1)]
    assert [asked.request for asked in few] != [asked.request for asked in asked_of("similar", part, limit=10, seed=2)]


def test_nothing_held_back_asks_nothing() -> None:
    part = later_than(history([(0, 1, 1.0, 0, BUY)] * 3), 50)
    assert all(asked_of(surface, part) == [] for surface in DEFAULT_SURFACES)
    empty = later_than(history([]), 0)
    assert all(asked_of(surface, empty) == [] for surface in DEFAULT_SURFACES)


def test_judgements_become_searches() -> None:
    rows = [("mug", "i1", 3.0), ("mug", "i2", 0.0), ("mug", "gone", 3.0), ("杯子", "i4", 1.0), ("nothing", "i1", 0.0)]
    columns = list(zip(*rows, strict=True))
    asked = judgements_of(pa.table(dict(zip(JUDGEMENTS.names, columns, strict=True)), schema=JUDGEMENTS), ITEMS)
    assert [one.request.query for one in asked] == ["mug", "杯子"]
    assert asked[0].rows.tolist() == [1]
    assert asked[0].judged is not None
    assert asked[0].judged.tolist() == [1, 2]
    assert judgements_of(JUDGEMENTS.empty_table(), ITEMS) == []


def test_a_lowest_grade_of_one_is_no_wish() -> None:
    table = pa.table({"query": ["a", "a"], "item_id": ["i1", "i2"], "grade": [1.0, 2.5]}, schema=JUDGEMENTS)
    (asked,) = judgements_of(table, ITEMS)
    assert asked.rows.tolist() == [2]
    assert asked.gains.tolist() == [1.5]


def test_judgements_of_many_queries_are_grouped_once() -> None:
    queries = [f"q{n % 40_000}" for n in range(120_000)]
    columns = (queries, ["i1", "i2", "i3"] * 40_000, np.tile([1.0, 0.0, 2.0], 40_000))
    asked = judgements_of(pa.table(dict(zip(JUDGEMENTS.names, columns, strict=True)), schema=JUDGEMENTS), ITEMS)
    assert len(asked) == 40_000
    assert [one.request.query for one in asked[:2]] == ["q0", "q1"]


def visit(number: int, actor: str, **said: object) -> dict[str, object]:
    second = {"time": number * 60_000_000, "event_id": f"e{number}", "type": "view", "item_id": f"i{number}"}
    return {**second, "actor": actor, "session_id": "s", **said}


def test_replayed_requests_say_what_served_ones_do(tmp_path: Path) -> None:
    """Two views before signing in, then four under a name, in one visit by phone."""
    before = [visit(n, "session:s", attributes='{"device": "Phone"}') for n in (1, 2)]
    after = [visit(n, "ann", user_id="ann", attributes='{"device": "Phone"}') for n in (3, 4, 5, 6)]
    tables = write_shop(tmp_path, catalogue(30), [*before, *after])
    request = Request(surface="home", user="ann", time=300.0)
    asked = Asked(request, np.array([5], np.int32), np.ones(1, np.float32))
    later = Asked(Request(surface="home", user="ann", time=301.0), asked.rows, asked.gains)
    (told, untold) = with_visits([asked, later], tables)
    assert (told.request.session, told.request.device) == ("s", "Phone")
    assert (untold.request.session, untold.request.device) == (None, None)
    assert device_number(told.request.device) == device_number("mobile") == 1.0
    assert np.isnan(device_number(untold.request.device))
    shop = Workshop.open(tables, SETTINGS, tmp_path / "cache", silent)
    engine = shop.engine({})
    assert engine.catalogue.ids.ids(engine.context(told.request).history) == ["i1", "i2", "i3", "i4"]
    assert engine.catalogue.ids.ids(engine.context(request).history) == ["i3", "i4"]


def test_a_surface_whose_winner_left_one_source_is_still_asked(tmp_path: Path) -> None:
    """So that it is measured, and may lose the next time."""
    shop = Workshop.open(write_shop(tmp_path, catalogue(40), visits(40, 200)), SETTINGS, tmp_path / "cache", silent)
    parts = split(shop.interactions, SETTINGS.train, shop.now)
    assert parts is not None
    won = msgspec.structs.replace(SETTINGS.surfaces["home"], sources=("popular",), rank="fused")
    assert shop.with_surfaces({"home": won}).requests(parts.test)["home"]


def test_a_shop_that_names_devices_learns_from_them(tmp_path: Path) -> None:
    events = [{**event, "attributes": '{"device": "phone"}'} for event in visits(40, 200)]
    shop = Workshop.open(write_shop(tmp_path, catalogue(40), events), SETTINGS, tmp_path / "cache", silent)
    parts = split(shop.interactions, SETTINGS.train, shop.now)
    assert parts is not None
    asked = shop.requests(parts.validation)
    assert {one.request.device for requests in asked.values() for one in requests} == {"phone"}
    engine = shop.engine_of(parts.validation, {}, "fit")
    examples = examples_of(engine, asked["home"], seed=0)
    assert set(examples.features[:, engine.feature_names("home").index("device")]) == {1.0}
