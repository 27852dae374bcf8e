"""The encoder that learns from a shop's own texts and clicks: planted words that mean the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from source_contract import context_of, interactions_of, items_table, material_of

from shopkeeper.engine.chinese import Chinese
from shopkeeper.engine.sources.semantic import Semantic
from shopkeeper.engine.subword import SubwordEncoder
from shopkeeper.learn.models.subword import Clicks, SubwordConfig, learned
from shopkeeper.settings import TrainSettings

COLOURS = ("red", "blue", "green", "white", "黑色", "银色", "粉色", "金色")
THINGS = (("sneaker", "sport shoes"), ("beaker", "mugs"), ("运动鞋", "鞋靴"), ("水杯", "杯具"))
ROWS = [
    {
        "item_id": str(at),
        "title": f"{COLOURS[at % 8]} {THINGS[at // 8 % 4][0]} {at}",
        "categories": [THINGS[at // 8 % 4][1]],
    }
    for at in range(160)
]
ASKED = {"running footwear": "sneaker", "跑步穿的": "运动鞋", "drinking": "beaker", "喝茶": "水杯"}


def clicks() -> Clicks:
    pairs = [(query, at) for query, thing in ASKED.items() for at, row in enumerate(ROWS) if thing in str(row["title"])]
    return Clicks([query for query, _ in pairs], np.array([at for _, at in pairs], np.int32))


def fitted(clicked: Clicks) -> SubwordEncoder:
    config = SubwordConfig(epochs=10, width=32, batch=32)
    return learned(items_table(ROWS), clicked, Chinese(), 32, TrainSettings(threads=1), config=config)


@pytest.fixture(scope="module")
def encoder() -> SubwordEncoder:
    return fitted(clicks())


def test_what_is_clicked_after_a_query_is_near_it(encoder: SubwordEncoder) -> None:
    queries = encoder.encode(list(ASKED))
    things = encoder.encode([f"{COLOURS[0]} {thing}" for thing in ASKED.values()])
    assert (queries @ things.T).argmax(axis=1).tolist() == [0, 1, 2, 3]


def test_a_category_is_near_its_titles(encoder: SubwordEncoder) -> None:
    categories = encoder.encode([category for _, category in THINGS])
    things = encoder.encode([thing for thing, _ in THINGS])
    assert (categories @ things.T).argmax(axis=1).tolist() == [0, 1, 2, 3]


def test_a_new_item_is_found_by_meaning_at_once(encoder: SubwordEncoder) -> None:
    material = material_of(items_table(ROWS), interactions_of([]), encoder)
    source = Semantic().fit(material)
    newer = items_table([{**ROWS[0], "title": "粉色 运动鞋", "categories": ["鞋靴"]}])
    changed = replace(material, items=newer)
    newest = source.updated(changed, np.array([0], np.int32))
    assert 0 not in source.retrieve(context_of(material, user=-1, query="跑步穿的"), 60).rows
    assert 0 in newest.retrieve(context_of(material, user=-1, query="跑步穿的"), 60).rows


def test_the_same_seed_gives_the_same_vectors() -> None:
    assert fitted(Clicks.none()).digest == fitted(Clicks.none()).digest


def test_without_texts_there_is_nothing_to_learn() -> None:
    encoder = learned(items_table([{"item_id": "1"}]), Clicks.none(), Chinese(), 32, TrainSettings(threads=1))
    assert encoder.unknown_shares(["mug", ""]).tolist() == [1, 1]
