"""Exports made of others: a file inside a zip, and a table that was written in parts."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from shopkeeper.data.duck import connect, literal
from shopkeeper.data.readers.base import MEND, Export, Scanned, file_fingerprint, slug, take_spread, told
from shopkeeper.data.scratch import Scratch
from shopkeeper.errors import DataError

Opener = Callable[[Path, str], list[Export]]
# What `zipfile` says of an archive that is damaged, encrypted or packed in a way that it does not know.
BROKEN = (OSError, EOFError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error)
PART = "__part"  # the column that says which file of a table in parts a row came from


class Zipped(Scanned):
    """A member of a zip archive, unpacked when it is first read."""

    def __init__(self, archive: Path, member: str, name: str, opener: Opener) -> None:
        self.archive, self.member, self.name, self._opener = archive, member, name, opener
        self.location, self.format = f"{archive}, member {member!r}", Path(member).suffix.lstrip(".").lower()

    def fingerprint(self) -> str:
        return hashlib.sha256(f"{file_fingerprint(self.archive)} {self.member}".encode()).hexdigest()[:32]

    def modified(self) -> float:
        return self.archive.stat().st_mtime

    def sample(self, n: int = 2000) -> pa.Table:
        with Scratch() as folder:
            return self._inner(folder).sample(n)

    def scan(self, staging: Path) -> str:
        return self._inner(staging).scan(staging)

    def _inner(self, folder: Path) -> Export:
        target = folder / slug(self.name)
        target.mkdir(parents=True, exist_ok=True)
        try:
            with zipfile.ZipFile(self.archive) as archive:
                path = Path(archive.extract(self.member, target))
        except BROKEN as error:
            raise DataError(f"cannot be unpacked: {error}", where=self.location, remedy=MEND) from error
        inner = self._opener(path, self.name)[0]
        inner.location = self.location
        return inner


class Parts(Scanned):
    """Files of one shape whose names differ by a number: one table. Its name is their pattern, "events/part-*.csv"."""

    def __init__(self, name: str, parts: Sequence[Export]) -> None:
        self.name, self.parts, self.format = name, parts, parts[0].format
        self.location = f"{parts[0].location} and {len(parts) - 1} more"

    def fingerprint(self) -> str:
        return hashlib.sha256(" ".join(part.fingerprint() for part in self.parts).encode()).hexdigest()[:32]

    def modified(self) -> float:
        return max(part.modified() for part in self.parts)

    @cached_property
    def _sampled(self) -> Sequence[Export]:
        step = max(1, len(self.parts) // 8)
        return self.parts[::step]

    def sample(self, n: int = 2000) -> pa.Table:
        tables = [part.sample(max(1, n // len(self._sampled))) for part in self._sampled]
        with connect() as connection, told(self.location):
            for at, table in enumerate(tables):
                connection.register(f"part_{at}", table)
            united = " UNION ALL BY NAME ".join(f"FROM part_{at}" for at in range(len(tables)))  # as `scan` does
            return take_spread(connection.sql(united).to_arrow_table(), n)

    def scan(self, staging: Path) -> str:
        selects = (f"SELECT * FROM {part.scan(staging)}" for part in self.parts)
        return f"({' UNION ALL BY NAME '.join(selects)})"

    def scan_by_part(self, staging: Path) -> str:
        """All rows, as `scan` gives them, with the name of their part in the column PART."""
        selects = (f"SELECT *, {literal(part.name)} AS {PART} FROM {part.scan(staging)}" for part in self.parts)
        return f"({' UNION ALL BY NAME '.join(selects)})"
