"""The source `visual`: what looks like the items at hand, by what is read of their pictures (`engine/looks.py`).
Nothing is learned, so that ten pictures are as well understood as a million.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa

from shopkeeper.engine.context import Material, ReleaseParts
from shopkeeper.engine.looks import COLOURS, EDGES, OUTLINE, SHARES, look, reading
from shopkeeper.engine.sources.similar import Alike
from shopkeeper.engine.vectors import Vectors
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.vocabulary import Ids, Rows, Scores


class Visual:
    """The recipe."""

    name, learns_from_events, reads_pictures = "visual", False, True
    when = "shops whose exports hold pictures, and whose shoppers go by looks: needs no events"

    def fit(self, material: Material) -> Alike:
        rows, looks = looks_of(material.pictures(), material.catalogue.ids)
        return self._source(Vectors.build(joined(looks), rows, len(material.catalogue)), material.catalogue)

    def load(self, directory: Path, release: ReleaseParts) -> Alike:
        return self._source(Vectors.load(directory), release.catalogue)

    def _source(self, vectors: Vectors, catalogue: Catalogue) -> Alike:
        return Alike(self.name, "looks like", vectors, catalogue)


def looks_of(batches: Iterable[pa.RecordBatch], ids: Ids) -> tuple[Rows, Scores]:
    """The rows int32 [n], ascending, of the items with a picture that can be read, and what is read of it, float32
    [n, COLOURS + EDGES + OUTLINE² + 1]. batches: of schema IMAGES."""
    found = dict(reading(batches, ids, look))
    rows = np.array(sorted(found), np.int32)
    looks = np.empty((len(rows), COLOURS + EDGES + OUTLINE**2 + 1), np.float32)
    for at, row in enumerate(rows.tolist()):
        looks[at] = found.pop(row)
    return rows, looks


def joined(looks: Scores) -> Scores:
    """The same array, each part less what all have in common, by its share."""
    if len(looks):
        looks -= looks.mean(axis=0)
        for part, share in zip(np.split(looks, (COLOURS, COLOURS + EDGES), axis=1), SHARES, strict=True):
            part *= np.sqrt(share) / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-6)
    return looks
