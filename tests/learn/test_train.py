"""From tables to a release that answers, in every kind of shop."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from worlds import catalogue, chains, searches, visits, write_shop

from shopkeeper.cli import show
from shopkeeper.data.tables import Tables
from shopkeeper.engine import models, sources
from shopkeeper.engine.context import FittedSource, Material, Reached, SourceRecipe
from shopkeeper.engine.opening import settings_of
from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.ranking.fusion import FUSIONS
from shopkeeper.engine.sources.popular import Popular
from shopkeeper.errors import SettingsError
from shopkeeper.learn import workshop
from shopkeeper.learn.groups import ITEM_GROUPS, USER_GROUPS
from shopkeeper.learn.train import train
from shopkeeper.release.store import Release, ReleaseStore
from shopkeeper.settings import EncoderSettings, Settings, Surface, TrainSettings
from shopkeeper.vocabulary import Request

SETTINGS = Settings(encoder=EncoderSettings(model="none"), train=TrainSettings(threads=1, max_requests=2000))


def released(tables: Tables, settings: Settings = SETTINGS) -> Release:
    store = ReleaseStore(tables.folder.parent / "releases")
    release = train(tables, settings, store)
    store.verify(release)
    assert store.current().id == release.id
    return release


def served(release: Release, request: Request) -> list[str]:
    return [placement.item.id for placement in Engine.open(release.path).answer(request).placements]


def value(release: Release, surface: str, system: str, measure: str = "ndcg@10") -> float:
    return float(release.manifest.metrics["surfaces"][surface]["systems"][system][measure]["value"])


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    events = visits(60, 1200) + searches(60, 600, hours=1200)
    return write_shop(tmp_path_factory.mktemp("shop"), catalogue(60), events)


@pytest.fixture(scope="module")
def release(shop: Tables) -> Release:
    return released(shop)


def test_a_predictable_world_is_learned(release: Release) -> None:
    surfaces = release.manifest.metrics["surfaces"]
    assert {"home", "similar", "cart", "search"} <= set(surfaces)
    assert release.manifest.metrics["unasked"] == []
    assert value(release, "similar", "served") > 0.5 > value(release, "similar", "popularity")
    assert value(release, "home", "served") > value(release, "home", "popularity") + 0.1
    assert value(release, "search", "served") > value(release, "search", "popularity") + 0.3
    assert surfaces["similar"]["against"]["popularity"]["difference"]["low"] > 0


def test_the_released_shop_answers(release: Release) -> None:
    assert "red mug" in " ".join(
        placement.item.title for placement in Engine.open(release.path).answer(Request(query="red mug")).placements[:1]
    )
    assert "i8" in served(release, Request(surface="similar", items=("i7",), size=3))
    assert served(release, Request(surface="home", user="u1"))
    assert served(release, Request(surface="home"))


def test_what_each_model_costs_stands_beside_what_it_is_worth(
    release: Release, capsys: pytest.CaptureFixture[str]
) -> None:
    costs = release.manifest.metrics["costs"]
    assert {"lexical", "popular", "viewed_together", "slist", "lambdamart", "stacking"} <= costs.keys()
    assert all(cost["size_mb"] >= 0 and cost["fit_s"] > 0 for cost in costs.values())
    assert all(
        0 < costs[name]["answer_ms"] < 1_000
        for name in ("lexical", "viewed_together", "slist", "lambdamart", "stacking")
    )
    assert "an answer, ms" in (release.path / "evaluation" / "report.html").read_text(encoding="utf-8")
    show.metrics(release.manifest.metrics)
    assert "an answer, ms" in capsys.readouterr().out


def test_the_report_stands_beside_the_release(release: Release) -> None:
    folder = release.path / "evaluation"
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg") >= len(release.manifest.metrics["surfaces"])
    assert "http://www.w3.org" in page
    assert "src=" not in page
    assert msgspec.json.decode((folder / "metrics.json").read_bytes()) == release.manifest.metrics
    assert [path.stat().st_size > 1000 for path in (folder / "tensorboard").iterdir()] == [True]


def test_every_surface_is_told_by_groups_that_share_its_requests(release: Release) -> None:
    require_groups(release)


def require_groups(release: Release) -> None:
    for figures in release.manifest.metrics["surfaces"].values():
        groups = figures["groups"]
        for names in (USER_GROUPS, ITEM_GROUPS):
            assert sum(groups[name]["requests"] for name in names) == figures["requests"]
        for group in groups.values():
            assert set(group["systems"]) == (set(figures["systems"]) if group["requests"] else set())


def test_the_report_weighs_quality_against_costs(release: Release) -> None:
    page = (release.path / "evaluation" / "report.html").read_text(encoding="utf-8")
    choice = release.manifest.metrics["choices"]["similar"]
    assert {"fused", *SETTINGS.surfaces["similar"].sources} <= choice["pace"]["answer_ms"].keys()
    assert all(ms > 0 for ms in choice["pace"]["answer_ms"].values())
    assert set(choice["figures"]["chances"]["fused"]) == {*choice["figures"]["systems"]} - {"fused"}
    assert 'aria-label="NDCG@10 against the time of an answer: ' in page
    assert page.count('role="img"') == page.count("<svg")
    assert "newcomers" in page
    assert "prefers-color-scheme: dark" in page


def test_the_same_tables_settings_and_seed_make_the_same_release(shop: Tables, release: Release) -> None:
    again = released(shop)
    assert again.id != release.id
    timeless = [{**each.manifest.metrics, "costs": None, "stages": None} for each in (release, again)]
    for each in timeless:
        each["choices"] = {name: {**choice, "pace": None, "costs": None} for name, choice in each["choices"].items()}
    assert timeless[0] == timeless[1]
    differing = {name for name, entry in release.manifest.files.items() if again.manifest.files.get(name) != entry} | (
        again.manifest.files.keys() - release.manifest.files.keys()
    )
    takes_time = {"evaluation/metrics.json", "evaluation/report.html"}  # of which the costs tell
    assert {name for name in differing if not name.startswith("sources/lexical/index/")} <= takes_time


def test_a_source_that_is_better_alone_serves_alone(shop: Tables, tmp_path: Path) -> None:
    tables = Tables(tmp_path)
    tables.folder.symlink_to(shop.folder)
    surface = Surface(sources=("similar", "viewed_together"), needs="items", rank="fused")
    release = released(tables, msgspec.structs.replace(SETTINGS, surfaces={"similar": surface}))
    choice = release.manifest.metrics["choices"]["similar"]
    assert choice["winner"] == "viewed_together"
    assert choice["beats"]["difference"]["low"] > 0
    assert Engine.open(release.path).settings.surfaces["similar"].weights == {"similar": 0, "viewed_together": 1}
    assert value(release, "similar", "served") > value(release, "similar", "similar")


def test_a_fusion_that_wins_serves(release: Release) -> None:
    choices = release.manifest.metrics["choices"]
    won = {name: choice["winner"] for name, choice in choices.items() if choice["winner"] in FUSIONS}
    assert won
    surfaces = Engine.open(release.path).settings.surfaces
    assert {name: surfaces[name].fusion for name in won} == won
    assert not any((release.path / "rankers" / name).exists() for name in won)


def test_weights_that_a_person_wrote_are_kept(shop: Tables, tmp_path: Path) -> None:
    tables = Tables(tmp_path)
    tables.folder.symlink_to(shop.folder)
    weights = {"similar": 1.0, "viewed_together": 0.5}
    surface = Surface(sources=("similar", "viewed_together"), needs="items", rank="fused", weights=weights)
    release = released(tables, msgspec.structs.replace(SETTINGS, surfaces={"similar": surface}))
    assert release.manifest.metrics["choices"]["similar"]["winner"] == "fused"
    assert Engine.open(release.path).settings.surfaces["similar"].weights == weights


def test_a_random_world_beats_nothing(tmp_path: Path) -> None:
    tables = write_shop(tmp_path, catalogue(60), visits(60, 1200, predictable=False))
    release = released(tables)
    for surface, figures in release.manifest.metrics["surfaces"].items():
        against = figures["against"]["popularity"]["difference"]
        assert against["low"] < 0.02, surface
    assert value(release, "similar", "served", "hr@10") < 10 / 60 + 0.1  # one of 60 is wanted, ten are shown


def test_a_shop_without_a_clock_leaves_one_out(tmp_path: Path) -> None:
    tables = write_shop(tmp_path, catalogue(60), chains(60, users=300, length=8))
    release = released(tables)
    assert release.manifest.metrics["surfaces"]["home"]["requests"] == 300
    assert value(release, "home", "served") > 0.8
    assert served(release, Request(surface="home", user="u1"))
    assert release.manifest.metrics["unasked"] == ["search", "cart"]
    page = (release.path / "evaluation" / "report.html").read_text(encoding="utf-8")
    assert "no requests for them were held back: search, cart." in page
    groups = release.manifest.metrics["surfaces"]["home"]["groups"]
    assert {name: groups[name]["requests"] for name in USER_GROUPS} == {
        "newcomers": 0,
        "regulars": 300,
        "heavy users": 0,
    }
    assert groups["new items"]["requests"] == 0  # every item was met before


@pytest.mark.parametrize(
    ("items", "events"),
    [(0, []), (1, []), (1, visits(1, 1)), (30, []), (30, visits(30, 1)), (30, visits(30, 40, users=1))],
    ids=["empty", "one item", "one item, one visit", "no events", "one visit", "one person"],
)
def test_small_shops_are_released(tmp_path: Path, items: int, events: list[dict[str, object]]) -> None:
    release = released(write_shop(tmp_path, catalogue(items), events))
    assert not (release.path / "rankers").exists()
    require_groups(release)
    assert served(release, Request(query="red mug"))[:1] == ["i0"][:items]
    assert bool(served(release, Request(surface="popular"))) == bool(items)


def test_judgements_are_measured_both_ways(tmp_path: Path) -> None:
    judged = [
        {"query": "red mug", "item_id": "i0", "grade": 3.0},
        {"query": "red mug", "item_id": "i20", "grade": 0.0},
        {"query": "blue lamp", "item_id": "i9", "grade": 2.0},
    ]
    release = released(write_shop(tmp_path, catalogue(40), judgements=judged))
    whole, among = "search, judged by people", "search, judged by people, judged items only"
    assert release.manifest.metrics["surfaces"][whole]["requests"] == 2
    assert value(release, among, "served") == 1
    assert 0 < value(release, whole, "served") <= 1
    assert value(release, whole, "lexical") > value(release, whole, "popularity")
    assert "search" not in release.manifest.metrics["unasked"]


def test_an_interrupted_training_leaves_no_trace_and_the_next_goes_on(tmp_path: Path) -> None:
    tables = write_shop(tmp_path, catalogue(20), visits(20, 50))
    store = ReleaseStore(tmp_path / "releases")

    def interrupt(stage: str, done: int, total: int) -> None:  # noqa: ARG001
        if stage == "fit for test":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tables, SETTINGS, store, interrupt)
    assert store.list() == ()
    assert not any((store.root / ".drafts").iterdir())
    cached = next((tmp_path / "cache").glob("sources-*/lexical/*"))
    before = cached.stat().st_mtime_ns
    stages = []
    train(tables, SETTINGS, store, lambda stage, done, total: stages.append((stage, done, total)))
    assert cached.stat().st_mtime_ns == before
    assert all(done <= total for _, done, total in stages)
    assert stages[-1] == ("publish", 1, 1)


@pytest.mark.parametrize(
    ("surface", "more", "sentence"),
    [
        (Surface(sources=("sasrec",)), {"models": {"sasrec": {"width": 30, "heads": 4}}}, "a multiple of 8"),
        (Surface(sources=("sasrec",)), {"models": {"sasrec": {"text": True}}}, "there is none"),
        (Surface(sources=("sasrec",)), {"models": {"sasrec": {"pretrained": "/nowhere"}}}, "/nowhere cannot be read"),
        (Surface(sources=("two_tower",)), {"train": TrainSettings(device="cuda")}, "a graphics card"),
        (Surface(sources=("popular",), rankers=("mlp",)), {"train": TrainSettings(device="cuda")}, "a graphics card"),
    ],
    ids=str,
)
def test_what_a_fit_would_refuse_is_said_before_anything_is_read(
    shop: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, surface: Surface, more: Any, sentence: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    settings = msgspec.structs.replace(SETTINGS, surfaces={"home": surface}, **more)
    stages = list[str]()
    with pytest.raises(SettingsError, match=sentence):
        train(shop, settings, ReleaseStore(tmp_path / "releases"), lambda stage, *_: stages.append(stage))
    assert not stages


class Slow(Popular):
    """A network, as it were, of the figure `figure` at any time."""

    in_epochs = True

    def __init__(self, name: str, figure: float) -> None:
        super().__init__()
        self.name, self.figure, self.moments = name, figure, list[float]()

    def fit(self, material: Material) -> FittedSource:
        self.moments.append(material.now)
        material.course(self.name).ended(Reached(self.figure, finished=False, among="people"))
        return super().fit(material)


def test_who_dropped_out_is_not_asked_and_the_report_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = Slow("good", 0.2), Slow("bad", 0.1)
    installed = sources.recipes

    def recipes(names: Iterable[str], where: str = "") -> dict[str, SourceRecipe]:  # noqa: ARG001
        return {name: {"good": good, "bad": bad}.get(name) or installed([name])[name] for name in names}

    for module in (workshop, models):
        monkeypatch.setattr(module, "recipes", recipes)
    home = Surface(sources=("viewed_together", "bad", "good"))
    shop = Settings(surfaces={"home": home, "gifts": Surface(sources=("bad", "popular"))}, train=SETTINGS.train)
    shop = msgspec.structs.replace(shop, encoder=SETTINGS.encoder)
    release = released(write_shop(tmp_path, catalogue(60), visits(60, 1200, users=300)), shop)
    assert (len(bad.moments), len(good.moments)) == (1, 4)  # twice to choose, to measure, to serve
    assert settings_of(release).surfaces["home"].sources == ("viewed_together", "good")
    assert settings_of(release).surfaces["gifts"].sources == ("popular",)
    assert {path.name for path in (release.path / "sources").iterdir()} == {"viewed_together", "good", "popular"}
    assert "bad" not in release.manifest.metrics["surfaces"]["home"]["systems"]
    why = release.manifest.metrics["choices"]["home"]["dropped"]["bad"]
    assert "its figure was 0.1000, that of good 0.2000" in why
    assert why in (release.path / "evaluation" / "report.html").read_text(encoding="utf-8")
