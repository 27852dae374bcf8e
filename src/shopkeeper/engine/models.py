"""The models that a shop's settings speak of: sources, and rankers over what these propose."""

from __future__ import annotations

from collections.abc import Callable

from shopkeeper.engine.context import SourceRecipe
from shopkeeper.engine.ranking.fusion import FUSIONS
from shopkeeper.engine.ranking.recipe import RankerRecipe, ranker_recipes
from shopkeeper.engine.sources import recipes
from shopkeeper.errors import SettingsError, did_you_mean
from shopkeeper.settings import Settings, Surface
from shopkeeper.shop_toml import model_settings

TAKEN = ("fused", "served", "popularity", *FUSIONS)  # names that stand beside those of models in a tournament


def check_fits(settings: Settings) -> None:
    """As `check_models`, and asks every model of a surface, before anything is fitted, whether its fit would refuse
    what it is given. Raises SettingsError and MissingExtraError."""
    check_models(settings)
    surfaces = settings.surfaces.values()
    ranked = [surface for surface in surfaces if surface.rank == "learned"]
    named: list[SourceRecipe | RankerRecipe] = [
        *recipes(dict.fromkeys(name for surface in surfaces for name in surface.sources)).values(),
        *ranker_recipes(dict.fromkeys(name for surface in ranked for name in surface.rankers)).values(),
    ]
    for recipe in named:
        check: Callable[[Settings], None] | None = getattr(recipe, "check", None)
        if check:
            check(settings)


def check_models(settings: Settings, text: str = "") -> None:
    """Raises SettingsError for a source or a ranker of a surface that nobody offers, for one whose name says something
    else already, and for a table [models.NAME] that no model reads, or not like this. text: of the
    shop.toml, to name the line."""
    for name, surface in settings.surfaces.items():
        _check_surface(f"shop.toml, surfaces.{name}", surface)
    if not settings.models:
        return
    installed: dict[str, SourceRecipe | RankerRecipe] = {**ranker_recipes(), **recipes()}
    configured = {name: type_ for name, recipe in installed.items() if (type_ := getattr(recipe, "config_type", None))}
    for name in settings.models:
        if name not in configured:
            near = None if name in installed else did_you_mean(name, configured)
            remedy = near or f"These have settings: {', '.join(sorted(configured))}."
            raise SettingsError(
                f"{name!r} is no model with settings of its own", where=f"[models.{name}]", remedy=remedy
            )
        model_settings(settings, name, configured[name], text)


def _check_surface(where: str, surface: Surface) -> None:
    sources = recipes(surface.sources, f"{where}.sources")
    rankers = ranker_recipes(surface.rankers, f"{where}.rankers")
    for kind, named, taken in (("source", sources, TAKEN), ("ranker", rankers, (*TAKEN, *sources))):
        for name in set(named).intersection(taken):
            remedy = "Give its entry point another name."
            raise SettingsError(f"the {kind} {name!r} has the name of something else", where=where, remedy=remedy)
    for name in surface.weights:
        if name not in sources:
            near = did_you_mean(name, sources)
            raise SettingsError(f"weights speak of {name!r}", where=where, expected="its sources", remedy=near)
