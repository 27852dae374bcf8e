"""Where candidates come from. Each file is a recipe; recipes are found by entry point, ours and a user's alike."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import entry_points
from typing import cast

from shopkeeper.engine.context import SourceRecipe
from shopkeeper.errors import SettingsError, did_you_mean
from shopkeeper.settings import Settings, model_settings

GROUP = "shopkeeper.sources"


def recipes(names: Iterable[str] | None = None) -> dict[str, SourceRecipe]:
    """The recipes of these names, or all that are installed. An entry point names a SourceRecipe or its class.

    Raises SettingsError for a name that no installed package offers, and for one that cannot be imported.
    """
    installed = {point.name: point for point in entry_points(group=GROUP)}
    found: dict[str, SourceRecipe] = {}
    for name in installed if names is None else names:
        if name not in installed:
            remedy = did_you_mean(name, installed) or f"Installed here: {', '.join(sorted(installed))}."
            raise SettingsError(f"there is no source {name!r}", where="surfaces", remedy=remedy)
        try:
            recipe = installed[name].load()
        except (ImportError, AttributeError) as error:
            raise SettingsError(
                f"the source {name!r} cannot be loaded: {error}",
                where=f"entry point {installed[name].value}",
                remedy=f"Mend or uninstall the package that offers it, or take {name!r} out of the surfaces.",
            ) from error
        found[name] = cast(SourceRecipe, recipe() if isinstance(recipe, type) else recipe)
    return found


def check_sources(settings: Settings, text: str = "") -> None:
    """Raises SettingsError for a source of a surface that nobody offers, and for a table [models.NAME] that no source
    reads, or not like this. text: of the shop.toml, to name the line."""
    recipes(dict.fromkeys(name for surface in settings.surfaces.values() for name in surface.sources))
    if not settings.models:
        return
    installed = recipes()
    configured = {name: kind for name, recipe in installed.items() if (kind := getattr(recipe, "config_type", None))}
    for name in settings.models:
        if name not in configured:
            remedy = did_you_mean(name, configured) or f"These have settings: {', '.join(sorted(configured))}."
            raise SettingsError(f"no source {name!r} has settings of its own", where=f"[models.{name}]", remedy=remedy)
        model_settings(settings, name, configured[name], text)
