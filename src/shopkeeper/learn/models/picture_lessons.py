"""How the network of `picture_network.py` learns: pictures and words of the shop's items, some of which are watched."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from shopkeeper.engine.context import Epoch
from shopkeeper.engine.looks import Bytes
from shopkeeper.engine.picture_words import Said
from shopkeeper.learn.models.config import PictureConfig
from shopkeeper.learn.models.lessons import checkpoint_at, seeded
from shopkeeper.learn.models.loop import Loop, Schedule, device_of
from shopkeeper.learn.models.picture_network import Lesson, PictureNetwork
from shopkeeper.settings import TrainSettings
from shopkeeper.vocabulary import Rows, Scores

WATCHED, WATCHED_SHARE = 1_000, 0.1  # items that are not learned from but watched: at most, and of all
RAREST = 4.0  # a word counts for at most so much: what two items in thousands are called is no more than a name

_log = logging.getLogger(__name__)


class Learned(NamedTuple):
    """The graph of the network; where pictures of what each word is said of lie, float32 [t, d]."""

    graph: bytes
    words: Scores


def learned(
    rows: Rows, pixels: Bytes, said: Said, config: PictureConfig, settings: TrainSettings, work: Path | None
) -> Learned:
    """rows int32 [n], of items with pixels uint8 [n, 4, s, s] and words. What is learned is kept in `work`, for
    whoever asks for the same again."""
    with seeded(settings):
        network = PictureNetwork(config.channels, config.width, len(said.hashes)).to(device_of(settings.device))
        teacher = Teacher(rows, pixels, said, config, settings)
        terms = (settings.seed, msgspec.to_builtins(config))
        checkpoint = checkpoint_at(work, "picture", (rows, pixels, said.hashes, said.starts, said.rows), terms)
        schedule = replace(Schedule.of(config, settings), average=0.99)
        loop = Loop(network, schedule, checkpoint)
        network = loop.fit(teacher.batches, PictureNetwork.loss, teacher.watch, _tell).cpu()
        return Learned(network.graph(config.side), network.words.detach().numpy())


def _tell(number: int, epoch: Epoch) -> None:
    _log.info("picture, epoch %d: loss %.3f, %.3f found, %.0f s", number, epoch.loss, epoch.figure, epoch.seconds)


class Teacher:
    def __init__(self, rows: Rows, pixels: Bytes, said: Said, config: PictureConfig, settings: TrainSettings) -> None:
        self._pixels, self._said, self._batch, self._seed = pixels, said, config.batch, settings.seed
        self._device, self._unwatched = device_of(settings.device), 0
        owners = np.repeat(np.arange(len(said.hashes)), np.diff(said.starts))
        order = np.argsort(said.rows, kind="stable")
        self._words, words_of = owners[order], said.rows[order]
        self._starts, self._ends = (np.searchsorted(words_of, rows, side=side) for side in ("left", "right"))
        told = np.flatnonzero(self._ends > self._starts)
        share = min(WATCHED_SHARE, WATCHED / max(len(told), 1))
        hashed = (rows[told].astype(np.uint64) + np.uint64(settings.seed)) * np.uint64(0x9E3779B97F4A7C15)
        watched = (hashed >> np.uint64(40)) < share * 2**24
        self._watched, self._taught = told[watched], told[~watched]

    def batches(self, epoch: int) -> Iterator[Lesson]:
        order = np.random.default_rng((self._seed, epoch)).permutation(self._taught)
        whole = max(self._batch, len(order) - len(order) % self._batch)  # few pictures are too easy to tell apart
        for first in range(0, min(whole, len(order)), self._batch):
            yield self._lesson(order[first : first + self._batch])

    def watch(self, network: PictureNetwork) -> float:
        """Of items that are not learned from: how well what is told of each leads to its picture, among all of them, as
        the mean of 1 / rank; where nothing is watched, the last epoch is the best."""
        if not len(self._watched):
            self._unwatched += 1
            return float(self._unwatched)
        lessons = [
            self._lesson(self._watched[first : first + self._batch])
            for first in range(0, len(self._watched), self._batch)
        ]
        seen = torch.cat([network.reader(lesson.pixels[:, :3]) for lesson in lessons])
        told = torch.cat([network.told(lesson) for lesson in lessons])
        scores = told.float() @ seen.float().T
        ranks: Tensor = (scores >= scores.diagonal()[:, None]).sum(1)
        return float((1.0 / ranks).mean())

    def _lesson(self, at: npt.NDArray[np.int64]) -> Lesson:
        sizes = self._ends[at] - self._starts[at]
        begins = np.cumsum(sizes) - sizes
        places = np.repeat(self._starts[at] - begins, sizes) + np.arange(int(sizes.sum()))
        words = self._words[places]
        parts = (self._pixels[at], words, begins, np.minimum(self._said.rarity[words], RAREST))
        return Lesson(*(torch.from_numpy(np.ascontiguousarray(part)).to(self._device) for part in parts))
