"""Where candidates come from. Each file is a recipe; recipes are found by entry point, ours and a user's alike."""

from __future__ import annotations

from collections.abc import Iterable

from shopkeeper.engine.context import SourceRecipe
from shopkeeper.engine.plugins import offered

GROUP = "shopkeeper.sources"


def recipes(names: Iterable[str] | None = None, where: str = "surfaces") -> dict[str, SourceRecipe]:
    """The recipes of these names, or all that are installed; `where` they were named.

    Raises SettingsError for a name that no installed package offers, and for one that cannot be imported.
    """
    return offered(GROUP, "source", names, where)
