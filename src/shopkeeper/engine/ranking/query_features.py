"""What the ranker of a search sees besides: how each candidate stands to the query, and to what the query finds first.

The first results tell what kind of thing is asked for, though nobody said so (pseudo relevance feedback; Lavrenko &
Croft, "Relevance-based language models", SIGIR 2001): of which categories and brands they are, what is written of them,
what they mean, what they cost.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from shopkeeper.engine.context import Context
from shopkeeper.engine.query_match import MATCH_FEATURES
from shopkeeper.engine.ranking.features import Columns, affinity, price_gap
from shopkeeper.engine.ranking.fusion import Pool, fuse
from shopkeeper.engine.text_match import TermFields, Terms
from shopkeeper.engine.vectors import Vectors
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.vocabulary import Rows, Scores

FIRST = 10  # results that tell what kind of thing is asked for
FUSED = "fused"
FEEDBACK_FEATURES = (
    FUSED,  # the place that the sources give the item together, by reciprocal ranks
    "meaning",  # the cosine of the query and the item's text
    "top_meaning",  # of the item and the mean of the first results
    "top_terms",  # the share of their words, weighed by rarity, that the item has
    "top_category",  # of their weight, what shares the item's categories
    "top_brand",
    "top_price",  # the logarithm of the item's price over theirs
    "price_place",  # the share of the candidates that are cheaper
    "available",
)
QUERY_FEATURES = (*MATCH_FEATURES, *FEEDBACK_FEATURES)


class Words(Protocol):
    """What finds items by words (engine/sources/lexical.py)."""

    @property
    def terms(self) -> TermFields: ...

    def match_features(self, context: Context, rows: Rows, held: Terms) -> Scores: ...


class Meaning(Protocol):
    """What finds items by meaning (engine/sources/semantic.py)."""

    vectors: Vectors

    def vector(self, query: str) -> Scores | None: ...


def query_features(context: Context, pool: Pool, catalogue: Catalogue, words: Words, meaning: Meaning | None) -> Scores:
    """float32 [n, len(QUERY_FEATURES)] of the pool's n rows; all of the pool, as some depend on the others."""
    rows, n = pool.rows, len(pool.rows)
    fused = fuse(pool, {})
    first = np.argsort(-fused, kind="stable")[:FIRST]
    liked, weights = rows[first], fused[first]
    held = words.terms.terms_of(rows)
    columns: Columns = {
        FUSED: fused,
        **_meanings(context, rows, liked, weights, meaning),
        "top_terms": words.terms.likeness(held, liked, weights),
        "top_price": price_gap(catalogue, liked, weights, rows),
        "price_place": _places(catalogue.prices[rows]),
        "available": catalogue.available[rows].astype(np.float32),
    }
    for name in ("category", "brand"):
        labels = catalogue.labels.get(name)
        own = None if labels is None else labels.of(rows)
        columns[f"top_{name}"] = np.nan if labels is None or own is None else affinity(labels, own, liked, weights, n)
    matrix = np.empty((n, len(QUERY_FEATURES)), np.float32)
    matrix[:, : len(MATCH_FEATURES)] = words.match_features(context, rows, held)
    for at, name in enumerate(FEEDBACK_FEATURES, start=len(MATCH_FEATURES)):
        matrix[:, at] = columns[name]
    return matrix


def _meanings(context: Context, rows: Rows, liked: Rows, weights: Scores, meaning: Meaning | None) -> Columns:
    columns: Columns = {"meaning": np.nan, "top_meaning": np.nan}
    if meaning is None or not len(meaning.vectors) or not len(rows):
        return columns
    vectors, asked = meaning.vectors.of(rows), meaning.vector(context.meant)
    wanted = vectors[np.searchsorted(rows, liked)].T @ weights
    length = float(np.linalg.norm(wanted))
    both = np.stack([wanted / max(length, 1e-9), asked if asked is not None else np.zeros_like(wanted)], axis=1)
    cosines = vectors @ both
    cosines[~meaning.vectors.has(rows)] = np.nan
    if length:
        columns["top_meaning"] = cosines[:, 0]
    if asked is not None:
        columns["meaning"] = cosines[:, 1]
    return columns


def _places(prices: Scores) -> Scores:
    """float32 [n]: the share of the known prices that are lower."""
    known = np.sort(prices[np.isfinite(prices)])
    places: Scores = np.full(len(prices), np.nan, np.float32)
    finite = np.isfinite(prices)
    places[finite] = np.searchsorted(known, prices[finite]) / max(len(known), 1)
    return places
