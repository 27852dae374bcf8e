"""What comes next, by a linear model of histories: the weight with which each item of one speaks for each other.

Two wishes in one least-squares problem with a closed form: a history explains itself (consistency), and what was met
until some moment explains what follows it (transition), nearer events counting more on both sides. After SLIST (Choi,
Kim, Lee, Shim and Lee, "Session-aware Linear Item-Item Models for Session-based Recommendation", WWW 2021) and EASE^R
(Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019), whose zero diagonal it has: no item explains
itself. Each matrix is a sum over pairs of a person's events, weighted by how far apart they are and whether they fall
into one visit, and cut at a window, so that no matrix of sessions is ever made: near to the least-squares problem, not
quite it.

In a small catalogue the solution is one inverse of all items by all items. In a large one each item has a regression of
its own, on the others that explain it best (`regressions`). Of each item only the strongest weights are kept.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from shopkeeper.engine.context import Material
from shopkeeper.engine.sources.regressions import Weighing, fitted, gram_of, ridge_weights
from shopkeeper.engine.sources.together import FromNeighbours, Neighbours, Together, Trail, trail_of
from shopkeeper.release.fields import starts_of
from shopkeeper.settings import Positive, Share, Tuned
from shopkeeper.vocabulary import INTEREST, Rows, Scores

AT_ONCE = 512  # rows of a matrix


class SlistConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """items: the most of which one inverse is made: memory grows with the square, 270 MB for 8,192 of them, five times
    over while it is fitted; candidates: the others on which an item has a regression of its own, where there are more;
    window: events that a pair may lie apart; consistency: the share of the first wish; decay:
    by which an event one place further away counts less, in learning, `recency` when asked; look_back: the events of a
    history that are asked, the newest; across: what a pair of two visits counts; ridge: of the regression, in events of
    an item; neighbours: kept of each item."""

    items: Positive = 8_192
    window: Positive = 50
    consistency: Annotated[Share, Tuned(0.0, 1.0)] = 0.2
    spread: Annotated[Share, Tuned(0.8, 1.0)] = 0.98  # as `decay`, for the first wish
    decay: Annotated[float, Meta(gt=0.0, le=1.0), Tuned(0.5, 1.0)] = 0.88
    recency: Annotated[Share, Tuned(0.5, 1.0)] = 0.82
    look_back: Positive = 30
    across: Annotated[Share, Tuned(0.0, 1.0)] = 0.3
    ridge: Annotated[float, Meta(gt=0.0), Tuned(5.0, 1_000.0, log=True)] = 50.0
    candidates: Positive = 100
    neighbours: Positive = 400


class EaseConfig(SlistConfig, frozen=True, forbid_unknown_fields=True):
    """Without order: every event of a history speaks for every other alike. This is EASE^R, but for what is met again,
    which counts again, and what is old, which counts less."""

    window: Positive = 200
    consistency: Share = 1.0
    spread: Share = 1.0
    decay: Annotated[float, Meta(gt=0.0, le=1.0)] = 0.88  # of the second wish, which has no share here
    recency: Share = 1.0
    look_back: Positive = 1_000
    across: Annotated[Share, Tuned(0.0, 1.0)] = 1.0
    ridge: Annotated[float, Meta(gt=0.0), Tuned(5.0, 2_000.0, log=True)] = 200.0


class Slist(FromNeighbours[SlistConfig]):
    """The recipe of the source `slist`."""

    name, learns_from_events = "slist", True
    config_type = SlistConfig
    reason = "goes together"
    when = "some thousand histories in which order matters, at any size: hard to beat"

    def fit(self, material: Material) -> Together:
        """Raises SettingsError."""
        config = self.configured(material.settings)
        interactions = material.interactions.of_types(INTEREST)
        trail = trail_of(interactions, material.now, material.settings.train.half_life_days)
        neighbours = fit_neighbours(trail, len(material.catalogue), config)
        return self.source(neighbours, material.catalogue, material.settings)


class Ease(Slist):
    """The recipe of the source `ease`."""

    name = "ease"
    when = "as slist, where the order of what was done says nothing: collections, wish lists"
    config_type = EaseConfig


def fit_neighbours(trail: Trail, n_items: int, config: SlistConfig) -> Neighbours:
    """The strongest weights of every item on the others, of either sign."""
    core = np.unique(trail.items)
    if len(core) > config.items:
        gram = gram_of(trail, n_items, weighing_of(config))
        return fitted(gram, config.ridge, config.candidates, config.neighbours, ridge_weights)
    weights = solve(*moments(trail, core, n_items, config), config.ridge)
    kept = min(config.neighbours, len(core))
    lengths = np.zeros(n_items, np.int64)
    lengths[core] = kept
    rows, found = np.empty((len(core), kept), np.int32), np.empty((len(core), kept), np.float32)
    for at, said in enumerate(weights):
        strongest = np.sort(np.argpartition(-np.abs(said), kept - 1)[:kept])
        rows[at], found[at] = core[strongest], said[strongest]
    return Neighbours(starts_of(lengths), rows.ravel(), found.ravel())


def weighing_of(config: SlistConfig) -> Weighing:
    """What `moments` counts, gap by gap."""
    gaps, share = np.arange(1, config.window + 1), config.consistency
    consistency = share * config.spread**gaps
    return Weighing(
        met=(consistency + (1 - share) * config.decay**gaps).astype(np.float32),
        forward=(consistency + (1 - share) * config.decay ** (gaps - 1.0)).astype(np.float32),
        backward=consistency.astype(np.float32),
        across=config.across,
    )


def moments(trail: Trail, core: Rows, n_items: int, config: SlistConfig) -> tuple[Scores, Scores]:
    """Of m core items (rows int32 [m]): how much each is met with each other, float32 [m, m], symmetric; and how much
    what is to be explained by it, float32 [m, m], from the row's item to the column's."""
    place = np.full(n_items, -1, np.int64)
    place[core] = np.arange(len(core))
    taking = place[trail.items] >= 0
    users, visits, at = trail.users[taking], trail.visits[taking], place[trail.items[taking]]
    weights = trail.weights[taking]
    m, share = len(core), config.consistency
    near, next_to = np.zeros(m * m, np.float32), np.zeros(m * m, np.float32)  # what each wish counts, forward
    for gap in range(1, min(config.window, len(at) - 1) + 1):
        same = np.flatnonzero(users[gap:] == users[:-gap])
        pairs, weight = at[same] * m + at[same + gap], weights[same + gap]
        weight = np.where(visits[same] == visits[same + gap], weight, weight * np.float32(config.across))
        if share > 0.0:
            np.add.at(near, pairs, weight * np.float32(share * config.spread**gap))
        if share < 1.0:
            np.add.at(next_to, pairs, weight * np.float32((1 - share) * config.decay ** (gap - 1)))
    consistency, explained = near.reshape(m, m), next_to.reshape(m, m)
    met = explained * np.float32(config.decay)
    met += consistency
    met += met.T.copy()
    explained += consistency  # both ways, but of the transition the way forward alone
    explained += consistency.T
    alone = np.bincount(at, weights, minlength=m).astype(np.float32)
    met[np.diag_indices(m)] += alone
    explained[np.diag_indices(m)] += np.float32(share) * alone
    return met, explained


def solve(met: Scores, explained: Scores, ridge: float) -> Scores:
    """The weights, float32 [m, m], that minimise the squared error under the ridge, with a diagonal of zero: row i is
    what item i says of every other. Overwrites `met`."""
    met[np.diag_indices(len(met))] += np.float32(ridge)
    inverse = inverted(met)
    weights: Scores = inverse @ explained
    explaining_itself: Scores = weights.diagonal() / inverse.diagonal()
    for first in range(0, len(weights), AT_ONCE):
        weights[first : first + AT_ONCE] -= inverse[first : first + AT_ONCE] * explaining_itself
    return weights


def inverted(matrix: Scores) -> Scores:
    """The inverse of a symmetric positive matrix, by halves (Schur's complement): products of matrices alone, of which
    a processor makes far more in a second than of the steps that `numpy.linalg.inv` takes."""
    half = len(matrix) // 2
    if half < AT_ONCE:
        return np.linalg.inv(matrix)
    upper, across = inverted(matrix[:half, :half]), matrix[:half, half:]
    reached: Scores = upper @ across
    lower = inverted(matrix[half:, half:] - across.T @ reached)
    inverse = np.empty_like(matrix)
    inverse[half:, half:] = lower
    inverse[:half, half:] = -reached @ lower
    inverse[half:, :half] = inverse[:half, half:].T
    inverse[:half, :half] = upper - inverse[:half, half:] @ reached.T
    return inverse
