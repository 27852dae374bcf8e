"""A release that is opened beside another one."""

from __future__ import annotations

from importlib.metadata import EntryPoints, entry_points
from pathlib import Path

import pytest
from small_encoder import make_encoder
from small_engine import small_engine

from shopkeeper.engine import plugins, sources
from shopkeeper.engine.opening import open_release
from shopkeeper.errors import ReleaseError
from shopkeeper.release.store import Release, ReleaseStore
from shopkeeper.settings import Settings


def publish(store: ReleaseStore, encoder: Path) -> Release:
    engine = small_engine()
    engine.encoder = make_encoder(encoder)
    with store.draft() as draft:
        engine.save(draft)
        return store.publish(draft, settings=engine.settings)


def test_releases_with_the_same_encoder_share_it(tmp_path: Path) -> None:
    store = ReleaseStore(tmp_path / "releases")
    one, same = (open_release(publish(store, tmp_path / "encoder"), Settings()) for _ in range(2))
    assert one.encoder is not None
    assert one.encoder is same.encoder


def test_another_encoder_is_opened(tmp_path: Path) -> None:
    store = ReleaseStore(tmp_path / "releases")
    one = open_release(publish(store, tmp_path / "encoder"), Settings())
    with store.draft() as draft:
        engine = small_engine()
        engine.encoder = make_encoder(tmp_path / "encoder")
        engine.save(draft)
        tokenizer = draft / "encoder" / "tokenizer.json"
        tokenizer.write_text(tokenizer.read_text() + "\n")
        other = open_release(store.publish(draft, settings=Settings()), Settings())
    assert other.encoder is not None
    assert other.encoder is not one.encoder


def test_a_release_whose_source_is_uninstalled_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = publish(ReleaseStore(tmp_path / "releases"), tmp_path / "encoder")
    left = EntryPoints(point for point in entry_points(group=sources.GROUP) if point.name != "popular")
    monkeypatch.setattr(plugins, "entry_points", lambda group: left)  # noqa: ARG005
    with pytest.raises(ReleaseError, match=r"no source 'popular'.*Install it again, train again, or go back"):
        open_release(release, Settings())
