"""How a network learns what comes next."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from shopkeeper.engine.context import Course, Material, places_among
from shopkeeper.engine.meaning import Meanings
from shopkeeper.engine.sources.sequence import TextMap
from shopkeeper.learn.models.config import SequenceConfig
from shopkeeper.learn.models.histories import PADDING, Batch, Histories
from shopkeeper.learn.models.lessons import checkpoint_of, learn, seeded
from shopkeeper.learn.models.losses import Drawn, draw, full_softmax, gbce, sampled_softmax
from shopkeeper.learn.models.network import NextItem, Reader, graph_of
from shopkeeper.learn.models.starts import Start, keep, last_kept, pretrained
from shopkeeper.learn.models.watch import watched_of
from shopkeeper.settings import TrainSettings
from shopkeeper.vocabulary import Rows, Scores

_log = logging.getLogger(__name__)


class Fitted(NamedTuple):
    """since: who did nothing from then on was perhaps learned from to the last; inf where everybody was."""

    model: NextItem
    since: float


class Learned(NamedTuple):
    """The graph of the network; the vectors of the known items, float32 [m, d]; how an item that nobody met has one by
    its text; and where a later fit may start."""

    graph: bytes
    vectors: Scores
    text: TextMap | None
    end: Start


def learned(
    name: str,
    network: type[Reader],
    histories: Histories,
    material: Material,
    config: SequenceConfig,
    meanings: Meanings | None = None,
    earlier: Start | None = None,
) -> Learned:
    """By the source `name`. meanings: if items are known by their texts as well; earlier: where the last fit of this
    training ended, on less of the same history. What is learned is kept in `material.work`, for whoever asks for the
    same again. Raises SettingsError for what was learned elsewhere and cannot be read."""
    model, since = fitted(
        name,
        network,
        histories,
        config,
        material.settings.train,
        work=material.work,
        start=_start(name, histories, material, config, earlier),
        meanings=None if meanings is None else _of(histories.known, meanings),
        course=material.course(name),
    )
    end = Start.of(model, histories.known, material.now, min(since, material.now))
    if config.go_on and material.work is not None:
        keep(material.work, name, end, material.catalogue)
    text = None if model.text is None else TextMap(*(part.detach().numpy() for part in model.text.map.parameters()))
    return Learned(graph_of(model.reader, config.width), model.vectors().detach().numpy(), text, end)


def _start(
    name: str, histories: Histories, material: Material, config: SequenceConfig, earlier: Start | None
) -> Start | None:
    """Nothing that knows of the fit's moment or a later one. Without a clock no moment is earlier than another."""
    if config.go_on and material.work is not None and histories.has_clock:
        kept = last_kept(material.work, name, material.now, material.catalogue)
        if kept is not None:
            return kept
    if earlier is None and config.pretrained:
        return pretrained(Path(config.pretrained), f"models.{name}.pretrained")
    return earlier


def _of(known: Rows, meanings: Meanings) -> Scores:
    """float32 [m, e], zeros for an item whose text cannot be read."""
    vectors = np.zeros((len(known), meanings.vectors.shape[1]), np.float32)
    at = places_among(meanings.rows, known)
    vectors[at >= 0] = meanings.vectors[at[at >= 0]]
    return vectors


def fitted(
    name: str,
    network: type[Reader],
    histories: Histories,
    config: SequenceConfig,
    settings: TrainSettings,
    *,
    work: Path | None = None,
    start: Start | None = None,
    meanings: Scores | None = None,
    course: Course = Course(),  # noqa: B008 - nothing can change it
) -> Fitted:
    """work: a folder for checkpoints; meanings: float32 [m, e], zeros where there is none."""
    with seeded(settings):
        told = None if meanings is None else torch.from_numpy(meanings)
        model = NextItem(len(histories.known), network(config, histories.has_clock), config.width, told)
        if start is not None and not start.fits(model):
            _log.warning("What %s learned before is of another width or shape; it learns from the beginning.", name)
            start = None
        if start is not None:
            start.given_to(model, histories.known)
        since = -math.inf if start is None else start.since
        watched = watched_of(histories, settings.seed, since)
        begun = () if start is None else (start.known, *(weight.numpy() for weight in start.weights.values()))
        arrays = begun if meanings is None else (meanings, *begun)
        learn(
            model,
            Teacher(histories.without_last(watched), config, settings.seed),
            histories,
            watched,
            config,
            settings,
            length=config.length,
            course=course,
            checkpoint=checkpoint_of(work, name, histories, arrays, (config, settings.shaping, since)),
            hurry=1 if start is None or start.elsewhere else 3,
        )
        return Fitted(model, since if len(watched) else math.inf)


class Teacher:
    """Batches, and how wrong a model is about them."""

    def __init__(self, histories: Histories, config: SequenceConfig, seed: int) -> None:
        self._histories, self._config, self._seed = histories, config, seed
        softmax = config.loss == "softmax"
        self._all = softmax and len(histories.known) < config.all_items_below
        # Of a million items a step changes those alone that it needs, where optimiser and loss leave the others alone.
        self._by_rows = softmax and config.optimiser == "adamw" and not config.l1
        self._loss = sampled_softmax if softmax else partial(gbce, calibration=config.calibration)
        often = np.bincount(histories.items, minlength=len(histories.known)) + 1.0
        self._frequency = torch.from_numpy(often if softmax else np.ones_like(often))
        self._generator = torch.Generator()

    def batches(self, epoch: int) -> Iterator[Batch]:
        self._generator.manual_seed(self._seed + epoch)
        generator = np.random.default_rng((self._seed, epoch))
        return self._histories.batches(self._config.length, self._config.batch, generator)

    def loss(self, model: NextItem, batch: Batch) -> Tensor:
        sharpness, on = model.sharpness.exp(), model.items.device
        if self._all:
            vectors = model.vectors()
            wanted, targets = model.lesson(batch, vectors)  # (n, d), (n)
            return full_softmax(wanted, vectors, targets, sharpness)
        drawn, rows = draw(self._frequency, self._config.negatives, self._generator), None
        if self._by_rows:
            rows, batch, drawn = _among(batch, drawn)
        vectors = model.vectors(None if rows is None else rows.to(on))
        wanted, targets = model.lesson(batch, vectors)  # (n, d), (n)
        return self._loss(wanted, vectors, targets, sharpness, Drawn(*(part.to(on) for part in drawn)))


def _among(batch: Batch, drawn: Drawn) -> tuple[Tensor, Batch, Drawn]:
    """The items int64 [k] that have a part in a step, ascending, and the same batch and draw with places among them."""
    there, others = batch.items != PADDING, drawn.rows.to("cpu").numpy()
    rows, at = np.unique(np.append(batch.items[there], others), return_inverse=True)
    items = np.full_like(batch.items, PADDING)
    items[there] = at[: -len(others)]
    return (
        torch.from_numpy(rows),
        batch._replace(items=items),
        Drawn(torch.from_numpy(at[-len(others) :]), drawn.expected),
    )
