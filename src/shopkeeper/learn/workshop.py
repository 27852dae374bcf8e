"""Everything that one training works with, read once, and the engines it builds as of a moment."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

from shopkeeper.data.tables import Tables
from shopkeeper.engine.encoder import Encoder
from shopkeeper.engine.models import check_models
from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.query_clicks import QueryClicks
from shopkeeper.engine.ranking.ranker import Ranker
from shopkeeper.engine.ranking.reranker import Reranker
from shopkeeper.engine.ranking.statistics import Statistics
from shopkeeper.engine.sources import recipes
from shopkeeper.learn.asof import Inferred
from shopkeeper.learn.clicks import count_clicks
from shopkeeper.learn.encoder import Lessons, Made, shop_encoder
from shopkeeper.learn.examination import Examination, examination_of, weigh
from shopkeeper.learn.fit import Fitter
from shopkeeper.learn.judged import readers_of
from shopkeeper.learn.refinement import refine
from shopkeeper.learn.requests import Asked, requests_of, searches_of, with_visits
from shopkeeper.learn.searches import load_searches
from shopkeeper.learn.split import Part, split
from shopkeeper.learn.suggestions import learn_suggestions, queries_learned
from shopkeeper.learn.understanding import Understander, refined
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.release.interactions import Interactions
from shopkeeper.settings import Settings, Surface
from shopkeeper.vocabulary import Ids, Progress


@dataclass(frozen=True)
class Workshop:
    """tables: the folder that holds them; searches: schema SEARCHES; examination: how likely each place of a list is
    looked at, where it is known; open_to_choice: the surfaces on which the settings leave something to choose, whatever
    serves them later; now: seconds, a moment after everything that is known; reranker: of all its engines, once one has
    earned it."""

    tables: Path
    catalogue: Catalogue
    interactions: Interactions
    inferred: Inferred
    actors: Ids
    examination: Examination | None
    searches: pa.Table
    settings: Settings
    made: Made
    fitter: Fitter
    understander: Understander
    open_to_choice: Collection[str]
    now: float
    reranker: Reranker | None = None

    @classmethod
    def open(
        cls, tables: Tables, settings: Settings, cache: Path, progress: Progress, *, held: Sequence[Surface] = ()
    ) -> Workshop:
        """Reads the tables. What is costly to make is kept in `cache`. held: surfaces besides those of the settings,
        for which there may be engines as well."""
        check_models(settings)
        progress("read tables", 0, 1)
        items = tables.items().combine_chunks()
        catalogue = Catalogue.build(items)
        interactions, actors = Interactions.build(tables.events(), catalogue)
        searches = load_searches(tables.folder)
        progress("read tables", 1, 1)
        progress("build encoder", 0, 1)
        now = _after(catalogue, interactions)
        parts = split(interactions, settings.train, now)
        unseen = parts.validation.now if parts else now  # what is chosen and measured by, no encoder has learned from
        lessons = Lessons(tables, catalogue.ids, unseen, readers_of(settings))
        made = shop_encoder(settings, items, lessons, cache)
        progress("build encoder", 1, 1)
        spared = {name for surface in held for name in surface.sources}  # what serves now is to defend itself
        named = dict.fromkeys(name for surface in (*settings.surfaces.values(), *held) for name in surface.sources)
        fitter = Fitter(
            recipes(named), catalogue, items, settings, made.encoder, cache, progress, spared=spared, tables=tables
        )
        return cls(
            tables=tables.folder,
            catalogue=catalogue,
            interactions=interactions,
            inferred=Inferred.read(tables, catalogue),
            actors=actors,
            examination=examination_of(tables.folder),
            searches=searches,
            settings=settings,
            made=made,
            fitter=fitter,
            understander=Understander(catalogue, searches, settings.search.languages),
            open_to_choice={
                name
                for name, surface in settings.surfaces.items()
                if surface.rank != "fused" or len(surface.sources) > 1
            },
            now=now,
        )

    @property
    def encoder(self) -> Encoder | None:
        return self.made.encoder

    def with_surfaces(self, surfaces: Mapping[str, Surface]) -> Workshop:
        settings = msgspec.structs.replace(self.settings, surfaces={**self.settings.surfaces, **surfaces})
        return replace(self, settings=settings)

    def engine(self, rankers: Mapping[str, Ranker]) -> Engine:
        """An engine that knows everything."""
        return self._engine(self.catalogue, self.interactions, self.interactions, self.now, rankers, "fit everything")

    def released(self, rankers: Mapping[str, Ranker]) -> Engine:
        """The engine that is released: with what none needs that only chooses a ranker."""
        engine = self.engine(rankers)
        tables = Tables(self.tables.parent)
        engine.suggestions = learn_suggestions(
            tables, self.searches, self.catalogue, engine.statistics, self.settings, self.now
        )
        wanted = self.settings.understanding
        if engine.understanding is not None and wanted.url:
            queries = queries_learned(engine.suggestions, wanted.queries)
            kept = self.tables.parent / "cache" / "refined.json"
            engine.understanding = refined(engine.understanding, refine(queries, self.catalogue, wanted, kept))
        return engine

    def engine_of(self, part: Part, rankers: Mapping[str, Ranker], stage: str) -> Engine:
        """An engine that answers a part's requests: sources, statistics and catalogue know what was known before it."""
        then = self.inferred.catalogue_of(part, self.catalogue)
        return self._engine(then, part.known, part.history, part.now, rankers, stage)

    def requests(self, part: Part) -> dict[str, list[Asked]]:
        """The part's requests by surface, those surfaces left out that have none, or nothing to choose between."""
        limit, seed = self.settings.train.max_requests, self.settings.train.seed
        asked = {}
        for name, surface in self.settings.surfaces.items():
            if name not in self.open_to_choice:
                continue
            if surface.needs == "query":
                found = searches_of(name, self.searches, part, self.catalogue.ids, limit=limit, seed=seed)
                seen = self.examination
                asked[name] = found if seen is None else weigh(found, seen.looked, self.tables, self.catalogue.ids)
            else:
                asked[name] = requests_of(name, surface, part, self.actors, self.catalogue.ids, limit=limit, seed=seed)
        tables = Tables(self.tables.parent)
        return {name: with_visits(requests, tables) for name, requests in asked.items() if requests}

    def _query_clicks(self, now: float) -> QueryClicks | None:
        """What queries led to before `now`, also of what was done after searches that began before; None in a shop
        without searches, or without a clock to tell what was known when."""
        if not len(self.searches) or not self.interactions.has_clock:
            return None
        searches = self.searches if now >= self.now else load_searches(self.tables, before=now)
        return count_clicks(searches, self.catalogue.ids)

    def _engine(
        self,
        catalogue: Catalogue,
        known: Interactions,
        history: Interactions,
        now: float,
        rankers: Mapping[str, Ranker],
        stage: str,
    ) -> Engine:
        fitted = self.fitter.fit(known, now, stage, then=catalogue)
        settings = _without(self.settings, self.fitter.dropped)
        half_life = settings.train.half_life_days
        used = {name for surface in settings.surfaces.values() for name in surface.sources}
        return Engine(
            catalogue=catalogue,
            interactions=history,
            actors=self.actors,
            sources={name: source for name, source in fitted.items() if name in used},
            statistics=Statistics.fit(catalogue, known, now, half_life_days=half_life),
            settings=settings,
            rankers=rankers,
            reranker=self.reranker,
            encoder=self.encoder,
            understanding=self.understander.as_of(now, fitted.values()),
            query_clicks=self._query_clicks(now),
        )


def _without(settings: Settings, dropped: Collection[str]) -> Settings:
    """The same, but that no surface asks the sources that dropped out."""
    surfaces = {
        name: msgspec.structs.replace(surface, sources=tuple(one for one in surface.sources if one not in dropped))
        for name, surface in settings.surfaces.items()
    }
    return msgspec.structs.replace(settings, surfaces=surfaces) if dropped else settings


def _after(catalogue: Catalogue, interactions: Interactions) -> float:
    """A second after the last event, or, without a clock, the last launch; 0 where nothing has a time."""
    times = interactions.times if interactions.has_clock else catalogue.launched
    known = times[~np.isnan(times)]
    return float(known.max()) + 1.0 if len(known) else 0.0
