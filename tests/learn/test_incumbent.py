"""What was learned today replaces what serves only where it answers the newest requests better."""

from __future__ import annotations

import copy
import logging
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from worlds import catalogue, searches, visits, write_shop

from shopkeeper.data.tables import Tables
from shopkeeper.engine.pipeline import Engine
from shopkeeper.errors import DataError
from shopkeeper.learn import incumbent
from shopkeeper.learn.evaluate import SERVED
from shopkeeper.learn.incumbent import Incumbent
from shopkeeper.learn.latency import Laps
from shopkeeper.learn.report import Evaluation, write_report
from shopkeeper.learn.train import train
from shopkeeper.release.store import Release, ReleaseStore
from shopkeeper.settings import DEFAULT_SURFACES, EncoderSettings, Settings, Surface, TrainSettings
from shopkeeper.vocabulary import Request

ITEMS, VISITS = 60, 800
# With weights that somebody wrote, rankers alone compete with the fusion, and one wins.
SIMILAR = Surface(
    sources=("similar", "viewed_together"), needs="items", weights={"similar": 0.3, "viewed_together": 1.0}
)
GOOD = Settings(
    encoder=EncoderSettings(model="none"),
    train=TrainSettings(threads=1, max_requests=400),
    surfaces={**DEFAULT_SURFACES, "similar": SIMILAR},
)
BAD = Surface(sources=("popular", "new"), needs="items", rank="fused", diversity=0.2)


def with_similar(surface: Surface) -> Settings:
    return msgspec.structs.replace(GOOD, surfaces={**GOOD.surfaces, "similar": surface})


def world(visited: int) -> list[dict[str, Any]]:
    return visits(ITEMS, visited) + searches(ITEMS, visited // 2, hours=visited)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A release of a predictable world, by usual settings."""
    folder = tmp_path_factory.mktemp("good")
    return train(write_shop(folder, catalogue(ITEMS), world(VISITS)), GOOD, ReleaseStore(folder / "releases"))


@pytest.fixture
def shop(tmp_path: Path, good: Release) -> Tables:
    """The same shop a few days later, with new items; the good release is current."""
    shutil.copytree(good.path.parent, tmp_path / "releases")
    return write_shop(tmp_path, catalogue(ITEMS + 2), world(VISITS + 150))


def trained(tables: Tables, settings: Settings, *, if_better: bool = True) -> Release:
    return train(tables, settings, ReleaseStore(tables.folder.parent / "releases"), if_better=if_better)


def contest(release: Release, surface: str = "similar") -> Mapping[str, Any]:
    return release.manifest.metrics["choices"][surface]["contest"]


def served(release: Release) -> list[str]:
    request = Request(surface="similar", items=("i7",), size=3)
    return [placement.item.id for placement in Engine.open(release.path).answer(request).placements]


def test_what_is_worse_is_not_published(shop: Tables, good: Release) -> None:
    release = trained(shop, with_similar(BAD))
    told = contest(release)
    assert (told["incumbent"], told["kept"]) == (good.id, True)
    assert told["requests"] >= 100
    assert told["beats"]["difference"]["high"] < 0
    assert served(release)[0] == "i8"
    ours, before = (Engine.open(each.path).settings.surfaces["similar"] for each in (release, good))
    assert (ours.sources, ours.weights, ours.rank) == (before.sources, before.weights, before.rank)
    figures = release.manifest.metrics["surfaces"]["similar"]["systems"]
    assert set(figures) == {"served", "popularity", *before.sources}
    assert ours.diversity == BAD.diversity  # a policy is a person's word, and no contestant
    assert f"i{ITEMS + 1}" in Engine.open(release.path).catalogue.ids  # what is kept serves today's data


def test_what_is_better_is_published(shop: Tables) -> None:
    worse = trained(shop, with_similar(BAD), if_better=False)
    assert worse.manifest.metrics["choices"]["similar"]["contest"] is None
    release = trained(shop, GOOD)
    told = contest(release)
    assert (told["incumbent"], told["kept"]) == (worse.id, False)
    assert told["beats"]["difference"]["low"] > 0
    assert Engine.open(release.path).settings.surfaces["similar"].sources == SIMILAR.sources
    assert "i8" in served(release)


def test_a_ranker_that_is_kept_is_the_same(shop: Tables, good: Release) -> None:
    learned = {path.name for path in (good.path / "rankers").iterdir()}
    assert learned
    fused = {
        name: msgspec.structs.replace(GOOD.surfaces[name], rank="fused", sources=("new",), weights={})
        for name in learned
    }
    release = trained(shop, msgspec.structs.replace(GOOD, surfaces={**GOOD.surfaces, **fused}))
    for name in learned:
        model = f"rankers/{name}/model.onnx"
        assert (release.path / model).read_bytes() == (good.path / model).read_bytes()


@pytest.mark.slow
def test_the_same_tables_choose_the_same_again(shop: Tables) -> None:
    first = trained(shop, GOOD, if_better=False)
    again = trained(shop, GOOD)
    assert not any(contest(again, name)["kept"] for name in again.manifest.metrics["choices"])
    assert again.manifest.metrics["surfaces"] == first.manifest.metrics["surfaces"]


@pytest.mark.slow
def test_a_choice_is_not_judged_by_what_it_was_learned_from(shop: Tables) -> None:
    late = msgspec.structs.replace(GOOD.train, test_share=0.005, validation_share=0.3)
    trained(shop, msgspec.structs.replace(GOOD, train=late), if_better=False)
    told = contest(trained(shop, with_similar(BAD)))  # most of its test part is what the incumbent learned from
    assert told["kept"]
    assert "too few requests" in told["why"]
    assert told["requests"] < 30


def test_a_broken_export_leaves_what_serves(tmp_path: Path, good: Release) -> None:
    shutil.copytree(good.path.parent, tmp_path / "releases")
    tables = write_shop(tmp_path, catalogue(5), visits(5, 20))
    with pytest.raises(DataError, match=r"5 items, the current release knows 60.*shopkeeper train"):
        trained(tables, GOOD)
    store = ReleaseStore(tables.folder.parent / "releases")
    assert store.current().id == good.id
    assert not any((store.root / ".drafts").iterdir())
    assert trained(tables, GOOD, if_better=False).id == store.current().id


def test_an_incumbent_that_cannot_be_compared_gives_way(shop: Tables, caplog: pytest.LogCaptureFixture) -> None:
    store = ReleaseStore(shop.folder.parent / "releases")
    with store.draft() as draft:
        (draft / "nothing").touch()
        store.publish(draft, settings=GOOD)
    with caplog.at_level(logging.WARNING):
        release = trained(shop, GOOD)
    assert "cannot be held against" in caplog.text
    assert store.current().id == release.id
    assert contest(release) is None


def test_a_ranker_of_other_features_gives_way(shop: Tables) -> None:
    ranker = next((ReleaseStore(shop.folder.parent / "releases").current().path / "rankers").iterdir())
    (ranker / "features.json").write_text('{"features": ["price"]}')
    assert "no longer" in contest(trained(shop, GOOD), ranker.name)["why"]


def test_an_incumbent_that_is_too_slow_by_now_gives_way(shop: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    def timed(engine: Engine, *_: object, **__: object) -> Laps:
        """What only the incumbent asks is slow."""
        took = {name: np.full(50, 120.0 if name == "viewed_together" else 5.0) for name in engine.sources_of("similar")}
        return Laps(np.zeros(50), took, {SERVED: np.zeros(50)})

    monkeypatch.setattr(incumbent, "time_answers", timed)
    told = contest(trained(shop, with_similar(BAD)))
    assert not told["kept"]
    assert "it takes 125 ms, above the 100 ms of the surface" in told["why"]


def test_an_incumbent_whose_sources_are_silent_gives_way(shop: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incumbent, "mute", lambda *_: True)
    told = contest(trained(shop, with_similar(BAD)))
    assert (told["kept"], told["why"]) == (False, incumbent.MUTE)


def test_what_an_older_shopkeeper_tells_is_understood(good: Release, tmp_path: Path) -> None:
    """Without groups, chances, figures of contestants and times."""
    told = copy.deepcopy(good.manifest.metrics)
    for figures in told["surfaces"].values():
        del figures["groups"], figures["chances"]
    for choice in told["choices"].values():
        figures, _ = choice.pop("figures"), choice.pop("pace")
        choice["ndcg"] = {name: measures["ndcg@10"] for name, measures in figures["systems"].items()} if figures else {}
    older = msgspec.convert(told, Evaluation)
    assert older.surfaces["similar"].groups == {}
    write_report(older, tmp_path / "report", "shop", 0.0)
    assert older.choices["similar"].why in (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    release = replace(good, manifest=msgspec.structs.replace(good.manifest, metrics=told))
    assert Incumbent.of(release).winners["similar"].surface.sources == SIMILAR.sources


def test_the_first_release_has_no_rival(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert contest(trained(write_shop(tmp_path, catalogue(10), visits(10, 5)), GOOD)) is None
    assert not caplog.records
