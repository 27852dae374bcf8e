"""The source `bpr`: factors by which what a person met stands before what they did not meet, pair by pair (Rendle,
Freudenthaler, Gantner and Schmidt-Thieme, "BPR: Bayesian Personalized Ranking from Implicit Feedback", UAI 2009), by
the library `implicit`.

When it is asked, a person's factors are the mean of those of what they met: a step of the fit moves a person towards
what they met. The regression of `als` does not suit these factors: it wants what was not met to score 0, of which they
know nothing, and with as many factors as tastes and more it finds again what was met and nothing else. The library
gives each item one number more, how much everybody likes it, which is added to every score.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from shopkeeper.engine.configured import Configured
from shopkeeper.engine.context import Material, ReleaseParts
from shopkeeper.engine.sources.factors import Average, Factors
from shopkeeper.learn.libraries import library
from shopkeeper.learn.models.als import met_by_people
from shopkeeper.learn.models.config import BprConfig
from shopkeeper.settings import Settings, TrainSettings
from shopkeeper.vocabulary import Scores

JOB = "fitting the source bpr"


class Bpr(Configured[BprConfig]):
    """The recipe."""

    name, learns_from_events = "bpr", True
    when = "as als, where it only counts what stands before what; mostly here to be beaten"

    config_type = BprConfig

    def fit(self, material: Material) -> Factors:
        """Raises MissingExtraError without `implicit`, SettingsError."""
        config = self.configured(material.settings)
        known, met = met_by_people(material, JOB)
        factors = np.empty((0, config.factors + 1), np.float32)
        if len(known):
            factors = _fitted(met, config, material.settings.train)
        return Factors(self.name, known, factors, material.catalogue, _finding(material.settings))

    def load(self, directory: Path, release: ReleaseParts) -> Factors:
        return Factors.load(self.name, directory, release.catalogue, _finding(release.settings))


def _fitted(met: Any, config: BprConfig, settings: TrainSettings) -> Scores:
    """The factors of the items and what everybody likes of them, float32 [m, f + 1], of a sparse matrix of people by
    items. On one thread: several write over one another, and no two fits would be the same."""
    model = library("implicit.cpu.bpr", JOB).BayesianPersonalizedRanking(
        factors=config.factors,
        learning_rate=config.rate,
        regularization=config.weight_decay,
        iterations=config.iterations,
        random_state=settings.seed,
        num_threads=1,
    )
    model.fit(met, show_progress=False)
    return np.asarray(model.item_factors, np.float32)


def _finding(settings: Settings) -> Average:
    return Average(settings.train.half_life_days)
