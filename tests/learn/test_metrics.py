"""Metrics against definitions short enough to be read as true."""

from __future__ import annotations

from itertools import combinations
from math import log2

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given
from hypothesis import strategies as st

from shopkeeper.learn import metrics

K = 5


@st.composite
def answers(draw: st.DrawFn) -> tuple[list[list[int]], list[dict[int, float]]]:
    """Ranked lists of at most K of 12 items, and what each request wants (at least one item) with its gain."""
    n = draw(st.integers(1, 6))
    lists = [draw(st.lists(st.integers(0, 11), max_size=K, unique=True)) for _ in range(n)]
    wants = [
        draw(st.dictionaries(st.integers(0, 11), st.sampled_from([1.0, 2.0, 4.0]), min_size=1, max_size=7))
        for _ in range(n)
    ]
    return lists, wants


def padded(lists: list[list[int]]) -> metrics.Ranks:
    return np.array([[*ranked, *[-1] * (K - len(ranked))] for ranked in lists], np.int32)


def brute(name: str, ranked: list[int], wants: dict[int, float]) -> float:
    hits = [rank for rank, item in enumerate(ranked, start=1) if item in wants]
    match name:
        case "hr":
            return float(bool(hits))
        case "mrr":
            return 1 / hits[0] if hits else 0.0
        case "precision":
            return len(hits) / K
        case "recall":
            return len(hits) / len(wants)
        case "map":
            return sum((i + 1) / rank for i, rank in enumerate(hits)) / min(K, len(wants))
        case "ndcg":
            best = sorted(wants.values(), reverse=True)[:K]
            ideal = sum(gain / log2(rank + 1) for rank, gain in enumerate(best, start=1))
            return sum(wants[ranked[rank - 1]] / log2(rank + 1) for rank in hits) / ideal
    raise AssertionError(name)


@pytest.mark.parametrize("name", metrics.ACCURACY)
@given(answers())
def test_accuracy_is_as_defined(name: str, world: tuple[list[list[int]], list[dict[int, float]]]) -> None:
    lists, wants = world
    gains, ideal = metrics.gains_at(
        padded(lists),
        [np.array(list(want), np.int32) for want in wants],
        [np.array(list(want.values()), np.float32) for want in wants],
    )
    expected = [brute(name, ranked, want) for ranked, want in zip(lists, wants, strict=True)]
    np.testing.assert_allclose(metrics.ACCURACY[name](gains, ideal), expected, atol=1e-6)


@given(st.lists(st.lists(st.integers(0, 11), max_size=K, unique=True), min_size=1, max_size=6))
def test_list_metrics_are_as_defined(lists: list[list[int]]) -> None:
    groups = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2, -1, -1, 3], np.int32)
    shares = np.arange(1, 13) / 78
    rows = padded(lists)

    def apart(a: int, b: int) -> bool:
        return groups[a] != groups[b] or groups[a] == -1

    pairs = [[apart(a, b) for a, b in combinations(ranked, 2)] for ranked in lists]
    np.testing.assert_allclose(metrics.diversity(rows, groups), [np.mean(p) if p else 0 for p in pairs])
    bits = [np.mean([-log2(shares[item]) for item in ranked]) if ranked else 0 for ranked in lists]
    np.testing.assert_allclose(metrics.novelty(rows, shares), bits)
    assert metrics.coverage(rows, 12) == len(set().union(*lists)) / 12


def test_nothing_wanted_and_nothing_shown_score_zero() -> None:
    nothing = np.empty(0, np.int32)
    gains, ideal = metrics.gains_at(padded([[], [3]]), [nothing, nothing], [nothing.astype(np.float32)] * 2)
    for metric in metrics.ACCURACY.values():
        assert metric(gains, ideal).tolist() == [0, 0]
    assert metrics.coverage(padded([[]]), 0) == 0
    assert metrics.diversity(padded([[]]), nothing).tolist() == [0]


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    generator = np.random.default_rng(3)
    worlds = (generator.random((300, 200)) < 0.3).astype(np.float64)
    covered = 0
    for seed, world in enumerate(worlds):
        estimate = metrics.estimates(world[:, None], seed, resamples=300)[0]
        assert estimate.low <= estimate.value <= estimate.high
        covered += estimate.low <= 0.3 <= estimate.high
    assert 0.90 <= covered / 300 <= 0.99


def test_intervals_are_seeded_and_without_requests_not_a_number() -> None:
    values = np.random.default_rng(0).random((50, 2))
    assert metrics.estimates(values, 1) == metrics.estimates(values, 1)
    assert metrics.estimates(values, 1) != metrics.estimates(values, 2)
    assert np.isnan(metrics.estimates(np.empty((0, 1)), 0)[0].value)


def test_pairing_sees_a_small_but_steady_gain() -> None:
    theirs = np.random.default_rng(0).random(300)
    better = metrics.compare(theirs + 0.01, theirs, seed=0)
    assert better.chance_better == 1
    assert better.difference.low == pytest.approx(0.01)
    same = metrics.compare(theirs, theirs, seed=0)
    assert same.chance_better == 0
    assert same.difference == metrics.Estimate(0, 0, 0)


def test_all_pairs_are_compared_as_each_pair_alone() -> None:
    generator = np.random.default_rng(1)
    values = {name: generator.random(60) for name in ("a", "b", "c")} | {
        "same as a": np.random.default_rng(1).random(60)
    }
    chances = metrics.chances(values, seed=4)
    for one in values:
        assert chances[one] == {
            other: metrics.compare(values[one], values[other], seed=4).chance_better for other in values if other != one
        }
    assert chances["a"]["same as a"] == chances["same as a"]["a"] == 0
    assert metrics.chances({"a": np.ones(3)}, seed=0) == {"a": {}}
    assert metrics.chances({"a": np.ones(0), "b": np.ones(0)}, seed=0) == {"a": {"b": 0.0}, "b": {"a": 0.0}}


judged_requests = st.lists(
    st.tuples(
        st.lists(st.integers(0, 11), unique=True, max_size=K),
        st.dictionaries(st.integers(0, 11), st.integers(1, 4), min_size=1, max_size=K),
    ),
    min_size=1,
    max_size=5,
)


@given(judged_requests)
def test_trec_eval_says_the_same(asked: list[tuple[list[int], dict[int, int]]]) -> None:
    """An implementation by others: NIST's. Of more wanted items than k it takes another mean precision."""
    wanted = [np.array([*gains], np.int32) for _, gains in asked]
    worth = [np.array([*gains.values()], np.float32) for _, gains in asked]
    gained, ideal = metrics.gains_at(padded([shown for shown, _ in asked]), wanted, worth)
    measures = ("success", "ndcg_cut", "recip_rank", "map_cut", "P", "recall")
    judged = {str(at): {str(item): gain for item, gain in gains.items()} for at, (_, gains) in enumerate(asked)}
    evaluator = pytrec_eval.RelevanceEvaluator(judged, {m if m == "recip_rank" else f"{m}.{K}" for m in measures})
    shown = {str(at): {str(item): -float(place) for place, item in enumerate(one)} for at, (one, _) in enumerate(asked)}
    theirs = evaluator.evaluate(shown)
    for measure, metric in zip(measures, metrics.ACCURACY.values(), strict=True):
        name = measure if measure == "recip_rank" else f"{measure}_{K}"
        expected = [theirs.get(at, {}).get(name, 0.0) for at in shown]  # where nothing is shown it says nothing
        np.testing.assert_allclose(metric(gained, ideal), expected, atol=1e-6, err_msg=name)
