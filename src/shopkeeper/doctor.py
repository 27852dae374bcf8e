"""The doctor: named checks of everything a shop stands on, each with a count, a first offender and a remedy."""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from shopkeeper.data.durable import ROOM_BYTES
from shopkeeper.data.eventlog import EventLog
from shopkeeper.data.mapping import read_mapping
from shopkeeper.data.readers import discover_all
from shopkeeper.data.schema import TABLES
from shopkeeper.data.staging import check_mapping, fit_parts
from shopkeeper.data.tables import Tables
from shopkeeper.engine.models import check_models
from shopkeeper.engine.opening import open_release
from shopkeeper.errors import ReleaseError, ShopkeeperError, did_you_mean
from shopkeeper.keys import KeyStore
from shopkeeper.release.store import ReleaseStore
from shopkeeper.settings import Settings
from shopkeeper.shop_toml import read_settings

TRAIN_LIBRARIES = (
    "implicit",
    "lightgbm",
    "onnx",
    "optuna",
    "scipy",
    "torch",
    "transformers",
    "matplotlib",
    "tensorboardX",
)
_INGEST = "Make the tables with: shopkeeper ingest"


class Check(msgspec.Struct, frozen=True, omit_defaults=True):
    """One finding. `found` says what was counted, or what is wrong and where first; `remedy` what to do about it."""

    name: str
    passed: bool
    found: str
    remedy: str = ""


class Ailment(ShopkeeperError):
    """A check that did not pass."""


def examine(directory: Path) -> list[Check]:
    """All checks of the shop in `directory`. Never raises for what it finds there."""
    checks = [_check("settings", lambda: _settings(directory))]
    if not checks[0].passed:
        return checks  # nothing else can be understood without them
    settings = read_settings(directory / "shop.toml")
    examinations: dict[str, Callable[[], str]] = {
        "sources": lambda: _sources(settings, directory),
        "mapping": lambda: _mapping(settings, directory),
        "tables": lambda: _tables(directory),
        "surfaces": lambda: _surfaces(settings),
        "release": lambda: _release(directory),
        "engine": lambda: _engine(settings, directory),
        "event log": lambda: _event_log(directory),
        "keys": lambda: _keys(directory),
        "disk": lambda: _disk(settings, directory),
        "training": _training,
        "port": lambda: _port(settings),
    }
    return checks + [_check(name, examination) for name, examination in examinations.items()]


def _check(name: str, examination: Callable[[], str]) -> Check:
    try:
        return Check(name, True, examination())
    except ShopkeeperError as error:
        found = f"{error.where}: {error.what}" if error.where else error.what
        found += f"; expected {error.expected}" if error.expected else ""
        return Check(name, False, found, error.remedy or "")
    except OSError as error:
        return Check(name, False, str(error))


def _settings(directory: Path) -> str:
    settings = read_settings(directory / "shop.toml")
    return f"{len(settings.surfaces)} surfaces, {len(settings.rules)} rules"


def _sources(settings: Settings, directory: Path) -> str:
    exports = discover_all(settings.data.located(directory))
    return f"{len(exports)} exports in {len(settings.data.sources)} sources"


def _mapping(settings: Settings, directory: Path) -> str:
    mapping = read_mapping(directory / "mapping.toml")
    exports = {export.name: export for export in discover_all(settings.data.located(directory))}
    files = fit_parts(exports, mapping.files)
    check_mapping(exports, files)
    for file in files:
        known = exports[file.path].sample(1).column_names
        if unknown := [name for name in file.columns if name not in known]:
            remedy = did_you_mean(unknown[0], known) or "Take it out of mapping.toml."
            raise Ailment(f"{file.path} has no column {unknown[0]!r}", where="mapping.toml", remedy=remedy)
    columns = [column for file in mapping.files for column in file.columns.values()]
    unsure = sum(column.confidence < 0.5 for column in columns)
    return f"{len(mapping.files)} files, {len(columns)} columns, {unsure} of them uncertain"


def _tables(directory: Path) -> str:
    tables = Tables(directory)
    counts = {}
    for name, schema in TABLES.items():
        for path in tables.paths(name):
            try:
                known = pq.read_schema(path).names
            except (OSError, pa.ArrowInvalid) as error:
                raise Ailment(f"cannot be read ({error})", where=str(path), remedy=_INGEST) from error
            if missing := [column for column in schema.names if column not in known]:
                raise Ailment(f"has no column {missing[0]!r}", where=str(path), remedy=_INGEST)
        counts[name] = tables.count(name)
    if not counts["items"]:
        raise Ailment("there are no items", where=str(tables.folder), remedy=_INGEST)
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)


def _surfaces(settings: Settings) -> str:
    check_models(settings)
    names = {source for surface in settings.surfaces.values() for source in surface.sources}
    return f"{len(names)} sources installed and named"


def _release(directory: Path) -> str:
    store = ReleaseStore(directory / "releases")
    release = store.current()
    store.verify(release)
    return f"{release.id}: {len(release.manifest.files)} files, each as it was published"


def _engine(settings: Settings, directory: Path) -> str:
    engine = open_release(ReleaseStore(directory / "releases").current(), settings)
    return f"opens: {len(engine.catalogue):,} items, {len(engine.interactions):,} events"


def _event_log(directory: Path) -> str:
    path = directory / "events.sqlite"
    if not path.exists():
        return "no events since the last ingest"
    log = EventLog(path)
    try:
        return f"{len(log):,} events"
    finally:
        log.close()


def _keys(directory: Path) -> str:
    keys, now = KeyStore(directory).read(), time.time()
    if not keys:
        return "none: the shop answers whoever asks"
    return f"{len(keys)} keys, {sum(key.state(now) == 'valid' for key in keys)} of them valid"


def _disk(settings: Settings, directory: Path) -> str:
    """Ingest reads new exports into staging and makes the tables anew beside the old ones; training makes a release
    beside those before. What is not there yet is taken to be as large as the exports."""
    free, more = shutil.disk_usage(directory).free, sum(map(_bytes, _made_anew(settings, directory)))
    needed = f"the next ingest and training take about {more / 1e9:.1f} GB"
    if free < more + ROOM_BYTES:
        raise Ailment(
            f"{free / 1e9:.1f} GB are free, and {needed}",
            where=str(directory),
            remedy="Make room: cache/ and staging/ may go; train.keep in shop.toml says how many releases stay.",
        )
    return f"{free / 1e9:.1f} GB are free; {needed}"


def _made_anew(settings: Settings, directory: Path) -> Iterator[Path]:
    for name in ("staging", "tables"):
        if (directory / name).is_dir():
            yield directory / name
        else:
            yield from (Path(source) for source in settings.data.located(directory) if "://" not in source)
    with contextlib.suppress(ReleaseError):
        yield ReleaseStore(directory / "releases").current().path


def _bytes(place: Path) -> int:
    """Of a file, or of all in a folder; 0 where there is nothing."""
    return sum(path.stat().st_size for path in (place, *place.rglob("*")) if path.is_file())


def _training() -> str:
    missing = [name for name in TRAIN_LIBRARIES if importlib.util.find_spec(name) is None]
    if missing:
        raise Ailment(
            f"{len(missing)} libraries are missing, {missing[0]!r} first",
            remedy="To train here: pip install 'shopkeeper[train]'. Serving needs none of them.",
        )
    return f"{len(TRAIN_LIBRARIES)} libraries installed"


def _port(settings: Settings) -> str:
    host, port = settings.server.host, settings.server.port
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Ailment(
                f"{host}:{port} cannot be taken ({error.strerror})",
                remedy="Stop what uses it (this shop may be running already), or change server.port in shop.toml.",
            ) from error
    return f"{host}:{port} is free"
