"""Kill -9 during training, publishing and rolling back: a whole release serves, and the next run needs no hand."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import small_shop
from harness import Process, Say, Stage
from invariants import files, left_behind, require_serving
from small_exports import write_exports

from shopkeeper.release.manifest import MANIFEST
from shopkeeper.release.store import ReleaseStore
from shopkeeper.settings import Settings
from shopkeeper.shop import Shop

pytestmark = pytest.mark.slow

KEEP = 3  # releases


def prepare(say: Say, shop: Path, exports: Path) -> None:
    write_exports(exports)
    Shop.new(shop, [exports])
    settings = f'[encoder]\nmodel = "none"\n[release]\nkeep = {KEEP}\n[data]\nsources = ["{exports}"]\n'
    (shop / "shop.toml").write_text(settings)
    Shop(shop).ingest(lambda moment, _, __: say(moment))


def train(say: Say, shop: Path) -> None:
    Shop(shop).train(lambda moment, _, __: say(moment))


def test_training(stage: Callable[[str], Stage], tmp_path: Path, temporary: Path) -> None:
    training, shop = stage("training"), tmp_path / "shop"
    assert Process(prepare, shop, tmp_path / "exports").finish()
    for _ in range(KEEP + 1):
        training.run(train, shop)
    untroubled = files(shop)
    for number in training.shares(0.08):
        before = require_serving(shop)
        if training.dice.random() < 0.5:  # what it keeps for the next training is made again
            shutil.rmtree(shop / "cache", ignore_errors=True)
        training.kill(train, shop)
        assert require_serving(shop) >= before
        if number % 4 == 3:
            training.run(train, shop)
            assert require_serving(shop) > before
            assert files(shop) == untroubled
            assert not left_behind(temporary)


def publish(say: Say, shop: Path, copied: Path, times: int | None = None) -> None:
    """Again and again, what a training would; each release is said when it is published."""
    store = ReleaseStore(shop / "releases")
    for _ in range(times) if times else itertools.count():
        say("make")
        with store.draft() as draft:
            shutil.copytree(copied, draft, dirs_exist_ok=True, ignore=shutil.ignore_patterns(MANIFEST))
            say("publish")
            release = store.publish(draft, settings=Settings())
            say((release.id,))
            say("prune")
            store.prune(KEEP)


def roll(say: Say, shop: Path) -> None:
    """Back and forth between the two oldest, again and again."""
    store = ReleaseStore(shop / "releases")
    ids = [release.id for release in store.list()][:2]
    for id_ in itertools.cycle(ids):
        say("back and forth")
        say((store.rollback(id_).id,))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    small_shop.open_shop(tmp_path / "shop").close()
    shutil.copytree(Shop(tmp_path / "shop").releases.current().path, tmp_path / "copied")
    return tmp_path / "shop"


def test_publishing(stage: Callable[[str], Stage], shop: Path, temporary: Path) -> None:
    publishing, copied = stage("publish"), shop.parent / "copied"
    assert Process(publish, shop, copied, KEEP).finish()
    untroubled = files(shop)
    for number in publishing.shares(0.1):
        process = publishing.kill(publish, shop, copied)
        published = [word[0] for word in process.said if isinstance(word, tuple)]
        assert require_serving(shop) >= max(published, default="")
        if number % 4 == 3:
            publishing.run(publish, shop, copied, 1)
            require_serving(shop)
            assert files(shop) == untroubled
            assert not left_behind(temporary)


def test_rolling_back(stage: Callable[[str], Stage], shop: Path) -> None:
    rolling = stage("rollback")
    assert Process(publish, shop, shop.parent / "copied", KEEP).finish()
    untroubled = files(shop)
    known = [release.id for release in Shop(shop).releases.list()]
    for _ in rolling.shares(0.05):
        process = rolling.kill(roll, shop)
        assert require_serving(shop) in (known[:2] if process.said else known)
        assert set(files(shop)) - set(untroubled) <= {"releases/.current.new"}
    assert Shop(shop).rollback(known[-1]).id == known[-1]
    assert files(shop) == untroubled
