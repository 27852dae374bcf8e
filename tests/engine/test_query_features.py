"""What the first results of a search tell of the others."""

from __future__ import annotations

import numpy as np
from small_engine import small_engine
from source_contract import items_table

from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.ranking.query_features import QUERY_FEATURES
from shopkeeper.vocabulary import Request

ITEMS = [
    *({"item_id": f"m{at}", "title": f"red mug {at}", "brand": "Acme", "categories": ["Mugs"]} for at in range(12)),
    {"item_id": "book", "title": "The red mug: a novel of two lands, and of what lies between them", "brand": "Pen"},
]


def column(engine: Engine, query: str, name: str) -> dict[str, float]:
    context = engine.context(Request(query=query))
    pool = engine.candidates(context)
    values = engine.features(context, pool)[:, engine.feature_names("search").index(name)]
    return dict(zip(engine.catalogue.ids.ids(pool.rows), values.tolist(), strict=True))


def test_what_is_of_another_kind_than_the_first_results_shows() -> None:
    engine = small_engine(items=items_table(ITEMS))
    brand, words = column(engine, "red mug", "top_brand"), column(engine, "red mug", "top_terms")
    assert brand["m3"] > 0.9
    assert brand["book"] < 0.1
    assert words["m3"] > words["book"]


def test_without_an_encoder_nothing_is_said_of_meaning() -> None:
    assert np.isnan(list(column(small_engine(items=items_table(ITEMS)), "red mug", "meaning").values())).all()


def test_a_query_that_finds_nothing_has_features_all_the_same() -> None:
    engine = small_engine(items=items_table(ITEMS))
    context = engine.context(Request(query="zzzz"))
    pool = engine.candidates(context)
    assert engine.features(context, pool).shape == (0, len(engine.feature_names("search")))


def test_only_a_search_has_them() -> None:
    engine = small_engine()
    assert set(QUERY_FEATURES) <= set(engine.feature_names("search"))
    assert not set(QUERY_FEATURES) & set(engine.feature_names("home"))
