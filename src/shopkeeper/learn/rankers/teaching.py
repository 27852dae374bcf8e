"""How a network learns the order of the candidates, and the graph that serves it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from shopkeeper.engine.context import Epoch
from shopkeeper.engine.ranking.ranker import Ranker
from shopkeeper.engine.ranking.recipe import Examples
from shopkeeper.learn.metrics import ndcg
from shopkeeper.learn.models.export import exported
from shopkeeper.learn.models.lessons import seeded
from shopkeeper.learn.models.loop import Loop, Schedule
from shopkeeper.learn.rankers.config import NetworkConfig
from shopkeeper.learn.rankers.networks import Lesson
from shopkeeper.settings import TrainSettings
from shopkeeper.vocabulary import Scores

_log = logging.getLogger(__name__)

K = 10
AT_ONCE = 16_384  # candidates that are watched together


def fitted_ranker(
    network: Callable[[Examples, Any], nn.Module],
    examples: Examples,
    watched: Examples,
    names: Sequence[str],
    config: NetworkConfig,
    settings: TrainSettings,
) -> Ranker:
    """What `network` makes of `examples`, stopped when the order of `watched` gets no better."""
    model = fitted(network, examples, watched, config, settings)
    return Ranker(graph_of(model, len(names)), names)


def fitted(
    network: Callable[[Examples, Any], nn.Module],
    examples: Examples,
    watched: Examples,
    config: NetworkConfig,
    settings: TrainSettings,
) -> nn.Module:
    def watch(model: nn.Module) -> float:
        with torch.autocast("cpu", enabled=False):  # which is how it is served
            scores = [model(part).numpy() for part in torch.split(torch.from_numpy(watched.features), AT_ONCE)]
        return mean_ndcg(np.concatenate(scores), watched)

    with seeded(settings):
        lessons = Lessons(examples, config.batch, settings.seed)
        return Loop(network(examples, config), Schedule.of(config, settings)).fit(lessons, _loss, watch, _tell)


def graph_of(model: nn.Module, n_features: int) -> bytes:
    """As a graph of ONNX: features float32 [n, F] → scores float32 [n]."""
    axes = {"features": {0: "n"}, "scores": {0: "n"}}
    return exported(model, {"features": torch.zeros(2, n_features)}, axes, "scores")


def mean_ndcg(scores: Scores, examples: Examples) -> float:
    """Of the first K of each request, of what the examples hold of it."""
    requests, starts = np.repeat(np.arange(len(examples)), examples.sizes), np.cumsum(examples.sizes) - examples.sizes
    best = [
        _by_request(examples.labels, np.lexsort((-key, requests)), starts, examples.sizes)
        for key in (scores, examples.labels)
    ]
    return float(ndcg(*best).mean())


def _by_request(
    labels: Scores,
    order: npt.NDArray[np.int64],
    starts: npt.NDArray[np.int64],
    sizes: npt.NDArray[np.int64],
) -> Scores:
    """The first K labels of each request in that order, float32 [requests, K], padded with 0."""
    places = starts[:, None] + np.arange(K)
    there = np.arange(K) < sizes[:, None]
    return np.where(there, labels[order[np.where(there, places, 0)]], 0).astype(np.float32)


class Lessons:
    """The requests of an epoch, mixed."""

    def __init__(self, examples: Examples, batch: int, seed: int) -> None:
        self._examples, self._batch, self._seed = examples, batch, seed
        self._ends = np.cumsum(examples.sizes)

    def __call__(self, epoch: int) -> Iterator[Lesson]:
        mixed = np.random.default_rng((self._seed, epoch)).permutation(len(self._examples))
        for first in range(0, len(mixed), self._batch):
            yield self._lesson(mixed[first : first + self._batch])

    def _lesson(self, requests: npt.NDArray[np.int64]) -> Lesson:
        sizes, ends = self._examples.sizes[requests], self._ends[requests]
        rows = np.concatenate([np.arange(end - size, end) for end, size in zip(ends, sizes, strict=True)])
        return Lesson(
            torch.from_numpy(self._examples.features[rows]),
            torch.from_numpy(self._examples.labels[rows]).float(),
            torch.from_numpy(sizes),
            torch.from_numpy(self._examples.weights[requests]),
        )


def _loss(model: nn.Module, lesson: Lesson) -> Tensor:
    return cast(Any, model).loss(lesson)  # type: ignore[no-any-return]


def _tell(number: int, epoch: Epoch) -> None:
    _log.info("Epoch %d: loss %.4f, NDCG@%d %.4f, %.0f s.", number, epoch.loss, K, epoch.figure, epoch.seconds)
