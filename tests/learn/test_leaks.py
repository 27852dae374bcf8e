"""A planted leak is caught; replay as it is has none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from worlds import catalogue, searches, visits, write_shop

from shopkeeper.data.tables import Tables
from shopkeeper.engine.context import Candidates, Context, FittedSource, Material, ReleaseParts
from shopkeeper.engine.pipeline import Engine
from shopkeeper.errors import ReleaseError
from shopkeeper.learn.leaks import find_leaks, leaks
from shopkeeper.learn.requests import Asked
from shopkeeper.learn.split import Split, split
from shopkeeper.learn.train import train
from shopkeeper.learn.workshop import Workshop
from shopkeeper.release.interactions import Interactions
from shopkeeper.release.store import ReleaseStore
from shopkeeper.settings import EncoderSettings, Settings, TrainSettings
from shopkeeper.vocabulary import silent

SETTINGS = Settings(encoder=EncoderSettings(model="none"), train=TrainSettings(threads=1, max_requests=200))


@dataclass(frozen=True)
class CrystalBall:
    """Proposes what the person is going to do, from events that it should not have."""

    future: Interactions
    name: str = "popular"
    learns_from_events = True

    def fit(self, material: Material) -> FittedSource:  # noqa: ARG002
        return self

    def load(self, directory: Path, release: ReleaseParts) -> FittedSource:
        raise NotImplementedError

    def save(self, directory: Path) -> None:
        raise NotImplementedError

    def retrieve(self, context: Context, limit: int) -> Candidates:
        mine = self.future.of(context.user)
        later = self.future.items[mine][self.future.times[mine] >= context.now]
        rows = np.unique(later)[:limit].astype(np.int32)
        return Candidates(rows, np.ones(len(rows), np.float32))

    def reason(self, context: Context, row: int) -> str:  # noqa: ARG002
        return "a feeling"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    folder = tmp_path_factory.mktemp("shop")
    tables = write_shop(folder, catalogue(40), visits(40, 300) + searches(40, 150, hours=300))
    return Workshop.open(tables, SETTINGS, folder / "cache", silent)


@pytest.fixture(scope="module")
def parts(shop: Workshop) -> Split:
    found = split(shop.interactions, SETTINGS.train, shop.now)
    assert found is not None
    return found


def some(asked: dict[str, list[Asked]]) -> list[Asked]:
    return [one for requests in asked.values() for one in requests[:: max(1, len(requests) // 4)][:4]]


def test_replay_does_not_change_when_the_future_is_deleted(shop: Workshop, parts: Split) -> None:
    def build(interactions: Interactions) -> Engine:
        part = replace(parts.validation, known=interactions.before(parts.validation.now), history=interactions)
        return shop.engine_of(part, {}, "fit")

    asked = shop.requests(parts.validation)
    assert {"home", "similar", "cart", "search"} <= set(asked)
    assert find_leaks(build, shop.interactions, some(asked)) == []
    assert leaks(shop.engine_of(parts.validation, {}, "fit"), asked) == []


def test_a_source_that_sees_the_future_is_caught(shop: Workshop, parts: Split) -> None:
    def build(interactions: Interactions) -> Engine:
        part = replace(parts.validation, known=interactions.before(parts.validation.now), history=interactions)
        engine = shop.engine_of(part, {}, "fit")
        engine.sources["popular"] = CrystalBall(interactions)
        return engine

    home = shop.requests(parts.validation)["home"][:4]
    found = find_leaks(build, shop.interactions, home)
    assert all(any(f"at {one.request.time}" in leak for leak in found) for one in home)
    assert "the candidates of the home request" in " ".join(found)


def test_a_source_fitted_on_too_much_is_caught(shop: Workshop, parts: Split) -> None:
    def build(interactions: Interactions) -> Engine:
        return shop.engine_of(replace(parts.validation, known=interactions, history=interactions), {}, "fit")

    found = find_leaks(build, shop.interactions, shop.requests(parts.validation)["home"][:3])
    assert any("popular.score" in leak or "candidates" in leak for leak in found)


def test_a_history_that_goes_on_is_caught(shop: Workshop, parts: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that forgets to end the history at the request: the check that every training makes sees it."""
    engine = shop.engine_of(parts.validation, {}, "fit")
    past = type(engine._state).past
    monkeypatch.setattr(type(engine._state), "past", lambda self, user, session, *_: past(self, user, session))
    assert leaks(engine, {"home": shop.requests(parts.validation)["home"]})
    tables = Tables(shop.tables.parent)
    store = ReleaseStore(shop.tables.parent / "leaking")
    with pytest.raises(ReleaseError, match=r"^training: leak: .* changes? when what happened later is deleted"):
        train(tables, SETTINGS, store)
    assert store.list() == ()


def test_a_release_says_that_nothing_leaked(shop: Workshop) -> None:
    release = train(Tables(shop.tables.parent), SETTINGS, ReleaseStore(shop.tables.parent / "releases"))
    assert release.manifest.metrics["checked_for_leaks"] >= 15
    assert "no future leaked" in (release.path / "evaluation" / "report.html").read_text(encoding="utf-8")
