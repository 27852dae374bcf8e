"""Real processes, killed with SIGKILL at random moments of what they do.

A test makes `share` kills of its stage, and counts only those that came in the midst of it. Kills that come before a
job has begun, or after its end, are made again.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

KILLS = int(os.environ.get("KILLS", "240"))  # in all stages together
SEED = os.environ.get("SEED", "0")
PATIENCE_S = 120.0  # only a broken job takes so long
TRIES = 20  # for each kill, to come in the midst

Say = Callable[[object], None]
Job = Callable[..., None]  # job(say, *arguments), in a process of its own; `say` tells this process something

# Its children are there at once, with all libraries loaded: so a kill costs no start, and comes in the midst.
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(
    ["__main__", "pytest", "shopkeeper.shop", "shopkeeper.data.ingest", "shopkeeper.learn.train"]
)


class Process:
    """A job under way. `said` is all that it has told so far."""

    def __init__(self, job: Job, *arguments: object) -> None:
        self.said: list[Any] = []
        self._begun = threading.Event()
        self._ear, mouth = _processes.Pipe(duplex=False)
        self._process = _processes.Process(target=_work, args=(mouth, job, arguments), daemon=True)
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

    def finish(self) -> None:
        """Wait until it has come to its end."""
        self._process.join(PATIENCE_S)
        assert self._end() == 0, "it did not come to its end"

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
                self.said.append(self._ear.recv())
        except (EOFError, OSError):
            self._ear.close()


def _work(mouth: Any, job: Job, arguments: tuple[object, ...]) -> None:
    speaking = threading.Lock()

    def say(word: object) -> None:
        with speaking:
            mouth.send(word)

    say("begun")
    job(say, *arguments)


class Stage:
    """The kills of one stage, and how many there have been, by moment. They come within `spread_s` of the beginning."""

    def __init__(self, name: str, tally: Counter[tuple[str, str]]) -> None:
        self._name, self._tally = name, tally
        self.dice = random.Random(f"{name} {SEED}")
        self.spread_s = 0.3

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
        """To its end; so it tells over which time the kills are to be spread."""
        began = time.monotonic()
        process = Process(job, *arguments)
        process.finish()
        self.spread_s = time.monotonic() - began
        return process

    def kill(self, process: Process) -> None:
        """At a random moment: the tally names it by the last text that it said."""
        if process.kill(self.dice.uniform(0.0, self.spread_s)):
            moments = [word for word in process.said if isinstance(word, str)]
            self.hit(moments[-1] if moments else "beginning")

    def hit(self, moment: str) -> None:
        self._tally[self._name, moment] += 1
