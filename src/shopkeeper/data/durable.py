"""What keeps a shop's directory whole: one writer at a time, and nothing in place before it is on the disk."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from shopkeeper.errors import ShopkeeperError

ROOM_BYTES = 100_000_000  # free on the disk, below which nothing more should come in
# "No space left on device", and what else a disk says that takes no more; every library quotes it.
REFUSALS = tuple(map(os.strerror, (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)))


def why(error: Exception) -> str:
    """What the system had against it, in few words, from whatever library it comes."""
    refusal = next((refusal for refusal in REFUSALS if refusal in str(error)), None)
    return refusal or getattr(error, "strerror", None) or str(error)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file of which whoever reads it meets what was there before or all of this."""
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_bytes(content)
    unfinished.replace(path)


def sync(path: Path) -> None:
    """Wait until a file or directory is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_all(directory: Path) -> None:
    """Wait until a directory and all below it are on the disk."""
    for path in directory.rglob("*"):
        sync(path)
    sync(directory)


@contextlib.contextmanager
def alone(directory: Path, job: str, error: type[ShopkeeperError]) -> Iterator[None]:
    """Held by one process at a time for each directory; the operating system lets go of it when the process ends,
    however it ends. Raises `error` while another holds it, naming its process."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / ".lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            raise error(
                f"another {job} is running (process {file.read().strip() or 'unknown'})",
                where=str(directory),
                remedy="Wait until it ends, or stop it.",
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


@contextlib.contextmanager
def taking_turns(directory: Path) -> Iterator[None]:
    """As `alone`, but waiting for the process that is there, and leaving no file behind; for work of milliseconds."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
