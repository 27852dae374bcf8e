"""Recipes by name, ours and a user's alike: what installed packages offer by entry point."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import entry_points
from typing import Any

from shopkeeper.errors import SettingsError, did_you_mean


def offered(group: str, kind: str, names: Iterable[str] | None = None) -> dict[str, Any]:
    """The recipes of these names, or all that are installed, of an entry point group. An entry point names a recipe or
    its class; `kind` is what errors call it.

    Raises SettingsError for a name that no installed package offers, and for one that cannot be imported.
    """
    installed = {point.name: point for point in entry_points(group=group)}
    found = dict[str, Any]()
    for name in installed if names is None else names:
        if name not in installed:
            remedy = did_you_mean(name, installed) or f"Installed here: {', '.join(sorted(installed))}."
            raise SettingsError(f"there is no {kind} {name!r}", where="surfaces", remedy=remedy)
        try:
            recipe = installed[name].load()
        except Exception as error:  # whatever a package raises while it is imported
            raise SettingsError(
                f"the {kind} {name!r} cannot be loaded: {error}",
                where=f"entry point {installed[name].value}",
                remedy=f"Mend or uninstall the package that offers it, or take {name!r} out of the surfaces.",
            ) from error
        found[name] = recipe() if isinstance(recipe, type) else recipe
    return found
