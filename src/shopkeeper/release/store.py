"""The releases of a shop on disk: made as drafts, published by one atomic rename, pointed at by `current`.

releases/<id>/      a release; never changes once published
releases/current    the id of the release that serves
releases/.drafts/   what is being made; swept when the next training starts
releases/.lock      held by the one training that may run
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from shopkeeper import __version__
from shopkeeper.data.durable import alone, sync, sync_all, why
from shopkeeper.data.eventlog import BEGINNING, Places
from shopkeeper.errors import ReleaseError
from shopkeeper.release.manifest import Manifest, entries, entry, read_manifest, write_manifest
from shopkeeper.settings import Settings

ID = "%Y%m%d-%H%M%S-%f"  # of a release: when it was made, in UTC
REMEDY = "Go back with: shopkeeper rollback, or train again."  # for a release that is damaged


@dataclass(frozen=True)
class Release:
    """A published release: where it lies and what it says of itself."""

    path: Path
    manifest: Manifest

    @property
    def id(self) -> str:
        return self.manifest.id

    def require_files(self) -> None:
        """Every file is there, in the size that was published: cheap, where `ReleaseStore.verify` reads all of them.

        Raises ReleaseError naming the first that is not.
        """
        for name, expected in self.manifest.files.items():
            path = self.path / name
            if not path.is_file():
                raise ReleaseError("the file is missing", where=str(path), remedy=REMEDY)
            if (size := path.stat().st_size) != expected.bytes:
                what = f"the file has {size:,} bytes"
                raise ReleaseError(what, where=str(path), expected=f"{expected.bytes:,}", remedy=REMEDY)


class ReleaseStore:
    """All releases under one directory, which is made when the first draft is."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextlib.contextmanager
    def draft(self) -> Iterator[Path]:
        """An empty directory to make a release in; it is removed at the end unless it was published.

        Raises ReleaseError when another process is making one, or the disk refuses.
        """
        with _told(self.root), alone(self.root, "training", ReleaseError):
            drafts = self._drafts()
            for left_over in drafts.iterdir():  # of a run that was killed: whoever made it no longer holds the lock
                shutil.rmtree(left_over)
            draft = Path(tempfile.mkdtemp(dir=drafts))
            try:
                yield draft
            finally:
                shutil.rmtree(draft, ignore_errors=True)

    def publish(
        self,
        draft: Path,
        *,
        settings: Settings,
        sources: Mapping[str, str] | None = None,
        live: Places = BEGINNING,
        metrics: Mapping[str, Any] | None = None,
    ) -> Release:
        """Turn a draft into the current release. `sources` maps the name of each source to its fingerprint;
        `live` is what of the shop's log it knows."""
        created = datetime.now(UTC)
        manifest = Manifest(
            id=self._next_id(created),
            created=created.isoformat(timespec="seconds"),
            shopkeeper=__version__,
            settings=msgspec.to_builtins(settings),
            sources=dict(sources or {}),
            live=live,
            metrics=dict(metrics or {}),
            files=entries(draft),
        )
        write_manifest(manifest, draft)
        sync_all(draft)
        draft.chmod(0o755)  # a temporary directory is closed to other accounts, a release is for the server to read
        draft.rename(self.root / manifest.id)
        sync(self.root)
        self._point(manifest.id)
        return self.get(manifest.id)

    def current(self) -> Release:
        """The release that serves. Raises ReleaseError when there is none or it is damaged."""
        id_ = self._current_id()
        if not id_:
            raise ReleaseError(
                "nothing is released yet", where=str(self.root), remedy="Make a release with: shopkeeper train"
            )
        if id_ not in self._ids():
            raise ReleaseError(
                f"points to {id_!r}, which is not there",
                where=str(self.root / "current"),
                remedy="Choose another with: shopkeeper rollback",
            )
        return self.get(id_)

    def get(self, id_: str) -> Release:
        """Raises ReleaseError for an id that is not in the store."""
        known = self._ids()
        if id_ not in known:
            shown = ", ".join(known[-5:]) or "nothing is released yet"
            raise ReleaseError(f"there is no release {id_!r}", where=str(self.root), expected=f"one of: {shown}")
        return Release(self.root / id_, read_manifest(self.root / id_))

    def list(self) -> tuple[Release, ...]:
        """From the oldest to the newest. A directory whose manifest cannot be read is no release."""
        releases = []
        for id_ in self._ids():
            with contextlib.suppress(ReleaseError):
                releases.append(self.get(id_))
        return tuple(releases)

    def rollback(self, to: str | None = None) -> Release:
        """Serve the release `to`, by default the newest one older than the current. Raises ReleaseError."""
        if to is None:
            current, known = self._current_id(), self._ids()
            # What `current` says may be no release at all: then any is earlier.
            older = [release.id for release in self.list() if release.id < current or current not in known]
            if not older:
                raise ReleaseError("there is no earlier release to go back to", where=str(self.root))
            to = older[-1]
        release = self.get(to)
        self._point(to)
        return release

    def prune(self, keep: int) -> tuple[str, ...]:
        """Remove all but the newest `keep` releases, never the current one; the ids removed, oldest first."""
        current = self.current().id
        old = tuple(id_ for id_ in self._ids()[:-keep] if id_ != current)
        for id_ in old:
            # Renamed first: a release that is half removed must not look like one.
            grave = self._drafts() / f"removed-{id_}"
            (self.root / id_).rename(grave)
            shutil.rmtree(grave)
        return old

    def verify(self, release: Release) -> None:
        """Compare every file with the manifest. Raises ReleaseError naming the first that differs."""
        release.require_files()
        for name, expected in release.manifest.files.items():
            if entry(path := release.path / name) != expected:
                raise ReleaseError("the file is not what was published", where=str(path), remedy=REMEDY)
        unknown = sorted(entries(release.path).keys() - release.manifest.files.keys())
        if unknown:
            raise ReleaseError("the file was not published", where=str(release.path / unknown[0]), remedy=REMEDY)

    def _ids(self) -> tuple[str, ...]:
        """Sorted, which is by time."""
        if not self.root.is_dir():
            return ()
        return tuple(sorted(path.name for path in self.root.iterdir() if path.is_dir() and path.name[0] != "."))

    def _next_id(self, now: datetime) -> str:
        """Behind all others, also where the clock was set back: ids tell which release is the newer."""
        moments = [now, *(moment + timedelta(microseconds=1) for id_ in self._ids() if (moment := _moment(id_)))]
        return f"{max(moments):{ID}}"

    def _current_id(self) -> str:
        """What `current` says; empty when nothing is released."""
        try:
            return (self.root / "current").read_text(encoding="utf-8", errors="replace").strip()
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise ReleaseError(f"cannot be read ({error})", where=str(self.root / "current"), remedy=REMEDY) from error

    def _drafts(self) -> Path:
        drafts = self.root / ".drafts"
        drafts.mkdir(parents=True, exist_ok=True)
        return drafts

    def _point(self, id_: str) -> None:
        new = self.root / ".current.new"
        new.write_text(f"{id_}\n", encoding="utf-8")
        sync(new)
        new.replace(self.root / "current")
        sync(self.root)


@contextlib.contextmanager
def _told(root: Path) -> Iterator[None]:
    try:
        yield
    except ConnectionError:  # such as a pipe whose reader has gone: no affair of the disk
        raise
    except OSError as error:
        raise ReleaseError(
            f"no release can be made ({why(error)}); what serves goes on serving",
            where=error.filename or str(root),
            remedy="See that the disk has room and may be written, and train again.",
        ) from error


def _moment(id_: str) -> datetime | None:
    """None where the id is no release's."""
    try:
        return datetime.strptime(f"{id_}+0000", f"{ID}%z")
    except ValueError:
        return None
