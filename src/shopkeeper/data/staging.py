"""Each file, translated once into `staging/`: what has not changed since is not read again."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

import duckdb
import msgspec
from duckdb.sqltypes import DuckDBPyType

from shopkeeper.data.duck import connect, identifier, literal
from shopkeeper.data.durable import write_whole
from shopkeeper.data.mapping import FileMapping
from shopkeeper.data.readers import Export
from shopkeeper.data.readers.base import slug, told
from shopkeeper.data.readers.compound import Parts
from shopkeeper.data.readers.discover import pattern_of
from shopkeeper.data.readers.rejected import rejected_under
from shopkeeper.data.translate import EVENT_ROLES, translate
from shopkeeper.errors import DataError, MappingError
from shopkeeper.settings import DataSettings
from shopkeeper.vocabulary import Progress

VERSION = 5  # of the translation: another number reads every file again


class Staged(msgspec.Struct):
    """A translated file. `rejected` lines did not fit; `first_rejected` says where the first was.

    units: the columns that were multiplied ("price × 0.01"); reused: it had been staged before and was not read again;
    modified: when its content was last changed, in seconds since the epoch; size: of `files`, in bytes.
    """

    path: str
    role: str
    folder: str
    key: str
    rows: int = 0
    columns: list[str] = []
    rejected: int = 0
    first_rejected: str = ""
    units: str = ""
    reused: bool = False
    modified: float = 0.0
    size: int = 0

    def files(self, month: int | None = None) -> list[Path]:
        """The Parquet files, of one month (year × 12 + month − 1) where the role is divided by months."""
        pattern = "*.parquet" if self.role not in EVENT_ROLES else f"month={'*' if month is None else month}/*.parquet"
        return sorted(Path(self.folder).glob(pattern))

    def is_there(self) -> bool:
        """Whether all that was staged is still in its folder."""
        return Path(self.folder).is_dir() and self.size == self._held()

    def measured(self) -> Staged:
        """With the size of what is in its folder now."""
        return msgspec.structs.replace(self, size=self._held())

    def _held(self) -> int:
        return sum(path.stat().st_size for path in self.files())

    def months(self) -> set[int]:
        return {int(file.parent.name.removeprefix("month=")) for file in self.files()}


def stage(
    exports: dict[str, Export], mapping: Sequence[FileMapping], folder: Path, settings: DataSettings, progress: Progress
) -> list[Staged]:
    """Translate every mapped file. An interrupted run goes on where it stopped."""
    state_path = folder / "state.json"
    state = _read_state(state_path)
    done: dict[str, Staged] = {}
    for at, file in enumerate(mapping):
        progress("reading files", at, len(mapping))
        export = exports[file.path]
        key = hashlib.sha256(
            f"{VERSION} {export.fingerprint()}".encode() + msgspec.json.encode(file, order="sorted")
        ).hexdigest()[:32]
        if (before := state.get(file.path)) is not None and before.key == key:
            # Found by its name: the shop may have moved since, or its directory may be spelt otherwise.
            again = msgspec.structs.replace(before, folder=str(folder / slug(file.path)), reused=True)
            if again.is_there():
                done[file.path] = again
                continue
        done[file.path] = _translated(export, file, key, folder, settings)
        state[file.path] = done[file.path]
        _write_state(state_path, state)
    progress("reading files", len(mapping), len(mapping))
    _write_state(state_path, done)
    for stale in {path for path in folder.iterdir() if path.is_dir()} - {Path(file.folder) for file in done.values()}:
        shutil.rmtree(stale)
    return list(done.values())


def _translated(export: Export, file: FileMapping, key: str, folder: Path, settings: DataSettings) -> Staged:
    target, unfinished = folder / slug(file.path), folder / f"{slug(file.path)}.unfinished"
    for path in (target, unfinished, folder / f"{slug(file.path)}.raw"):
        shutil.rmtree(path, ignore_errors=True)
    raw = folder / f"{slug(file.path)}.raw"
    unfinished.mkdir(parents=True)
    units = (
        (name, column.format.removeprefix("unit:")) for name, column in file.columns.items() if "unit:" in column.format
    )
    staged = Staged(file.path, file.role, str(target), key, modified=export.modified())
    staged.units = ", ".join(f"{name} × {unit}" for name, unit in units)
    with connect(folder / "spill", settings.memory_limit_mb) as connection, told(export.location):
        in_parts = export if isinstance(export, Parts) and file.role != "other" else None
        scan = in_parts.scan_by_part(raw) if in_parts else export.scan(raw)
        columns = columns_of(connection, scan)
        statement = f"SELECT * FROM {scan}" if file.role == "other" else translate(file, columns, scan)
        by_month = file.role in EVENT_ROLES
        out = unfinished if by_month else unfinished / "rows.parquet"
        partition = ", PARTITION_BY (month)" if by_month else ""
        # Pictures are heavy: few of them make a row group.
        size = ", ROW_GROUP_SIZE 2048" if any(kind.id == "blob" for kind in columns.values()) else ""
        copied = connection.execute(
            f"COPY ({statement}) TO {literal(out)} (FORMAT parquet, COMPRESSION lz4_raw{partition}{size})"
        ).fetchone()
        staged.rows = int(copied[0]) if copied else 0
        staged.rejected, staged.first_rejected = keep_rejected(connection, raw, unfinished)
    shutil.rmtree(raw, ignore_errors=True)
    if staged.rejected > max(100, staged.rows):
        raise DataError(
            f"{staged.rejected:,} lines do not fit the {len(columns)} columns of the header",
            where=export.location,
            expected="the same number of fields in every line",
            remedy=f"The first: {staged.first_rejected}.",
        )
    unfinished.rename(target)
    staged.columns = _staged_columns(staged)
    return staged.measured()


def columns_of(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, DuckDBPyType]:
    described = connection.sql(f"SELECT * FROM {relation} LIMIT 0")
    return dict(zip(described.columns, described.types, strict=True))


def _staged_columns(staged: Staged) -> list[str]:
    files = staged.files()
    if not files:
        return []
    with connect() as connection:
        return list(columns_of(connection, f"read_parquet({literal(files[0])}, hive_partitioning = false)"))


def keep_rejected(connection: duckdb.DuckDBPyConnection, raw: Path, folder: Path) -> tuple[int, str]:
    """How many lines did not fit (by DuckDB's account, and by that of a reader in `raw`), and the first; they are kept
    in rejected.pq."""
    told = [f"SELECT line, text, error FROM read_parquet({literal(path)})" for path in rejected_under(raw)]
    if connection.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'reject_errors'").fetchall():
        told.append("SELECT DISTINCT line::BIGINT AS line, csv_line AS text, error_message AS error FROM reject_errors")
    if not told:
        return 0, ""
    lines = f"SELECT line, text, MIN(error) AS error FROM ({' UNION ALL '.join(told)}) GROUP BY line, text"
    count = connection.execute(f"SELECT COUNT(*) FROM ({lines})").fetchone()
    first = connection.execute(f"SELECT line, error FROM ({lines}) ORDER BY line LIMIT 1").fetchone()
    if not first or not count:
        return 0, ""
    connection.execute(f"COPY (FROM ({lines}) ORDER BY line) TO {literal(folder / 'rejected.pq')} (FORMAT parquet)")
    return int(count[0]), f"line {first[0]}: {first[1]}"


def fit_parts(exports: Collection[str], files: Sequence[FileMapping]) -> list[FileMapping]:
    """The mapping of the exports as they are called today: once "orders-2025.csv" lies beside the "orders-2024.csv" of
    mapping.toml, the two are the one export "orders-*.csv"."""
    today = {pattern_of(name): name for name in exports}
    fitted: list[FileMapping] = []
    for file in files:
        path = file.path if file.path in exports else today.get(pattern_of(file.path), file.path)
        if path == file.path:
            fitted.append(file)
        elif all(other.path != path for other in (*files, *fitted)):
            fitted.append(msgspec.structs.replace(file, path=path))
    return fitted


def check_mapping(exports: dict[str, Export], files: Sequence[FileMapping]) -> None:
    """Raises MappingError for a file that is mapped but not there, or mapped twice."""
    for file in files:
        if file.path not in exports:
            raise MappingError(
                f"there is no {file.path!r} in the sources",
                where="mapping.toml",
                expected=", ".join(exports) or "at least one file",
                remedy="Take it out of mapping.toml, or put the file back.",
            )
    paths = [file.path for file in files]
    if twice := next((path for path in paths if paths.count(path) > 1), None):
        raise MappingError(f"{twice!r} is mapped twice", where="mapping.toml", remedy="Take one of the two out.")


def _read_state(path: Path) -> dict[str, Staged]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Staged])
    except (FileNotFoundError, msgspec.MsgspecError):
        return {}


def _write_state(path: Path, state: dict[str, Staged]) -> None:
    write_whole(path, msgspec.json.encode(state))


def select(staged: Sequence[Staged], names: Sequence[str], types: dict[str, str], month: int | None = None) -> str:
    """A SELECT of these columns over staged files, null where a file lacks them; empty over no file."""
    parts = []
    for file in staged:
        if files := file.files(month):
            listed = ", ".join(
                identifier(name) if name in file.columns else f"CAST(NULL AS {types[name]}) AS {identifier(name)}"
                for name in names
            )
            paths = ", ".join(literal(path) for path in files)
            parts.append(f"SELECT {listed} FROM read_parquet([{paths}], hive_partitioning = false)")
    if not parts:
        nulls = ", ".join(f"CAST(NULL AS {types[name]}) AS {identifier(name)}" for name in names)
        return f"SELECT {nulls} WHERE FALSE"
    return " UNION ALL ".join(parts)
