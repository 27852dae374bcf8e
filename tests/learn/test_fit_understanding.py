"""What clicks teach about queries, and nothing from after the moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from source_contract import interactions_of, items_table, material_of, small_interactions, small_items

from shopkeeper.engine.sources.lexical import Lexical
from shopkeeper.learn.searches import SEARCHES
from shopkeeper.learn.understanding import Understander, clicks_before, outcomes

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NEVER = 4e9
MATERIAL = material_of(small_items(), small_interactions())
LEXICAL = Lexical().fit(MATERIAL)


def searches(*told: tuple[str, list[str]]) -> pa.Table:
    rows: list[dict[str, Any]] = [
        {
            "time": (NOON + timedelta(minutes=minute)).replace(tzinfo=None),
            "query": query,
            "clicked": clicked,
            "carted": [],
            "bought": [],
        }
        for minute, (query, clicked) in enumerate(told)
    ]
    return pa.Table.from_pylist(rows, schema=SEARCHES)


def test_clicks_teach_what_a_word_means_that_no_item_has() -> None:
    told = searches(*[("illumination", ["lamp-red", "lamp-blue"])] * 50)
    understanding = Understander(MATERIAL.catalogue, told).as_of(NEVER, [LEXICAL])
    assert understanding is not None
    (reading,) = understanding.read("illumination")
    assert (reading.value, reading.kind) == ("lighting", "category")
    assert reading.confidence > 0.8


def test_nothing_from_after_the_moment_is_known() -> None:
    told = searches(*[("illumination", ["lamp-red"])] * 10)
    taught, held = clicks_before((NOON + timedelta(minutes=5)).timestamp(), told, MATERIAL.catalogue)
    assert sum(map(len, taught.values())) + sum(map(len, held.values())) == 5
    understanding = Understander(MATERIAL.catalogue, told).as_of(0.0, [LEXICAL])
    assert understanding is not None
    assert not understanding.read("illumination")


def test_clicks_elsewhere_make_a_reading_less_sure() -> None:
    sure = Understander(MATERIAL.catalogue, searches()).as_of(NEVER, [LEXICAL])
    off = searches(*[("red", ["mug-blue", "lamp-green"])] * 60)
    unsure = Understander(MATERIAL.catalogue, off).as_of(NEVER, [LEXICAL])
    assert sure is not None
    assert unsure is not None
    assert sure.read("red")[0].confidence > 0.9
    assert unsure.read("red")[0].confidence < 0.2


def test_outcomes_are_the_shares_of_clicks_that_agree() -> None:
    plain = Understander(MATERIAL.catalogue, searches()).as_of(NEVER, [LEXICAL])
    assert plain is not None
    rows = MATERIAL.catalogue.ids.rows(["mug-red", "lamp-blue"])
    sure, right = outcomes(plain, MATERIAL.catalogue, {"red": rows}, "label")
    assert right.tolist() == [0.5]
    assert sure[0] > 0.9


@pytest.mark.parametrize("sources", [[], [LEXICAL]])
def test_a_shop_without_words_or_items_has_nothing_to_read(sources: list[Any]) -> None:
    empty = material_of(items_table([]), interactions_of([]))
    lexical = [Lexical().fit(empty)] if sources else []
    understanding = Understander(empty.catalogue, searches(("red", ["gone"]))).as_of(NEVER, lexical)
    assert understanding is None if not sources else understanding is not None and not understanding.read("red mug")
