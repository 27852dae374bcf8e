"""A small disk of its own, to be filled and emptied. Needs the right to mount; tests are skipped without it."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


class Disk:
    """A file system in memory at `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._filler = root / "filler"

    def fill(self, free: int = 0) -> None:
        """Until no more than `free` bytes are left."""
        with self._filler.open("wb", buffering=0) as file:
            with contextlib.suppress(OSError):  # there is no room for more
                while file.write(bytes(4_096)):
                    pass
            file.truncate(max(0, file.tell() - free))

    def empty(self) -> None:
        self._filler.unlink()

    def read_only(self) -> None:
        _mount("-o", "remount,ro", self.root)


@contextlib.contextmanager
def small_disk(root: Path, megabytes: int = 16) -> Iterator[Disk]:
    root.mkdir()
    try:
        _mount("-t", "tmpfs", "-o", f"size={megabytes}m", "shopkeeper-test", root)
    except (subprocess.CalledProcessError, FileNotFoundError):
        pytest.skip("no file system may be mounted here")
    try:
        yield Disk(root)
    finally:
        subprocess.run(["umount", "--lazy", str(root)], check=True)


def _mount(*arguments: object) -> None:
    subprocess.run(["mount", *map(str, arguments)], check=True, capture_output=True)
