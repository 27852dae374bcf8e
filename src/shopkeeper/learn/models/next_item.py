"""How a network learns what comes next."""

from __future__ import annotations

import hashlib
import itertools
import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import torch
from torch import Tensor

from shopkeeper import __version__
from shopkeeper.engine.context import Material, places_among
from shopkeeper.engine.meaning import Meanings
from shopkeeper.engine.sources.sequence import TextMap
from shopkeeper.learn.models.config import SequenceConfig
from shopkeeper.learn.models.histories import Batch, Histories, Places
from shopkeeper.learn.models.loop import Epoch, Loop, Schedule
from shopkeeper.learn.models.losses import draw, full_softmax, gbce, sampled_softmax
from shopkeeper.learn.models.network import NextItem, Reader, graph_of
from shopkeeper.learn.models.starts import Start, keep, last_kept, pretrained
from shopkeeper.settings import TrainSettings
from shopkeeper.vocabulary import Rows, Scores

_log = logging.getLogger(__name__)

WATCHED, WATCHED_SHARE = 2_000, 0.1  # people whose last event is not learned from but watched: at most, and of all
FEWEST_WATCHED = 20
AT_ONCE = 256  # people that are watched together
K = 10
KEPT = 3  # checkpoints: a training fits three times
FORMAT = 2  # of what is learned and how: another number learns everything again
UNWATCHED = 20  # epochs where there are too few people to watch any


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
    model = fitted(
        name,
        network,
        histories,
        config,
        material.settings.train,
        work=material.work,
        start=_start(name, histories, material, config, earlier),
        meanings=None if meanings is None else _of(histories.known, meanings),
    )
    end = Start.of(model, histories.known, material.now)
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
) -> NextItem:
    """work: a folder for checkpoints; meanings: float32 [m, e], zeros where there is none."""
    with _seeded(settings):
        told = None if meanings is None else torch.from_numpy(meanings)
        model = NextItem(len(histories.known), network(config, histories.has_clock), config.width, told)
        if start is not None and not start.fits(model):
            _log.warning("What %s learned before is of another width or shape; it learns from the beginning.", name)
            start = None
        if start is not None:
            start.given_to(model, histories.known)
        watched = _watched(histories, settings.seed, -math.inf if start is None else start.since)
        taught = histories.without_last(watched)
        teacher = Teacher(taught, config, settings.seed)
        hurry = 1 if start is None or start.elsewhere else 3  # most is known
        schedule = Schedule(
            rate=config.rate,
            decay=config.weight_decay,
            epochs=config.epochs if len(watched) else min(config.epochs, UNWATCHED // hurry),
            patience=max(1, config.patience // hurry),
            seconds=60.0 * settings.budget_minutes,
            seed=settings.seed,
        )
        # Where nobody is watched, the last epoch counts as the best.
        later = itertools.count()
        watch = Watch(taught, watched, histories, config.length) if len(watched) else lambda _: float(next(later))
        kept = None
        if work is not None:
            terms = (config, settings, None if start is None else start.now)
            kept = _checkpoint(work, name, histories, meanings, terms)
        return Loop(model, schedule, kept).fit(teacher.batches, teacher.loss, watch, _tell)


def _checkpoint(work: Path, name: str, histories: Histories, meanings: Scores | None, terms: tuple[Any, ...]) -> Path:
    """A file for just these histories and terms; of others, the few that were used last stay."""
    told = hashlib.sha256(msgspec.json.encode((FORMAT, __version__, str(torch.__version__), *terms)))
    of_items = () if meanings is None else (meanings,)
    for array in (histories.items, histories.codes, histories.times, histories.starts, histories.known, *of_items):
        told.update(np.ascontiguousarray(array).data)
    checkpoint = work / f"{name}-{told.hexdigest()[:16]}.pt"
    if checkpoint.exists():
        checkpoint.touch()
    others = {*work.glob(f"{name}-*.pt")} - {checkpoint}
    for old in sorted(others, key=lambda path: path.stat().st_mtime)[: 1 - KEPT]:
        old.unlink()
    for half in work.glob(f"{name}-*.unfinished"):
        half.unlink()
    return checkpoint


@contextmanager
def _seeded(settings: TrainSettings) -> Iterator[None]:
    """As many threads as the settings say, and chance that nothing else has a part in."""
    before = torch.get_num_threads()
    torch.set_num_threads(settings.threads)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            yield
    finally:
        torch.set_num_threads(before)


def _watched(histories: Histories, seed: int, since: float = -math.inf) -> Places:
    """Some people, int64 [k], ascending: nobody in a shop of so few that chance would decide. Who was not watched in a
    fit of less is not watched in one of more either, so that nobody is watched for what an earlier fit has learned; and
    nobody who did nothing `since`."""
    could = np.ones(len(histories), np.bool_)
    if since > -math.inf:
        could = histories.times[histories.starts[1:] - 1] >= since
    share = min(WATCHED_SHARE, WATCHED / max(1, int(could.sum())))
    hashed = (histories.people.astype(np.uint64) + np.uint64(seed)) * np.uint64(0x9E3779B97F4A7C15)
    watched = np.flatnonzero(could & ((hashed >> np.uint64(40)) < share * 2**24))
    return watched if len(watched) >= FEWEST_WATCHED else watched[:0]


def _tell(number: int, epoch: Epoch) -> None:
    _log.info("Epoch %d: loss %.4f, NDCG@%d %.4f, %.0f s.", number, epoch.loss, K, epoch.figure, epoch.seconds)


class Teacher:
    """Batches, and how wrong a model is about them."""

    def __init__(self, histories: Histories, config: SequenceConfig, seed: int) -> None:
        self._histories, self._config, self._seed = histories, config, seed
        softmax = config.loss == "softmax"
        self._all = softmax and len(histories.known) < config.all_items_below
        self._loss = sampled_softmax if softmax else partial(gbce, calibration=config.calibration)
        often = np.bincount(histories.items, minlength=len(histories.known)) + 1.0
        self._frequency = torch.from_numpy(often if softmax else np.ones_like(often))
        self._generator = torch.Generator()

    def batches(self, epoch: int) -> Iterator[Batch]:
        self._generator.manual_seed(self._seed + epoch)
        generator = np.random.default_rng((self._seed, epoch))
        return self._histories.batches(self._config.length, self._config.batch, generator)

    def loss(self, model: NextItem, batch: Batch) -> Tensor:
        vectors, sharpness = model.vectors(), model.sharpness.exp()
        wanted, targets = model.lesson(batch, vectors)  # (n, d), (n)
        if self._all:
            return full_softmax(wanted, vectors, targets, sharpness)
        drawn = draw(self._frequency, self._config.negatives, self._generator)
        return self._loss(wanted, vectors, targets, sharpness, drawn)


class Watch:
    """NDCG of what people did last, among all items but those that they had met."""

    def __init__(self, known: Histories, people: Places, histories: Histories, length: int) -> None:
        self._known, self._people, self._length = known, people, length
        self._targets = histories.items[histories.starts[people + 1] - 1]

    def __call__(self, model: NextItem) -> float:
        vectors, gains = model.vectors(), 0.0
        for first in range(0, len(self._people), AT_ONCE):
            people = self._people[first : first + AT_ONCE]
            wanted = model.answers(self._known.last(people, self._length), vectors)
            with torch.autocast("cpu", enabled=False):  # which is how it is served, and tells near scores apart
                scores = wanted.float() @ vectors.float().T
            gains += self._gains(scores, people, torch.from_numpy(self._targets[first : first + AT_ONCE]).long())
        return gains / max(len(self._people), 1)

    def _gains(self, scores: Tensor, people: Places, targets: Tensor) -> float:
        """scores (k, m). Of items that score alike the wanted one counts as the last, and so where none is a number."""
        met = self._known
        of = np.repeat(np.arange(len(people)), met.starts[people + 1] - met.starts[people])
        places = np.concatenate([met.items[met.starts[one] : met.starts[one + 1]] for one in people])
        right = scores.gather(1, targets[:, None])
        scores[torch.from_numpy(of), torch.from_numpy(places).long()] = -torch.inf
        scores.scatter_(1, targets[:, None], -torch.inf)
        ranks = (~(scores < right)).sum(1)
        return float(torch.where(ranks < K, 1.0 / torch.log2(ranks + 2.0), 0.0).sum())
