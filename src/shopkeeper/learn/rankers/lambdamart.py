"""The ranker `lambdamart`: trees that split on whatever tells wanted candidates from the others (`trees.py`)."""

from __future__ import annotations

from collections.abc import Sequence

from shopkeeper.engine.ranking.ranker import Ranker
from shopkeeper.engine.ranking.recipe import Examples
from shopkeeper.learn.libraries import library
from shopkeeper.settings import Settings


class LambdaMart:
    """The recipe."""

    name = "lambdamart"
    when = "some hundred requests or more: trees over all that is known of item, person and moment, in seconds"

    def fit(self, examples: Examples, watched: Examples, names: Sequence[str], settings: Settings) -> Ranker:
        """Raises MissingExtraError without LightGBM."""
        trees = library("shopkeeper.learn.rankers.trees", "fitting the ranker lambdamart", needs="lightgbm")
        fitted: Ranker = trees.fit_trees(examples, watched, names, settings.train)
        return fitted
