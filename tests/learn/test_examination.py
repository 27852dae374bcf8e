"""Which places of a list people look at, found from what they did."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from worlds import catalogue, visits, write_shop

from shopkeeper.learn.examination import estimate_examination, examination_of, joined, weigh
from shopkeeper.learn.requests import Asked
from shopkeeper.vocabulary import Ids, Request

TRUTH = np.array([1.0, 0.6, 0.45, 0.3, 0.2])


def counts(pairs: int, shown: int, *, seed: int = 0, places: int = 5) -> pa.Table:
    """Pairs shown at two places each; what is wanted more tends to stand higher, as in every real log."""
    generator = np.random.default_rng(seed)
    wanted = generator.beta(1, 4, pairs)
    first = np.clip(((1 - wanted) * places + generator.normal(0, 1, pairs)).astype(int), 0, places - 2)
    pair = np.repeat(np.arange(pairs), 2)
    place = np.stack((first, first + 1), axis=1).ravel()
    acted = generator.binomial(shown, TRUTH[place] * wanted[pair])
    return pa.table({"pair": pair, "position": place + 1, "shown": np.full(2 * pairs, shown), "acted": acted})


@pytest.mark.parametrize("shown", [2, 20])
def test_planted_examination_is_found_however_seldom_each_pair_was_shown(shown: int) -> None:
    found = estimate_examination(counts(40_000 // shown, shown))
    assert found is not None
    np.testing.assert_allclose(found, TRUTH, atol=0.08)


def swapped_lists(lists: int, *, share: float, seed: int = 0) -> list[dict[str, Any]]:
    """Lists of five in which now and then two change places by chance. What is in fashion is shown first, and wanted
    more for it: so items that stand at several places for reasons of their own mislead."""
    generator = np.random.default_rng(seed)
    events: list[dict[str, Any]] = []
    for slate in range(lists):
        order = generator.permutation(5)
        wanted = 0.8 - 0.15 * np.arange(5)  # by the place that it has by its score, whatever it is
        at, chances = np.arange(5), np.full(5, 1 - share * 2 / 5)
        if generator.random() < share:
            first, second = generator.choice(5, 2, replace=False)
            at[[first, second]] = second, first
            chances[[first, second]] = share / 10
        for place, by_score in enumerate(at.tolist()):
            said = {"slate_id": f"s{slate}", "item_id": f"i{order[by_score]}"}
            attributes = json.dumps({"surface": "home", "propensity": chances[place]})
            shown = {**said, "event_id": f"{slate}-{place}", "type": "impression", "position": place + 1}
            events.append({**shown, "attributes": attributes})
            if generator.random() < TRUTH[place] * wanted[by_score]:
                events.append({**said, "event_id": f"{slate}-{place}v", "type": "view"})
    return events


def test_what_chance_exchanged_tells_places_apart_where_fashions_mislead(tmp_path: Path) -> None:
    events = swapped_lists(3500, share=0.5)
    found = examination_of(write_shop(tmp_path / "swapped", catalogue(5), events).folder)
    assert found is not None
    assert found.swapped == 5
    np.testing.assert_allclose(found.looked, TRUTH, atol=0.1)
    silent = [{**event, "attributes": '{"surface": "home"}'} for event in events]
    misled = examination_of(write_shop(tmp_path / "silent", catalogue(5), silent).folder)
    assert misled is not None
    assert misled.swapped == 0
    assert np.abs(misled.looked - TRUTH).max() > 0.15


def test_a_few_swaps_are_not_trusted(tmp_path: Path) -> None:
    found = examination_of(write_shop(tmp_path, catalogue(5), swapped_lists(1000, share=0.05)).folder)
    assert found is not None
    assert found.swapped == 0


def test_behind_the_swaps_the_curve_goes_on() -> None:
    found = joined(np.array([1.0, 0.5]), np.array([1.0, 0.8, 0.4, 0.2]))
    assert found.looked.tolist() == pytest.approx([1.0, 0.5, 0.25, 0.125])
    assert joined(np.array([1.0, 0.5]), None).looked.tolist() == [1.0, 0.5]


def test_too_few_impressions_say_nothing(tmp_path: Path) -> None:
    assert estimate_examination(counts(10, 2)) is None
    assert estimate_examination(counts(0, 2)) is None
    assert examination_of(tmp_path) is None
    assert examination_of(write_shop(tmp_path, catalogue(5), visits(5, 5)).folder) is None


def test_a_list_that_nobody_acts_on_is_no_error() -> None:
    table = counts(1000, 20).set_column(3, "acted", pa.array(np.zeros(2000, np.int64)))
    found = estimate_examination(table)
    assert found is not None
    assert np.isfinite(found).all()


def test_a_click_far_down_weighs_more(tmp_path: Path) -> None:
    shown = [
        {"event_id": f"{slate}{at}", "type": "impression", "slate_id": slate, "item_id": f"i{at}", "position": at + 1}
        for slate in "ab"
        for at in range(5)
    ]
    tables = write_shop(tmp_path, catalogue(5), shown)
    items, request, gain = Ids([f"i{at}" for at in range(5)]), Request(), np.ones(1, np.float32)
    asked = [
        Asked(request, np.array([row], np.int32), gain, slate=slate) for row, slate in [(0, "a"), (4, "b"), (2, "")]
    ]
    weights = [one.weight for one in weigh(asked, TRUTH, tables.folder, items)]
    assert weights == pytest.approx([1, 5, 1])


def test_lists_of_different_surfaces_are_not_compared(tmp_path: Path) -> None:
    """On the home page an item stands first and is wanted; in the cart it stands second and is not, by the same people
    who look at both places alike. Only what moves within a surface tells places apart."""
    events = []
    generator = np.random.default_rng(0)
    for slate in range(4000):
        surface = ("home", "cart")[slate % 2]
        first = (slate // 2) % 20 == 0  # now and then the two change places
        for item, usual in (("i0", 1 + slate % 2), ("i1", 2 - slate % 2)):
            place = 3 - usual if first else usual
            shown = {"slate_id": f"s{slate}", "item_id": item, "attributes": json.dumps({"surface": surface})}
            events.append({**shown, "event_id": f"{slate}{item}", "type": "impression", "position": place})
            if generator.random() < (0.6 if surface == "home" else 0.1):
                events.append({**shown, "event_id": f"{slate}{item}v", "type": "view"})
    found = examination_of(write_shop(tmp_path / "named", catalogue(3), events).folder)
    assert found is not None
    np.testing.assert_allclose(found.looked, [1.0, 1.0], atol=0.15)
    wanted_first = [event for event in events if event["item_id"] == "i0"]
    mixed = [{**event, "attributes": None} for event in wanted_first]
    unnamed = examination_of(write_shop(tmp_path / "unnamed", catalogue(3), mixed).folder)
    named = examination_of(write_shop(tmp_path / "one", catalogue(3), wanted_first).folder)
    assert unnamed is not None
    assert named is not None
    assert unnamed.looked[1] < 0.5  # the mixture takes the cart's coldness for the second place's
    np.testing.assert_allclose(named.looked, [1.0, 1.0], atol=0.25)
