"""Recipes by name, ours and a user's alike: what installed packages offer by entry point."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import entry_points
from typing import Any

from shopkeeper.errors import SettingsError, did_you_mean

KINDS = {"source", "ranker"}  # of recipes, each with a group of entry points


def offered(group: str, kind: str, names: Iterable[str] | None = None, where: str = "surfaces") -> dict[str, Any]:
    """The recipes of these names, or all that are installed, of an entry point group. An entry point names a recipe or
    its class; `kind` is what errors call it, `where` the place at which they were named.

    Raises SettingsError for a name that no installed package offers, and for one that cannot be imported.
    """
    installed = {point.name: point for point in entry_points(group=group)}
    found = dict[str, Any]()
    for name in installed if names is None else names:
        if name not in installed:
            remedy = did_you_mean(name, installed) or f"Installed here: {', '.join(sorted(installed))}."
            for other in KINDS - {kind}:
                if name in entry_points(group=f"shopkeeper.{other}s").names:
                    remedy = f"It is a {other}: name it among the {other}s."
            raise SettingsError(f"there is no {kind} {name!r}", where=where, remedy=remedy)
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
