"""The shop's own event log, as ingest reads it."""

from __future__ import annotations

import hashlib

from shopkeeper.data.eventlog import LOG_MAPPING, TABLE, EventLog
from shopkeeper.data.readers.database import SqliteTable


class LogExport(SqliteTable):
    """The log up to the event `last` ("" while there is none), whatever is written meanwhile."""

    def __init__(self, log: EventLog) -> None:
        super().__init__(log.path, TABLE, [(name, "") for name in LOG_MAPPING.columns])
        place, self.last = log.newest()
        self.source = f"(SELECT * FROM {TABLE} WHERE rowid <= {place})"
        self._state = (place, self.last, self._count())

    def fingerprint(self) -> str:
        """Of what the log holds, not of its file, which SQLite changes when it pleases."""
        return hashlib.sha256(repr(self._state).encode()).hexdigest()[:32]
