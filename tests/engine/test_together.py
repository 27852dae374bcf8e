"""Items that go together: planted sequences, baskets and visits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from source_contract import NOW, context_of, interactions_of, items_table, material_of

from shopkeeper.engine.context import Material
from shopkeeper.engine.sources import together
from shopkeeper.engine.sources.together import BoughtTogether, Closeness, ViewedTogether, count_together
from shopkeeper.release.interactions import Interactions
from shopkeeper.vocabulary import EventType

DAY, NAN = 86_400.0, float("nan")
VIEW, BUY = EventType.VIEW, EventType.PURCHASE


def material(events: list[tuple[int, int, EventType, float, int]], n_items: int = 6) -> Material:
    items = items_table([{"item_id": f"i{row}", "title": f"Item {row}"} for row in range(n_items)])
    return material_of(items, interactions_of(events))


def neighbours(events: list[tuple[int, int, EventType, float, int]], item: int, **closeness: float) -> dict[int, float]:
    counted = count_together(interactions_of(events), 6, NOW, 30.0, replace(Closeness(), **closeness))
    here = slice(counted.starts[item], counted.starts[item + 1])
    return dict(zip(counted.rows[here].tolist(), counted.weights[here].tolist(), strict=True))


def visits(*sequences: tuple[int, ...], ago: float = DAY) -> list[tuple[int, int, EventType, float, int]]:
    """One person and visit for each sequence of items."""
    return [
        (user, item, VIEW, NOW - ago + step, user)
        for user, sequence in enumerate(sequences)
        for step, item in enumerate(sequence)
    ]


def test_what_follows_counts_more_than_what_precedes() -> None:
    near = neighbours(visits((0, 1, 2)), 1)
    assert near[2] > near[0] > 0


def test_sooner_counts_more_than_later() -> None:
    near = neighbours(visits((0, 1, 2)), 0)
    assert near[1] > near[2] > 0


def test_beyond_the_window_nothing_counts() -> None:
    assert set(neighbours(visits((0, 1, 2, 3)), 0, window=2)) == {1, 2}


def test_another_visit_counts_less_and_another_person_nothing() -> None:
    same = [(0, 0, VIEW, NOW - DAY, 0), (0, 1, VIEW, NOW - DAY + 1, 0), (1, 2, VIEW, NOW - DAY, 1)]
    apart = [(0, 0, VIEW, NOW - DAY, 0), (0, 1, VIEW, NOW - DAY + 1, 5), (1, 2, VIEW, NOW - DAY, 1)]
    assert neighbours(same, 0)[1] > neighbours(apart, 0)[1] > 0
    assert 2 not in neighbours(same, 0)


def test_last_week_counts_more_than_last_year() -> None:
    old = visits((0, 1), ago=365 * DAY)
    fresh = [(9, item, kind, time, 9) for _, item, kind, time, _ in visits((0, 2), ago=7 * DAY)]
    near = neighbours(old + fresh, 0)
    assert near[2] > 10 * near[1] > 0


def test_the_lines_of_an_order_have_no_order() -> None:
    order = [(0, item, BUY, NOW - DAY, 0) for item in (0, 1, 2)]
    near = neighbours(order, 1)
    assert near[0] == pytest.approx(near[2])


def test_a_frequent_companion_beats_a_frequent_item() -> None:
    """Everybody sees 5 at some time; whoever sees 0 goes on to 1."""
    crowd = visits(*[(5,)] * 200, *[(0, 1, 5)] * 20, *[(2, 3, 5)] * 20)
    near = neighbours(crowd, 0)
    assert max(near, key=lambda row: near[row]) == 1


def test_repeating_an_event_adds_no_neighbour_to_itself() -> None:
    assert neighbours(visits((0, 0, 0, 1)), 0) == pytest.approx(neighbours(visits((0, 1)), 0), rel=1e-4)
    assert 0 not in neighbours(visits((0, 1, 0, 1)), 0)


@pytest.mark.parametrize("pairs_at_once", [1, 50, 8_000_000])
def test_blocks_do_not_change_the_counts(pairs_at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few pairs fit into memory, and whether they are summed densely or sparsely."""
    random = np.random.default_rng(0)
    events = visits(*[tuple(random.integers(0, 6, 12).tolist()) for _ in range(30)])
    whole = count_together(interactions_of(events), 6, NOW, 30.0, Closeness())
    monkeypatch.setattr(together, "PAIRS_AT_ONCE", pairs_at_once)
    parts = count_together(interactions_of(events), 6, NOW, 30.0, Closeness())
    np.testing.assert_array_equal(parts.starts, whole.starts)
    np.testing.assert_array_equal(parts.rows, whole.rows)
    np.testing.assert_allclose(parts.weights, whole.weights, rtol=1e-5)


def brute_force(interactions: Interactions, closeness: Closeness) -> np.ndarray:
    """Weighted counts of a shop without clock, by the definition."""
    counts = np.zeros((6, 6))
    for user in range(interactions.n_users):
        items = interactions.items[interactions.of(user)]
        items = items[np.append(True, items[1:] != items[:-1])]
        for at, item in enumerate(items):
            for other in range(at + 1, min(at + closeness.window + 1, len(items))):
                if items[other] != item:
                    weight = closeness.step ** (other - at - 1)
                    counts[item, items[other]] += weight
                    counts[items[other], item] += weight * closeness.preceding
    return counts


def test_counts_are_those_of_the_definition() -> None:
    random = np.random.default_rng(1)
    events = [(user, int(random.integers(6)), VIEW, NAN, -1) for user in range(20) for _ in range(15)]
    interactions, closeness = interactions_of(events), replace(Closeness(), popularity=0.0, shrinkage=0.0)
    counted = count_together(interactions, 6, NOW, 30.0, closeness)
    dense = np.zeros((6, 6))
    dense[np.repeat(np.arange(6), np.diff(counted.starts)), counted.rows] = counted.weights
    frequency = np.zeros(6)
    for user in range(interactions.n_users):
        items = interactions.items[interactions.of(user)]
        np.add.at(frequency, items[np.append(True, items[1:] != items[:-1])], 1.0)
    np.testing.assert_allclose(dense, brute_force(interactions, closeness) / frequency[:, None], rtol=1e-5)


def test_anchors_come_before_the_history() -> None:
    shop = material(visits((0, 1), (2, 3), (2, 3)))
    source = ViewedTogether.fit(shop)
    assert source.retrieve(context_of(shop, user=0, items=("i2",)), 5).rows.tolist() == [3]
    assert 1 in source.retrieve(context_of(shop, user=0), 5).rows


def test_the_last_event_tells_most() -> None:
    shop = material(visits((0, 1), (2, 3), (2, 3), (0, 2)))
    found = ViewedTogether.fit(shop).retrieve(context_of(shop, user=3), 5)
    assert found.rows[0] == 3


def test_reasons_name_the_item_that_led_there() -> None:
    shop = material(visits((0, 1), (2, 3)))
    assert ViewedTogether.fit(shop).reason(context_of(shop, items=("i2",)), 3) == "viewed together with “Item 2”"


def test_bought_together_hears_purchases_alone() -> None:
    shop = material(visits((0, 1)))
    assert not len(BoughtTogether.fit(shop).retrieve(context_of(shop, items=("i0",)), 5).rows)
    bought = material([(0, item, BUY, NOW - DAY, 0) for item in (0, 1)])
    assert BoughtTogether.fit(bought).retrieve(context_of(bought, items=("i0",)), 5).rows.tolist() == [1]
