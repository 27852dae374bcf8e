"""A published release becomes an engine."""

from __future__ import annotations

import msgspec

from shopkeeper.engine.pipeline import Engine
from shopkeeper.errors import ReleaseError
from shopkeeper.release.store import Release
from shopkeeper.settings import Settings


def open_release(release: Release, settings: Settings) -> Engine:
    """The engine of a release, which serves the surfaces it was trained and measured with; of today's settings it
    takes the rules, how much is explored, and the surfaces that are new.

    Raises ReleaseError, and SettingsError for a rule.
    """
    trained = settings_of(release)
    release.require_files()
    surfaces = dict(settings.surfaces)
    for name, surface in trained.surfaces.items():
        share = settings.surfaces[name].explore if name in settings.surfaces else surface.explore
        surfaces[name] = msgspec.structs.replace(surface, explore=share)
    merged = msgspec.structs.replace(trained, rules=settings.rules, surfaces=surfaces)
    return Engine.open(release.path, merged, release=release.id)


def settings_of(release: Release) -> Settings:
    """What a release was trained and measured with. Raises ReleaseError when that cannot be read."""
    try:
        return msgspec.convert(release.manifest.settings, Settings)
    except msgspec.ValidationError as error:
        remedy = "It was made by another version of Shopkeeper: train again."
        raise ReleaseError(f"its settings cannot be read ({error})", where=str(release.path), remedy=remedy) from None
