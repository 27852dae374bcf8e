"""A regression for each item: sparse sums against dense ones, and all others as candidates against the inverse."""

from __future__ import annotations

import numpy as np
import pytest
from source_contract import DAY, NOW, interactions_of

from shopkeeper.engine.sources import regressions
from shopkeeper.engine.sources.regressions import Gram, fitted, gram_of, ridge_weights, systems_of
from shopkeeper.engine.sources.slist import EaseConfig, SlistConfig, fit_neighbours, moments, weighing_of
from shopkeeper.engine.sources.together import Neighbours, Trail, trail_of
from shopkeeper.vocabulary import EventType

N_ITEMS = 20


@pytest.fixture(scope="module")
def trail() -> Trail:
    """Forty people, some items met again and some visits apart; every fourth item lies fallow."""
    random = np.random.default_rng(0)
    events = [
        (person, int(random.integers(N_ITEMS // 2)) * 4 // 3, EventType.VIEW, NOW - DAY + step, 2 * person + step // 8)
        for person in range(40)
        for step in range(15)
    ]
    return trail_of(interactions_of(events), NOW, 30.0)


def dense(gram: Gram, values: np.ndarray) -> np.ndarray:
    table = np.zeros((N_ITEMS, N_ITEMS))
    table[np.repeat(np.arange(N_ITEMS), np.diff(gram.starts)), gram.others] = values
    return table


def table_of(neighbours: Neighbours) -> np.ndarray:
    """The weights, float [from, to]."""
    table = np.zeros((N_ITEMS, N_ITEMS))
    table[np.repeat(np.arange(N_ITEMS), np.diff(neighbours.starts)), neighbours.rows] = neighbours.weights
    return table


FADING = SlistConfig(window=200, consistency=0.0, decay=1e-6)  # what lies far apart is nothing in float32


@pytest.mark.parametrize(
    "config", [SlistConfig(window=6), SlistConfig(window=3, consistency=0.0), EaseConfig(), FADING]
)
def test_the_sparse_sums_are_the_dense_ones(trail: Trail, config: SlistConfig) -> None:
    gram = gram_of(trail, N_ITEMS, weighing_of(config))
    met, explained = moments(trail, np.arange(N_ITEMS, dtype=np.int32), N_ITEMS, config)
    np.testing.assert_allclose(gram.diagonal, met.diagonal(), rtol=1e-4)
    np.fill_diagonal(met, 0.0)
    np.fill_diagonal(explained, 0.0)
    np.testing.assert_allclose(dense(gram, gram.met), met, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(dense(gram, gram.explained).T, explained, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("config", [SlistConfig(), EaseConfig(ridge=2.0)])
def test_with_all_others_as_candidates_it_is_the_closed_form(trail: Trail, config: SlistConfig) -> None:
    apart = fitted(gram_of(trail, N_ITEMS, weighing_of(config)), config.ridge, N_ITEMS, N_ITEMS, ridge_weights)
    together = fit_neighbours(trail, N_ITEMS, config)
    np.testing.assert_allclose(table_of(apart), table_of(together), atol=2e-4)


def test_a_regression_reads_the_candidates_that_alone_explain_most(trail: Trail) -> None:
    config = SlistConfig(ridge=3.0)
    gram = gram_of(trail, N_ITEMS, weighing_of(config))
    met, explained = moments(trail, np.arange(N_ITEMS, dtype=np.int32), N_ITEMS, config)
    np.fill_diagonal(explained, 0.0)
    gain = explained / np.sqrt(met.diagonal() + 3.0)[:, None]
    table = table_of(fitted(gram, 3.0, 4, N_ITEMS, ridge_weights))
    for item in np.flatnonzero(gram.diagonal):
        best = np.sort(np.argsort(-gain[:, item])[:4])
        assert np.flatnonzero(table[:, item]).tolist() == best.tolist()
        left = met[np.ix_(best, best)] + 3.0 * np.eye(4)
        np.testing.assert_allclose(table[best, item], np.linalg.solve(left, explained[best, item]), rtol=1e-3)


@pytest.mark.parametrize("size", [1, 3, 64])
def test_how_many_are_solved_at_once_changes_nothing(trail: Trail, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    gram = gram_of(trail, N_ITEMS, weighing_of(SlistConfig()))
    whole = table_of(fitted(gram, 5.0, 6, N_ITEMS, ridge_weights))
    monkeypatch.setattr(regressions, "SYSTEMS", size)
    np.testing.assert_allclose(table_of(fitted(gram, 5.0, 6, N_ITEMS, ridge_weights)), whole, atol=1e-5)


def test_systems_are_symmetric_and_padded_by_the_identity(trail: Trail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regressions, "HELD", 5)  # so that one row has dropped what another holds
    gram = gram_of(trail, N_ITEMS, weighing_of(SlistConfig()))
    assert np.diff(gram.starts).max() == 5
    few = gram._replace(explained=np.where(gram.others % 2, gram.explained, 0.0).astype(np.float32))
    (systems,) = systems_of(few, 2.0, 4)
    assert (systems.others < 0).any()
    for others, met in zip(systems.others, systems.met, strict=True):
        np.testing.assert_array_equal(met, met.T)
        absent = others < 0
        np.testing.assert_array_equal(met[absent][:, absent], np.eye(np.count_nonzero(absent)))


def test_only_the_strongest_of_what_an_item_says_is_kept(trail: Trail) -> None:
    gram = gram_of(trail, N_ITEMS, weighing_of(SlistConfig()))
    whole, few = (table_of(fitted(gram, 5.0, 6, kept, ridge_weights)) for kept in (N_ITEMS, 2))
    for said, kept in zip(whole, few, strict=True):
        strongest = np.sort(np.abs(said))[::-1][:2]
        np.testing.assert_allclose(np.sort(np.abs(kept))[::-1][:2], strongest)
        assert np.count_nonzero(kept) <= 2
