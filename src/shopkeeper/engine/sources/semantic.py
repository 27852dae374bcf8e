"""What means the same as the query, whatever its words: cosine of sentence vectors (Reimers & Gurevych, 2019)."""

from __future__ import annotations

import copy
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from shopkeeper.engine.context import Candidates, Context, Material, ReleaseParts
from shopkeeper.engine.encoder import Encoder
from shopkeeper.engine.vectors import Vectors
from shopkeeper.vocabulary import Rows, Scores

# Nonsense shall find nothing: the nearest item must be as near as convinces the encoder, the others not far behind it.
FLOOR, SHARE_OF_BEST = 5 / 7, 0.6  # of what is convincing, of the nearest
_MAX_QUERY_CHARACTERS = 500
_REMEMBERED = 4096  # vectors of queries of late: six megabytes


class SemanticSource:
    """Silent without an encoder, without a query, and for a query the encoder cannot read."""

    name = "semantic"
    reads_meaning = True  # so that it is updated again when an item's meaning is known

    def __init__(self, vectors: Vectors, encoder: Encoder | None, max_unknown_share: float) -> None:
        self.vectors = vectors
        self._convincing = encoder.convincing if encoder else 0.0
        self._vector = lru_cache(maxsize=_REMEMBERED)(partial(_encode, encoder, max_unknown_share))

    def retrieve(self, context: Context, limit: int) -> Candidates:
        vector = self.vector(context.meant)
        if vector is None or not len(self.vectors):
            return Candidates.none()
        rows, scores = self.vectors.search(vector, limit, context.allowed)
        best = float(scores.max(initial=0.0))
        if best < self._convincing:
            return Candidates.none()
        near = scores >= max(FLOOR * self._convincing, SHARE_OF_BEST * best)
        return Candidates(rows[near], scores[near])

    def vector(self, query: str) -> Scores | None:
        """What the query means: float32 [d], of length 1; None for what cannot be read."""
        return self._vector(" ".join(query[:_MAX_QUERY_CHARACTERS].split()))

    def reason(self, context: Context, row: int) -> str:  # noqa: ARG002
        return f"close in meaning to “{' '.join(context.meant[:60].split())}”"

    def updated(self, changed: Material, rows: Rows) -> SemanticSource:
        if changed.meanings is None or not len(self.vectors):
            return self
        vectors = np.zeros((len(rows), self.vectors.dimension), np.float32)
        vectors[changed.meanings.rows] = changed.meanings.vectors
        newer = copy.copy(self)  # which remembers the same queries
        newer.vectors = self.vectors.updated(vectors, rows, len(changed.catalogue))
        return newer

    def lookups(self) -> tuple[int, int]:
        """How many queries were encoded before, and how many were not."""
        vectors = self._vector.cache_info()
        return vectors.hits, vectors.misses

    def save(self, directory: Path) -> None:
        self.vectors.save(directory)


def _encode(encoder: Encoder | None, max_unknown_share: float, query: str) -> Scores | None:
    """float32 [d], or None for what the encoder cannot read."""
    if encoder is None or encoder.unknown_shares([query])[0] > max_unknown_share:
        return None
    vector: Scores = encoder.encode([query])[0]
    return vector


class Semantic:
    """The recipe of SemanticSource."""

    name = "semantic"
    learns_from_events = False
    when = "queries in other words than the catalogue's"

    def fit(self, material: Material) -> SemanticSource:
        meanings = material.meanings
        if meanings is None:
            vectors = Vectors.build(np.empty((0, 1), np.float32), np.empty(0, np.int32), len(material.catalogue))
        else:
            vectors = Vectors.build(meanings.vectors, meanings.rows, len(material.catalogue))
        return SemanticSource(vectors, material.encoder, material.settings.encoder.max_unknown_share)

    def load(self, directory: Path, release: ReleaseParts) -> SemanticSource:
        return SemanticSource(Vectors.load(directory), release.encoder, release.settings.encoder.max_unknown_share)
