"""How a model of another library takes part in `peers.py`: in a process of its own, by files and two pipes.

Needs NumPy alone, as the other library may want another Python than ours.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt


class Task(NamedTuple):
    """What is learned from, and who is asked about. items int32 [n], from 0 on, of everyone's history, old to new, that
    of person i being [starts[i], starts[i + 1]); asked int64 [k], the people; n_items."""

    items: npt.NDArray[np.int32]
    starts: npt.NDArray[np.int64]
    asked: npt.NDArray[np.int64]
    n_items: int

    def history(self, person: int) -> npt.NDArray[np.int32]:
        return self.items[self.starts[person] : self.starts[person + 1]]

    def save(self, folder: Path) -> None:
        np.savez(folder / "task.npz", **self._asdict())

    @classmethod
    def load(cls, folder: Path) -> Task:
        with np.load(folder / "task.npz") as held:
            return cls(held["items"], held["starts"], held["asked"], int(held["n_items"]))


class Clock:
    """Seconds of learning, by the wall and of the processor; what is done while it stands does not count."""

    def __init__(self) -> None:
        self.wall, self.cpu = 0.0, 0.0
        self._began: tuple[float, float] | None = None

    def go(self) -> None:
        self._began = time.perf_counter(), time.process_time()

    def stand(self) -> None:
        assert self._began, "it stands"
        self.wall += time.perf_counter() - self._began[0]
        self.cpu += time.process_time() - self._began[1]
        self._began = None


class Contestant:
    """The other library's side. Whatever it prints goes to the error output: the pipe is for what it scores."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.task, self.clock = folder, Task.load(folder), Clock()
        self._said = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)

    def after_epoch(self, scores: Callable[[], npt.NDArray[np.float32]]) -> None:
        """scores: float32 [k, n_items], of all items for each person asked. Ends the process when it is enough."""
        self.clock.stand()
        np.save(self.folder / "scores.npy", scores())
        print(json.dumps([self.clock.wall, self.clock.cpu]), file=self._said, flush=True)
        if sys.stdin.readline().strip() != "go on":
            os._exit(0)
        self.clock.go()
