"""Nearest neighbours: exact against brute force, approximate against exact."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from shopkeeper.engine.vectors import Vectors
from shopkeeper.release import tiers
from shopkeeper.vocabulary import Rows, Scores

N_ITEMS = 3000


@pytest.fixture(scope="module")
def points() -> tuple[Scores, Rows]:
    """Two thousand points in forty clouds, for two of three items."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(40, 24))
    points = centres[rng.integers(0, 40, 2000)] + 0.4 * rng.normal(size=(2000, 24))
    rows = np.flatnonzero(np.arange(N_ITEMS) % 3)[:2000]
    return points.astype(np.float32), rows.astype(np.int32)


def brute_force(points: Scores, rows: Rows, query: Scores, limit: int, allowed: np.ndarray | None = None) -> list[int]:
    cosines = points @ query / np.linalg.norm(points, axis=1)
    if allowed is not None:
        cosines[~allowed[rows]] = -np.inf
    return rows[np.argsort(-cosines, kind="stable")[:limit]].tolist()


@pytest.mark.parametrize("share", [1.0, 0.5, 0.05, 0.0])
def test_exact_search_is_brute_force(points: tuple[Scores, Rows], share: float) -> None:
    vectors = Vectors.build(*points, N_ITEMS)
    allowed = np.random.default_rng(1).random(N_ITEMS) < share
    for query in points[0][:20]:
        unit = query / np.linalg.norm(query)
        rows, scores = vectors.search(unit, 10, allowed)
        assert rows.tolist() == brute_force(*points, unit, 10, allowed)[: allowed[points[1]].sum()]
        assert scores.dtype == np.float32
        assert (np.diff(scores) <= 0).all()


def test_approximate_search_finds_nearly_all(points: tuple[Scores, Rows], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shopkeeper.engine.vectors._FEW_ALLOWED", 0)
    vectors = Vectors.build(*points, N_ITEMS, exact_below=100)
    allowed = np.random.default_rng(1).random(N_ITEMS) < 0.3
    for mask in (None, allowed):
        found = [set(vectors.search(query, 10, mask)[0].tolist()) for query in points[0][:100]]
        wanted = [set(brute_force(*points, query, 10, mask)) for query in points[0][:100]]
        assert np.mean([len(f & w) / len(w) for f, w in zip(found, wanted, strict=True)]) > 0.95
        assert mask is None or all(mask[list(f)].all() for f in found)


@pytest.mark.parametrize("exact_below", [100, 10_000])
def test_saved_equals_loaded(points: tuple[Scores, Rows], exact_below: int, tmp_path: Path) -> None:
    vectors = Vectors.build(*points, N_ITEMS, exact_below=exact_below)
    vectors.save(tmp_path)
    loaded = Vectors.load(tmp_path)
    for query in points[0][:5]:
        np.testing.assert_array_equal(vectors.search(query, 7)[0], loaded.search(query, 7)[0])
    np.testing.assert_array_equal(loaded.of(points[1][:4]), vectors.of(points[1][:4]))


def test_of_gives_unit_vectors_and_zeros(points: tuple[Scores, Rows]) -> None:
    vectors = Vectors.build(*points, N_ITEMS)
    found = vectors.of(np.array([0, 1, 2], np.int32))
    assert not found[0].any()
    np.testing.assert_allclose(np.linalg.norm(found[1:], axis=1), 1, rtol=1e-5)


def test_what_is_allowed_is_found_however_far_it_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shopkeeper.engine.vectors._FEW_ALLOWED", 100)
    monkeypatch.setattr("shopkeeper.engine.vectors._PROBED_LISTS", 2)
    generator = np.random.default_rng(0)
    points = generator.standard_normal((4_000, 16)).astype(np.float32)
    points[:400] = np.eye(16)[1] + 0.05 * points[:400]
    vectors = Vectors.build(points, np.arange(4_000, dtype=np.int32), 4_000, exact_below=0)
    rows, _ = vectors.search(np.eye(16, dtype=np.float32)[0], 50, np.arange(4_000) < 400)
    assert len(rows) == 50
    assert rows.max() < 400


@pytest.mark.parametrize("dimension", [1, 3, 8])
@pytest.mark.parametrize("n", [0, 1, 10, 20, 300])
def test_few_vectors_and_odd_dimensions_can_be_quantised(n: int, dimension: int) -> None:
    points = np.random.default_rng(0).standard_normal((n, dimension)).astype(np.float32)
    vectors = Vectors.build(points, np.arange(n, dtype=np.int32), n, exact_below=0)
    assert len(vectors.search(np.ones(dimension, np.float32), 5)[0]) == min(5, n)


def test_zero_vectors_are_left_out() -> None:
    vectors = Vectors.build(np.array([[0, 0], [0, 2]], np.float32), np.array([4, 7], np.int32), 9)
    assert vectors.rows.tolist() == [7]
    assert vectors.search(np.array([0, 1], np.float32), 5)[0].tolist() == [7]


def test_no_vectors_at_all(tmp_path: Path) -> None:
    vectors = Vectors.build(np.empty((0, 3), np.float32), np.empty(0, np.int32), 5)
    vectors.save(tmp_path)
    for empty in (vectors, Vectors.load(tmp_path)):
        assert len(empty.search(np.ones(3, np.float32), 5)[0]) == 0
        assert empty.of(np.array([0, 4], np.int32)).shape == (2, 3)


@pytest.mark.parametrize("recent", [0, 2, tiers.RECENT])
def test_the_nearest_after_changes(points: tuple[Scores, Rows], recent: int) -> None:
    vectors, rows = points
    generator, n = np.random.default_rng(5), int(rows.max()) + 1
    live = Vectors.build(vectors, rows, n)
    now = np.zeros((n, vectors.shape[1]), np.float32)
    now[rows] = vectors
    with mock.patch.object(tiers, "RECENT", recent):
        for turn in range(12):
            n += turn % 3  # some rows are new, and some of those never get a vector
            now = np.concatenate((now, np.zeros((n - len(now), now.shape[1]), np.float32)))
            told = generator.choice(np.r_[:20, n - 2 : n], 3, replace=False).astype(np.int32)
            now[told] = generator.standard_normal((3, now.shape[1]))
            now[told[0]] *= turn % 4 > 0  # nothing is known of it any more
            live = live.updated(now[told], told, n)
    every = np.arange(n, dtype=np.int32)
    lengths = np.linalg.norm(now, axis=1, keepdims=True)
    np.testing.assert_allclose(live.of(every), now / np.maximum(lengths, 1e-9), atol=1e-6)
    known = np.flatnonzero(lengths).astype(np.int32)
    np.testing.assert_array_equal(live.has(every), lengths[:, 0] > 0)
    allowed = generator.random(n) < 0.5
    for query in generator.standard_normal((5, now.shape[1])).astype(np.float32):
        for mask in (None, allowed):
            assert live.search(query, 10, mask)[0].tolist() == brute_force(now[known], known, query, 10, mask)


def test_vectors_told_again_take_no_more_room() -> None:
    base = Vectors.build(np.eye(4, dtype=np.float32), np.arange(4, dtype=np.int32), 4)
    live = base.updated(np.eye(4, dtype=np.float32)[[3]], np.array([0], np.int32), 4)
    for turn in range(3):
        live = live.updated(np.eye(4, dtype=np.float32)[[turn, 2]], np.array([0, 5], np.int32), 6)
    assert len(live) == len(base) + 2
    rows, scores = live.search(np.eye(4, dtype=np.float32)[2], 3)
    assert (sorted(rows.tolist()), scores.tolist()) == ([0, 2, 5], [1.0, 1.0, 1.0])
    assert live.of(np.array([0, 1, 4, 5], np.int32)).argmax(axis=1).tolist() == [2, 1, 0, 2]
