"""How long answers take by a clock that is planted, and what of a surface fits into its budget."""

from __future__ import annotations

import numpy as np
import pytest
from histories import history
from hypothesis import given
from hypothesis import strategies as st
from planted import Hands, Planted, asked, engine_of

from shopkeeper.engine.context import Context
from shopkeeper.engine.ranking.fusion import Pool
from shopkeeper.learn.latency import FEWEST_TO_TIME, ROOM, TIMED, Laps, Pace, fitting, slowest, time_answers
from shopkeeper.learn.split import Part
from shopkeeper.settings import Surface
from shopkeeper.vocabulary import Scores

EVENTS = history([(0, 0, 1.0, 0)], n_users=1)
PART = Part(EVENTS, EVENTS, EVENTS, np.zeros(1, bool), 2.0)


def laps(**milliseconds: float) -> Laps:
    """Of answers that all take alike, 1 ms besides their sources."""
    some = np.ones(TIMED)
    return Laps(0.5 * some, {name: took * some for name, took in milliseconds.items()}, {"fused": 0.5 * some})


def test_each_part_takes_what_was_planted() -> None:
    hands = Hands()
    sources = [Planted("slow", lambda _: [0], hands, ms=30), Planted("quick", lambda _: [1], hands, ms=2)]

    def pondering(_: Context, pool: Pool) -> Scores:
        hands.now += 0.007
        return np.zeros(len(pool.rows), np.float32)

    engine = engine_of(PART, 3, sources)
    found = time_answers(engine, [asked(0, 0, time=2.0)] * 10, {"fused": engine.score, "deep": pondering}, clock=hands)
    assert found.answer_ms("fused", ["slow", "quick"]) == pytest.approx(32)
    assert found.answer_ms("fused", ["quick"]) == pytest.approx(2)
    assert found.answer_ms("deep", ["slow"]) == pytest.approx(37)


def test_the_least_of_a_few_counts_but_for_a_source_that_remembers() -> None:
    hands = Hands()

    class Remembering(Planted):
        def lookups(self) -> tuple[int, int]:
            return 0, 0

    def growing(source: str) -> Planted:
        kind = Remembering if source == "remembering" else Planted
        calls = iter(range(10_000))

        def answer(_: Context) -> list[int]:
            hands.now += [0.009, 0.001, 0.005][next(calls) % 3]
            return [0]

        return kind(source, answer, hands)

    engine = engine_of(PART, 3, [growing("plain"), growing("remembering")])
    found = time_answers(engine, [asked(0, 0, time=2.0)] * 60, {"fused": engine.score}, clock=hands)
    assert found.sources["plain"] == pytest.approx(np.ones(60))
    assert found.sources["remembering"].max() == pytest.approx(9)


def test_a_busy_second_decides_nothing_and_a_slow_twentieth_does() -> None:
    times = np.ones(TIMED)
    times[10:20] = 500.0
    assert slowest(times) == 1
    times[::10] = 70.0
    assert slowest(times) == pytest.approx(70)
    assert slowest(np.array([3.0])) == 3
    assert TIMED >= FEWEST_TO_TIME


def test_the_slowest_sources_are_dropped_until_the_others_fit_with_room_for_a_ranker() -> None:
    assert fitting(laps(a=20, b=20, c=5), "fused", 46) == ("a", "b", "c")
    assert fitting(laps(a=20, b=25, c=5), "fused", 50) == ("a", "c")
    assert fitting(laps(a=20, b=25, c=5), "fused", 30) == ("c",)  # a and c fit, but leave no room
    assert fitting(laps(a=20, b=25, c=5), "fused", 0) == ("a", "b", "c")
    assert fitting(laps(a=20, b=25, c=5), "fused", 1) == ("c",)  # the quickest, though nothing fits


@given(st.dictionaries(st.sampled_from("abcdef"), st.floats(0.01, 100), min_size=1), st.floats(0.5, 300))
def test_what_is_kept_fits_or_is_the_quickest(milliseconds: dict[str, float], budget: float) -> None:
    timed = laps(**milliseconds)
    kept = fitting(timed, "fused", budget)
    assert kept
    everything = timed.answer_ms("fused", milliseconds) <= budget
    if everything:
        assert set(kept) == set(milliseconds)
    elif timed.answer_ms("fused", kept) > ROOM * budget:
        assert [milliseconds[name] for name in kept] == [min(milliseconds.values())]


def test_a_pace_says_what_fits() -> None:
    timed = laps(a=20, b=40)
    pace = Pace.of(timed, {"fused": ("a", "b"), "a": ("a",), "b": ("b",)}, "fused", 41.0)
    assert pace.answer_ms == pytest.approx({"fused": 61, "a": 21, "b": 41})
    assert [pace.fits(name) for name in ("fused", "a", "b")] == [False, True, True]
    assert Pace.of(timed, {"fused": ("a", "b")}, "fused", 0.0).fits("fused")


def test_an_engine_that_asks_fewer_sources_leaves_the_other_as_it_is() -> None:
    sources = [Planted(name, lambda _: [0], Hands()) for name in ("a", "b")]
    engine = engine_of(PART, 3, sources, surface=Surface(sources=("a", "b"), weights={"a": 1.0}))
    quick = engine.asking("home", ("b",))
    assert (tuple(quick.sources_of("home")), tuple(engine.sources_of("home"))) == (("b",), ("a", "b"))
    assert len(quick.feature_names("home")) < len(engine.feature_names("home"))
