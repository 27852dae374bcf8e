"""What is written of arrays, and what is said where it cannot be."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
from disks import small_disk

from shopkeeper.release.arrays import load_array, save_arrays


@pytest.mark.parametrize(
    "array", [np.arange(6).reshape(2, 3), np.arange(6.0).reshape(2, 3).T, np.zeros((0, 3), np.float32), np.array(7)]
)
def test_what_is_written_is_read(array: np.ndarray, tmp_path: Path) -> None:
    save_arrays(tmp_path / "new", {"one": array})
    found = load_array(tmp_path / "new", "one")
    assert (found.dtype, found.shape, found.tolist()) == (array.dtype, array.shape, array.tolist())


def test_a_full_disk_is_called_full(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        disk.fill(free=200_000)
        with pytest.raises(OSError, match="No space left on device") as caught:
            save_arrays(disk.root, {"one": np.zeros(1_000_000)})
        assert caught.value.errno == errno.ENOSPC
