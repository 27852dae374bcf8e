"""NumPy arrays in a release's directory, one `.npy` file each, and which rows something newer is known of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from shopkeeper.vocabulary import Rows

Array = npt.NDArray[Any]


def save_arrays(directory: Path, arrays: Mapping[str, Array]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        np.save(directory / f"{name}.npy", array)


def load_array(directory: Path, name: str) -> Array:
    """Memory-mapped and read-only, so that many processes share one copy. A plain ndarray: memmap slices are slow."""
    return np.asarray(np.load(directory / f"{name}.npy", mmap_mode="r"))


@dataclass(frozen=True, eq=False)
class Slots:
    """Of which rows a newer part tells: places int32 [n], where in that part each row stands, -1 where the older part
    still holds."""

    places: Rows

    @classmethod
    def none(cls, n: int) -> Slots:
        return cls(np.full(n, -1, np.int32))

    def __len__(self) -> int:
        return len(self.places)

    def taken(self, rows: Rows, first: int, n: int) -> Slots:
        """Over n rows, with those of int32 [k] standing in the newer part from `first` on."""
        places = np.full(n, -1, np.int32)
        places[: len(self)] = self.places
        places[rows] = np.arange(first, first + len(rows))
        return Slots(places)

    def split(self, rows: Rows) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Rows]:
        """Of rows int32 [k]: the positions of those that the older part tells of, and of the others with their places
        in the newer part."""
        places = self.places[rows]
        newer = np.flatnonzero(places >= 0)
        return np.flatnonzero(places < 0), newer, places[newer]

    def older(self, rows: Rows) -> Rows:
        """Those of rows int32 [k] that the older part tells of."""
        kept: Rows = rows[self.places[rows] < 0]
        return kept
