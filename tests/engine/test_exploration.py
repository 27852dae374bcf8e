"""Chance in the order of a slate: rare, exactly known, and the same on every page."""

from __future__ import annotations

from collections import Counter

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_engine import small_engine

from shopkeeper.engine.exploration import HOUR, explore
from shopkeeper.settings import DEFAULT_SURFACES, Settings, Surface
from shopkeeper.vocabulary import Request


def rows_of(n: int) -> np.ndarray:
    return np.arange(100, 100 + n, dtype=np.int32)


@pytest.mark.parametrize(("n", "pinned", "share"), [(6, 0, 0.5), (5, 2, 1.0), (80, 1, 0.9)])
def test_propensities_are_how_often_it_happens(n: int, pinned: int, share: float) -> None:
    stood, told, times = Counter[tuple[int, int]](), dict[tuple[int, int], float](), 20_000
    for session in range(times):
        request = Request(surface="home", session=f"s{session}")
        rows, propensities = explore(rows_of(n), range(pinned, n), request, 0.0, share)
        for place, (row, propensity) in enumerate(zip(rows.tolist(), propensities.tolist(), strict=True)):
            stood[row, place] += 1
            told[row, place] = propensity
    for key, propensity in told.items():
        error = 5 * np.sqrt(propensity * (1 - propensity) / times) + 1e-3
        assert stood[key] / times == pytest.approx(propensity, abs=error), key
    assert all(told[100 + place, place] == 1.0 for place in range(pinned))


@given(st.integers(0, 60), st.integers(0, 60), st.floats(0, 1), st.text(max_size=5), st.floats(0, 1e10))
def test_nothing_is_lost_or_doubled(n: int, pinned: int, share: float, session: str, now: float) -> None:
    rows, propensities = explore(rows_of(n), range(pinned, n), Request(session=session), now, share)
    assert sorted(rows.tolist()) == rows_of(n).tolist()
    assert ((propensities > 0) | (share == 0) | (propensities == 0)).all()
    assert (propensities <= 1).all()


def test_one_person_sees_one_order_for_an_hour() -> None:
    orders = {
        explore(rows_of(30), range(30), Request(session="s"), hour * HOUR + minute * 60, 1.0)[0].tobytes()
        for hour in range(20)
        for minute in (0, 30, 59)
    }
    assert len(orders) <= 20
    assert len(orders) > 10


def test_nobody_and_who_sorts_get_the_plain_order() -> None:
    for request in (Request(), Request(session="s", sort="price")):
        rows, propensities = explore(rows_of(30), range(30), request, 0.0, 1.0)
        assert rows.tolist() == rows_of(30).tolist()
        assert (propensities == 1).all()


def test_pages_of_an_explored_slate_show_every_item_once() -> None:
    surfaces = {name: _explored(surface) for name, surface in DEFAULT_SURFACES.items()}
    engine = small_engine(settings=Settings(surfaces=surfaces))
    for session in range(30):
        request = {"surface": "new", "session": f"s{session}", "time": 1_700_000_000.0}
        whole = engine.answer(Request(size=12, **request)).placements
        pages = [engine.answer(Request(size=4, offset=at, **request)).placements for at in (0, 4, 8)]
        assert [one.item.id for one in whole] == [one.item.id for page in pages for one in page]
        assert [one.propensity for one in whole] == [one.propensity for page in pages for one in page]
        assert all(0 < one.propensity < 1 for one in whole)


def _explored(surface: Surface) -> Surface:

    return msgspec.structs.replace(surface, explore=1.0)
