"""Files → tables: translate each mapped file, clean, derive the tables by SQL, and put them in place at once."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import duckdb

from shopkeeper.data.derive import Derivation
from shopkeeper.data.duck import connect
from shopkeeper.data.durable import alone, sync_all, why
from shopkeeper.data.eventlog import BEGINNING, EventLog
from shopkeeper.data.mapping import Mapping
from shopkeeper.data.readers import discover_all
from shopkeeper.data.readers.live import exports_of
from shopkeeper.data.report import IngestReport, describe, write_report
from shopkeeper.data.staging import check_mapping, fit_parts, stage
from shopkeeper.data.tables import Tables
from shopkeeper.errors import DataError
from shopkeeper.settings import DataSettings
from shopkeeper.vocabulary import Change, Progress, silent


def ingest(
    mapping: Mapping,
    sources: Sequence[str | Path],
    shop: Path,
    settings: DataSettings,
    progress: Progress = silent,
    *,
    log: EventLog | None = None,
) -> IngestReport:
    """Read the sources as the mapping says into `<shop>/tables`, with what cleaning took out in `<shop>/quarantine` and
    what was found in `<shop>/reports`. Of the shop's own `log`, events and slates shown are read like those of any
    source, and what it says of items overrules older files; the tables tell up to which place. What was read is then
    moved into the log's parts.

    The new tables take the place of the old ones at the end, so an interrupted run leaves the shop as it was, and the
    next one goes on with the files it had not read. Raises DataError for a source that cannot be read, MappingError for
    a mapping that does not fit it, and DataError while another ingest runs on this shop, or when the disk refuses.
    """
    staging = shop / "staging"
    try:
        with alone(staging, "ingest", DataError):
            return _ingest(mapping, sources, shop, staging, settings, progress, log)
    except ConnectionError:  # such as a pipe whose reader has gone: no affair of the disk
        raise
    except (OSError, duckdb.IOException, duckdb.OutOfMemoryException) as error:
        in_memory = isinstance(error, duckdb.OutOfMemoryException)
        need = (
            "Raise data.memory_limit_mb in shop.toml" if in_memory else "See that the disk has room and may be written"
        )
        raise DataError(
            f"ingest cannot go on ({why(error)}); the tables are whole as they are",
            where=str(shop),
            remedy=f"{need}, and ingest again.",
        ) from error


def _ingest(
    mapping: Mapping,
    sources: Sequence[str | Path],
    shop: Path,
    staging: Path,
    settings: DataSettings,
    progress: Progress,
    log: EventLog | None,
) -> IngestReport:
    started = time.time()
    exports = {export.name: export for export in discover_all(sources)}
    check_mapping(exports, fit_parts(exports, mapping.files))
    files, live, changes = mapping.files, BEGINNING, list[Change]()
    if log is not None:
        live = log.newest()
        own = exports_of(log, live)
        exports |= {export.name: export for export in own}
        files = [*files, *(export.mapping for export in own)]
        changes = [change for _, batch in log.changes_after() for change in batch]
    mapping = Mapping(fit_parts(exports, files))
    unfinished = shop / "unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    for name in ("tables", "quarantine"):
        _restore(shop / name)
        (unfinished / name).mkdir(parents=True)
    staged = stage(exports, mapping.files, staging, settings, progress)
    with connect(staging / "spill", settings.memory_limit_mb) as connection:
        # Every statement that needs an order says so.
        connection.execute("SET preserve_insertion_order = false")
        rules = Derivation(connection, staged, unfinished, settings, progress, changes).run()
    Tables(unfinished).live = live
    sync_all(unfinished)
    for name in ("tables", "quarantine"):
        _swap(unfinished / name, shop / name)
    if log is not None:
        log.compact(live, settings.remember_days)
    shutil.rmtree(unfinished)
    shutil.rmtree(staging / "spill", ignore_errors=True)
    mapped = {file.path for file in mapping.files}
    report = describe(shop, mapping, staged, rules, seconds=time.time() - started)
    report.unmapped = [name for name in exports if name not in mapped]
    write_report(report, shop / "reports")
    return report


def _swap(new: Path, place: Path) -> None:
    """Put a directory in the place of another by two renames; between them the old one is kept, and put back."""
    old = place.with_name(f"{place.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    try:
        if place.exists():
            place.rename(old)
        new.rename(place)
    finally:
        _restore(place)
    shutil.rmtree(old, ignore_errors=True)


def _restore(place: Path) -> None:
    """Undo a swap that stopped half way."""
    old = place.with_name(f"{place.name}.old")
    if old.exists() and not place.exists():
        old.rename(place)
