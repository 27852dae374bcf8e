"""Why an item stands where it stands, or why it is absent."""

from __future__ import annotations

import pytest
from small_engine import preferring, small_engine
from source_contract import NOW, interactions_of

from shopkeeper.engine.pipeline import Engine
from shopkeeper.errors import RequestError
from shopkeeper.settings import DEFAULT_SURFACES, Rule, Settings, Surface
from shopkeeper.vocabulary import Request


@pytest.fixture(scope="module")
def engine() -> Engine:
    return small_engine()


def test_shown_with_rank_and_reasons(engine: Engine) -> None:
    told = engine.explain(Request(query="red mug", time=NOW), "mug-red")
    assert (told.verdict, told.rank) == ("shown", 1)
    assert "lexical ranks it 1st: matches “red mug” in title" in told.text
    assert told.reasons[0].source == "lexical"


def test_ranked_beyond_the_page(engine: Engine) -> None:
    request = Request(surface="popular", size=2, time=NOW)
    last = engine.answer(Request(surface="popular", time=NOW)).placements[-1]
    told = engine.explain(request, last.item.id)
    assert (told.verdict, told.rank) == ("ranked", last.position)
    assert told.score == pytest.approx(last.score)


def test_rank_is_the_position_that_the_answer_has(engine: Engine) -> None:
    request = Request(surface="home", user="user2", time=NOW)
    for placement in engine.answer(request).placements:
        assert engine.explain(request, placement.item.id).rank == placement.position


def test_filtered_by_which_rule(engine: Engine) -> None:
    told = engine.explain(Request(query="mug", filter="price < 6", time=NOW), "mug-green")
    assert (told.verdict, told.text) == ("filtered", "filtered: price < 6, its price is 7")
    hidden = small_engine(settings=Settings(rules=(Rule(surface="home", hide="brand = Acme"),)))
    assert "rule 1" in hidden.explain(Request(surface="home", time=NOW), "mug-red").text


def test_not_a_candidate_and_what_each_source_says() -> None:
    few = {**DEFAULT_SURFACES, "home": Surface(sources=("popular", "viewed_together"), candidates=1)}
    told = small_engine(settings=Settings(surfaces=few)).explain(Request(surface="home", time=NOW), "chair-red")
    assert told.verdict == "not a candidate"
    assert "beyond its 1 candidates" in told.text
    assert "viewed_together has nothing to say here" in told.text
    assert told.rank is None


def test_not_found_by_the_words(engine: Engine) -> None:
    told = engine.explain(Request(query="mug", time=NOW), "chair-red")
    assert (told.verdict, told.text) == ("not a candidate", "lexical does not find it")


def test_unknown_item_with_the_nearest(engine: Engine) -> None:
    told = engine.explain(Request(query="mug", time=NOW), "mug-rde")
    assert told.verdict == "unknown item"
    assert "Did you mean 'mug-red'?" in told.text


def test_a_catalogue_too_large_to_look_for_the_nearest(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shopkeeper.engine.explain.NEAR_IDS", len(engine.catalogue) - 1)
    told = engine.explain(Request(query="mug"), "mug-rde")
    assert (told.verdict, "Did you mean" in told.text) == ("unknown item", False)


def test_the_features_that_decided() -> None:
    names = small_engine().feature_names("home")
    engine = small_engine(rankers={"home": preferring("price", names)})
    told = engine.explain(Request(surface="home", time=NOW), "chair-red")
    assert list(told.features) == ["price"]
    assert "decided chiefly by price" in told.text


def test_who_stands_in_is_explained() -> None:
    quiet = small_engine(interactions=interactions_of([]))
    told = quiet.explain(Request(surface="recent", time=NOW), "mug-red")
    assert told.verdict == "shown"
    assert "popular in this shop" in told.text


def test_a_wrong_request_is_refused(engine: Engine) -> None:
    with pytest.raises(RequestError):
        engine.explain(Request(surface="search"), "mug-red")


def test_of_a_sorted_answer_the_place_is_that_of_the_page(engine: Engine) -> None:
    request = Request(query="mug", sort="-price", time=NOW)
    for placement in engine.answer(request).placements:
        told = engine.explain(request, placement.item.id)
        assert (told.verdict, told.rank) == ("shown", placement.position)


def test_what_can_be_paged_to_is_ranked() -> None:
    few = {**DEFAULT_SURFACES, "search": Surface(sources=("lexical",), needs="query", candidates=1)}
    engine = small_engine(settings=Settings(surfaces=few))
    second = engine.answer(Request(query="mug", time=NOW)).placements[1].item.id
    told = engine.explain(Request(query="mug", size=1, time=NOW), second)
    assert (told.verdict, told.rank) == ("ranked", 2)
    assert "beyond the candidates" in told.text
