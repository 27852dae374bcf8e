"""Finding the exports in a file, a folder or a database."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

from shopkeeper.data.readers.base import MEND, Export
from shopkeeper.data.readers.columnar import Parquet
from shopkeeper.data.readers.compound import BROKEN, Parts, Zipped
from shopkeeper.data.readers.database import tables
from shopkeeper.data.readers.delimited import Delimited
from shopkeeper.data.readers.excel import sheets
from shopkeeper.data.readers.jsonlines import JsonLines
from shopkeeper.errors import DataError

DELIMITED = {".csv", ".tsv", ".tab", ".dat", ".txt", ".psv"}
JSON = {".jsonl", ".ndjson", ".json"}
PARQUET = {".parquet", ".pq"}
KNOWN = DELIMITED | JSON | PARQUET | {".xlsx", ".zip"}
NO_DATA = re.compile(r"(?i)(read.?me|licen[cs]e|changelog|copying|notice|authors?|citation|_success)\b.*")
VARYING = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\d+")


def discover(source: str | Path) -> list[Export]:
    """The exports in a file, in a folder (with its folders, hidden and README-like files skipped) or behind a database
    address (`postgresql://…`, `sqlite:///path`), ordered by name.

    Raises DataError when there is nothing to read.
    """
    if isinstance(source, str) and "://" in source:
        return tables(source)
    path = Path(source).expanduser()
    if path.is_file():
        exports = open_file(path, path.name)
        if not exports:
            raise DataError("this kind of file is not known", where=str(path), expected=", ".join(sorted(KNOWN)))
        return exports
    if not path.is_dir():
        raise DataError("there is no such file or folder", where=str(path))
    exports = [export for file, name in _files(path) for export in open_file(file, name)]
    if not exports:
        raise DataError("nothing here can be read", where=str(path), expected=f"files of {', '.join(sorted(KNOWN))}")
    return _joined(exports)


def discover_all(sources: Sequence[str | Path]) -> list[Export]:
    """The exports of several sources; where two share a name, the source's own name goes before it.

    Raises DataError when two exports still share a name.
    """
    found = [(source, export) for source in sources for export in discover(source)]
    names = [export.name for _, export in found]
    for source, export in found:
        if names.count(export.name) > 1:
            export.name = f"{Path(str(source)).name}/{export.name}"
    exports = [export for _, export in found]
    unique = {export.name: export for export in exports}
    if len(unique) < len(exports):
        twice = next(export for export in exports if unique[export.name] is not export)
        raise DataError(f"two exports are called {twice.name!r}", where=twice.location, remedy="Rename one of them.")
    return exports


def open_file(path: Path, name: str) -> list[Export]:
    """The exports in one file: none when its kind is not known, several for a workbook or an archive."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    kind = suffixes[-2] if len(suffixes) > 1 and suffixes[-1] == ".gz" else "".join(suffixes[-1:])
    if kind in DELIMITED:
        return [Delimited(path, name)]
    if kind in JSON:
        return [JsonLines(path, name)]
    if kind in PARQUET:
        return [Parquet(path, name)]
    if kind == ".xlsx":
        return sheets(path, name)
    if kind == ".zip":
        return _members(path, name)
    return []


def pattern_of(name: str) -> str:
    """An export's name without its numbers: what the parts of one table share."""
    return VARYING.sub("*", name)


def _files(folder: Path) -> list[tuple[Path, str]]:
    found = [(path, path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    return sorted(
        (path, relative.as_posix())
        for path, relative in found
        if not any(part.startswith((".", "~$")) for part in relative.parts) and not NO_DATA.fullmatch(path.name)
    )


def _members(path: Path, name: str) -> list[Export]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = sorted(info.filename for info in archive.infolist() if not info.is_dir())
    except BROKEN as error:
        raise DataError(f"is no readable archive: {error}", where=str(path), expected="a zip", remedy=MEND) from error
    return [
        Zipped(path, member, f"{name}/{member}", open_file)
        for member in members
        if Path(member).suffix.lower() in KNOWN - {".zip", ".xlsx"}
        and not member.startswith("__MACOSX")
        and not NO_DATA.fullmatch(Path(member).name)
    ]


def _joined(exports: list[Export]) -> list[Export]:
    """Files of the same columns whose paths differ by numbers alone become one export."""
    groups: dict[str, list[Export]] = {}
    for export in exports:
        groups.setdefault(pattern_of(export.name), []).append(export)
    joined: list[Export] = []
    for pattern, parts in groups.items():
        same = len(parts) > 1 and isinstance(parts[0], Delimited | JsonLines | Parquet) and _same_columns(parts)
        joined.extend([Parts(pattern, parts)] if same else parts)
    return sorted(joined, key=lambda export: export.name)


def _same_columns(parts: list[Export]) -> bool:
    try:
        return len({tuple(part.sample(1).column_names) for part in parts}) == 1
    except DataError:
        return False  # whoever reads the broken one will say what is wrong
