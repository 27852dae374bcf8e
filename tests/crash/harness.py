"""Real processes, killed with SIGKILL at random moments of what they do.

Half of them come after a random time, and half before a random change that the process is about to make to files, so
that the short moments between two of these are hit as often as the long ones. A test makes its part of all kills, and
counts only those that came in the midst of its stage: those that came after the end are made again.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

KILLS = int(os.environ.get("KILLS", "240"))  # in all stages together
SEED = os.environ.get("SEED", "0")
PATIENCE_S = 120.0  # only a broken job takes so long
TRIES = 20  # for each kill, to come in the midst
CHANGES = {"os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink"}

Say = Callable[[object], None]
Job = Callable[..., None]  # job(say, *arguments), in a process of its own; `say` tells this process something

# Its children are there at once, with all libraries loaded: so a kill costs no start, and comes in the midst.
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(
    ["__main__", "pytest", "shopkeeper.shop", "shopkeeper.data.ingest", "shopkeeper.learn.train"]
)


class Process:
    """A job under way. `said` is all that it has told so far. It kills itself before its change number `dies_at` to
    files, if it comes so far; `changes` is how many it made, once it has come to its end."""

    def __init__(self, job: Job, *arguments: object, dies_at: int = 0) -> None:
        self.changes = 0
        self.said: list[Any] = []
        self._begun = threading.Event()
        self._ear, mouth = _processes.Pipe(duplex=False)
        self._process = _processes.Process(target=_work, args=(mouth, job, arguments, dies_at), daemon=True)
        self._process.start()
        mouth.close()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def kill(self, after: float) -> bool:
        """Kill it so many seconds after it began. False if it had come to its end by then."""
        assert self._begun.wait(PATIENCE_S), "it does not begin"
        self._process.join(after)
        self._process.kill()
        return self._end() == -signal.SIGKILL

    def finish(self) -> bool:
        """Wait until it has come to its end. False if it killed itself."""
        return self._end() == 0

    def _end(self) -> int | None:
        self._process.join(PATIENCE_S)
        self._listener.join(PATIENCE_S)
        assert self._process.exitcode in (0, -signal.SIGKILL), "it failed (see what it wrote)"
        return self._process.exitcode

    def _listen(self) -> None:
        try:
            self._ear.recv()
            self._begun.set()
            while True:
                self._hear(self._ear.recv())
        except (EOFError, OSError):
            self._ear.close()

    def _hear(self, word: object) -> None:
        if isinstance(word, _Changes):
            self.changes = word.count
        else:
            self.said.append(word)


class _Changes:
    """Counts the changes that Python code makes to files, and ends the process before a certain one."""

    def __init__(self, dies_at: int) -> None:
        self.count, self._dies_at = 0, dies_at

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in CHANGES or (event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR)):
            self.count += 1
            if self.count == self._dies_at:
                os.kill(os.getpid(), signal.SIGKILL)


def _work(mouth: Any, job: Job, arguments: tuple[object, ...], dies_at: int) -> None:
    speaking, changes = threading.Lock(), _Changes(dies_at)

    def say(word: object) -> None:
        with speaking:
            mouth.send(word)

    say("begun")
    sys.addaudithook(changes.audit)
    job(say, *arguments)
    say(changes)


class Stage:
    """The kills of one stage, and how many there have been, by moment. They come within `spread_s` of the beginning, or
    before one of the first `changes` to files."""

    def __init__(self, name: str, tally: Counter[tuple[str, str]]) -> None:
        self._name, self._tally = name, tally
        self.dice = random.Random(f"{name} {SEED}")
        self.spread_s, self.changes = 0.3, 100

    def shares(self, part: float) -> Iterator[int]:
        """Numbers from 0, until this part of all kills (at least three) has come in the midst of the stage."""
        enough = max(3, round(part * KILLS))
        for number in range(TRIES * enough):
            if self.hits >= enough:
                return
            yield number
        raise AssertionError(f"only {self.hits} of {enough} kills came in the midst of: {self._name}")

    @property
    def hits(self) -> int:
        return sum(count for (name, _), count in self._tally.items() if name == self._name)

    def run(self, job: Job, *arguments: object) -> Process:
        """To its end; so it tells over what the kills are to be spread."""
        began = time.monotonic()
        process = Process(job, *arguments)
        assert process.finish()
        self.spread_s, self.changes = time.monotonic() - began, process.changes
        return process

    def kill(self, job: Job, *arguments: object) -> Process:
        """After a random time, or before a random change to files."""
        if self.dice.random() < 0.5:
            return self.kill_in_time(Process(job, *arguments))
        process = Process(job, *arguments, dies_at=self.dice.randint(1, self.changes))
        if not process.finish():
            self._count(process)
        return process

    def kill_in_time(self, process: Process) -> Process:
        if process.kill(self.dice.uniform(0.0, self.spread_s)):
            self._count(process)
        return process

    def _count(self, process: Process) -> None:
        """The last text that it said names the moment."""
        moments = [word for word in process.said if isinstance(word, str)]
        self.hit(moments[-1] if moments else "beginning")

    def hit(self, moment: str) -> None:
        self._tally[self._name, moment] += 1
