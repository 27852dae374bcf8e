"""The source `item_knn`: items that the same people met, whatever the order, near or far (Sarwar, Karypis, Konstan and
Riedl, "Item-Based Collaborative Filtering Recommendation Algorithms", WWW 2001), found by the library `implicit`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from shopkeeper.engine.context import Material
from shopkeeper.engine.sources.together import FromNeighbours, Neighbours, Together
from shopkeeper.learn.libraries import library
from shopkeeper.learn.models.als import met_by_people
from shopkeeper.learn.models.config import ItemKnnConfig
from shopkeeper.release.fields import starts_of
from shopkeeper.vocabulary import Rows

JOB = "fitting the source item_knn"
ROUNDING = 1e-5  # of float32, in which interest is held


class ItemKnn(FromNeighbours[ItemKnnConfig]):
    """The recipe."""

    name, learns_from_events = "item_knn", True
    when = "as what others have to beat: neighbours by cosine or Pearson, whatever the order, near or far"

    config_type = ItemKnnConfig
    reason = "met together"

    def fit(self, material: Material) -> Together:
        """Raises MissingExtraError without `implicit`, SettingsError."""
        config = self.configured(material.settings)
        known, met = met_by_people(material, JOB)
        links = _nearest(met, config, material.settings.train.threads)
        if config.likeness == "pearson" and len(links.items):
            links = _centred(links, met, config.shrinkage)
        return self.source(_neighbours(links, known, len(material.catalogue)), material.catalogue, material.settings)


class Links(NamedTuple):
    """items, others int32 [l]: columns of what was met, ordered; likeness float64 [l]."""

    items: Rows
    others: Rows
    likeness: npt.NDArray[np.float64]


def _nearest(met: Any, config: ItemKnnConfig, threads: int) -> Links:
    """The nearest of each item by the cosine of the columns of `met`, the items, with shrinkage; not itself."""
    if not met.nnz:
        nothing = np.empty(0, np.int32)
        return Links(nothing, nothing, np.empty(0))
    lengths = np.sqrt(_squares(met) + config.shrinkage)
    scaled = met.multiply(1.0 / lengths).tocsr().astype(np.float64)
    knn = library("implicit.nearest_neighbours", JOB).all_pairs_knn
    found = knn(scaled, min(config.neighbours + 1, met.shape[1]), show_progress=False, num_threads=threads)
    kept = np.flatnonzero((found.row != found.col) & (found.data > 0))  # of few events most places are empty
    kept = kept[np.lexsort((found.col[kept], found.row[kept]))]
    return Links(found.row[kept], found.col[kept], found.data[kept])


def _centred(links: Links, met: Any, shrinkage: float) -> Links:
    """The same links by the correlation of two items over all people, where it is positive, and more than rounding."""
    people, means, squares = met.shape[0], np.asarray(met.mean(axis=0), np.float64).ravel(), _squares(met)
    products = links.likeness * np.sqrt((squares + shrinkage)[links.items] * (squares + shrinkage)[links.others])
    shared = products - people * means[links.items] * means[links.others]
    spread = np.sqrt(np.maximum(squares - people * means**2, 0.0) + shrinkage)
    kept = shared > ROUNDING * products
    links = Links(links.items[kept], links.others[kept], shared[kept])
    return links._replace(likeness=links.likeness / (spread[links.items] * spread[links.others]))


def _squares(met: Any) -> npt.NDArray[np.float64]:
    """float64 [m]: the sum of squares of each column."""
    return np.asarray(met.multiply(met).sum(axis=0), np.float64).ravel()


def _neighbours(links: Links, known: Rows, n_items: int) -> Neighbours:
    lengths = np.bincount(known[links.items], minlength=n_items)
    return Neighbours(starts_of(lengths), known[links.others], links.likeness.astype(np.float32))
