"""The models that a shop's settings speak of: sources, and rankers over what these propose."""

from __future__ import annotations

from collections.abc import Callable

from shopkeeper.engine.context import SourceRecipe
from shopkeeper.engine.ranking.fusion import FUSIONS
from shopkeeper.engine.ranking.recipe import RankerRecipe, ranker_recipes
from shopkeeper.engine.sources import recipes
from shopkeeper.errors import SettingsError, did_you_mean
from shopkeeper.settings import Settings, model_settings

TAKEN = ("fused", "popularity", *FUSIONS)  # names that stand beside those of models in a tournament


def check_fits(settings: Settings) -> None:
    """Asks every model of a surface, before anything is fitted, whether its fit would refuse what it is given. Raises
    SettingsError and MissingExtraError."""
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
    """Raises SettingsError for a source or a ranker of a surface that nobody offers, for a ranker whose name says
    something else already, and for a table [models.NAME] that no model reads, or not like this. text: of the
    shop.toml, to name the line."""
    surfaces = settings.surfaces.values()
    recipes(dict.fromkeys(name for surface in surfaces for name in surface.sources))
    for name in ranker_recipes(dict.fromkeys(name for surface in surfaces for name in surface.rankers)):
        if name in TAKEN or any(name in surface.sources for surface in surfaces):
            remedy = "Give its entry point another name."
            raise SettingsError(f"the ranker {name!r} has the name of something else", where="surfaces", remedy=remedy)
    if not settings.models:
        return
    installed: dict[str, SourceRecipe | RankerRecipe] = {**ranker_recipes(), **recipes()}
    configured = {name: kind for name, recipe in installed.items() if (kind := getattr(recipe, "config_type", None))}
    for name in settings.models:
        if name not in configured:
            near = None if name in installed else did_you_mean(name, configured)
            remedy = near or f"These have settings: {', '.join(sorted(configured))}."
            raise SettingsError(f"no model {name!r} has settings of its own", where=f"[models.{name}]", remedy=remedy)
        model_settings(settings, name, configured[name], text)
