"""What the fits of all networks that learn from histories have in common: chance, checkpoints, and when they end."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from shopkeeper import __version__
from shopkeeper.engine.context import Course
from shopkeeper.learn.models.config import LoopConfig
from shopkeeper.learn.models.histories import Batch, Histories, Places
from shopkeeper.learn.models.loop import Loop, Schedule, device_of
from shopkeeper.learn.models.watch import Watch, among
from shopkeeper.settings import TrainSettings

KEPT = 3  # checkpoints: a training fits three times
FORMAT = 4  # of what is learned and how: another number learns everything again
UNWATCHED = 20  # epochs where there are too few people to watch any

Model = TypeVar("Model", bound=nn.Module)
Taught = TypeVar("Taught", bound=nn.Module, contravariant=True)


class Teaches(Protocol[Taught]):
    """Batches of the epoch of a number, the first being 0, and how wrong a model is about one."""

    def batches(self, epoch: int) -> Iterable[Batch]: ...

    def loss(self, model: Taught, batch: Batch) -> Tensor: ...


def learn(
    model: Model,
    teacher: Teaches[Model],
    histories: Histories,
    watched: Places,
    config: LoopConfig,
    settings: TrainSettings,
    *,
    length: int,
    course: Course,
    checkpoint: Path | None,
    hurry: int = 1,
) -> Model:
    """The model, fitted in place, on the processor wherever it was fitted.

    watched: people, int64 [k], whose last event the teacher does not know; length: events of a history that are read;
    hurry: by what patience is divided, where most is known.
    """
    schedule = replace(
        Schedule.of(config, settings),
        epochs=config.epochs if len(watched) else min(config.epochs, UNWATCHED // hurry),
        patience=max(1, config.patience // hurry),
        pause=math.inf if course.seconds is None else course.seconds,
    )
    loop = Loop(model.to(device_of(settings.device)), schedule, checkpoint)
    watch: Callable[[Any], float] = lambda _: float(len(loop.epochs))  # noqa: E731 - the last is the best
    if len(watched):
        watch = Watch(histories.without_last(watched), watched, histories, length)
    loop.fit(teacher.batches, teacher.loss, watch, course.tell)
    course.ended(loop.reached(among(histories, watched)))
    return model.cpu()


@contextmanager
def seeded(settings: TrainSettings) -> Iterator[None]:
    """As many threads as the settings say, and chance that nothing else has a part in."""
    before = torch.get_num_threads()
    torch.set_num_threads(settings.threads)
    cards = [torch.cuda.current_device()] if device_of(settings.device).type == "cuda" else []
    try:
        with torch.random.fork_rng(devices=cards):
            torch.manual_seed(settings.seed)
            yield
    finally:
        torch.set_num_threads(before)


def checkpoint_of(
    work: Path | None, name: str, histories: Histories, arrays: Iterable[npt.NDArray[Any]], terms: tuple[Any, ...]
) -> Path | None:
    """A file in `work/name` for a fit of the source `name` on just these histories, arrays and terms; of others, the
    few that were used last stay."""
    of_people = (histories.items, histories.codes, histories.times, histories.starts, histories.known)
    return checkpoint_at(work, name, (*of_people, *arrays), terms)


def checkpoint_at(
    work: Path | None, name: str, arrays: Iterable[npt.NDArray[Any]], terms: tuple[Any, ...], *, kept: int = KEPT
) -> Path | None:
    """As `checkpoint_of`, of what learns from no histories; `kept` stay in all."""
    if work is None:
        return None
    told = hashlib.sha256(msgspec.json.encode((FORMAT, __version__, str(torch.__version__), *terms)))
    for array in arrays:
        told.update(np.ascontiguousarray(array).data)
    checkpoint = work / name / f"{told.hexdigest()[:16]}.pt"
    if checkpoint.exists():
        checkpoint.touch()
    others = {*checkpoint.parent.glob("*.pt")} - {checkpoint}
    for old in sorted(others, key=lambda path: path.stat().st_mtime, reverse=True)[kept - 1 :]:
        old.unlink(missing_ok=True)
    return checkpoint
