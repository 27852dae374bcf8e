"""Which places of a list people look at, found from what they did."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from worlds import catalogue, visits, write_shop

from shopkeeper.learn.examination import estimate_examination, examination_of, weigh
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
