"""What a release says of itself: what it was made from, how good it was, and the digest of every file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec

from shopkeeper.data.durable import sync
from shopkeeper.data.eventlog import BEGINNING, Places
from shopkeeper.errors import ReleaseError

MANIFEST = "manifest.json"


class FileEntry(msgspec.Struct, frozen=True):
    """Size in bytes and SHA-256 (hex) of one file."""

    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """manifest.json. `settings` and `metrics` are plain values, so that an old release stays readable.

    created is ISO 8601 in UTC; sources: fingerprint of each source by name; live: what of the shop's own log the
    release knows; files: path within the release → entry.
    """

    id: str
    created: str
    shopkeeper: str
    settings: dict[str, Any] = {}
    sources: dict[str, str] = {}
    live: Places = BEGINNING
    metrics: dict[str, Any] = {}
    files: dict[str, FileEntry] = {}


def read_manifest(directory: Path) -> Manifest:
    """Raises ReleaseError when there is none, or none that can be read."""
    path = directory / MANIFEST
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise ReleaseError("this is no release, it has no manifest.json", where=str(directory)) from None
    except (msgspec.MsgspecError, OSError, ValueError) as error:
        remedy = "Choose another with: shopkeeper rollback"
        raise ReleaseError(f"the manifest cannot be read ({error})", where=str(path), remedy=remedy) from None


def write_manifest(manifest: Manifest, directory: Path) -> None:
    path = directory / MANIFEST
    path.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2))
    sync(path)


def entries(directory: Path) -> dict[str, FileEntry]:
    """Every file below `directory` but the manifest itself, by its path with forward slashes, sorted."""
    files = sorted(path for path in directory.rglob("*") if path.is_file() and path != directory / MANIFEST)
    return {path.relative_to(directory).as_posix(): entry(path) for path in files}


def entry(path: Path) -> FileEntry:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return FileEntry(bytes=path.stat().st_size, sha256=digest)
