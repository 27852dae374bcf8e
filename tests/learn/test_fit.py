"""Sources that read the catalogue alone are fitted once, and kept for the next training; those that learn in epochs
share the time of the first fit."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from histories import history
from worlds import catalogue, write_shop

from shopkeeper.data.schema import IMAGES
from shopkeeper.data.tables import Tables
from shopkeeper.engine.context import Candidates, Context, Epoch, FittedSource, Material, Reached, ReleaseParts
from shopkeeper.errors import DivergedError, ReleaseError
from shopkeeper.learn.fit import Fitter
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.settings import Settings, TrainSettings
from shopkeeper.vocabulary import silent

PAST = history([(0, 1, 5.0, 0)])


@dataclass
class Note:
    """A source that remembers when it was fitted, and its recipe, which counts."""

    name: str
    learns_from_events: bool
    log: list[str] = field(default_factory=list)

    def fit(self, material: Material) -> FittedSource:
        self.log.append(f"fit {material.now:g}")
        return self

    def load(self, directory: Path, release: ReleaseParts) -> FittedSource:  # noqa: ARG002
        if (directory / "note").read_text(encoding="utf-8") != "sound":
            raise ReleaseError("damaged", where=str(directory))
        self.log.append("load")
        return self

    def save(self, directory: Path) -> None:
        directory.mkdir(parents=True)
        (directory / "note").write_text("sound", encoding="utf-8")

    def retrieve(self, context: Context, limit: int) -> Candidates:
        raise NotImplementedError

    def reason(self, context: Context, row: int) -> str:
        raise NotImplementedError


def fitted(tmp_path: Path, *recipes: Note, items: int = 4, settings: Settings = Settings()) -> Fitter:  # noqa: B008
    folder = tmp_path / f"shop{items}"
    tables = Tables(folder) if folder.exists() else write_shop(folder, catalogue(items))
    rows = tables.items()
    named = {recipe.name: recipe for recipe in recipes}
    fitter = Fitter(named, Catalogue.build(rows), rows, settings, None, tmp_path / "cache", silent)
    for now in (10.0, 20.0):
        assert set(fitter.fit(PAST, now, "fit")) == set(named)
    return fitter


def test_what_learns_from_events_is_fitted_at_every_cut_and_the_rest_once(tmp_path: Path) -> None:
    words, clicks = Note("words", False), Note("clicks", True)
    fitted(tmp_path, words, clicks)
    assert (words.log, clicks.log) == (["fit 10"], ["fit 10", "fit 20"])


def test_the_next_training_takes_it_from_the_cache(tmp_path: Path) -> None:
    fitted(tmp_path, Note("words", False))
    again = Note("words", False)
    fitted(tmp_path, again)
    assert again.log == ["load"]


@pytest.mark.parametrize(
    "change",
    [
        {"items": 5},
        {"settings": Settings(train=TrainSettings(seed=7))},
        {"settings": Settings(models={"words": {"size": 3}})},
    ],
)
def test_what_shaped_it_makes_it_anew_and_the_old_one_goes(tmp_path: Path, change: dict[str, Any]) -> None:
    fitted(tmp_path, Note("words", False))
    again = Note("words", False)
    fitted(tmp_path, again, **change)
    assert again.log == ["fit 10"]
    assert len(list((tmp_path / "cache").glob("sources-*/*/*"))) == 1


def test_the_settings_of_shelves_and_of_other_models_leave_it_as_it_is(tmp_path: Path) -> None:
    """To read all texts anew for them would take hours in a large shop."""
    fitted(tmp_path, Note("words", False))
    home = msgspec.structs.replace(Settings().surfaces["home"], explore=0.5)
    for other in (Settings(surfaces={"home": home}), Settings(models={"sasrec": {"width": 64}})):
        again = Note("words", False)
        fitted(tmp_path, again, settings=other)
        assert again.log == ["load"]


def test_a_damaged_cache_is_no_reason_to_fail(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    fitted(tmp_path, Note("words", False))
    next((tmp_path / "cache").glob("*/words/*/note")).write_text("broken", encoding="utf-8")
    again = Note("words", False)
    fitted(tmp_path, again)
    assert again.log == ["fit 10"]
    assert "fitted again" in caplog.text


class Deep(Note):
    """A source that learns in epochs, whose figure is `curve`, and its recipe; after `whole` seconds it knows all."""

    in_epochs = True

    def __init__(self, name: str, curve: float, whole: float = math.inf) -> None:
        super().__init__(name, True)
        self.curve, self.whole = curve, whole

    def fit(self, material: Material) -> FittedSource:
        course = material.course(self.name)
        seconds = course.seconds if course.seconds is not None else 60.0 * material.settings.train.budget_minutes
        self.log.append(f"{material.now:g}: {min(seconds, self.whole):g} s")
        course.tell(1, Epoch(1.0, self.curve, seconds))
        course.ended(Reached(self.curve, seconds >= self.whole, "people"))
        return self


TWO_MINUTES = Settings(train=TrainSettings(budget_minutes=2.0))


def shared(tmp_path: Path, *recipes: Note, stages: list[str] | None = None, **more: Any) -> Fitter:
    rows = write_shop(tmp_path / "shop", catalogue(4)).items()
    progress = silent if stages is None else lambda stage, *_: stages.append(stage)
    named = {recipe.name: recipe for recipe in recipes}
    return Fitter(named, Catalogue.build(rows), rows, TWO_MINUTES, None, tmp_path / "cache", progress, **more)


def test_those_that_learn_in_epochs_share_the_time_of_the_first_fit(tmp_path: Path) -> None:
    bad, good, clicks, stages = Deep("bad", 0.1), Deep("good", 0.2), Note("clicks", True), list[str]()
    fitter = shared(tmp_path, bad, clicks, good, stages=stages)
    assert set(fitter.fit(PAST, 10.0, "fit for validation")) == {"clicks", "good"}
    assert set(fitter.fit(PAST, 20.0, "fit for test")) == {"clicks", "good"}
    assert bad.log == ["10: 60 s"]
    assert good.log == ["10: 60 s", "10: 120 s", "20: 120 s"]
    assert clicks.log == ["fit 10", "fit 20"]
    assert fitter.dropped["bad"].startswith("after 1.0 minutes its figure was 0.1000, that of good 0.2000")
    assert {stage.partition(": ")[0] for stage in stages if ": " in stage} == {
        f"fit for {part}, {name}" for part, name in (("validation", "bad"), ("validation", "good"), ("test", "good"))
    }


def test_one_alone_has_all_the_time_and_so_have_those_that_need_less(tmp_path: Path) -> None:
    alone = Deep("alone", 0.1)
    assert set(shared(tmp_path / "one", alone).fit(PAST, 10.0, "fit")) == {"alone"}
    assert alone.log == ["10: 120 s"]
    bad, good = Deep("bad", 0.1, whole=20.0), Deep("good", 0.2, whole=30.0)
    fitter = shared(tmp_path / "two", bad, good)
    assert set(fitter.fit(PAST, 10.0, "fit")) == {"bad", "good"}
    assert (fitter.dropped, bad.log, good.log) == ({}, ["10: 20 s"], ["10: 30 s"])


def test_other_pictures_are_a_reason_to_look_again(tmp_path: Path) -> None:
    class Looking(Note):
        reads_pictures = True

        def fit(self, material: Material) -> FittedSource:
            self.log.append(str(sum(batch.num_rows for batch in material.pictures())))
            return self

    tables = write_shop(tmp_path / "shop", catalogue(4))
    rows = tables.items()
    for n in (2, 2, 3):
        pictures = [{"item_id": f"i{at}", "image": b"picture"} for at in range(n)]
        pq.write_table(pa.Table.from_pylist(pictures, schema=IMAGES), tables.folder / "images.parquet")
        eye, ear = Looking("eye", False), Note("ear", False)
        for recipe in (eye, ear):
            fitter = Fitter(
                {recipe.name: recipe},
                Catalogue.build(rows),
                rows,
                Settings(),
                None,
                tmp_path / recipe.name,
                silent,
                tables=tables,
            )
            fitter.fit(PAST, 10.0, "fit")
        told = (eye.log, ear.log)
    assert told == (["3"], ["load"])


class Diverging(Deep):
    """As of the moments from `since` on."""

    def __init__(self, name: str, since: float = 0.0) -> None:
        super().__init__(name, 0.1)
        self.since = since

    def fit(self, material: Material) -> FittedSource:
        if material.now >= self.since:
            raise DivergedError("no number", remedy="Lower its rate.")
        return super().fit(material)


def test_who_learns_nothing_drops_out_and_the_others_serve(tmp_path: Path) -> None:
    fitter = shared(tmp_path, Diverging("bad"), Note("clicks", True))
    assert set(fitter.fit(PAST, 10.0, "fit")) == set(fitter.fit(PAST, 20.0, "fit")) == {"clicks"}
    assert fitter.dropped == {"bad": "no number. Lower its rate"}


def test_who_learns_nothing_any_more_after_the_choice_is_a_sentence(tmp_path: Path) -> None:
    fitter = shared(tmp_path, Diverging("bad", since=20.0), Note("clicks", True))
    fitter.fit(PAST, 10.0, "fit")
    with pytest.raises(DivergedError, match=r"\[models.bad\]: no number. Lower its rate"):
        fitter.fit(PAST, 20.0, "fit")


def test_what_serves_now_does_not_drop_out(tmp_path: Path) -> None:
    bad, good = Deep("bad", 0.1), Deep("good", 0.2)
    assert set(shared(tmp_path, bad, good, spared={"bad"}).fit(PAST, 10.0, "fit")) == {"bad", "good"}
    assert bad.log[-1] == good.log[-1] == "10: 120 s"
