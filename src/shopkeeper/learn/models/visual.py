"""The source `visual`: what looks like the items at hand, by their pictures.

Three things are read of a picture, of what stands before its background: how much there is of each colour; the
directions of edges, cell by cell (histograms of oriented gradients; Dalal and Triggs, "Histograms of Oriented Gradients
for Human Detection", CVPR 2005); and the outline. Nothing is learned, so that ten pictures are as well understood as a
million.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shopkeeper.engine.context import Material, ReleaseParts
from shopkeeper.engine.sources.similar import Alike
from shopkeeper.engine.vectors import Vectors
from shopkeeper.errors import MissingExtraError
from shopkeeper.learn.libraries import library
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.release.images import pictures_of
from shopkeeper.vocabulary import Ids, Mask, Rows, Scores

SIDE, CELL, OUTLINE = 64, 16, 8  # pixels of a picture, of a cell, and of the outline, both ways
HUES, VALUES, GREYS, DIRECTIONS = 12, 3, 4, 9
COLOURS, EDGES = GREYS + HUES * VALUES, DIRECTIONS * (SIDE // CELL) ** 2
SHARES = (0.4, 0.4, 0.2)  # of a vector's squared length: colours, edges, outline
APART = 0.08  # by which a pixel differs from the background, of 1
FEWEST_APART = 0.02  # of the pixels; of a picture with less before its background all is read

Pixels = npt.NDArray[np.float32]

_log = logging.getLogger(__name__)


class Visual:
    """The recipe."""

    name, learns_from_events, reads_pictures = "visual", False, True
    when = "shops whose exports hold pictures, and whose shoppers go by looks: needs no events"

    def fit(self, material: Material) -> Alike:
        """Raises MissingExtraError without Pillow where there are pictures."""
        rows, looks = looks_of(material.pictures(), material.catalogue.ids)
        return self._source(Vectors.build(joined(looks), rows, len(material.catalogue)), material.catalogue)

    def load(self, directory: Path, release: ReleaseParts) -> Alike:
        return self._source(Vectors.load(directory), release.catalogue)

    def _source(self, vectors: Vectors, catalogue: Catalogue) -> Alike:
        return Alike(self.name, "looks like", vectors, catalogue)


def looks_of(batches: Iterable[pa.RecordBatch], ids: Ids) -> tuple[Rows, Scores]:
    """The rows int32 [n], ascending, of the items with a picture that can be read, and what is read of it, float32
    [n, COLOURS + EDGES + OUTLINE² + 1]. batches: of schema IMAGES."""
    found, unread = dict[int, Scores](), 0
    for row, picture in pictures_of(batches, ids):
        try:
            found[row] = look(picture)
        except MissingExtraError:
            raise
        except Exception:  # of what is no picture, or one that is damaged, each reader of Pillow says it its own way
            unread += 1
    if unread:
        _log.warning("%s pictures cannot be read, and are left out.", f"{unread:,}")
    rows = np.array(sorted(found), np.int32)
    looks = np.empty((len(rows), COLOURS + EDGES + OUTLINE**2 + 1), np.float32)
    for at, row in enumerate(rows.tolist()):
        looks[at] = found.pop(row)
    return rows, looks


def look(picture: bytes) -> Scores:
    """float32 [COLOURS + EDGES + OUTLINE² + 1]: shares of colours, edges by cell and direction, outline, and how much
    wider than high it is. Raises what Pillow does for what it cannot read; MissingExtraError."""
    pillow = library("PIL.Image", "reading pictures", needs="pillow")
    image, ratio = _opened(pillow, picture)
    before = _before(np.asarray(image, np.float32) / 255.0)
    down, across = np.flatnonzero(before.any(1)), np.flatnonzero(before.any(0))
    box = (int(across[0]), int(down[0]), int(across[-1]) + 1, int(down[-1]) + 1)
    grey = image.crop(box).resize((SIDE, SIDE)).convert("L")
    outline = pillow.fromarray(before.astype(np.uint8) * 255).crop(box).resize((OUTLINE, OUTLINE))
    wider = np.log(ratio * (box[2] - box[0]) / (box[3] - box[1]))
    parts = (
        _colours(np.asarray(image.convert("HSV"), np.float32)[before] / 255.0),
        _edges(np.asarray(grey, np.float32) / 255.0),
        np.asarray(outline, np.float32).ravel() / 255.0,
        [4.0 * wider],
    )
    return np.concatenate(parts).astype(np.float32)


def _opened(pillow: Any, picture: bytes) -> tuple[Any, float]:
    """RGB, SIDE by SIDE, and how much wider than high it was; what is transparent is white."""
    image = pillow.open(BytesIO(picture))
    image.draft("RGB", (2 * SIDE, 2 * SIDE))  # of a JPEG only as much is read as is needed
    image = library("PIL.ImageOps", "reading pictures", needs="pillow").exif_transpose(image)
    ratio = image.width / image.height
    image = image.convert("RGBA").resize((SIDE, SIDE))
    return pillow.alpha_composite(pillow.new("RGBA", image.size, "white"), image).convert("RGB"), ratio


def _before(pixels: Pixels) -> Mask:
    """bool [SIDE, SIDE]: what differs from the colour that the rim mostly has."""
    rim = np.concatenate((pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]))
    apart = np.abs(pixels - np.median(rim, axis=0)).max(axis=2) > APART
    return np.asarray(apart if apart.mean() >= FEWEST_APART else np.ones_like(apart))


def _colours(pixels: Pixels) -> npt.NDArray[np.float64]:
    """The square root of the share of each colour among pixels [k, 3] of hue, saturation and value."""
    hue, saturation, value = pixels.T
    hues = np.floor(hue * HUES).astype(int) % HUES
    coloured = GREYS + hues * VALUES + np.minimum((value * VALUES).astype(int), VALUES - 1)
    bins = np.where(saturation > 0.2, coloured, np.minimum((value * GREYS).astype(int), GREYS - 1))
    return np.sqrt(np.bincount(bins, minlength=COLOURS) / len(bins))


def _edges(grey: Pixels) -> npt.NDArray[np.float64]:
    """How strongly it changes, by cell and direction, each cell about of length 1."""
    down, across = np.gradient(grey)
    directions = np.minimum((np.arctan2(down, across) % np.pi / np.pi * DIRECTIONS).astype(int), DIRECTIONS - 1)
    cells = np.arange(SIDE) // CELL
    bins = (cells[:, None] * (SIDE // CELL) + cells) * DIRECTIONS + directions
    strengths = np.bincount(bins.ravel(), np.hypot(down, across).ravel(), minlength=EDGES).reshape(-1, DIRECTIONS)
    return np.ravel(strengths / (np.linalg.norm(strengths, axis=1, keepdims=True) + 0.5))


def joined(looks: Scores) -> Scores:
    """The same array, each part less what all have in common, by its share."""
    if len(looks):
        looks -= looks.mean(axis=0)
        for part, share in zip(np.split(looks, (COLOURS, COLOURS + EDGES), axis=1), SHARES, strict=True):
            part *= np.sqrt(share) / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-6)
    return looks
