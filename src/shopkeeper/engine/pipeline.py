"""request → slate: sources propose, the ranker scores, policies reorder."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex

import msgspec
import numpy as np
import numpy.typing as npt

from shopkeeper.data.schema import items_table
from shopkeeper.engine.context import (
    Context,
    FittedSource,
    Material,
    ReleaseParts,
    first_of,
    lookups_of,
    positions_of,
    reasons_of,
    updated,
)
from shopkeeper.engine.encoder import Encoder
from shopkeeper.engine.explain import explain
from shopkeeper.engine.exploration import Propensities, explore
from shopkeeper.engine.facets import count
from shopkeeper.engine.item_text import names_of
from shopkeeper.engine.policies import Policies
from shopkeeper.engine.ranking.features import feature_names, features
from shopkeeper.engine.ranking.fusion import Pool, fuse
from shopkeeper.engine.ranking.ranker import Ranker
from shopkeeper.engine.ranking.statistics import Statistics
from shopkeeper.engine.requests import sort_values, surface_of
from shopkeeper.engine.sources import recipes
from shopkeeper.engine.sources.lexical import MATCH_FEATURES, LexicalSource
from shopkeeper.engine.state import State
from shopkeeper.errors import ReleaseError, ShopkeeperError
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.release.ids import load_ids, save_ids
from shopkeeper.release.images import Images
from shopkeeper.release.interactions import Interactions
from shopkeeper.release.overlay import LiveCatalogue, Told, lay_over
from shopkeeper.release.store import REMEDY
from shopkeeper.settings import Settings, Surface
from shopkeeper.vocabulary import Change, Event, Explanation, Ids, Placement, Reason, Request, Rows, Scores, Slate

ACTORS, SETTINGS, RANKERS = "actors", "settings.json", "rankers"
PINNED, STAND_IN = Reason("rules", "chosen by the shop"), Reason("popular", "popular in this shop")
READ_AT_ONCE = 32  # new items whose meaning an update waits for: about a third of a second
MATCH_CAP = 10_000  # matching items that are counted by facets, sorted and paged through


@dataclass(frozen=True)
class Ranking:
    """The answer as arrays. rows int32 [n], best first, unique; scores float32 [n], of the ranker or the fusion (the
    policies may have moved rows away from the order of scores); places int64 [n]: where in `pool` each row stands,
    so that pool.ranks[places] and pool.scores[places] say what each source thought of it."""

    rows: Rows
    scores: Scores
    places: npt.NDArray[np.int64]
    pool: Pool


class Stopwatch:
    """Milliseconds by stage."""

    def __init__(self) -> None:
        self.timings: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.timings[stage] = round((now - self._last) * 1000.0, 3)
        self._last = now


class Engine:
    """A release, ready to answer. Everything but what people just did stays as it is; any number of threads may ask.

    sources: by name, those that the surfaces use; rankers: by surface, where a learned one beat the fusion.
    Raises ReleaseError when a ranker learned from other features than the surface has now, SettingsError when a rule
    cannot be followed.
    """

    def __init__(
        self,
        *,
        catalogue: Catalogue,
        interactions: Interactions,
        actors: Ids,
        sources: Mapping[str, FittedSource],
        statistics: Statistics,
        settings: Settings,
        rankers: Mapping[str, Ranker] | None = None,
        encoder: Encoder | None = None,
        images: Images | None = None,
        release: str = "",
    ) -> None:
        self.catalogue, self.interactions, self.actors = catalogue, interactions, actors
        self.sources, self.statistics, self.settings = dict(sources), statistics, settings
        self.encoder, self.images, self.release = encoder, images, release
        self.policies = Policies(catalogue, settings)
        self._released, self._told, self._unread = catalogue, Told({}, {}), tuple[str, ...]()
        gap = settings.data.session_gap_minutes
        self._state = State(interactions, actors, catalogue.ids, session_gap_minutes=gap)
        learned = {name for name, surface in settings.surfaces.items() if surface.rank == "learned"}
        self.rankers = {name: ranker for name, ranker in (rankers or {}).items() if name in learned}
        for name, ranker in self.rankers.items():
            ranker.require(self.feature_names(name), name)

    def record(self, events: Sequence[Event]) -> None:
        """What people just did, each event once: the next request knows it."""
        self._state.record(events)

    def updated(self, changes: Sequence[Change]) -> Engine:
        """The engine after `changes` in the shop; this one goes on as it is. Both know the same of people, and only the
        newest of engines that grew from one another may be updated.

        Of many items at once, only the first READ_AT_ONCE are found by meaning; `unread` are the others.
        """
        newer, told = copy.copy(self), self._told.then(changes, self._released.ids)
        newer._told = told
        live = self.catalogue if isinstance(self.catalogue, LiveCatalogue) else lay_over(self._released, {})
        if told.whole is not self._told.whole:
            live = lay_over(self._released, told.whole)
        newer.catalogue = live.with_figures(told.figures)
        newer.policies = Policies(newer.catalogue, self.settings)
        ids = dict.fromkeys(change.id for change in changes if change.item is not None)
        newer._unread = (*(id_ for id_ in self._unread if id_ not in ids), *list(ids)[READ_AT_ONCE:])
        newer._take_in(ids, self.sources)
        self._state.items = newer.catalogue.ids
        return newer

    @property
    def unread(self) -> tuple[str, ...]:
        """New and changed items whose meaning is not known yet."""
        return self._unread

    def reading(self) -> Engine:
        """The engine once some of the `unread` are read; as `updated`."""
        newer = copy.copy(self)
        newer._unread = self._unread[READ_AT_ONCE:]
        reading = {name: source for name, source in self.sources.items() if getattr(source, "reads_meaning", False)}
        newer._take_in(self._unread[:READ_AT_ONCE], reading)
        return newer

    def _take_in(self, told: Iterable[str], sources: Mapping[str, FittedSource]) -> None:
        """Let `sources` know the items of these ids, which came or changed; those deleted since are passed over."""
        whole = self._told.whole
        ids = [id_ for id_ in told if whole[id_].item is not None]
        if not ids and len(self.catalogue) == len(self.statistics.interest):
            return
        rows, now = self.catalogue.ids.rows(ids), time.time()
        items = items_table(item for id_ in ids if (item := whole[id_].item))
        nothing = self.interactions.where(np.zeros(len(self.interactions), np.bool_))
        changed = Material(self.catalogue, items, nothing, now, self.settings, self.encoder, read_first=READ_AT_ONCE)
        self.statistics = self.statistics.updated(self.catalogue, rows, now)
        self.sources = self.sources | {
            name: updated(source, changed, rows, len(self._released)) for name, source in sources.items()
        }

    def context(self, request: Request, within: str = "") -> Context:
        """Ids become rows, and the person's past is looked up, up to `request.time` where it is given. Of the past,
        only what was done with the items that the filter `within` lets through counts.

        Raises RequestError when the request cannot be answered as it was asked.
        """
        surface_of(request, self.settings.surfaces)
        past = self._state.past(request.user, request.session, request.time, len(self.catalogue))
        if within:
            past = past.within(self.policies.masks.mask(within))
        anchors = self.catalogue.ids.rows(dict.fromkeys(request.items))
        context = Context(
            request=request,
            now=time.time() if request.time is None else request.time,
            user=past.user,
            history=past.rows,
            history_codes=past.codes,
            history_times=past.times,
            session=past.rows[len(past.rows) - past.session :],
            anchors=anchors[anchors >= 0],
        )
        return replace(context, allowed=self.policies.allowed(context))

    def sources_of(self, surface: str) -> dict[str, FittedSource]:
        """The sources of a surface that this release holds."""
        names = self.settings.surfaces[surface].sources
        return {name: self.sources[name] for name in names if name in self.sources}

    def feature_names(self, surface: str) -> tuple[str, ...]:
        """The columns of `features` for requests of this surface."""
        text = MATCH_FEATURES if self._text_source(surface) else ()
        return feature_names(tuple(self.sources_of(surface)), text)

    def candidates(self, context: Context) -> Pool:
        """What the sources of the surface propose, with what rules pin; the most popular where all are silent, unless
        a query found nothing."""
        surface = self._surface(context)
        sources = self.sources_of(context.request.surface)
        proposals = {name: source.retrieve(context, surface.candidates) for name, source in sources.items()}
        others = self.policies.pinned(context)
        if surface.needs != "query" and not any(len(proposal.rows) for proposal in proposals.values()):
            others = np.union1d(others, self._most_popular(context, surface.candidates))
        return Pool.of(proposals, others)

    def features(self, context: Context, pool: Pool) -> Scores:
        """float32 [n, F]: what the ranker sees of the pool's n rows, for training and serving alike."""
        text = self._text_source(context.request.surface)
        match = text.match_features(context, pool.rows) if text else None
        names = MATCH_FEATURES if text else ()
        return features(context, pool, self.catalogue, self.statistics, match, names)

    def score(self, context: Context, pool: Pool) -> Scores:
        """float32 [n], by the learned ranker of the surface, or else by the fusion of its sources."""
        ranker = self.rankers.get(context.request.surface)
        if ranker is None:
            return fuse(pool, self._surface(context).weights)
        return ranker.score(self.features(context, pool))

    def rank(self, context: Context, watch: Stopwatch | None = None) -> Ranking:
        """The whole order of the candidates: what is evaluated is what is served."""
        watch = watch or Stopwatch()
        pool = self.candidates(context)
        watch.lap("sources")
        scores = self.score(context, pool)
        watch.lap("ranking")
        ranking = self.arrange(context, pool, scores)
        watch.lap("policies")
        return ranking

    def arrange(self, context: Context, pool: Pool, scores: Scores) -> Ranking:
        """The candidates by score (float32 [n], aligned with the pool), then as the policies reorder them."""
        places = np.lexsort((pool.rows, -self.statistics.interest[pool.rows], -scores))
        places = places[self.policies.order(context, pool.rows[places], scores[places])]
        return Ranking(pool.rows[places], scores[places], places, pool)

    def answer(self, request: Request, within: str = "") -> Slate:
        """The slate for a page; `within` as `context` has it. Raises RequestError when the request cannot be answered
        as it was asked."""
        watch = Stopwatch()
        context = self.context(request, within)
        watch.lap("context")
        ranking = self.rank(context, watch)
        matching, total = self._matching(context, ranking)
        rows = self._sorted(request.sort, matching) if request.sort else self._unrolled(context, ranking)
        movable = range(len(self.policies.pinned(context)), len(ranking.rows))
        rows, propensities = explore(rows, movable, request, context.now, self._surface(context).explore)
        facets = count(self.catalogue, matching, request.facets) if request.facets else ()
        watch.lap("facets")
        page = slice(request.offset, request.offset + request.size)
        placements = self._placements(context, ranking, rows[page], propensities[page])
        watch.lap("items")
        return Slate(
            id=token_hex(8),
            surface=request.surface,
            placements=placements,
            total=total,
            facets=facets,
            matched=self._matched(request, placements),
            notes=self._notes(context, ranking),
            release=self.release,
            timings=watch.timings,
            candidates=ranking.pool.proposed(),
        )

    def explain(self, request: Request, item_id: str, within: str = "") -> Explanation:
        """Why an item stands where it stands in the answer to `request`, or why it is absent; `within` as `context` has
        it."""
        return explain(self, request, item_id, within)

    def cache_lookups(self) -> dict[str, tuple[int, int]]:
        """Hits and misses: of the filters' masks, and of each source that remembers what it made of queries."""
        masks = self.policies.masks
        remembering = {name: lookups for name, source in self.sources.items() if (lookups := lookups_of(source))}
        return {"filters": (masks.hits, masks.misses), **remembering}

    def reasons(self, context: Context, ranking: Ranking, at: int) -> tuple[Reason, ...]:
        """Why the row at position `at` of the ranking stands there: by source, with the source's rank."""
        return self._reasons(context, ranking, np.array([at]))[0]

    def save(self, directory: Path) -> None:
        """Write every part under `directory`, for `open`."""
        self.catalogue.save(directory / "catalogue")
        self.interactions.save(directory / "interactions")
        self.statistics.save(directory / "statistics")
        save_ids(self.actors, directory / ACTORS)
        for name, source in self.sources.items():
            source.save(directory / "sources" / name)
        for name, ranker in self.rankers.items():
            ranker.save(directory / RANKERS / name)
        if self.encoder is not None:
            self.encoder.save(directory / "encoder")
        if self.images is not None:
            self.images.save(directory / "images")
        (directory / SETTINGS).write_bytes(msgspec.json.format(msgspec.json.encode(self.settings)))

    @classmethod
    def open(
        cls,
        directory: Path,
        settings: Settings | None = None,
        *,
        release: str = "",
        load_encoder: Callable[[Path], Encoder] = Encoder.load,
    ) -> Engine:
        """The engine that `save` wrote, memory-mapped. `settings`: those of today, where they may have changed since
        (rules, surfaces).

        Raises ReleaseError when a part is missing or damaged.
        """
        try:
            return cls._read(directory, settings, release, load_encoder)
        except ShopkeeperError:
            raise
        except Exception as error:  # every library that reads a part has errors of its own
            what = f"the release cannot be read: {error or type(error).__name__}"
            raise ReleaseError(what, where=str(directory), remedy=REMEDY) from error

    @classmethod
    def _read(
        cls, directory: Path, settings: Settings | None, release: str, load_encoder: Callable[[Path], Encoder]
    ) -> Engine:
        settings = settings or msgspec.json.decode((directory / SETTINGS).read_bytes(), type=Settings)
        actors = load_ids(directory / ACTORS)
        interactions = Interactions.load(directory / "interactions")
        statistics = Statistics.load(directory / "statistics")
        catalogue = Catalogue.load(directory / "catalogue")
        encoder = load_encoder(directory / "encoder") if (directory / "encoder").is_dir() else None
        parts = ReleaseParts(catalogue, interactions, settings, encoder)
        return cls(
            catalogue=catalogue,
            interactions=interactions,
            actors=actors,
            sources={
                name: recipe.load(directory / "sources" / name, parts)
                for name, recipe in recipes(_folders(directory / "sources")).items()
            },
            statistics=statistics,
            settings=settings,
            rankers={name: Ranker.load(directory / RANKERS / name) for name in _folders(directory / RANKERS)},
            encoder=encoder,
            images=Images.load(directory / "images") if (directory / "images").is_dir() else None,
            release=release,
        )

    def _surface(self, context: Context) -> Surface:
        return self.settings.surfaces[context.request.surface]

    def _text_source(self, surface: str) -> LexicalSource | None:
        sources = self.sources_of(surface).values()
        return next((source for source in sources if isinstance(source, LexicalSource)), None)

    def _most_popular(self, context: Context, limit: int) -> Rows:
        """What stands on a shelf that nobody fills: by interest, then the newest."""
        order, allowed = self.statistics.order, context.allowed
        return order[:limit] if allowed is None else first_of(order, limit, lambda rows: allowed[rows])

    def _matching(self, context: Context, ranking: Ranking) -> tuple[Rows, int]:
        """All rows that answer the request, ascending, up to a cap, and how many they are: every text match besides
        the candidates."""
        text = self._text_source(context.request.surface)
        if text is None:
            return np.sort(ranking.rows), len(ranking.rows)
        rows, total = text.matches(context.request.query, context.allowed, MATCH_CAP)
        matching = np.union1d(rows, ranking.rows)
        return matching, max(total, len(matching))

    def _unrolled(self, context: Context, ranking: Ranking) -> Rows:
        """The ranking, then the text matches beyond the candidates, where the page reaches so far."""
        request, text = context.request, self._text_source(context.request.surface)
        if text is None or request.offset + request.size <= len(ranking.rows):
            return ranking.rows
        rest = text.retrieve(context, MATCH_CAP).rows
        return np.concatenate((ranking.rows, rest[positions_of(rest, ranking.rows) < 0]))

    def _matched(self, request: Request, placements: Sequence[Placement]) -> tuple[str, ...]:
        text = self._text_source(request.surface)
        if text is None or not request.query:
            return ()
        return text.matched(request.query, (name for placement in placements for name in names_of(placement.item)))

    def _sorted(self, sort: str, rows: Rows) -> Rows:
        values = sort_values(sort, self.catalogue, self.statistics)[rows]
        return rows[np.argsort(values, kind="stable")]

    def _placements(
        self, context: Context, ranking: Ranking, rows: Rows, propensities: Propensities
    ) -> tuple[Placement, ...]:
        positions = positions_of(rows, ranking.rows)
        ranked = rows[positions >= 0].tolist()  # the others match beyond the candidates
        positions = positions[positions >= 0]
        reasons = dict(zip(ranked, self._reasons(context, ranking, positions), strict=True))
        scores = dict(zip(ranked, ranking.scores[positions].tolist(), strict=True))
        first = context.request.offset + 1
        return tuple(
            Placement(
                item=item,
                position=position,
                score=scores.get(row, 0.0),
                reasons=reasons.get(row, ()),
                propensity=propensity,
            )
            for position, (row, item, propensity) in enumerate(
                zip(rows.tolist(), self.catalogue.items(rows), propensities.tolist(), strict=True), start=first
            )
        )

    def _reasons(
        self, context: Context, ranking: Ranking, positions: npt.NDArray[np.int64]
    ) -> list[tuple[Reason, ...]]:
        """`reasons` of many positions int64 [k]: each source is asked once."""
        rows, ranks = ranking.rows[positions], ranking.pool.ranks[ranking.places[positions]]
        said: list[list[Reason]] = [[] for _ in rows]
        for column, name in enumerate(ranking.pool.sources):
            own = np.flatnonzero(~np.isnan(ranks[:, column]))
            texts = reasons_of(self.sources[name], context, rows[own]) if len(own) else []
            for at, text, rank in zip(own.tolist(), texts, ranks[own, column].tolist(), strict=True):
                said[at].append(Reason(name, text, int(rank)))
        if all(said):
            return [tuple(each) for each in said]
        pinned = set(self.policies.pinned(context).tolist())
        return [
            tuple(each) or (PINNED if row in pinned else STAND_IN,)
            for row, each in zip(rows.tolist(), said, strict=True)
        ]

    def _notes(self, context: Context, ranking: Ranking) -> tuple[str, ...]:
        surface, request = self._surface(context), context.request
        notes = []
        if absent := [name for name in surface.sources if name not in self.sources]:
            notes.append(f"not in this release: {', '.join(absent)}; train again to have them")
        if unknown := [item for item in request.items if item not in self.catalogue.ids]:
            notes.append(f"unknown items passed over: {', '.join(unknown[:5])}")
        if np.isnan(ranking.pool.ranks).all():
            if not len(ranking.rows):
                notes.append("nothing matches")
            elif surface.needs != "query":
                notes.append(f"nothing in particular for {request.surface}: the most popular items stand in")
        return tuple(notes)


def _folders(directory: Path) -> list[str]:
    return sorted(entry.name for entry in directory.iterdir() if entry.is_dir()) if directory.is_dir() else []
