"""The recipe of the source `picture` (`engine/sources/picture.py`): an eye, and what it sees of the shop's pictures."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from shopkeeper.data.scratch import Scratch
from shopkeeper.engine.configured import Configured
from shopkeeper.engine.context import Material, ReleaseParts
from shopkeeper.engine.encoder import Encoder
from shopkeeper.engine.eye import SHAPES, Eye
from shopkeeper.engine.graph import Graph
from shopkeeper.engine.item_terms import hash_of
from shopkeeper.engine.looks import COLOURS, SIDE, Bytes, colours, look, pixels, reading
from shopkeeper.engine.picture_words import Said
from shopkeeper.engine.sources.picture import PictureSource, Sense, tints_of
from shopkeeper.engine.vectors import Vectors
from shopkeeper.learn.libraries import check_device, library
from shopkeeper.learn.models.config import PictureConfig
from shopkeeper.settings import Settings
from shopkeeper.vocabulary import Rows, Scores

FEWEST = 200  # pictures to train a network on
AT_ONCE = 64  # pictures that are seen together
SAMPLE = 5_000  # pictures that tell what all have in common

_log = logging.getLogger(__name__)


class _Sight(NamedTuple):
    """shapes, encoder: as `Sense` has them."""

    eye: Eye
    shapes: Scores | None = None
    encoder: Encoder | None = None


class Picture(Configured[PictureConfig]):
    """The recipe."""

    name, config_type = "picture", PictureConfig
    learns_from_events, reads_pictures = False, True
    when = "search by picture, for shops whose exports hold pictures; see [models.picture]"
    job = "fitting the source picture"

    def check(self, settings: Settings) -> None:
        """Raises SettingsError for what the fit would refuse, MissingExtraError."""
        if self.configured(settings).model == "trained":
            check_device(settings.train, self.job)

    def fit(self, material: Material) -> PictureSource:
        """Raises MissingExtraError without PyTorch, where a network is trained or exported; SettingsError where there
        is no such model."""
        config, said = self.configured(material.settings), Said.of(material.items)
        if config.model == "none":
            material = replace(material, pictures=lambda: iter(()))
        if config.model in ("plain", "none"):
            sight = _Sight(_plain(material))
        elif config.model == "trained":
            sight = self._trained(material, said, config)
        else:
            sight = self._pretrained(material, config)
        rows, vectors = _seen(material, sight.eye)
        tints = tints_of(said, rows, vectors[:, -COLOURS:])
        held = Vectors.build(vectors, rows, len(material.catalogue))
        return PictureSource(sight.eye, held, said, Sense(tints, sight.shapes, sight.encoder), material.catalogue)

    def load(self, directory: Path, release: ReleaseParts) -> PictureSource:
        return PictureSource.load(directory, release)

    def _trained(self, material: Material, said: Said, config: PictureConfig) -> _Sight:
        rows, read = _some(material, config.side, config.pictures)
        if len(rows) < FEWEST:
            _log.warning("%d pictures are too few to train a network on: they are read plainly.", len(rows))
            return _Sight(_plain(material))
        lessons = library("shopkeeper.learn.models.picture_lessons", self.job, needs="torch")
        graph, words = lessons.learned(rows, read, said, config, material.settings.train, material.work)
        return _Sight(Eye(Graph(graph), config.side, _mean(read)), words)

    def _pretrained(self, material: Material, config: PictureConfig) -> _Sight:
        exporting = library("shopkeeper.learn.models.picture_export", self.job, needs="torch")
        if material.work is None:
            self._scratch = Scratch()  # as long as this, since a source copies its encoder from there
        folder = self._scratch.path if material.work is None else material.work / self.name / "text"
        graph, side, encoder = exporting.exported_model(config, folder, material.settings.train.threads)
        _, read = _some(material, SIDE, SAMPLE)
        return _Sight(Eye(Graph(graph), side, _mean(read)), encoder=encoder)


def _plain(material: Material) -> Eye:
    looks = [each for _, each in reading(_sample(material, SAMPLE), material.catalogue.ids, look)]
    return Eye(None, SIDE, np.mean(looks, axis=0) if looks else np.zeros(COLOURS + SHAPES, np.float32))


def _some(material: Material, side: int, most: int) -> tuple[Rows, Bytes]:
    """rows int32 [n], ascending, of about `most` items with a picture that can be read; uint8 [n, 4, side, side]."""
    read = dict(reading(_sample(material, most), material.catalogue.ids, partial(pixels, side=side)))
    rows = np.array(sorted(read), np.int32)
    there = np.empty((len(rows), 4, side, side), np.uint8)
    for at, row in enumerate(rows.tolist()):
        there[at] = read.pop(row)
    return rows, there


def _sample(material: Material, most: int) -> Iterator[pa.RecordBatch]:
    """The pictures of items whose hash falls into the share that `most` is of all items."""
    limit = most / max(len(material.catalogue), 1) * 2**32
    for batch in material.pictures():
        yield batch.filter(
            pa.array([hash_of(item) < limit for item in batch.column("item_id").to_pylist()], pa.bool_())
        )


def _mean(read: Bytes) -> Scores:
    """float32 [COLOURS], of what `pixels` gave: of SAMPLE pictures of many."""
    tints = [colours(each) for each in read[:: max(1, len(read) // SAMPLE)]]
    return np.mean(tints, axis=0) if tints else np.zeros(COLOURS, np.float32)


def _seen(material: Material, eye: Eye) -> tuple[Rows, Scores]:
    """rows int32 [n], ascending, of the items with a picture that can be read, and their vectors, float32 [n, d]."""
    rows, vectors = list[int](), list[Scores]()
    some = reading(material.pictures(), material.catalogue.ids, eye.read)
    while together := list(islice(some, AT_ONCE)):
        rows.extend(row for row, _ in together)
        vectors.append(eye.vectors([read for _, read in together]))
    if not rows:
        return np.empty(0, np.int32), np.empty((0, COLOURS + 1), np.float32)
    order = np.argsort(rows)
    return np.array(rows, np.int32)[order], np.concatenate(vectors)[order]
