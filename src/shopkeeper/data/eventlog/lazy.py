"""A shop's log, opened by whoever first needs it."""

from __future__ import annotations

import threading
from pathlib import Path

from shopkeeper.data.eventlog.log import EventLog


class LazyLog:
    """Any number of threads may ask for it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._log: EventLog | None = None
        self._opening = threading.Lock()

    def opened(self) -> EventLog:
        """The log, opened once. Raises DataError."""
        with self._opening:
            if self._log is None:
                self._log = EventLog(self.path)
            return self._log

    def close(self) -> None:
        """Write what is queued. Whoever asks afterwards opens it again."""
        with self._opening:
            log, self._log = self._log, None
        if log is not None:
            log.close()
