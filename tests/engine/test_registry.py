"""Sources and rankers by name, ours and a user's alike."""

from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints, entry_points
from typing import Any

import pytest

from shopkeeper.engine import plugins, sources
from shopkeeper.engine.models import check_models
from shopkeeper.engine.ranking.recipe import ranker_recipes
from shopkeeper.errors import SettingsError
from shopkeeper.settings import DEFAULT_SURFACES, Settings, Surface


def test_every_source_of_the_default_surfaces_is_installed() -> None:
    named = {name for surface in DEFAULT_SURFACES.values() for name in surface.sources}
    recipes = sources.recipes(named)
    assert set(recipes) == named
    assert all(recipe.name == name for name, recipe in recipes.items())


def test_all_installed_recipes() -> None:
    assert {"lexical", "semantic", "similar"} <= set(sources.recipes())


def test_an_unknown_name_meets_its_neighbour() -> None:
    with pytest.raises(SettingsError, match=r"no source 'lexicl'.*Did you mean 'lexical'\?"):
        sources.recipes(["lexicl"])
    with pytest.raises(SettingsError, match="Installed here: als, "):
        sources.recipes(["@@@@"])


def test_a_source_that_cannot_be_loaded_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = EntryPoint(name="mine", value="no_such_module:Mine", group=sources.GROUP)
    monkeypatch.setattr(plugins, "entry_points", lambda group: EntryPoints([broken]))  # noqa: ARG005
    with pytest.raises(SettingsError, match="'mine' cannot be loaded: No module named 'no_such_module'"):
        sources.recipes()


def test_every_ranker_of_the_default_surfaces_is_installed() -> None:
    named = {name for surface in DEFAULT_SURFACES.values() for name in surface.rankers}
    recipes = ranker_recipes()
    assert named <= set(recipes)
    assert all(recipe.name == name for name, recipe in recipes.items())


def test_settings_may_only_name_models_that_are_installed() -> None:
    def surfaces(**told: Any) -> Settings:
        return Settings(surfaces={"home": Surface(**{"sources": ("popular",), **told})})

    check_models(surfaces(rankers=("stacking",)))
    with pytest.raises(SettingsError, match=r"no ranker 'stackin'.*Did you mean 'stacking'\?"):
        check_models(surfaces(rankers=("stackin",)))
    with pytest.raises(SettingsError, match=r"surfaces.home.sources: .*'stacking'. It is a ranker: name it among"):
        check_models(surfaces(sources=("stacking",)))
    with pytest.raises(SettingsError, match=r"surfaces.home.rankers: .*'slist'. It is a source: name it among"):
        check_models(surfaces(rankers=("slist",)))
    with pytest.raises(SettingsError, match=r"weights speak of 'poplar'; .*Did you mean 'popular'"):
        check_models(surfaces(weights={"poplar": 1.0}))
    check_models(Settings(models={"mlp": {"width": 32}, "slist": {"items": 9}}))
    with pytest.raises(SettingsError, match=r"unknown key 'models.mlp.widht'"):
        check_models(Settings(models={"mlp": {"widht": 32}}))


def test_a_ranker_has_a_name_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for taken in ("popular", "vote", "popularity"):
        value = "shopkeeper.learn.rankers.stacking:Stacking"
        mine = EntryPoint(name=taken, value=value, group="shopkeeper.rankers")
        installed = {"shopkeeper.rankers": [mine], "shopkeeper.sources": entry_points(group="shopkeeper.sources")}
        monkeypatch.setattr(plugins, "entry_points", lambda group, installed=installed: installed[group])
        surface = Surface(sources=("popular",), rankers=(taken,))
        with pytest.raises(SettingsError, match=f"the ranker '{taken}' has the name of something else"):
            check_models(Settings(surfaces={"home": surface}))


@pytest.mark.parametrize("taken", ["vote", "fused", "served"])
def test_a_source_has_no_name_of_the_tournament(taken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    value = "shopkeeper.engine.sources.popular:Popular"
    mine = EntryPoint(name=taken, value=value, group="shopkeeper.sources")
    installed = {"shopkeeper.sources": [mine], "shopkeeper.rankers": entry_points(group="shopkeeper.rankers")}
    monkeypatch.setattr(plugins, "entry_points", lambda group: installed[group])
    surface = Surface(sources=(taken,), rankers=("stacking",))
    with pytest.raises(SettingsError, match=f"the source '{taken}' has the name of something else"):
        check_models(Settings(surfaces={"home": surface}))
