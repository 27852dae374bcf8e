"""Nearest sessions: planted visits, and the answer by the definition."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_contract import DAY, NOW, SourceContract, context_of, interactions_of, items_table, material_of

from shopkeeper.engine.context import Context, Material, SourceRecipe
from shopkeeper.engine.sources.session_knn import SessionKnn, SessionKnnConfig, Sessions
from shopkeeper.engine.sources.together import trail_of
from shopkeeper.vocabulary import EventType

VIEW = EventType.VIEW
PLAIN = SessionKnnConfig(shrinkage=0.0)


class TestSessionKnn(SourceContract):
    recipe: ClassVar[SourceRecipe] = SessionKnn()


def material(*visits: tuple[int, ...], n_items: int = 8, days_apart: float = 0.0, known: bool = True) -> Material:
    """One person and visit for each sequence of items, the newest last; known: whether visits have numbers."""
    events = [
        (person, item, VIEW, NOW - DAY - (len(visits) - person) * days_apart * DAY + step, person if known else -1)
        for person, visit in enumerate(visits)
        for step, item in enumerate(visit)
    ]
    items = items_table([{"item_id": f"i{row}", "title": f"Item {row}"} for row in range(n_items)])
    return material_of(items, interactions_of(events))


def present(shop: Material, *visit: int, before: tuple[int, ...] = (), user: int = -1) -> Context:
    """Somebody who is in this visit now, and did other things before."""
    history = np.array([*before, *visit], np.int32)
    return replace(
        context_of(shop, user=user),
        history=history,
        history_codes=np.full(len(history), VIEW.code, np.int8),
        history_times=np.full(len(history), NOW),
        session=history[len(before) :],
    )


def best(shop: Material, *visit: int, config: SessionKnnConfig = PLAIN, before: tuple[int, ...] = ()) -> list[int]:
    found = SessionKnn(config).fit(shop).retrieve(present(shop, *visit, before=before), 8)
    return found.rows[~np.isin(found.rows, visit)].tolist()


def test_the_visit_that_shares_most_speaks_first() -> None:
    shop = material((0, 1, 2, 3), (0, 4), (5, 1, 6))
    assert best(shop, 0, 1, 2)[0] == 3


def test_the_newest_item_tells_most() -> None:
    shop = material((0, 2), (1, 3))
    assert best(shop, 0, 1) == [3, 2]
    assert best(shop, 1, 0) == [2, 3]


def test_a_rare_item_tells_more_than_a_common_one() -> None:
    shop = material((0, 2), (1, 3), (0, 4), (0, 5), (0, 6))
    assert best(shop, 0, 1, config=SessionKnnConfig(recency=1.0, shrinkage=0.0))[0] == 3


def test_a_short_visit_is_liker_than_a_long_one() -> None:
    shop = material((0, 2, 4, 5, 6, 7), (0, 3))
    assert best(shop, 0)[0] == 3


def test_a_new_visit_tells_more_than_an_old_one() -> None:
    shop = material((0, 2), (0, 3), days_apart=100.0)
    assert best(shop, 0) == [3, 2]
    source = SessionKnn(PLAIN).fit(shop)
    scores = dict(zip(*(column.tolist() for column in source.retrieve(present(shop, 0), 8)), strict=True))
    assert scores[2] / scores[3] == pytest.approx(0.5 ** (100 / PLAIN.half_life_days), rel=1e-3)


def test_what_is_near_to_the_shared_item_comes_before_what_is_far_and_what_follows_before_what_precedes() -> None:
    shop = material((4, 0, 2, 3))
    for nearness, order in ((0.5, [2, 4, 3]), (1.0, [2, 3, 4])):
        assert best(shop, 0, config=SessionKnnConfig(nearness=nearness)) == order


def test_an_item_leads_to_its_newest_visits_alone() -> None:
    shop = material((0, 2), (0, 3), (0, 4), days_apart=1.0)
    assert best(shop, 0, config=SessionKnnConfig(newest=2)) == [4, 3]
    assert best(shop, 2, config=SessionKnnConfig(newest=2)) == [0]  # by another item the first is found as well


def test_so_many_neighbours_speak_and_no_more() -> None:
    shop = material((0, 2), (0, 3), (0, 4), days_apart=1.0)
    assert best(shop, 0, config=SessionKnnConfig(neighbours=1)) == [4]


def test_of_a_long_visit_the_newest_items_are_kept() -> None:
    assert best(material((4, 5, 0, 2)), 0, config=SessionKnnConfig(length=2)) == [2]


def test_what_was_met_again_stands_where_it_was_met_last() -> None:
    sessions = Sessions.build(trail_of(material((0, 1, 0, 2)).interactions, NOW, 30.0), 8, PLAIN)
    assert sessions.items.tolist() == [1, 0, 2]


def test_what_the_visit_has_met_itself_counts_as_the_setting_says() -> None:
    shop = material((0, 1, 2))
    for again, expected in ((1.0, {0, 1, 2}), (0.0, {2})):
        source = SessionKnn(SessionKnnConfig(again=again)).fit(shop)
        assert set(source.retrieve(present(shop, 0, 1), 8).rows.tolist()) == expected


def test_an_earlier_visit_is_asked_only_where_there_is_no_present_one_or_the_setting_says_so() -> None:
    shop = material((0, 2), (1, 3))
    assert best(shop, 1, before=(0,)) == [3]
    assert best(shop, before=(0,)) == [0, 2]
    assert best(shop, 1, before=(0,), config=SessionKnnConfig(across=0.5)) == [3, 0, 2]


def test_a_history_without_visits_is_one_session_and_nobody_is_their_own_neighbour() -> None:
    shop = material((0, 2), (0, 3), known=False)
    source = SessionKnn().fit(shop)
    assert set(source.retrieve(present(shop, 0, user=0), 8).rows.tolist()) == {0, 3}
    assert set(source.retrieve(present(shop, 0), 8).rows.tolist()) == {0, 2, 3}
    visits = material((0, 2), (0, 3))
    assert 2 in SessionKnn().fit(visits).retrieve(present(visits, 0, user=0), 8).rows


def test_a_stranger_with_an_item_that_nobody_met_hears_nothing() -> None:
    shop = material((0, 1))
    assert not len(SessionKnn().fit(shop).retrieve(present(shop, 7), 8).rows)
    assert not len(SessionKnn().fit(shop).retrieve(present(shop), 8).rows)


def test_reasons_name_the_shared_item() -> None:
    shop = material((0, 1, 2), (3, 4))
    source = SessionKnn().fit(shop)
    assert source.reason(present(shop, 3, 0), 2) == "met in visits like yours with “Item 0”"
    assert source.reason(present(shop, 3, 0), 4) == "met in visits like yours with “Item 3”"
    assert source.reason(present(shop, 3, 0), 7) == "met in visits like yours"


def by_definition(visits: list[list[int]], now: list[int], config: SessionKnnConfig) -> dict[int, float]:
    """The scores, visit by visit, of a shop where nothing is cut."""
    once = [list(dict.fromkeys(visit[::-1]))[::-1] for visit in visits]
    asked = list(dict.fromkeys(now[::-1]))
    rarity = {i: np.log1p(len(once) / sum(i in visit for visit in once)) for visit in once for i in visit}
    scores: dict[int, float] = {}
    for visit in once:
        shared = [item for item in asked if item in visit]
        if not shared:
            continue
        likeness = sum(config.recency ** asked.index(item) * rarity[item] ** 2 for item in shared)
        likeness /= np.sqrt(sum(rarity[item] ** 2 for item in visit)) + config.shrinkage
        for place, item in enumerate(visit):
            step = place - visit.index(shared[0])
            said = likeness * config.nearness ** abs(step) * (config.preceding if step < 0 else 1.0)
            scores[item] = scores.get(item, 0.0) + said
    return {item: score * (config.again if item in asked else 1.0) for item, score in scores.items()}


@given(
    visits=st.lists(st.lists(st.integers(0, 7), min_size=1, max_size=6), min_size=1, max_size=8),
    now=st.lists(st.integers(0, 7), min_size=1, max_size=5),
)
def test_the_scores_are_those_of_the_definition(visits: list[list[int]], now: list[int]) -> None:
    config = SessionKnnConfig(half_life_days=1e9, shrinkage=1.5, again=0.5)
    shop = material(*map(tuple, visits))
    found = SessionKnn(config).fit(shop).retrieve(present(shop, *now), 8)
    expected = by_definition(visits, now, config)
    assert set(found.rows.tolist()) == set(expected)
    np.testing.assert_allclose(found.scores, [expected[row] for row in found.rows.tolist()], rtol=1e-4)
