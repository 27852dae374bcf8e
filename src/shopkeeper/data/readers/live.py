"""The shop's own event log, as ingest reads it."""

from __future__ import annotations

import hashlib

from shopkeeper.data.eventlog import EventLog, Places
from shopkeeper.data.eventlog.file import EVENT_COLUMNS
from shopkeeper.data.mapping import ColumnMapping, FileMapping
from shopkeeper.data.readers.database import SqliteTable

NAME = "shopkeeper_events"  # ingest sees it beside the shop's own exports, so no other file should be called so
_FIELDS = {"id": "event_id", "type": "event_type"}  # where a column is not called as the field that it holds
_FORMATS = {"time": "epoch_s", "attributes": "json"}

# What the log says to ingest, so that live events become tables by the same road as any export.
LOG_MAPPING = FileMapping(
    path=NAME,
    role="events",
    evidence="the shop's own event log",
    columns={name: ColumnMapping(_FIELDS.get(name, name), format=_FORMATS.get(name, "")) for name in EVENT_COLUMNS},
)


class LogExport(SqliteTable):
    """The events of the log up to `places`, whatever is written meanwhile."""

    def __init__(self, log: EventLog, places: Places) -> None:
        super().__init__(log.path, NAME, [(name, "") for name in EVENT_COLUMNS])
        self.source = f"(SELECT * FROM events WHERE place <= {places.events})"
        self._state = (places.log, places.events)

    def fingerprint(self) -> str:
        """Of what the log holds, not of its file, which SQLite changes when it pleases."""
        return hashlib.sha256(repr(self._state).encode()).hexdigest()[:32]
