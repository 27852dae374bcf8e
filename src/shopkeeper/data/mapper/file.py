"""One export as the mapper sees it: a sample, the profiles of its columns, and its likeliest reading."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa

from shopkeeper.data.mapper.fields import Bonuses
from shopkeeper.data.mapper.profile import Profile, profile_table
from shopkeeper.data.mapper.roles import Reading, readings

FIRST_ROWS = 1_000  # enough for small files, and where there are pictures, of which 10,000 would be too many
SAMPLE_ROWS = 10_000


class Sampled(Protocol):
    """What the mapper asks of an export."""

    name: str

    def sample(self, n: int = ...) -> pa.Table: ...


@dataclass
class File:
    """One export; `reading` is its likeliest, in view of `bonuses`, what other columns say of each of its own."""

    name: str
    table: pa.Table
    profiles: dict[str, Profile]
    bonuses: dict[str, Bonuses] = field(default_factory=dict)
    reading: Reading = field(init=False)
    runner_up: float = field(init=False)

    def __post_init__(self) -> None:
        self.read(self.bonuses)

    @property
    def columns(self) -> list[str]:
        return list(self.table.column_names)

    def hear(self, bonuses: dict[str, Bonuses]) -> None:
        """Read the file again, if other columns say something new."""
        if bonuses != self.bonuses:
            self.read(bonuses)

    def read(self, bonuses: dict[str, Bonuses]) -> None:
        self.bonuses = bonuses
        self.reading, second, *_ = readings(self.name, list(self.profiles.values()), bonuses)
        self.runner_up = second.score


def look(export: Sampled) -> File:
    """Sample an export and read it by itself."""
    table = export.sample(FIRST_ROWS)
    pictures = any(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) for kind in table.schema.types)
    if table.num_rows >= FIRST_ROWS // 2 and not pictures:
        table = export.sample(SAMPLE_ROWS)
    return File(export.name, table, {profile.name: profile for profile in profile_table(table)})
