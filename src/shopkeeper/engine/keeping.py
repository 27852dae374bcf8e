"""The parts of an engine as files of a release, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import msgspec

from shopkeeper.engine.context import FittedSource, ReleaseParts
from shopkeeper.engine.encoder import Encoder
from shopkeeper.engine.query_clicks import QueryClicks
from shopkeeper.engine.ranking.ranker import Ranker
from shopkeeper.engine.ranking.reranker import Reranker
from shopkeeper.engine.ranking.statistics import Statistics
from shopkeeper.engine.sources import recipes
from shopkeeper.engine.suggestions import Suggestions
from shopkeeper.engine.understanding import Understanding
from shopkeeper.errors import ReleaseError, SettingsError
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.release.ids import load_ids, save_ids
from shopkeeper.release.images import Images
from shopkeeper.release.interactions import Interactions
from shopkeeper.settings import Settings
from shopkeeper.vocabulary import Ids

if TYPE_CHECKING:
    from shopkeeper.engine.pipeline import Engine

ACTORS, SETTINGS, RANKERS, SUGGESTIONS = "actors", "settings.json", "rankers", "suggestions"
RERANKER = "reranker"
UNDERSTANDING, QUERY_CLICKS = "understanding", "query_clicks"


class Parts(TypedDict):
    """What an Engine is made of."""

    catalogue: Catalogue
    interactions: Interactions
    actors: Ids
    sources: Mapping[str, FittedSource]
    statistics: Statistics
    settings: Settings
    rankers: Mapping[str, Ranker]
    reranker: Reranker | None
    encoder: Encoder | None
    images: Images | None
    suggestions: Suggestions
    understanding: Understanding | None
    query_clicks: QueryClicks | None
    release: str


def save(engine: Engine, directory: Path) -> None:
    """See Engine.save."""
    engine.catalogue.save(directory / "catalogue")
    engine.interactions.save(directory / "interactions")
    engine.statistics.save(directory / "statistics")
    engine.suggestions.save(directory / SUGGESTIONS)
    save_ids(engine.actors, directory / ACTORS)
    for name, source in engine.sources.items():
        source.save(directory / "sources" / name)
    for name, ranker in engine.rankers.items():
        ranker.save(directory / RANKERS / name)
    if engine.reranker is not None:
        engine.reranker.save(directory / RERANKER)
    if engine.encoder is not None:
        engine.encoder.save(directory / "encoder")
    if engine.images is not None:
        engine.images.save(directory / "images")
    if engine.understanding is not None:
        engine.understanding.save(directory / UNDERSTANDING)
    if engine.query_clicks is not None:
        engine.query_clicks.save(directory / QUERY_CLICKS)
    (directory / SETTINGS).write_bytes(msgspec.json.format(msgspec.json.encode(engine.settings)))


def read(directory: Path, settings: Settings | None, release: str, load_encoder: Callable[[Path], Encoder]) -> Parts:
    """What `save` wrote, memory-mapped; `settings` in the place of those that are written there.

    Raises ReleaseError for a source that is not installed, and whatever the libraries raise that read a part.
    """
    settings = settings or msgspec.json.decode((directory / SETTINGS).read_bytes(), type=Settings)
    actors = load_ids(directory / ACTORS)
    interactions = Interactions.load(directory / "interactions")
    statistics = Statistics.load(directory / "statistics")
    catalogue = Catalogue.load(directory / "catalogue")
    encoder = load_encoder(directory / "encoder") if (directory / "encoder").is_dir() else None
    parts = ReleaseParts(catalogue, interactions, settings, encoder)
    try:
        fitted = recipes(_folders(directory / "sources"))
    except SettingsError as error:
        raise ReleaseError(
            f"it was trained with what is not installed now ({error.what})",
            where=f"release {release}" if release else str(directory),
            remedy="Install it again, train again, or go back with: shopkeeper rollback",
        ) from error
    return Parts(
        catalogue=catalogue,
        interactions=interactions,
        actors=actors,
        sources={name: recipe.load(directory / "sources" / name, parts) for name, recipe in fitted.items()},
        statistics=statistics,
        settings=settings,
        rankers={name: Ranker.load(directory / RANKERS / name) for name in _folders(directory / RANKERS)},
        reranker=Reranker.load(directory / RERANKER) if (directory / RERANKER).is_dir() else None,
        encoder=encoder,
        images=Images.load(directory / "images") if (directory / "images").is_dir() else None,
        suggestions=Suggestions.load(directory / SUGGESTIONS),
        understanding=_understanding(directory / UNDERSTANDING, catalogue),
        query_clicks=QueryClicks.load(directory / QUERY_CLICKS) if (directory / QUERY_CLICKS).is_dir() else None,
        release=release,
    )


def _understanding(directory: Path, catalogue: Catalogue) -> Understanding | None:
    """None in a release from before queries were read."""
    return Understanding.load(directory, catalogue) if directory.is_dir() else None


def _folders(directory: Path) -> list[str]:
    return sorted(entry.name for entry in directory.iterdir() if entry.is_dir()) if directory.is_dir() else []
