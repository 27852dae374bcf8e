"""Sources by name, ours and a user's alike."""

from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints

import pytest

from shopkeeper.engine import sources
from shopkeeper.errors import SettingsError
from shopkeeper.settings import DEFAULT_SURFACES


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
    with pytest.raises(SettingsError, match="Installed here: als, bought_together"):
        sources.recipes(["@@@@"])


def test_a_source_that_cannot_be_loaded_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = EntryPoint(name="mine", value="no_such_module:Mine", group=sources.GROUP)
    monkeypatch.setattr(sources, "entry_points", lambda group: EntryPoints([broken]))  # noqa: ARG005
    with pytest.raises(SettingsError, match="'mine' cannot be loaded: No module named 'no_such_module'"):
        sources.recipes()
