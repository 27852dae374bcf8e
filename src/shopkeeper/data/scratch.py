"""Directories for what lives no longer than the process that made it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import weakref
from pathlib import Path

from shopkeeper.data.durable import why
from shopkeeper.errors import ShopkeeperError

PREFIX = "shopkeeper-scratch-"  # nothing that a person would call a directory: what nobody holds is removed


class Scratch:
    """A new directory in `parent` (by default where the system keeps what is temporary), removed when this is closed,
    forgotten, or left as a context.

    Whoever makes one removes those of processes that were killed before they could. A directory is locked by its
    process, so that the living are told from the dead, in other containers too; systemd-tmpfiles heeds the same lock.
    Raises ShopkeeperError when there is no room for one.
    """

    def __init__(self, parent: Path | None = None) -> None:
        try:
            parent = parent or Path(tempfile.gettempdir())
            _sweep(parent)
            self.path, descriptor = _make(parent)
        except OSError as error:
            raise ShopkeeperError(
                f"no temporary directory can be made ({why(error)})",
                where=str(parent or "the temporary directory"),
                remedy="See that the disk has room and may be written, or name another place in TMPDIR.",
            ) from error
        self.close = weakref.finalize(self, _remove, self.path, descriptor)

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        self.close()


def _make(parent: Path) -> tuple[Path, int]:
    while True:
        path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(path, os.O_RDONLY)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if path.exists():  # else another process came between, and took it for that of a dead one
                return path, descriptor
            os.close(descriptor)


def _sweep(parent: Path) -> None:
    for path in parent.glob(f"{PREFIX}????????"):
        with contextlib.suppress(OSError):  # held by its process, removed by another, or another account's
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path)
            finally:
                os.close(descriptor)


def _remove(path: Path, descriptor: int) -> None:
    shutil.rmtree(path, ignore_errors=True)
    os.close(descriptor)
