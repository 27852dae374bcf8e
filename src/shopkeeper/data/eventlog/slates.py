"""Slates shown on their way to the log: written soon, by a thread of its own, so that no answer waits for it."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from shopkeeper.errors import DataError
from shopkeeper.vocabulary import Shown

_log = logging.getLogger(__name__)

CAPACITY = 10_000  # slates that wait; what comes beyond is lost
PAUSE_S = 0.2  # for which slates gather, so that one transaction holds many
SILENCE_S = 60.0  # between two complaints


class SlateQueue:
    """A queue before `write`, which raises DataError when it cannot. Slates that are not kept are counted in `lost`;
    the log hears of them once a minute."""

    def __init__(self, write: Callable[[Sequence[Shown]], None]) -> None:
        self._write = write
        self._queue: deque[Shown] = deque()
        self._adding, self._flushing = threading.Lock(), threading.Lock()
        self._some, self._closed = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._silent_until = 0.0
        self.lost = 0

    def put(self, shown: Sequence[Shown]) -> None:
        """Never waits for the disk, never fails."""
        with self._adding:
            room = CAPACITY - len(self._queue)
            self._queue.extend(shown[:room])
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="slates-to-log", daemon=True)
                self._thread.start()
        self._some.set()
        if len(shown) > room:
            self._lose(len(shown) - room, "the disk does not keep up")

    def flush(self) -> None:
        """Write what is queued: it is on the disk, or counted as lost, when this returns."""
        with self._flushing:
            with self._adding:
                shown = list(self._queue)
                self._queue.clear()
            if not shown:
                return
            try:
                self._write(shown)
            except DataError as error:
                self._lose(len(shown), str(error))

    def close(self) -> None:
        self._closed.set()
        self._some.set()
        if self._thread is not None:
            self._thread.join()
        self.flush()

    def _run(self) -> None:
        while not self._closed.is_set():
            self._some.wait()
            self._closed.wait(PAUSE_S)
            self._some.clear()
            self.flush()

    def _lose(self, count: int, why: str) -> None:
        with self._adding:
            self.lost += count
        if time.monotonic() >= self._silent_until:
            self._silent_until = time.monotonic() + SILENCE_S
            _log.error("Slates shown are not logged, and learning will miss them (%d by now). %s", self.lost, why)
