"""The shop's own event log, as ingest reads it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa

from shopkeeper.data.duck import literal
from shopkeeper.data.eventlog import EventLog, Places
from shopkeeper.data.eventlog.file import EVENT_COLUMNS, EVENTS, IMPRESSIONS, Stream
from shopkeeper.data.eventlog.parts import write_rows
from shopkeeper.data.mapping import ColumnMapping, FileMapping
from shopkeeper.data.readers.base import Scanned, slug

PREFIX = "shopkeeper_"  # ingest sees them beside the shop's own exports, so no other file should be called so
_FIELDS = {"id": "event_id", "type": "event_type"}  # where a column is not called as the field that it holds
_FORMATS = {"time": "epoch_s", "attributes": "json"}


class LogExport(Scanned):
    """The events of the log up to `places`, or its slates as impressions, whatever is written meanwhile; with those of
    logs that were there before it, as far as they had been moved to parts."""

    format = "sqlite"

    def __init__(self, log: EventLog, stream: Stream, places: Places) -> None:
        self.name = PREFIX + stream.name
        self.location = f"{log.path}, {stream.name}"
        self._log, self._stream = log, stream
        self._until = places.events if stream is EVENTS else places.shown
        parts = log.parts(stream)
        self._parts = [part for part in parts.all() if part.last <= self._until]
        folders = parts.folder.parent.glob(f"*/{stream.name}-*.parquet")
        self._of_others = sorted(path for path in folders if path.parent != parts.folder)

    @property
    def mapping(self) -> FileMapping:
        """What the log says to ingest, so that live events become tables by the same road as any export."""
        columns = {
            name: ColumnMapping(_FIELDS.get(name, name), format=_FORMATS.get(name, "")) for name in EVENT_COLUMNS
        }
        return FileMapping(path=self.name, role="events", evidence="the shop's own event log", columns=columns)

    def fingerprint(self) -> str:
        """Of what the log holds, not of its file, which SQLite changes when it pleases."""
        state = (self._log.id, self._until, [str(path) for path in self._of_others])
        return hashlib.sha256(repr(state).encode()).hexdigest()[:32]

    def sample(self, n: int = 2000) -> pa.Table:
        return pa.Table.from_batches(self.batches()).slice(0, n)

    def scan(self, staging: Path) -> str:
        staging.mkdir(parents=True, exist_ok=True)
        rest = staging / f"{slug(self.name)}.parquet"
        moved = self._parts[-1].last if self._parts else 0
        write_rows(self._log.rows(self._stream, moved, self._until), rest)
        paths = [*self._of_others, *(part.path for part in self._parts), rest]
        return f"(SELECT * EXCLUDE (place) FROM read_parquet([{', '.join(map(literal, paths))}]))"


def exports_of(log: EventLog, places: Places) -> list[LogExport]:
    return [LogExport(log, stream, places) for stream in (EVENTS, IMPRESSIONS)]
