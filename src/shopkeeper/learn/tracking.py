"""Who is told how a long fit goes: the log, the user's progress, and whatever keeps the figures of each epoch.

A tracker is a program for looking at such figures. It is given one run for each fit, and each run three curves over the
epochs: the loss, the figure of those who are watched, and the seconds.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from shopkeeper.engine.context import Course, Epoch, Reached
from shopkeeper.learn.libraries import library
from shopkeeper.settings import TrainSettings
from shopkeeper.vocabulary import Progress

_log = logging.getLogger(__name__)

KEPT = 30  # trainings whose figures stay


Hear = Callable[[int, Epoch], None]


def unheard(number: int, epoch: Epoch) -> None:
    """Nobody else wants to know."""


class Run(Protocol):
    """One fit, as a tracker keeps it."""

    def add(self, number: int, epoch: Epoch) -> None: ...

    def close(self) -> None: ...


class TensorBoard:
    """Files in `folder`, to be looked at with: tensorboard --logdir FOLDER."""

    def __init__(self, tensorboard: Any, folder: Path, name: str) -> None:
        self._writer = tensorboard.SummaryWriter(str(folder / name))

    def add(self, number: int, epoch: Epoch) -> None:
        for tag, value in epoch._asdict().items():
            self._writer.add_scalar(tag, value, number)
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


class WeightsAndBiases:
    """A run of wandb in `folder`, which goes nowhere unless WANDB_MODE says so: `wandb sync` sends it."""

    def __init__(self, wandb: Any, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        mode = os.environ.get("WANDB_MODE", "offline")
        told = {"project": "shopkeeper", "name": name, "dir": str(folder), "mode": mode}
        self._run = wandb.init(**told, reinit="create_new")  # else all models of a stage would share the first's run

    def add(self, number: int, epoch: Epoch) -> None:
        self._run.log(epoch._asdict(), step=number)

    def close(self) -> None:
        self._run.finish()


class Tracker(NamedTuple):
    """module: the library, which the extra brings; begin: a run, of the module, a folder and a name."""

    module: str
    extra: str
    begin: Callable[[Any, Path, str], Run]


TRACKERS = {
    "tensorboard": Tracker("tensorboardX", "train", TensorBoard),
    "wandb": Tracker("wandb", "track", WeightsAndBiases),
}


class Telling:
    """Tells of one fit, which may pause and go on. begin: of a run, at the first epoch; reached: None until the fit has
    said how far it came; seconds: after which it is to pause."""

    seconds: float | None = None
    reached: Reached | None = None

    def __init__(self, what: str, progress: Progress, begin: Callable[[], Run] | None, hear: Hear) -> None:
        self._what, self._progress, self._begin, self._hear = what, progress, begin, hear
        self._run: Run | None = None
        self._silent = True  # until the first epoch

    @property
    def course(self) -> Course:
        return Course(self.seconds, self.epoch, self._ended)

    def epoch(self, number: int, epoch: Epoch) -> None:
        if self._silent and number > 1:
            self._progress(f"{self._what}: goes on after epoch {number - 1}, where it was stopped", number - 1, 0)
        self._silent = False
        said = f"epoch {number}, loss {epoch.loss:.4f}, figure {epoch.figure:.4f}, {epoch.seconds:.0f} s"
        _log.info("%s: %s.", self._what, said)
        self._progress(f"{self._what}: {said}", number, 0)
        if self._begin is not None:
            self._run = self._run or self._begin()
            self._run.add(number, epoch)
        self._hear(number, epoch)

    def close(self) -> None:
        if self._run is not None:
            self._run.close()

    def _ended(self, reached: Reached) -> None:
        if self._silent and reached.finished:
            self._progress(f"{self._what}: had been fitted already", 1, 1)
        self.reached = reached


class Tracking:
    """Of one training. Its runs lie under `folder`, in a folder of the time at which it began; the oldest go. hear: is
    told of every epoch as well."""

    def __init__(self, settings: TrainSettings, folder: Path, progress: Progress, hear: Hear) -> None:
        self._tracker, self._progress, self._hear = settings.tracker, progress, hear
        self._all, self._folder = folder, folder / time.strftime("%Y-%m-%d-%H%M%S")

    @contextmanager
    def telling(self, names: Iterable[str], stage: str) -> Iterator[dict[str, Telling]]:
        """Of the fits of these models in a stage. Raises MissingExtraError without the tracker's library."""
        tellings = {
            name: Telling(f"{stage}, {name}", self._progress, self._beginning(name, stage), self._hear)
            for name in names
        }
        try:
            yield tellings
        finally:
            for telling in tellings.values():
                telling.close()

    def _beginning(self, name: str, stage: str) -> Callable[[], Run] | None:
        tracker = TRACKERS.get(self._tracker)
        if tracker is None:
            return None
        module = library(tracker.module, f'train.tracker = "{self._tracker}"', extra=tracker.extra)
        return lambda: self._begun(tracker, module, f"{name}-{stage.replace(' ', '-')}")

    def _begun(self, tracker: Tracker, module: Any, name: str) -> Run:
        run = tracker.begin(module, self._folder, name)
        for old in sorted(self._all.iterdir())[:-KEPT]:
            shutil.rmtree(old)
        return run
