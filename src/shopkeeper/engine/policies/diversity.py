"""Variety on a shelf: maximal marginal relevance."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from shopkeeper.engine.context import Context
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.settings import Surface
from shopkeeper.vocabulary import Rows, Scores

POOL, PLACES = 200, 60  # variety is sought among the POOL best, for the first PLACES
WEIGHTS = {"category": 0.7, "brand": 0.3}  # what makes two items alike


class Diversity:
    """Reorders the best candidates so that each place weighs relevance against likeness to what stands before it, as
    much as the surface's `diversity` says (Carbonell and Goldstein 1998, "The use of MMR").

    Two items are alike by the categories and the brand they share. Relevance is the score, scaled to [0, 1].
    """

    def __init__(self, catalogue: Catalogue, surfaces: Mapping[str, Surface]) -> None:
        self._catalogue, self._surfaces = catalogue, surfaces

    def order(self, context: Context, rows: Rows, scores: Scores) -> npt.NDArray[np.int64]:
        share = self._surfaces[context.request.surface].diversity
        order = np.arange(len(rows))
        if share == 0.0 or len(rows) < 3:
            return order
        likeness = self.likeness(rows[:POOL])
        chosen = marginal_relevance(scores[:POOL], likeness, share, PLACES)
        return np.concatenate((chosen, np.delete(order, chosen)))

    def likeness(self, rows: Rows) -> Scores:
        """float32 [len(rows), len(rows)] in [0, 1]: cosines of shared labels, weighted by field."""
        likeness = np.zeros((len(rows), len(rows)), np.float32)
        for name, weight in WEIGHTS.items():
            if labels := self._catalogue.labels.get(name):
                owners, codes = labels.of(rows)
                values, columns = np.unique(codes, return_inverse=True)
                has = np.zeros((len(rows), len(values)), np.float32)
                has[owners, columns] = 1.0
                has /= np.maximum(np.linalg.norm(has, axis=1, keepdims=True), 1.0)
                likeness += np.float32(weight) * (has @ has.T)
        return likeness


def marginal_relevance(scores: Scores, likeness: Scores, share: float, places: int) -> npt.NDArray[np.int64]:
    """The positions chosen for the first `places`, in order: int64 [min(places, n)].

    scores float32 [n], any scale; likeness float32 [n, n] in [0, 1]; share in [0, 1] is the weight of variety.
    """
    span = float(scores.max() - scores.min())
    relevance = (scores - scores.min()) / span if span > 0 else np.zeros_like(scores)
    worth, costs = (1.0 - share) * relevance, share * likeness
    cost = np.zeros_like(worth)  # by likeness to the nearest of those chosen
    gain = np.empty_like(worth)
    chosen = np.empty(min(places, len(scores)), np.int64)
    for place in range(len(chosen)):
        np.subtract(worth, cost, out=gain)
        chosen[place] = best = gain.argmax()
        worth[best] = -np.inf
        np.maximum(cost, costs[best], out=cost)
    return chosen
