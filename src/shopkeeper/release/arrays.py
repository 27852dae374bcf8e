"""NumPy arrays in a release's directory, one `.npy` file each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def save_arrays(directory: Path, arrays: Mapping[str, Array]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        save_array(directory / f"{name}.npy", array)


def save_array(path: Path, array: Array) -> None:
    """Raises OSError with the system's own reason: into a plain file NumPy writes by itself, and keeps it back."""
    with path.open("wb") as file:
        np.save(_Written(file.write), array)


@dataclass(frozen=True)
class _Written:
    write: Callable[[bytes], int]


def load_array(directory: Path, name: str) -> Array:
    """Memory-mapped and read-only, so that many processes share one copy. A plain ndarray: memmap slices are slow."""
    return np.asarray(np.load(directory / f"{name}.npy", mmap_mode="r"))
