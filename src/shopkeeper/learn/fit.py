"""Fitting the sources of a shop as of a moment, each catalogue-only one once."""

from __future__ import annotations

import hashlib
import logging
import shutil
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

from shopkeeper import __version__
from shopkeeper.data.scratch import Scratch
from shopkeeper.data.tables import Tables
from shopkeeper.engine.context import Course, FittedSource, Material, Reached, ReleaseParts, SourceRecipe
from shopkeeper.engine.encoder import Encoder
from shopkeeper.errors import DivergedError
from shopkeeper.learn.halving import halve
from shopkeeper.learn.tracking import Hear, Telling, Tracking, unheard
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.release.interactions import Interactions
from shopkeeper.settings import Settings
from shopkeeper.vocabulary import Progress

_log = logging.getLogger(__name__)


class Fitter:
    """Fits sources on a shop's catalogue and whatever was known at a moment.

    Sources that learn from the catalogue alone are fitted once, and kept in `cache` for the next training, which may be
    the same one taken up again after an interruption; they are fitted anew when the items change, their own settings,
    the encoder's or the seed. Of those that learn epoch by epoch, the first fit lets the worse of several and who
    learns nothing drop out, but for those of `spared`, and later ones leave these out (halving.py). `seconds`: by
    source, what its last fit took; `dropped`: who dropped out, and why.
    """

    def __init__(
        self,
        recipes: Mapping[str, SourceRecipe],
        catalogue: Catalogue,
        items: pa.Table,
        settings: Settings,
        encoder: Encoder | None,
        cache: Path,
        progress: Progress,
        *,
        spared: Collection[str] = (),
        hear: Hear = unheard,
        tables: Tables | None = None,
    ) -> None:
        self._recipes, self._catalogue, self._items = recipes, catalogue, items
        self._settings, self._encoder, self._progress = settings, encoder, progress
        self._tables = tables
        self._cache = cache / f"sources-{_digest(items, settings, encoder)}"
        self._spared, self._tracking = spared, Tracking(settings.train, cache / "fits", progress, hear)
        self.seconds: dict[str, float] = {}
        self.dropped: dict[str, str] = {}
        self._in_epochs = [name for name, recipe in recipes.items() if getattr(recipe, "in_epochs", False)]
        self._rivals = self._in_epochs
        self._lasting: dict[str, FittedSource] = {}
        self._last: tuple[Interactions, float, dict[str, FittedSource]] | None = None

    def under(self, settings: Settings, cache: Path, hear: Hear) -> Fitter:
        """For the same items under other settings; `hear` is told of every epoch as well."""
        recipes, catalogue, items = self._recipes, self._catalogue, self._items
        return Fitter(
            recipes, catalogue, items, settings, self._encoder, cache, self._progress, hear=hear, tables=self._tables
        )

    def fit(
        self, known: Interactions, now: float, stage: str, *, then: Catalogue | None = None
    ) -> dict[str, FittedSource]:
        """Every source by name but those that dropped out, as of `now`, of which `known` holds nothing. `stage` is what
        progress calls it; `then`: the catalogue as it was known, the same items with other prices.

        Asked for the same again, it gives what it fitted last.
        """
        if self._last is not None and self._last[0] is known and self._last[1] == now:
            return self._last[2]
        self._last = None  # two moments at once would need twice the memory
        with self._tracking.telling(self._in_epochs, stage) as told:
            sources = self._fitted(known, now, stage, then or self._catalogue, told)
        self._last = known, now, sources
        return sources

    def _fitted(
        self, known: Interactions, now: float, stage: str, then: Catalogue, told: Mapping[str, Telling]
    ) -> dict[str, FittedSource]:
        whole = Material(
            self._catalogue,
            self._items,
            known,
            now,
            self._settings,
            self._encoder,
            work=self._cache.parent / "models",
            course=lambda name: told[name].course if name in told else Course(),
            pictures=self._tables.pictures if self._tables is not None else lambda: iter(()),
        )
        material = replace(whole, catalogue=then, items=self._items_of(then), like=whole)
        rivals, self._rivals = self._rivals, []
        alone = [recipe for name, recipe in self._recipes.items() if name not in rivals and name not in self.dropped]
        sources = dict[str, FittedSource]()
        for done, recipe in enumerate(alone):
            self._progress(stage, done, len(alone))
            learns = recipe.learns_from_events
            sources[recipe.name] = self._timed(recipe, material) if learns else self._once(recipe, whole)
        self._progress(stage, len(alone), len(alone))
        return sources | self._halved(rivals, material, told)

    def _items_of(self, then: Catalogue) -> pa.Table:
        """The items with the prices of `then`; the very same table where these are today's, so that what was read of it
        need not be read again."""
        if np.array_equal(then.prices, self._catalogue.prices, equal_nan=True):
            return self._items
        prices = pa.array(then.prices.astype(np.float64), from_pandas=True)
        return self._items.set_column(self._items.schema.get_field_index("price"), "price", prices)

    def _halved(
        self, rivals: Sequence[str], material: Material, told: Mapping[str, Telling]
    ) -> dict[str, FittedSource]:
        """Those that are left of them."""
        sources, took = dict[str, FittedSource](), dict.fromkeys(rivals, 0.0)

        def fit(name: str, seconds: float) -> Reached:
            told[name].seconds = seconds
            sources[name] = self._timed(self._recipes[name], material)
            took[name] += self.seconds[name]
            return told[name].reached or Reached(0.0, finished=True, among="")

        shelves = [surface.sources for surface in self._settings.surfaces.values()]
        budget = 60.0 * self._settings.train.budget_minutes
        dropped = halve(rivals, fit, budget, spared=self._spared, shelves=shelves)
        for name, why in dropped.items():
            _log.warning("%s dropped out: %s.", name, why)
        self.dropped |= dropped
        self.seconds |= took
        return {name: source for name, source in sources.items() if name not in dropped}

    def _timed(self, recipe: SourceRecipe, material: Material) -> FittedSource:
        begin = time.perf_counter()
        try:
            source = recipe.fit(material)
        except DivergedError as error:
            raise DivergedError(error.what, where=f"[models.{recipe.name}]", remedy=error.remedy) from error
        self.seconds[recipe.name] = time.perf_counter() - begin
        return source

    def _once(self, recipe: SourceRecipe, material: Material) -> FittedSource:
        if recipe.name not in self._lasting:
            place = self._place(recipe)
            self._lasting[recipe.name] = self._cached(recipe, material, place) or self._keep(recipe, material, place)
        return self._lasting[recipe.name]

    def _cached(self, recipe: SourceRecipe, material: Material, place: Path) -> FittedSource | None:
        if not place.is_dir():
            return None
        parts = ReleaseParts(self._catalogue, material.interactions, self._settings, self._encoder)
        try:
            return recipe.load(place, parts)
        except Exception as error:  # a cache is never a reason to fail
            _log.warning("The cached source %s cannot be read and is fitted again (%s).", recipe.name, error)
            shutil.rmtree(place)
            return None

    def _keep(self, recipe: SourceRecipe, material: Material, place: Path) -> FittedSource:
        source = self._timed(recipe, material)
        self._cache.mkdir(parents=True, exist_ok=True)
        for old in self._cache.parent.iterdir():
            if old != self._cache and old.name.startswith("sources-"):
                shutil.rmtree(old)
        shutil.rmtree(place.parent, ignore_errors=True)
        with Scratch(self._cache) as half:
            source.save(half / place.name)
            place.parent.mkdir()
            (half / place.name).rename(place)
        return source

    def _place(self, recipe: SourceRecipe) -> Path:
        """Of a source that reads the catalogue alone, as its own settings shape it, and pictures, if it reads them."""
        digest = hashlib.sha256(msgspec.json.encode(self._settings.models.get(recipe.name, {}), order="deterministic"))
        if self._tables is not None and getattr(recipe, "reads_pictures", False):
            for path in self._tables.paths("images"):
                with path.open("rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
        return self._cache / recipe.name / digest.hexdigest()[:16]


def _digest(items: pa.Table, settings: Settings, encoder: Encoder | None) -> str:
    """Of what all sources may read but events: items and their languages, the encoder, its settings, the seed."""
    read_as = __version__, settings.encoder, settings.search.languages, settings.search.dictionary, settings.train.seed
    digest = hashlib.sha256(msgspec.json.encode((*read_as, encoder and encoder.digest)))
    with pa.ipc.new_stream(pa.PythonFile(_Hashing(digest), mode="w"), items.schema) as stream:
        stream.write_table(items.combine_chunks())
    return digest.hexdigest()[:16]


class _Hashing:
    """A file for Arrow to write to that only keeps the digest."""

    closed = False

    def __init__(self, digest: hashlib._Hash) -> None:
        self._digest = digest

    def write(self, data: bytes) -> int:
        self._digest.update(data)
        return len(data)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass
