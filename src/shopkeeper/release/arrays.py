"""NumPy arrays in a release's directory, one `.npy` file each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def save_arrays(directory: Path, arrays: Mapping[str, Array]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        np.save(directory / f"{name}.npy", array)


def load_array(directory: Path, name: str) -> Array:
    """Memory-mapped and read-only, so that many processes share one copy. A plain ndarray: memmap slices are slow."""
    return np.asarray(np.load(directory / f"{name}.npy", mmap_mode="r"))
