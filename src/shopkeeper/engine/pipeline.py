"""request → slate: sources propose, the ranker scores, policies reorder."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from shopkeeper.engine.browsing import Overview, browse, matching
from shopkeeper.engine.context import (
    Candidates,
    Context,
    FittedSource,
    first_of,
    lookups_of,
    retrieve_all,
)
from shopkeeper.engine.encoder import Encoder
from shopkeeper.engine.encoders import load_encoder
from shopkeeper.engine.explain import explain
from shopkeeper.engine.keeping import read, save
from shopkeeper.engine.policies import Policies
from shopkeeper.engine.query_clicks import CLICK_FEATURES, QueryClicks
from shopkeeper.engine.ranking.features import feature_names, features
from shopkeeper.engine.ranking.fusion import Pool, fuse
from shopkeeper.engine.ranking.query_features import QUERY_FEATURES, query_features
from shopkeeper.engine.ranking.ranker import Ranker
from shopkeeper.engine.ranking.reranker import Reranker
from shopkeeper.engine.ranking.statistics import Statistics
from shopkeeper.engine.recent_searches import RecentSearches
from shopkeeper.engine.renewing import read_on, renewed
from shopkeeper.engine.requests import asked_surface, surface_of
from shopkeeper.engine.rereading import reread
from shopkeeper.engine.slate import Stopwatch, answer
from shopkeeper.engine.sorting import sort_values
from shopkeeper.engine.sources.lexical import LexicalSource
from shopkeeper.engine.sources.semantic import SemanticSource
from shopkeeper.engine.state import State
from shopkeeper.engine.suggesting import suggest
from shopkeeper.engine.suggestions import Suggestions
from shopkeeper.engine.understanding import ORDER_FIELD, Understanding
from shopkeeper.engine.understanding.applied import (
    UNDERSTOOD_FEATURES,
    applied,
    cheapness,
    lifted,
    understood_features,
    unplaced,
)
from shopkeeper.engine.visible import told_readings
from shopkeeper.errors import ReleaseError, ShopkeeperError
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.release.images import Images
from shopkeeper.release.interactions import Interactions
from shopkeeper.release.store import REMEDY
from shopkeeper.settings import Fusion, Rule, Settings, Surface, Synonym
from shopkeeper.vocabulary import (
    Change,
    Chip,
    Event,
    Explanation,
    Ids,
    Mask,
    Request,
    Rows,
    Scores,
    Slate,
    Suggested,
)


@dataclass(frozen=True)
class Ranking:
    """The answer as arrays. rows int32 [n], best first, unique; scores float32 [n], of the ranker or the fusion (the
    policies may have moved rows away from the order of scores); places int64 [n]: where in `pool` each row stands,
    so that pool.ranks[places] and pool.scores[places] say what each source thought of it."""

    rows: Rows
    scores: Scores
    places: npt.NDArray[np.int64]
    pool: Pool


class Engine:
    """A release, ready to answer. Everything but what people just did stays as it is; any number of threads may ask.

    sources: by name, those that the surfaces use; rankers: by surface, where a learned one beat the fusion;
    reranker: reads the first of a surface's answers again, where that won; understanding: reads what queries ask for
    besides words; query_clicks: what queries led to.
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
        reranker: Reranker | None = None,
        encoder: Encoder | None = None,
        images: Images | None = None,
        suggestions: Suggestions | None = None,
        understanding: Understanding | None = None,
        query_clicks: QueryClicks | None = None,
        release: str = "",
    ) -> None:
        self.catalogue, self.interactions, self.actors = catalogue, interactions, actors
        self.sources, self.statistics, self.settings = dict(sources), statistics, settings
        self.encoder, self.images, self.release = encoder, images, release
        self.suggestions = suggestions or Suggestions.none()
        self.searches = RecentSearches(self.suggestions.past)
        self.understanding, self.query_clicks = understanding, query_clicks
        self.policies = Policies(catalogue, settings)
        self.policies.check()
        self.overview = Overview(catalogue)
        self.n_released, self.unread = len(catalogue), tuple[str, ...]()
        gap = settings.data.session_gap_minutes
        self._state = State(interactions, actors, catalogue.ids, session_gap_minutes=gap)
        learned = {name for name, surface in settings.surfaces.items() if surface.rank == "learned"}
        self.rankers = {name: ranker for name, ranker in (rankers or {}).items() if name in learned}
        for name, ranker in self.rankers.items():
            ranker.require(self.feature_names(name), name)
        self.reranker = reranker

    def record(self, events: Sequence[Event]) -> None:
        """What people just did, each event once: the next request knows it."""
        self._state.record(events)
        self.searches.record(events)

    def updated(self, changes: Sequence[Change]) -> Engine:
        """The engine after `changes` in the shop; this one goes on as it is. Both know the same of people, and only the
        newest of engines that grew from one another may be updated.

        Of many items at once, only the first READ_AT_ONCE are found by meaning; `unread` are the ids of the others.
        """
        newer = renewed(self, changes)
        self._state.items = newer.catalogue.ids
        return newer

    def obeying(self, rules: Sequence[Rule]) -> Engine:
        """The engine under these rules and no others. Raises SettingsError when one cannot be followed."""
        newer = self.curated(rules, self.settings.synonyms)
        newer.policies.check()
        return newer

    def curated(self, rules: Sequence[Rule], synonyms: Sequence[Synonym]) -> Engine:
        """The engine under these rules and synonyms and no others; what cannot be followed is passed over."""
        newer = copy.copy(self)
        newer.settings = msgspec.structs.replace(self.settings, rules=tuple(rules), synonyms=tuple(synonyms))
        newer.policies = Policies(self.catalogue, newer.settings)
        if newer.settings.synonyms != self.settings.synonyms:
            newer.sources = {
                name: source.worded(newer.settings) if isinstance(source, LexicalSource) else source
                for name, source in self.sources.items()
            }
        return newer

    def asking(self, name: str, sources: Sequence[str]) -> Engine:
        """The engine whose surface `name` asks these of its sources alone, and has no ranker."""
        newer = copy.copy(self)
        surfaces = self.settings.surfaces
        surface = msgspec.structs.replace(surfaces[name], sources=tuple(sources))
        newer.settings = msgspec.structs.replace(self.settings, surfaces={**surfaces, name: surface})
        newer.rankers = {other: ranker for other, ranker in self.rankers.items() if other != name}
        return newer.rereading(self.reranker if self.reranker and self.reranker.surface != name else None)

    def rereading(self, reranker: Reranker | None) -> Engine:
        """The engine with this reranker, or without any."""
        newer = copy.copy(self)
        newer.reranker = reranker
        return newer

    def reading(self) -> Engine:
        """The engine once some of the `unread` are read; as `updated`."""
        return read_on(self)

    def context(self, request: Request, within: str = "") -> Context:
        """Ids become rows, and the person's past is looked up, up to `request.time` where it is given. Of the past,
        only what was done with the items that the filter `within` lets through counts.

        Raises RequestError when the request cannot be answered as it was asked.
        """
        surface_of(request, self.settings.surfaces)
        return self._corrected(self._understood(self.context_of(request, within), request.query))

    def context_of(self, request: Request, within: str = "") -> Context:
        """The `context` of a request that is still being made: it may lack what its surface needs."""
        past = self._state.past(request.user, request.session, request.time, len(self.catalogue))
        visible = self.policies.masks.mask(within) if within else None
        if visible is not None:
            past = past.within(visible)
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
            visible=visible,
        )
        context, text = self.policies.ruled(context), self.text_source(request.surface)
        context = replace(context, passing=text.passing(context.request.query) if text else None)
        return replace(context, allowed=self.allowed(context))

    def allowed(self, context: Context) -> Mask:
        """What the policies, and the phrases and excluded words of the query, leave: bool [n_items]."""
        allowed = self.policies.allowed(context)
        return allowed if context.passing is None else allowed & context.passing

    def _understood(self, context: Context, typed: str) -> Context:
        """With what its query asks for besides words. typed: by the person, where a rule has another in its place."""
        search, text = self.settings.search, self.text_source(context.request.surface)
        if self.understanding is None or search.understanding == "off" or text is None or context.request.verbatim:
            return context
        query, masks = context.request.query, self.policies.masks
        read = self.understanding.reading(query, text.plan(query).read_as)
        readings = told_readings(read, context.visible, masks)
        told = applied(context, readings, search, masks.mask, lambda words, mask: text.matches(words, mask, 1)[1])
        return told if query == typed else unplaced(told)

    def _corrected(self, context: Context) -> Context:
        """With its query as it was read."""
        request, text = context.request, self.text_source(context.request.surface)
        if text is None or not request.query:
            return context
        return replace(context, corrected=text.plan(request.query, request.verbatim).corrected)

    def _agreeing(self, chip: Chip, rows: Rows) -> Scores:
        """How much each of rows int32 [n] agrees with what was understood: float32 [n] in [0, 1]."""
        if chip.field == ORDER_FIELD:
            return cheapness(sort_values(chip.value, rows, self.catalogue, self.statistics))
        return self.policies.masks.mask(chip.filter)[rows].astype(np.float32)

    def sources_of(self, surface: str) -> dict[str, FittedSource]:
        """The sources of a surface that this release holds."""
        names = self.settings.surfaces[surface].sources
        return {name: self.sources[name] for name in names if name in self.sources}

    def feature_names(self, surface: str) -> tuple[str, ...]:
        """The columns of `features` for requests of this surface."""
        return feature_names(tuple(self.sources_of(surface)), self._text_features(surface))

    def _text_features(self, surface: str) -> tuple[str, ...]:
        if self.text_source(surface) is None:
            return ()
        understood = UNDERSTOOD_FEATURES if self.understanding is not None else ()
        return (*QUERY_FEATURES, *understood, *(CLICK_FEATURES if self.query_clicks is not None else ()))

    def candidates(self, context: Context) -> Pool:
        """What the sources of the surface propose, as `pool` lays it together."""
        return self.candidates_of([context])[0]

    def candidates_of(self, contexts: Sequence[Context]) -> list[Pool]:
        """The `candidates` of each request; all are to one surface."""
        if not contexts:
            return []
        limit, sources = self._surface(contexts[0]).candidates, self.sources_of(contexts[0].request.surface)
        proposals = {name: retrieve_all(source, contexts, limit) for name, source in sources.items()}
        return [
            self.pool(context, {name: each[at] for name, each in proposals.items()})
            for at, context in enumerate(contexts)
        ]

    def besides_text(self, context: Context) -> Rows:
        """The candidates, without those that the text source alone would propose: every text match is an answer."""
        surface, text = self._surface(context), self.text_source(context.request.surface)
        sources = {name: one for name, one in self.sources_of(context.request.surface).items() if one is not text}
        proposals = {name: source.retrieve(context, surface.candidates) for name, source in sources.items()}
        return self.pool(context, proposals).rows

    def pool(self, context: Context, proposals: Mapping[str, Candidates]) -> Pool:
        """Proposals, by source, with what rules pin; the most popular where all are silent, unless a query found
        nothing."""
        surface, others = self._surface(context), self.policies.pinned(context)
        wordless = context.wordless or not surface.seeks
        if wordless and not any(len(proposal.rows) for proposal in proposals.values()):
            others = np.union1d(others, self.most_popular(context, surface.candidates))
        return Pool.of(proposals, others)

    def features(self, context: Context, pool: Pool) -> Scores:
        """float32 [n, F]: what the ranker sees of the pool's n rows, for training and serving alike."""
        surface = context.request.surface
        text = self.text_source(surface)
        if text is None:
            return features(context, pool, self.catalogue, self.statistics)
        asked = query_features(context, pool, self.catalogue, text, self._meaning(surface))
        if self.understanding is not None:
            asked = np.concatenate((asked, understood_features(context, pool.rows, self._agreeing)), axis=1)
        if self.query_clicks is not None:
            clicks = self.query_clicks.features(pool.rows, context.request.query, context.meant)
            asked = np.concatenate((asked, clicks), axis=1)
        return features(context, pool, self.catalogue, self.statistics, asked, self._text_features(surface))

    def score(self, context: Context, pool: Pool) -> Scores:
        """float32 [n], by the learned ranker of the surface, or else by the fusion of its sources; anew of
        the first, where something reads them."""
        ranker = self.rankers.get(context.request.surface)
        if ranker is None:
            return reread(self, context, pool, self.fused(context, pool, self._surface(context).fusion))
        return reread(self, context, pool, ranker.score(self.features(context, pool)))

    def fused(self, context: Context, pool: Pool, way: Fusion) -> Scores:
        """float32 [n], without learning: a fusion of the sources, lifted by what the query was understood to ask."""
        scores = fuse(pool, self._surface(context).weights, way)
        return lifted(context, pool.rows, scores, self._agreeing) if context.understood else scores

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
        places = self.by_score(pool, scores)
        places = places[self.policies.order(context, pool.rows[places], scores[places])]
        return Ranking(pool.rows[places], scores[places], places, pool)

    def by_score(self, pool: Pool | Ranking, scores: Scores) -> npt.NDArray[np.int64]:
        """The places of the candidates, int64 [n], the highest score first, then what is liked best."""
        return np.lexsort((pool.rows, -self.statistics.interest[pool.rows], -scores))

    def answer(self, request: Request, within: str = "") -> Slate:
        """The slate for a page; `within` as `context` has it. Raises RequestError when the request cannot be answered
        as it was asked."""
        return answer(self, request, within)

    def suggest(self, request: Request, within: str = "", *, proven: bool = True) -> Suggested:
        """What to offer while `request.query` is typed: `request.size` of each kind, of what its filter lets through;
        `within` as `context` has it. proven: whether the user of the request is known to ask; else only the searches of
        its session are told. Raises RequestError."""
        return suggest(self, request, within, proven=proven)

    def browse(self, request: Request, within: str = "") -> Slate:
        """As `answer`, on a surface that needs a query or items, without any: all items that may stand there, as
        `request.sort` says, else those the shop chose, then by interest. Raises RequestError."""
        asked_surface(request, self.settings.surfaces)
        return browse(self, self.context_of(request, within))

    def matching(self, request: Request, within: str = "") -> Rows:
        """int32 [k], ascending: all items whose words match the query, or all that may stand there where there is none.
        Raises RequestError."""
        asked_surface(request, self.settings.surfaces)
        return matching(self, self.context_of(request, within))

    def explain(self, request: Request, item_id: str, within: str = "") -> Explanation:
        """Why an item stands where it stands in the answer to `request`, or why it is absent; `within` as `context` has
        it."""
        return explain(self, request, item_id, within)

    def cache_lookups(self) -> dict[str, tuple[int, int]]:
        """Hits and misses: of the filters' masks, and of each source that remembers what it made of queries."""
        masks = self.policies.masks
        remembering = {name: lookups for name, source in self.sources.items() if (lookups := lookups_of(source))}
        return {"filters": (masks.hits, masks.misses), **remembering}

    def save(self, directory: Path) -> None:
        """Write every part under `directory`, for `open`."""
        save(self, directory)

    @classmethod
    def open(
        cls,
        directory: Path,
        settings: Settings | None = None,
        *,
        release: str = "",
        load_encoder: Callable[[Path], Encoder] = load_encoder,
    ) -> Engine:
        """The engine that `save` wrote, memory-mapped. `settings`: those of today, where they may have changed since
        (rules, surfaces).

        Raises ReleaseError when a part is missing or damaged.
        """
        try:
            return cls(**read(directory, settings, release, load_encoder))
        except ShopkeeperError:
            raise
        except Exception as error:  # every library that reads a part has errors of its own
            what = f"the release cannot be read: {error or type(error).__name__}"
            raise ReleaseError(what, where=str(directory), remedy=REMEDY) from error

    def _surface(self, context: Context) -> Surface:
        return self.settings.surfaces[context.request.surface]

    def text_source(self, surface: str) -> LexicalSource | None:
        """The source of the surface that finds items by words, where it has one."""
        sources = self.sources_of(surface).values()
        return next((source for source in sources if isinstance(source, LexicalSource)), None)

    def _meaning(self, surface: str) -> SemanticSource | None:
        sources = self.sources_of(surface).values()
        return next((source for source in sources if isinstance(source, SemanticSource)), None)

    def most_popular(self, context: Context, limit: int) -> Rows:
        """What stands where nothing in particular is asked for: by interest, then the newest."""
        order, allowed = self.statistics.order, context.allowed
        return order[:limit] if allowed is None else first_of(order, limit, lambda rows: allowed[rows])
