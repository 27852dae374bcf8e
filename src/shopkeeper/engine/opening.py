"""A published release becomes an engine."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from weakref import WeakValueDictionary

import msgspec

from shopkeeper.engine.encoder import Encoder
from shopkeeper.engine.encoders import load_encoder
from shopkeeper.engine.pipeline import Engine
from shopkeeper.errors import ReleaseError
from shopkeeper.release.store import Release
from shopkeeper.settings import Settings

_encoders: WeakValueDictionary[str, Encoder] = WeakValueDictionary()  # those in use, by the digest of their files


def open_release(release: Release, settings: Settings) -> Engine:
    """The engine of a release, which serves the surfaces it was trained and measured with; of today's settings it
    takes the rules, synonyms and stop words, how queries are understood, what is never suggested, how much is explored,
    and the surfaces that are new.

    Raises ReleaseError, and SettingsError for a rule.
    """
    trained = settings_of(release)
    release.require_files()
    surfaces = dict(settings.surfaces)
    for name, surface in trained.surfaces.items():
        share = settings.surfaces[name].explore if name in settings.surfaces else surface.explore
        surfaces[name] = msgspec.structs.replace(surface, explore=share)
    search = msgspec.structs.replace(
        settings.search, languages=trained.search.languages, dictionary=trained.search.dictionary
    )
    merged = msgspec.structs.replace(
        trained,
        rules=settings.rules,
        synonyms=settings.synonyms,
        search=search,
        surfaces=surfaces,
        suggest=settings.suggest,
    )
    return Engine.open(release.path, merged, release=release.id, load_encoder=partial(_shared_encoder, release))


def settings_of(release: Release) -> Settings:
    """What a release was trained and measured with. Raises ReleaseError when that cannot be read."""
    try:
        return msgspec.convert(release.manifest.settings, Settings)
    except msgspec.ValidationError as error:
        remedy = "It was made by another version of Shopkeeper: train again."
        raise ReleaseError(f"its settings cannot be read ({error})", where=str(release.path), remedy=remedy) from None


def _shared_encoder(release: Release, directory: Path) -> Encoder:
    """Releases that hold the same encoder share it: it is most of what opening one costs, and of what it keeps."""
    files = {name: entry.sha256 for name, entry in release.manifest.files.items() if name.startswith("encoder/")}
    digest = " ".join(files[name] for name in sorted(files))
    encoder = _encoders.get(digest)
    if encoder is None:
        encoder = _encoders[digest] = load_encoder(directory)
    return encoder
