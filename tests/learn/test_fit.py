"""Sources that read the catalogue alone are fitted once, and kept for the next training."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
from histories import history
from worlds import catalogue, write_shop

from shopkeeper.data.tables import Tables
from shopkeeper.engine.context import Candidates, Context, FittedSource, Material, ReleaseParts
from shopkeeper.errors import ReleaseError
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


@pytest.mark.parametrize("change", ["items", "settings"])
def test_what_shaped_it_makes_it_anew_and_the_old_one_goes(tmp_path: Path, change: str) -> None:
    fitted(tmp_path, Note("words", False))
    again = Note("words", False)
    other = msgspec.structs.replace(Settings(), train=TrainSettings(seed=7))
    fitted(tmp_path, again, **({"items": 5} if change == "items" else {"settings": other}))
    assert again.log == ["fit 10"]
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_a_damaged_cache_is_no_reason_to_fail(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    fitted(tmp_path, Note("words", False))
    next((tmp_path / "cache").glob("*/words/note")).write_text("broken", encoding="utf-8")
    again = Note("words", False)
    fitted(tmp_path, again)
    assert again.log == ["fit 10"]
    assert "fitted again" in caplog.text
