"""A merchant's rules: when they hold, which of several is heard, and what they never do."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_engine import small_engine

from shopkeeper.data.schema import ITEMS
from shopkeeper.engine.context import Context
from shopkeeper.engine.filters import Masks
from shopkeeper.engine.policies import Policies
from shopkeeper.engine.policies.matching import Asked, RuleBook, asks, read_rule
from shopkeeper.engine.policies.rules import Rules
from shopkeeper.errors import RequestError
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.settings import Rule, Settings
from shopkeeper.vocabulary import Banner, Request, Slate

N = 8
ITEM_IDS = [f"i{number}" for number in range(N)]
CATALOGUE = Catalogue.build(
    pa.Table.from_pylist(
        [{"item_id": id_, "title": id_, "brand": "AB"[number % 2]} for number, id_ in enumerate(ITEM_IDS)], schema=ITEMS
    )
)
NOON = datetime.fromisoformat("2027-01-31T12:00:00+00:00").timestamp()

WORDS = st.sampled_from(["red", "mug", "tn-2110", "手机", "红色", "马克杯", "壳", "!", ""])
QUERIES = st.lists(WORDS, max_size=4).map(" ".join) | st.lists(WORDS, max_size=4).map("".join)
SOME_IDS = st.lists(st.sampled_from([*ITEM_IDS, "nowhere"]), max_size=4)
RULES = st.builds(
    Rule,
    query=QUERIES,
    match=st.sampled_from(["contains", "is", "starts", "pattern"]),
    priority=st.integers(-2, 2),
    enabled=st.booleans(),
    pin=SOME_IDS.map(tuple),
    pin_at=st.dictionaries(st.sampled_from(ITEM_IDS), st.integers(1, 12), max_size=3),
    boost=st.sampled_from(["", "brand = A", "brnd = x"]),
    bury=st.sampled_from(["", "brand = B"]),
    hide=st.sampled_from(["", "", "id = i3", "brand = A"]),
)


def context(query: str = "", now: float = NOON, history: int = 0, **request: Any) -> Context:
    return Context(
        request=Request(query=query, **request),
        now=now,
        user=0,
        history=np.zeros(history, np.int32),
        history_codes=np.zeros(history, np.int8),
        history_times=np.zeros(history),
        session=np.empty(0, np.int32),
        anchors=np.empty(0, np.int32),
    )


def holds(rule: Rule, *given: Any, **asked: Any) -> bool:
    return bool(RuleBook([rule]).holding(context(*given, **asked)))


@pytest.mark.parametrize(
    ("match", "words", "queries", "others"),
    [
        ("contains", "red mug", ["Mug, very RED", "ＲＥＤ mug"], ["red", "mugs red"]),
        ("contains", "马克杯", ["红色马克杯", "大 马克杯"], ["红色杯"]),
        ("is", "red mug", ["Red  mug!"], ["red mug big", "mug red", "red"]),
        ("is", "手机", ["手机"], ["手机壳", "红手机"]),
        ("starts", "red mug", ["red mug", "red mug big"], ["big red mug", "red mugs"]),
        ("starts", "红色", ["红色马克杯", "红色"], ["大红色马克杯"]),
        ("starts", "iphone 手机", ["iPhone手机壳"], ["手机 iphone"]),
        ("pattern", "tn-*", ["TN-2110", "tn-"], ["brother tn-2110"]),
        ("pattern", "*手机*", ["红色手机壳", "手机"], ["手 机"]),
        ("pattern", "mug ?", ["mug s"], ["mug", "mug xl"]),
        ("is", "", ["anything", ""], []),
    ],
)
def test_a_rule_hears_what_it_is_about(match: Any, words: str, queries: list[str], others: list[str]) -> None:
    rule = Rule(query=words, match=match)
    assert [holds(rule, query) for query in queries] == [True] * len(queries)
    assert [holds(rule, query) for query in others] == [False] * len(others)


def test_a_pattern_of_many_stars_takes_no_time() -> None:
    assert not holds(Rule(query="*a" * 300 + "b", match="pattern"), "a" * 1_000)


@given(st.lists(RULES, max_size=6), QUERIES)
def test_the_index_finds_what_a_look_at_each_finds(rules: list[Rule], query: str) -> None:
    found = [read.id for read in RuleBook(rules).holding(context(query))]
    heard = [(-rule.priority, number) for number, rule in enumerate(rules, 1) if rule.enabled]
    each = [f"shop.toml:{number}" for _, number in sorted(heard) if asks(Asked(query), read_rule(rules[number - 1]))]
    assert found == each


@pytest.mark.parametrize(
    ("since", "until", "holding"),
    [
        ("", "", True),
        ("2027-01-31", "2027-01-31", True),
        ("2027-02-01", "", False),
        ("", "2027-01-30", False),
        ("2027-01-31T12:00Z", "", True),
        ("2027-01-31T12:01Z", "", False),
        ("", "2027-01-31T12:00", False),
        ("2027-01-31T21:00+09:00", "2027-01-31 13:30:00+01:00", True),
    ],
)
def test_the_time_of_a_rule(since: str, until: str, holding: bool) -> None:
    assert holds(Rule(since=since, until=until)) is holding


def test_the_time_is_that_of_the_request() -> None:
    engine = small_engine(settings=Settings(rules=(Rule(id="sale", until="2027-01-31"),)))
    assert engine.answer(Request(query="mug", time=NOON)).rules == ("sale",)
    assert engine.answer(Request(query="mug", time=NOON + 86_400)).rules == ()


def test_an_audience_is_any_of_its_names() -> None:
    vip = Rule(audience=("VIP", "mobile"))
    assert [holds(vip, segments=("vip",)), holds(vip, device="Mobile"), holds(vip)] == [True, True, False]
    assert [holds(Rule(audience=("newcomer",)), history=seen) for seen in (0, 1)] == [True, False]
    assert [holds(Rule(audience=("regular",)), history=seen) for seen in (0, 1)] == [False, True]


def test_a_filter_must_have_been_chosen() -> None:
    shoes = Rule(chosen="category = Shoes")
    assert holds(shoes, filter="(price < 50) and (category in [shoes])")
    assert not holds(shoes, filter="price < 50")
    assert not holds(shoes, filter="category = Shoes or price < 50")
    assert not holds(Rule(chosen="category = "), filter="category = Shoes")  # never read, never follows


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        (Rule(since="2027-02-30"), "since: '2027-02-30' is no time; expected a day such as 2027-01-31"),
        (Rule(since="2027-02-02", until="2027-02-01"), "until: it ends before it begins"),
        (Rule(chosen="category ="), "chosen, filter, character"),
        (Rule(hide="brnd = x"), "hide, filter, character 1: there is no field 'brnd'"),
    ],
)
def test_a_rule_that_cannot_be_followed_is_refused(rule: Rule, sentence: str) -> None:
    with pytest.raises(RequestError, match=sentence.replace("(", "[(]")):
        Rules(CATALOGUE, Masks(CATALOGUE), RuleBook([])).check_one(rule)


@given(st.lists(RULES, max_size=5), st.permutations(range(N)))
def test_what_is_hidden_stays_hidden_and_what_is_pinned_stands_where_the_first_says(
    rules: list[Rule], given_order: list[int]
) -> None:
    shop = Policies(CATALOGUE, Settings(rules=tuple(rules)))
    asked = shop.ruled(context("red mug"))
    mask = shop.allowed(asked)
    asked = Context(**{**vars(asked), "allowed": mask})
    hidden = {id_ for each in asked.rules or () for id_ in ITEM_IDS if each.rule.hide in (f"id = {id_}",)}
    hidden |= set(ITEM_IDS[::2]) if any(each.rule.hide == "brand = A" for each in asked.rules or ()) else set()
    assert {ITEM_IDS[row] for row in np.flatnonzero(~mask)} == hidden
    rows = np.array([row for row in given_order if mask[row]], np.int32)
    order = shop.order(asked, rows, np.linspace(1, 0, len(rows), dtype=np.float32))
    assert sorted(order.tolist()) == list(range(len(rows)))
    stands = {ITEM_IDS[row]: place for place, row in enumerate(rows[order].tolist())}
    placed, taken = dict[str, int](), set[int]()  # by hand: one rule after the other, one item after the other
    for each in asked.rules or ():
        for id_, place in [*((i, p - 1) for i, p in each.rule.pin_at.items()), *((i, 0) for i in each.rule.pin)]:
            if id_ in stands and id_ not in placed:
                placed[id_] = next(free for free in range(place, 99) if free not in taken)
                taken.add(placed[id_])
    others = len(rows) - len(placed)
    for at, id_ in enumerate(sorted(placed, key=lambda id_: placed[id_])):
        assert stands[id_] == min(placed[id_], others + at)


def test_positions_hold_over_pages_and_chance() -> None:
    rules = (Rule(surface="home", pin_at={"chair-green": 3, "mug-red": 1}),)
    home = Settings().surfaces["home"]
    surfaces = {**Settings().surfaces, "home": type(home)(sources=home.sources, explore=1.0)}
    engine = small_engine(settings=Settings(rules=rules, surfaces=surfaces))
    for session in map(str, range(20)):
        pages = [engine.answer(Request(surface="home", session=session, size=2, offset=at)) for at in (0, 2)]
        ids = [each.item.id for page in pages for each in page.placements]
        assert (ids[0], ids[2]) == ("mug-red", "chair-green")
        assert [pages[0].placements[0].propensity, pages[1].placements[0].propensity] == [1.0, 1.0]
        assert pages[0].placements[1].propensity < 1.0


def answered(*rules: Rule, query: str = "mug") -> Slate:
    return small_engine(settings=Settings(rules=rules)).answer(Request(query=query))


def test_a_slate_says_what_the_rules_say() -> None:
    sale, gifts = Banner(text="Sale"), Banner(text="<b>Gifts</b>", link="/gifts")
    slate = answered(
        Rule(banner=sale, redirect="/first"),
        Rule(id="gifts", banner=gifts, redirect="/second", priority=1),
        Rule(query="lamp", banner=Banner(text="never")),
    )
    assert (slate.rules, slate.redirect) == (("gifts", "shop.toml:1"), "/second")
    assert slate.banners == (gifts, sale)


def test_another_query_is_searched_instead_and_the_rules_hear_what_was_asked() -> None:
    slate = answered(Rule(name="Cups", query="beaker", use="lamp"), Rule(query="lamp", redirect="/no"), query="beaker")
    assert all("lamp" in each.item.id for each in slate.placements)
    assert (slate.redirect, slate.notes[0]) == ("", "searched for “lamp” instead, by rule “Cups”")


def test_reasons_and_explanations_name_the_rule() -> None:
    rules = (Rule(name="Gifts", pin=("chair-green",), boost="brand = Acme"), Rule(id="out", hide="id = mug-blue"))
    engine = small_engine(settings=Settings(rules=rules))
    first = engine.answer(Request(query="mug")).placements[0]
    assert [reason.text for reason in first.reasons][:1] == ["pinned by rule “Gifts”"]
    said = {item: engine.explain(Request(query="mug"), item).text for item in ("chair-green", "mug-red", "mug-blue")}
    assert "pinned by rule “Gifts”" in said["chair-green"]
    assert said["mug-blue"].startswith("hidden by rule out: id = mug-blue")
    assert any("boosted by rule “Gifts”: brand = Acme" in text for text in said.values())
