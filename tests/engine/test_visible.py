"""What somebody whose key has a filter is told of the items that it hides: nothing."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from small_engine import small_engine
from source_contract import interactions_of, items_table

from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.sources.lexical import LexicalSource
from shopkeeper.engine.suggestions import ITEMS_KEPT, Completions, Suggestions
from shopkeeper.engine.understanding import Understanding
from shopkeeper.vocabulary import Request, Slate

FOOD = "category = Food"


@pytest.fixture(scope="module")
def engine() -> Engine:
    """Juices of Granny, which are food, and running shoes of Nike, which the filter hides."""
    juices = [
        {"item_id": f"f-{at}", "title": f"Apple juice {at}", "brand": "Granny", "categories": ["Food"], "price": 2.0}
        for at in range(6)
    ]
    shoes = [
        {"item_id": f"s-{at}", "title": f"Running shoe {at}", "brand": "Nike", "categories": ["Shoes"], "price": 80.0}
        for at in range(6)
    ]
    engine = small_engine(items=items_table([*juices, *shoes]), interactions=interactions_of([]))
    lexical = engine.sources["lexical"]
    assert isinstance(lexical, LexicalSource)
    engine.understanding = Understanding.mine(engine.catalogue, lexical.terms)
    return engine


def answers(engine: Engine, query: str, **fields: Any) -> tuple[Slate, Slate]:
    """What everybody is told, and what the holder of the key is."""
    request = Request(query=query, **fields)
    bound = msgspec.structs.replace(request, filter=FOOD)
    return engine.answer(request), engine.answer(bound, FOOD)


def chips(slate: Slate) -> set[str]:
    return {chip.id for chip in slate.understood}


@pytest.mark.parametrize("query", ["Nike shoes", "s-3"])
def test_no_chip_names_what_is_hidden(engine: Engine, query: str) -> None:
    everybody, holder = answers(engine, query)
    assert chips(everybody)
    assert chips(holder) == set()
    assert engine.explain(Request(query=query, filter=FOOD), "f-1", FOOD).understood == ()


def test_what_can_be_seen_is_understood_as_ever(engine: Engine) -> None:
    for query in ("Granny juice under 5", "f-3"):
        everybody, holder = answers(engine, query)
        assert chips(everybody) == chips(holder) != set()


def test_no_correction_is_a_word_of_hidden_items(engine: Engine) -> None:
    everybody, holder = answers(engine, "runing juice")
    assert everybody.corrected == "running juice"
    assert (holder.corrected, holder.did_you_mean) == ("", "")
    assert not any("running" in note for note in holder.notes)
    everybody, holder = answers(engine, "aple juice")
    assert everybody.corrected == holder.corrected == "apple juice"


def test_a_chosen_value_that_is_hidden_is_as_one_that_does_not_exist(engine: Engine) -> None:
    def values(slate: Slate) -> set[str]:
        (facet,) = slate.facets
        return {each.value for each in facet.values}

    for brand in ("Nike", "Nonesuch"):
        _, holder = answers(engine, "juice", facets=("brand",), refinements={"brand": (brand,)})
        assert values(holder) == {"Granny"}
        chosen = Request(filter=FOOD, facets=("brand",), refinements={"brand": (brand,)})
        assert brand not in values(engine.browse(chosen, FOOD))
    everybody, _ = answers(engine, "juice", facets=("brand",), refinements={"brand": ("Nike",)})
    assert values(everybody) == {"Granny", "Nike"}
    _, holder = answers(engine, "juice", facets=("brand",), refinements={"brand": ("Granny",), "category": ("Shoes",)})
    assert values(holder) == {"Granny"}


def test_no_suggestion_names_a_hidden_category(engine: Engine) -> None:
    items = np.full((1, ITEMS_KEPT), -1, np.int32)
    items[0, :3] = (0, 6, 7)  # a juice and two shoes
    one = np.ones(1, np.float32)
    queries = Completions.build(["apple red"], one, items, scopes=np.zeros(1, np.int32))
    categories = Completions.build(["Shoes"], one, items)
    nothing = Suggestions.none()
    engine.suggestions = Suggestions(queries, categories, nothing.brands, nothing.past)
    everybody = engine.suggest(Request(query="app")).queries
    assert [each.category for each in everybody] == [None, "Shoes"]
    assert [each.category for each in engine.suggest(Request(query="app", filter=FOOD), FOOD).queries] == [None]
