"""The engine that answers now: of the current release, with everything that the shop's log has told since.

Events are taken in before every answer. A newly published release, changed settings, published rules and changed items
are taken in by `refresh`: in a thread of its own once `follow` was called, so that no request waits for them, and else
by whoever asks.
"""

from __future__ import annotations

import contextlib
import logging
import math
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from shopkeeper.data.curation import Curated, Curation
from shopkeeper.data.eventlog import EventLog, Places
from shopkeeper.engine.opening import open_release
from shopkeeper.engine.pipeline import Engine
from shopkeeper.errors import DataError, ShopkeeperError
from shopkeeper.release.store import ReleaseStore
from shopkeeper.settings import Settings
from shopkeeper.shop_toml import DICTIONARY, SYNONYMS, read_settings

LOOK_S = 0.1  # between two looks at the log and the releases
REST = 2.0  # after a change, this many times as long as it took: a busy catalogue leaves the cores to the answers
LONGEST_REST_S = 0.5  # as a change is known within a second
LOG_RESTS_S = 1.0  # after a log could not be opened
REOPEN_S = 60.0  # after which what could not be opened is tried again: the disk may have had no room for it

_log = logging.getLogger(__name__)


@dataclass
class _Known:
    """An engine, and the places in the log up to which it knows events and item changes. blind: the log could not be
    opened; publication: of the rules and synonyms that it follows."""

    engine: Engine
    events: int
    changes: int
    blind: bool = False
    publication: int = 0


@dataclass(frozen=True)
class Lag:
    """What a process does not know yet: how many events and item changes of the log; and when the newest event that it
    has learned from the log happened (s since the epoch), if there was any."""

    events: int
    changes: int
    newest_event: float | None


class LiveEngine:
    """Of one shop, for any number of threads; every process has its own.

    log: gives the shop's log, and raises DataError where it cannot be opened: then the release answers by itself.
    """

    def __init__(
        self, settings_file: Path, releases: ReleaseStore, log: Callable[[], EventLog], curation: Curation
    ) -> None:
        self._settings_file, self._releases, self._log, self._curation = settings_file, releases, log, curation
        self._curated = Curated()
        self.settings = read_settings(settings_file)
        self._known: _Known | None = None
        self._seen: object = None  # the state of the files when they were last opened
        self._version = -1  # of the log, when its events were last taken in
        self._newest_event: float | None = None
        self._refreshing, self._recording = threading.Lock(), threading.Lock()
        self._complaint, self._log_rests_until, self._reopen_at = "", 0.0, math.inf
        self._refusal: ShopkeeperError | None = None  # why there is still nothing that serves
        self._thread: threading.Thread | None = None
        self._wake, self._closed = threading.Event(), threading.Event()

    def engine(self) -> Engine:
        """Raises ReleaseError before the first release. A later one that cannot be opened is logged, and the one before
        goes on; so it is with settings."""
        if self._known is None or self._thread is None:
            self.refresh()
        self._take_events()
        assert self._known is not None
        return self._known.engine

    def lag(self) -> Lag:
        """Before the next look. Raises DataError where the log cannot be opened."""
        newest, known = self._log().newest(), self._known
        events, changes = (known.events, known.changes) if known else (0, 0)
        return Lag(max(0, newest.events - events), max(0, newest.changes - changes), self._newest_event)

    def follow(self) -> None:
        """Look for changes in a thread, until `close`."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="following", daemon=True)
            self._thread.start()

    def close(self) -> None:
        if self._thread is not None:
            self._closed.set()
            self._wake.set()
            self._thread.join()
            self._thread = None
            self._closed.clear()
        self._version = -1  # another connection to the log counts otherwise

    def wake(self) -> None:
        """Something has just changed: look now."""
        self._wake.set()

    def refresh(self) -> None:
        """Take in a new release, new settings, published rules, changed items. Raises as `engine`."""
        if not self._refreshing.acquire(blocking=self._known is None):
            return  # another thread is at it, and the others go on with what is known
        try:
            seen = self._state_of_files()
            self._look_at_curation()
            sighted = self._known is not None and self._known.blind and self._opened_log() is not None
            if seen != self._seen or sighted or time.monotonic() >= self._reopen_at:
                self._reopen(seen)
            elif self._refusal is not None:  # nothing has changed: to open all of it again would end the same way
                raise self._refusal.with_traceback(None)
            elif self._known is not None and self._known.publication != self._curated.publication:
                curated = self._under_curation(self._known.engine, self.settings)
                with self._recording:
                    self._known = replace(self._known, engine=curated, publication=self._curated.publication)
            self._take_changes()
        finally:
            self._refreshing.release()

    def _run(self) -> None:
        while not self._closed.is_set():
            began = time.monotonic()
            try:
                self.refresh()
            except ShopkeeperError as error:  # no release yet
                self._complain(str(error))
            except Exception:
                _log.exception("What is new in the shop could not be taken in; the next look is soon.")
            self._closed.wait(min(REST * (time.monotonic() - began), LONGEST_REST_S))
            self._wake.wait(LOOK_S)
            self._wake.clear()

    def _state_of_files(self) -> object:
        said = [self._settings_file, *map(self._settings_file.with_name, (SYNONYMS, DICTIONARY))]
        return _stamp(self._releases.root / "current"), *map(_stamp, said)

    def _reopen(self, seen: object) -> None:
        """Called by one thread at a time."""
        first, self._seen, self._refusal = self._seen is None, seen, None
        try:
            settings = self.settings if first else read_settings(self._settings_file)
            release = self._releases.current()
            bare = msgspec.structs.replace(settings, rules=())  # they may speak of what only newer items have
            known = self._told(open_release(release, bare), release.manifest.live)
            known.engine = self._under_curation(known.engine.obeying(settings.rules), settings)
            known.publication = self._curated.publication
        except ShopkeeperError as error:
            self._reopen_at = time.monotonic() + REOPEN_S
            if self._known is None:
                self._refusal = error
                raise
            what = "The new release, or its settings, cannot be opened; the one before goes on serving."
            self._complain(f"{what} {error}")
        else:
            self._complaint, self._reopen_at = "", math.inf
            with self._recording:
                with self._bearing():
                    self._record(known)
                self.settings, self._known, self._version = settings, known, -1

    def _look_at_curation(self) -> None:
        """A publication that cannot be read is told, and the one before holds."""
        with self._bearing():
            if self._curation.publication() != self._curated.publication:
                self._curated = self._curation.published()

    def _under_curation(self, engine: Engine, settings: Settings) -> Engine:
        """The rules of shop.toml first, then what is published. That was checked when it was written; what cannot be
        followed any more keeps no release from serving."""
        said = self._curated
        return engine.curated((*settings.rules, *said.rules), (*settings.synonyms, *said.synonyms))

    def _told(self, engine: Engine, live: Places) -> _Known:
        """What an engine knows after all that the log says, as of now, beyond the places `live`."""
        log = self._opened_log()
        known = _Known(engine, 0, 0, blind=log is None)
        with self._bearing():
            if log is not None:
                places = log.known(live)
                known.events, known.changes = places.events, places.changes
                while self._lay_over(known, log):
                    pass
                self._change(known, log)
                self._record(known)
        return known

    def _take_changes(self) -> None:
        known, log = self._known, self._opened_log()
        if known is None or log is None:
            return
        newer = _Known(known.engine, 0, known.changes)
        with self._bearing():
            if self._change(newer, log):
                with self._recording:
                    self._known = replace(known, engine=newer.engine, changes=newer.changes, blind=False)

    def _take_events(self) -> None:
        """Before an answer: nothing but a look where nobody wrote."""
        log = self._opened_log()
        if log is None or self._known is None or self._known.blind:
            return
        with self._bearing():
            if log.version() == self._version:
                return
            with self._recording:
                version = log.version()  # what is written from here on is found by the next look
                if version != self._version:
                    self._record(self._known)
                    self._version = version

    def _record(self, known: _Known) -> None:
        log = self._opened_log()
        if log is not None:
            for place, events in log.events_after(known.events):
                known.engine.record(events)
                known.events = place
                times = [event.time for event in events if event.time is not None]
                self._newest_event = max([*times, self._newest_event or 0.0])

    def _change(self, known: _Known, log: EventLog) -> bool:
        """Whether there was something to change."""
        before = known.engine
        if not self._lay_over(known, log) and before.unread:
            known.engine = before.reading()
        return known.engine is not before

    def _lay_over(self, known: _Known, log: EventLog) -> bool:
        """Whether the log has more changes: a batch of them at once, as each update costs something, however little it
        brings, and no more, as a bulk load brings millions."""
        batch = next(log.changes_after(known.changes), None)
        if batch is not None:
            known.changes, changes = batch
            known.engine = known.engine.updated(changes)
        return batch is not None

    @contextlib.contextmanager
    def _bearing(self) -> Iterator[None]:
        """A log that cannot be read, or whose changes find no room, is told, and keeps no answer back."""
        try:
            yield
        except sqlite3.Error as error:
            self._complain(f"The event log cannot be read ({error}).")
        except DataError as error:
            self._complain(str(error))

    def _opened_log(self) -> EventLog | None:
        if time.monotonic() < self._log_rests_until:
            return None
        try:
            return self._log()
        except DataError as error:
            self._log_rests_until = time.monotonic() + LOG_RESTS_S
            self._complain(str(error))
            return None

    def _complain(self, text: str) -> None:
        """Once for each trouble."""
        if text != self._complaint:
            _log.error("%s", text)
            self._complaint = text


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino
