"""The source `als`: factors of people and items whose product is the interest shown (Hu, Koren and Volinsky,
"Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008), by the library `implicit`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from shopkeeper.engine.configured import Configured
from shopkeeper.engine.context import Material, ReleaseParts
from shopkeeper.engine.interest import decay, interest_of
from shopkeeper.engine.sources.factors import Factors, Regression
from shopkeeper.learn.libraries import library
from shopkeeper.learn.models.config import AlsConfig
from shopkeeper.settings import Settings, TrainSettings
from shopkeeper.vocabulary import Rows, Scores

JOB = "fitting the source als"


class Als(Configured[AlsConfig]):
    """The recipe."""

    name, learns_from_events = "als", True
    when = "sparse tastes without order, at any size: what people like as a whole, not what they want now"

    config_type = AlsConfig

    def fit(self, material: Material) -> Factors:
        """Raises MissingExtraError without `implicit`, SettingsError."""
        config = self.configured(material.settings)
        known, met = met_by_people(material, JOB)
        factors = np.empty((0, config.factors), np.float32)
        if len(known):
            met.data += 1.0 / config.confidence  # times the confidence: the 1 that everything has
            factors = _fitted(met, config, material.settings.train)
        return Factors(self.name, known, factors, material.catalogue, _regression(config, material.settings))

    def load(self, directory: Path, release: ReleaseParts) -> Factors:
        config = self.configured(release.settings)
        return Factors.load(self.name, directory, release.catalogue, _regression(config, release.settings))


def met_by_people(material: Material, job: str) -> tuple[Rows, Any]:
    """The rows of the items that anybody showed interest in, int32 [m], ascending, and how much of it each person did,
    older events counting less: a scipy csr_matrix float32 [n_users, m]. Raises MissingExtraError without scipy."""
    done, half_life = material.interactions, material.settings.train.half_life_days
    weights = interest_of(done.codes) * decay(done.times, material.now, half_life)
    users, items, weights = done.users[weights > 0], done.items[weights > 0], weights[weights > 0]
    known, places = np.unique(items, return_inverse=True)
    shape = (done.n_users, len(known))
    return known.astype(np.int32), library("scipy.sparse", job).csr_matrix((weights, (users, places)), shape=shape)


def _fitted(met: Any, config: AlsConfig, settings: TrainSettings) -> Scores:
    """The factors of the items, float32 [m, f], of a sparse matrix of people by items."""
    with library("threadpoolctl", JOB).threadpool_limits(1, "blas"):  # it has threads of its own
        model = library("implicit.cpu.als", JOB).AlternatingLeastSquares(
            factors=config.factors,
            regularization=config.ridge,
            alpha=config.confidence,
            iterations=config.iterations,
            random_state=settings.seed,
            num_threads=settings.threads,
        )
        model.fit(met, show_progress=False)
    return np.asarray(model.item_factors, np.float32)


def _regression(config: AlsConfig, settings: Settings) -> Regression:
    return Regression(config.confidence, config.ridge, settings.train.half_life_days)
