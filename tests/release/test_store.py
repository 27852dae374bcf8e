"""Releases: published whole or not at all, never changed, gone back to."""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.synchronize
import os
import signal
from datetime import datetime, tzinfo
from pathlib import Path

import pytest

from shopkeeper.errors import ReleaseError
from shopkeeper.release.manifest import MANIFEST, read_manifest
from shopkeeper.release.store import Release, ReleaseStore
from shopkeeper.settings import Settings


@pytest.fixture
def store(tmp_path: Path) -> ReleaseStore:
    return ReleaseStore(tmp_path / "releases")


def publish(store: ReleaseStore, text: str = "hello") -> Release:
    with store.draft() as draft:
        (draft / "catalogue").mkdir()
        (draft / "catalogue" / "titles.txt").write_text(text, encoding="utf-8")
        return store.publish(
            draft, settings=Settings(), sources={"export.csv": "abc"}, metrics={"home": {"hr@10": 0.5}}
        )


def test_a_published_release_is_current_and_says_what_it_is_made_of(store: ReleaseStore) -> None:
    release = publish(store)
    current = store.current()
    assert current == release
    assert current.manifest == read_manifest(release.path)
    assert current.manifest.files["catalogue/titles.txt"].bytes == 5
    assert current.manifest.sources == {"export.csv": "abc"}
    assert current.manifest.metrics == {"home": {"hr@10": 0.5}}
    assert current.manifest.settings["train"]["seed"] == 0
    store.verify(current)


def test_an_empty_store_says_what_to_do(store: ReleaseStore) -> None:
    assert store.list() == ()
    with pytest.raises(ReleaseError, match="shopkeeper train"):
        store.current()
    with pytest.raises(ReleaseError, match="no earlier release"):
        store.rollback()


def test_rollback_goes_one_back_or_to_a_named_one(store: ReleaseStore) -> None:
    first, second, third = (publish(store, text) for text in "abc")
    assert [release.id for release in store.list()] == [first.id, second.id, third.id]
    assert store.rollback() == second == store.current()
    assert store.rollback() == first
    with pytest.raises(ReleaseError, match="no earlier release"):
        store.rollback()
    assert store.rollback(third.id) == store.current() == third
    with pytest.raises(ReleaseError, match=f"one of: .*{third.id}"):
        store.rollback("nonsense")


def test_prune_keeps_the_newest_and_always_the_current(store: ReleaseStore) -> None:
    releases = [publish(store, text) for text in "abcd"]
    store.rollback(releases[0].id)
    assert store.prune(keep=1) == (releases[1].id, releases[2].id)
    assert [release.id for release in store.list()] == [releases[0].id, releases[3].id]
    assert store.prune(keep=5) == ()


def test_a_clock_that_is_set_back_makes_no_release_older(store: ReleaseStore, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime(2020, 1, 1, tzinfo=tz)

    (store.root / "a directory of somebody").mkdir(parents=True)
    first = publish(store)
    monkeypatch.setattr("shopkeeper.release.store.datetime", Clock)
    second, third = publish(store), publish(store)
    assert first.id < second.id < third.id
    assert third.manifest.created.startswith("2020-01-01")
    assert store.rollback() == second
    store.rollback(third.id)
    assert first.id in store.prune(keep=2)


def test_a_failed_training_leaves_what_was_there(store: ReleaseStore) -> None:
    release = publish(store)
    with contextlib.suppress(KeyboardInterrupt), store.draft() as draft:
        (draft / "half.bin").write_bytes(b"half")
        raise KeyboardInterrupt
    assert not draft.exists()
    assert store.list() == (release,) == (store.current(),)


def test_verify_names_the_file_that_was_tampered_with(store: ReleaseStore) -> None:
    release = publish(store)
    path = release.path / "catalogue" / "titles.txt"
    path.write_text("hellO", encoding="utf-8")
    with pytest.raises(ReleaseError, match=r"titles.txt: the file is not what was published"):
        store.verify(release)
    path.unlink()
    with pytest.raises(ReleaseError, match=r"titles.txt: the file is missing"):
        store.verify(release)
    path.write_text("hello", encoding="utf-8")
    (release.path / "extra").touch()
    with pytest.raises(ReleaseError, match="extra: the file was not published"):
        store.verify(release)


def test_a_damaged_manifest_is_named_and_does_not_hide_the_others(store: ReleaseStore) -> None:
    good, bad = publish(store), publish(store)
    (bad.path / MANIFEST).write_text("{", encoding="utf-8")
    with pytest.raises(ReleaseError, match=r"manifest.json: the manifest cannot be read"):
        store.current()
    assert store.list() == (good,)
    assert store.rollback() == store.current() == good


def test_a_pointer_to_nothing_names_the_remedy(store: ReleaseStore) -> None:
    publish(store)
    (store.root / "current").write_text("gone\n", encoding="utf-8")
    with pytest.raises(ReleaseError, match=r"'gone', which is not there.*rollback"):
        store.current()


def _hold_a_draft(root: Path, ready: multiprocessing.synchronize.Event) -> None:
    with ReleaseStore(root).draft() as draft:
        (draft / "half.bin").write_bytes(b"half")
        ready.set()
        signal.pause()


def test_one_training_at_a_time_and_a_killed_one_is_swept(store: ReleaseStore) -> None:
    fork = multiprocessing.get_context("spawn")
    ready = fork.Event()
    other = fork.Process(target=_hold_a_draft, args=(store.root, ready))
    other.start()
    try:
        assert ready.wait(60)
        with pytest.raises(ReleaseError, match=f"another training is running \\(process {other.pid}\\)"):
            publish(store)
    finally:
        os.kill(other.pid or 0, signal.SIGKILL)
        other.join()
    assert any((store.root / ".drafts").iterdir())
    release = publish(store)
    assert store.current() == release
    assert not any((store.root / ".drafts").iterdir())
