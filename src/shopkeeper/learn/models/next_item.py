"""How a transformer learns what comes next."""

from __future__ import annotations

import hashlib
import itertools
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import torch
from torch import Tensor

from shopkeeper import __version__
from shopkeeper.engine.context import places_among
from shopkeeper.learn.models.config import SasRecConfig
from shopkeeper.learn.models.histories import Batch, Histories, Places
from shopkeeper.learn.models.loop import Epoch, Loop, Schedule
from shopkeeper.learn.models.losses import draw, full_softmax, sampled_softmax
from shopkeeper.learn.models.transformer import Shape, Transformer, graph_of
from shopkeeper.settings import TrainSettings
from shopkeeper.vocabulary import Rows, Scores

_log = logging.getLogger(__name__)

WATCHED, WATCHED_SHARE = 2_000, 0.1  # people whose last event is not learned from but watched: at most, and of all
FEWEST_WATCHED = 20
AT_ONCE = 256  # people that are watched together
K = 10
KEPT = 3  # checkpoints: a training fits three times
FORMAT = 1  # of what is learned and how: another number learns everything again
UNWATCHED = 20  # epochs where there are too few people to watch any


class Start(NamedTuple):
    """Where an earlier fit ended, on less of the same history: its weights, by name, and the rows of its items."""

    weights: dict[str, Tensor]
    known: Rows


class Learned(NamedTuple):
    """The graph of the network; the vectors of the known items, float32 [m, d]; and where a later fit may start."""

    graph: bytes
    vectors: Scores
    start: Start


def learned(
    histories: Histories,
    config: SasRecConfig,
    settings: TrainSettings,
    work: Path | None = None,
    start: Start | None = None,
) -> Learned:
    """work: a folder in which what was learned so far is kept, for whoever asks for the same again."""
    model = fitted(histories, config, settings, work, start)
    weights = {name: weight.detach().clone() for name, weight in model.state_dict().items()}
    vectors = model.vectors().detach().numpy()
    return Learned(graph_of(model.reader, config.width), vectors, Start(weights, histories.known))


def fitted(
    histories: Histories,
    config: SasRecConfig,
    settings: TrainSettings,
    work: Path | None = None,
    start: Start | None = None,
) -> Transformer:
    watched = _watched(histories, settings.seed)
    taught = histories.without_last(watched)
    teacher = Teacher(taught, config, settings.seed)
    schedule = Schedule(
        rate=config.rate,
        decay=config.weight_decay,
        epochs=config.epochs if len(watched) else min(config.epochs, UNWATCHED),
        patience=config.patience if start is None else max(1, config.patience // 3),
        seconds=60.0 * settings.budget_minutes,
        seed=settings.seed,
    )
    with _seeded(settings):
        model = Transformer(len(histories.known), Shape(config.width, config.blocks, config.heads, config.dropout))
        if start is not None:
            _go_on(model, start, histories.known)
        # Where nobody is watched, the last epoch counts as the best.
        later = itertools.count()
        watch = Watch(taught, watched, histories, config.length) if len(watched) else lambda _: float(next(later))
        kept = None if work is None else _checkpoint(work, histories, (config, settings, start is not None))
        return Loop(model, schedule, kept).fit(teacher.batches, teacher.loss, watch, _tell)


def _go_on(model: Transformer, start: Start, known: Rows) -> None:
    """Take over what was learned; items that are new keep the vectors that they were given."""
    items, at = model.items.detach().clone(), torch.from_numpy(places_among(start.known, known))
    items[at >= 0] = start.weights["items"][at[at >= 0]]
    model.load_state_dict({**start.weights, "items": items})


def _checkpoint(work: Path, histories: Histories, terms: tuple[Any, ...]) -> Path:
    """A file for just these histories and terms; of others, the few that were used last stay."""
    told = hashlib.sha256(msgspec.json.encode((FORMAT, __version__, str(torch.__version__), *terms)))
    for array in (histories.items, histories.codes, histories.starts, histories.known):
        told.update(np.ascontiguousarray(array).data)
    checkpoint = work / f"sasrec-{told.hexdigest()[:16]}.pt"
    if checkpoint.exists():
        checkpoint.touch()
    others = {*work.glob("sasrec-*.pt")} - {checkpoint}
    for old in sorted(others, key=lambda path: path.stat().st_mtime)[: 1 - KEPT]:
        old.unlink()
    for half in work.glob("sasrec-*.unfinished"):
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


def _watched(histories: Histories, seed: int) -> Places:
    """Some people, int64 [k], ascending: nobody in a shop of so few that chance would decide. Who was not watched in a
    fit of less is not watched in one of more either, so that nobody is watched for what an earlier fit has learned."""
    share = min(WATCHED_SHARE, WATCHED / len(histories))
    hashed = (histories.people.astype(np.uint64) + np.uint64(seed)) * np.uint64(0x9E3779B97F4A7C15)
    watched = np.flatnonzero((hashed >> np.uint64(40)) < share * 2**24)
    return watched if len(watched) >= FEWEST_WATCHED else watched[:0]


def _tell(number: int, epoch: Epoch) -> None:
    _log.info("Epoch %d: loss %.4f, NDCG@%d %.4f, %.0f s.", number, epoch.loss, K, epoch.figure, epoch.seconds)


class Teacher:
    """Batches, and how wrong a model is about them."""

    def __init__(self, histories: Histories, config: SasRecConfig, seed: int) -> None:
        self._histories, self._config, self._seed = histories, config, seed
        self._all = len(histories.known) < config.all_items_below
        self._frequency = torch.from_numpy(np.bincount(histories.items, minlength=len(histories.known)) + 1.0)
        self._generator = torch.Generator()

    def batches(self, epoch: int) -> Iterator[Batch]:
        self._generator.manual_seed(self._seed + epoch)
        generator = np.random.default_rng((self._seed, epoch))
        return self._histories.batches(self._config.length, self._config.batch, generator)

    def loss(self, model: Transformer, batch: Batch) -> Tensor:
        items, codes = torch.from_numpy(batch.items), torch.from_numpy(batch.codes)
        vectors, sharpness = model.vectors(), model.sharpness.exp()
        follows = items[:, 1:] >= 0
        wanted = model(items[:, :-1], codes[:, :-1], vectors)[follows]  # (n, d)
        targets = items[:, 1:][follows]  # (n)
        if self._all:
            return full_softmax(wanted, vectors, targets, sharpness)
        drawn = draw(self._frequency, self._config.negatives, self._generator)
        return sampled_softmax(wanted, vectors, targets, sharpness, drawn)


class Watch:
    """NDCG of what people did last, among all items but those that they had met."""

    def __init__(self, known: Histories, people: Places, histories: Histories, length: int) -> None:
        self._known, self._people, self._length = known, people, length
        self._targets = histories.items[histories.starts[people + 1] - 1]

    def __call__(self, model: Transformer) -> float:
        vectors, gains = model.vectors(), 0.0
        for first in range(0, len(self._people), AT_ONCE):
            people = self._people[first : first + AT_ONCE]
            batch = self._known.last(people, self._length)
            items = torch.from_numpy(batch.items)
            newest = (items >= 0).sum(1) - 1
            wanted = model(items, torch.from_numpy(batch.codes), vectors)[torch.arange(len(people)), newest]
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
