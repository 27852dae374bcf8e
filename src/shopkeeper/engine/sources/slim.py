"""What explains an item: a few others of the same histories, by weights that are never negative.

For each item the w that minimise `½‖x − Xw‖² + ½ ridge ‖w‖² + sparsity ‖w‖₁` with w ≥ 0 and none for the item itself: X
are histories by items. After SLIM (Ning and Karypis, "SLIM: Sparse Linear Methods for Top-N Recommender Systems", ICDM
2011), by its form fsSLIM, in which only the items that are most met with it may explain an item. Solved by coordinate
descent (Friedman, Hastie and Tibshirani, "Regularization Paths for Generalized Linear Models via Coordinate Descent",
Journal of Statistical Software 2010) on sums over pairs of events, many items at once.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from shopkeeper.engine.context import Material
from shopkeeper.engine.sources.regressions import Systems, Weighing, fitted, gram_of
from shopkeeper.engine.sources.together import FromNeighbours, Together, trail_of
from shopkeeper.settings import Positive, Share, Tuned
from shopkeeper.vocabulary import INTEREST, Scores

SWEEPS, ENOUGH = 100, 1e-4  # the most; it ends where no weight moves by more


class SlimConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """window: events that a pair may lie apart; candidates: items that may explain one; sparsity: of L1, and ridge: of
    L2, in events of an item; recency: what an event of the history counts against the one after it when asked;
    look_back: the events that are asked, the newest; neighbours: kept of each item."""

    window: Positive = 200
    candidates: Annotated[Positive, Tuned(25, 400, log=True)] = 100
    sparsity: Annotated[float, Meta(ge=0.0), Tuned(0.0, 10.0)] = 1.0
    ridge: Annotated[float, Meta(gt=0.0), Tuned(2.0, 500.0, log=True)] = 20.0
    recency: Annotated[Share, Tuned(0.5, 1.0)] = 0.9
    look_back: Positive = 200
    neighbours: Positive = 400


class Slim(FromNeighbours[SlimConfig]):
    """The recipe of the source `slim`."""

    name, learns_from_events = "slim", True
    config_type = SlimConfig
    reason = "goes together"
    when = "collections and wish lists in which order says little: as ease, at any size, and by fewer weights"

    def fit(self, material: Material) -> Together:
        """Raises SettingsError."""
        config = self.configured(material.settings)
        interactions = material.interactions.of_types(INTEREST)
        trail = trail_of(interactions, material.now, material.settings.train.half_life_days)
        alike = np.ones(config.window, np.float32)  # near or far, before or after
        gram = gram_of(trail, len(material.catalogue), Weighing(alike, alike, alike, across=1.0))
        solve = partial(sparse_weights, sparsity=config.sparsity)
        neighbours = fitted(gram, config.ridge, config.candidates, config.neighbours, solve)
        return self.source(neighbours, material.catalogue, material.settings)


def sparse_weights(systems: Systems, sparsity: float) -> Scores:
    """The solution of each without negative weights, one coordinate of all after the other."""
    weights = np.zeros_like(systems.explained)
    own = np.diagonal(systems.met, axis1=1, axis2=2)
    for _ in range(SWEEPS):
        moved = 0.0
        for at in range(weights.shape[1]):
            rest = systems.explained[:, at] - np.einsum("bk,bk->b", systems.met[:, at], weights)
            better = np.maximum(rest + own[:, at] * weights[:, at] - np.float32(sparsity), 0.0) / own[:, at]
            moved = max(moved, float(np.abs(better - weights[:, at]).max()))
            weights[:, at] = better
        if moved < ENOUGH:
            break
    return weights
