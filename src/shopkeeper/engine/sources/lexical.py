"""What matches the words of the query.

BM25 over title, brand, category, attributes and description, each word scored by its best field plus a share of the
others, which comes close to BM25F (Robertson, Zaragoza & Taylor, 2004) without its single length norm.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from math import ceil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import tantivy

from shopkeeper.engine.chinese import Chinese
from shopkeeper.engine.context import Candidates, Context, Material, ReleaseParts
from shopkeeper.engine.encoder import Encoder
from shopkeeper.engine.item_text import FIELDS, item_texts
from shopkeeper.engine.query_match import MATCH_FEATURES, match_features
from shopkeeper.engine.query_plan import Plan, Planner, Reading, Wanted
from shopkeeper.engine.snippets import snippet
from shopkeeper.engine.text import fold, is_unspaced, spaced_tokens
from shopkeeper.engine.text_index import CODE, WORDS, TextIndex
from shopkeeper.engine.text_match import FIELD_BITS, TermFields, TermFieldsBuilder, Terms
from shopkeeper.engine.wording import Analyser, Stems, Wording
from shopkeeper.settings import Settings
from shopkeeper.vocabulary import Mask, Request, Rows, Scores, Snippet

FIELD_BOOSTS = {"title": 2.0, "brand": 1.5, "category": 1.5, "attributes": 0.5, "description": 0.5}
TIE_BREAKER = 0.2  # what a word adds in fields other than its best
_PHRASE_BOOST = 0.5  # for the query's words side by side in the title
_CODE_SCORE = 1000.0  # who asks for an item's id wants that item
_RELAXED_SHARES = (1.0, 0.6, 0.0)  # of the words, that must match; the next only when nothing fits; at least one
_MAX_LISTED_WORDS = 6
_REMEMBERED = 4096  # queries of late, with all their readings


__all__ = ["MATCH_FEATURES", "Lexical", "LexicalSource"]

FieldMask = npt.NDArray[np.bool_]


class LexicalSource:
    """Finds items by their words. Every method takes a query in any language and of any shape, and never raises."""

    name = "lexical"

    def __init__(
        self,
        index: TextIndex,
        terms: TermFields,
        analyser: Analyser | None = None,
        wording: Wording | None = None,
        encoder: Encoder | None = None,
    ) -> None:
        """encoder: knows words that the shop does not have, which are then not taken for misspelt."""
        self._index, self._terms, self._encoder = index, terms, encoder
        self._analyser, self._wording = analyser or Analyser.of(), wording or Wording()
        planner = Planner(index, self._analyser, self._wording, encoder.knows if encoder else _knows_none)
        # Not through self: what a swap leaves behind must go at once, not when cycles are next looked for.
        self._planned = lru_cache(maxsize=_REMEMBERED)(planner.plan)

    def plan(self, query: str, verbatim: bool = False) -> Plan:
        """How the query is read; verbatim: as it is written."""
        return self._planned(query, verbatim)

    def retrieve(self, context: Context, limit: int) -> Candidates:
        request, allowed = context.request, context.allowed

        @cache
        def matching() -> Rows:
            return self.matches(request.query, allowed, len(self._terms), verbatim=request.verbatim)[0]

        for query in self._queries(request):
            found = self._index.search(query, limit, allowed, matching)
            if len(found.rows):
                return found
        return Candidates.none()

    def passing(self, query: str) -> Mask | None:
        """bool [n_items]: which items hold the phrases that were quoted and none of the words that a minus excludes;
        None where the query has neither."""
        plan = self.plan(query)
        if not (plan.phrases or plan.excluded):
            return None
        passing = np.ones(len(self._terms), np.bool_)
        for phrase in plan.phrases:
            holding = np.zeros(len(self._terms), np.bool_)
            holding[self._holding_terms(phrase)] = True
            passing &= holding
        for phrase in plan.excluded:
            passing[self._holding_terms(phrase)] = False
        return passing

    @property
    def terms(self) -> TermFields:
        """Which words stand in which field of which item."""
        return self._terms

    def lookups(self) -> tuple[int, int]:
        """How many queries were planned before, and how many were not."""
        plans = self._planned.cache_info()
        return plans.hits, plans.misses

    def matches(self, query: str, allowed: Mask | None, cap: int, *, verbatim: bool = False) -> tuple[Rows, int]:
        """The first `cap` of all rows that match within `allowed`, ascending, and how many there are in all."""
        needed = self.plan(query, verbatim).needed
        held = np.zeros(len(self._terms), np.uint8)  # how many of the words
        for wanted in needed:
            held[self._holding(wanted)] += 1
        coded = self.coded(query) if needed else np.empty(0, np.int32)
        for least in _relaxed(len(needed)):
            matching = held >= least
            matching[coded] = True
            if allowed is not None:
                matching &= allowed
            if total := int(np.count_nonzero(matching)):
                return np.flatnonzero(matching)[:cap].astype(np.int32), total
        return np.empty(0, np.int32), 0

    def coded(self, query: str) -> Rows:
        """The items of which the query is the id, but for case and blanks: int32, ascending."""
        return self._index.matches(self._code_query(query))

    def dropped(self, query: str, allowed: Mask | None, *, verbatim: bool = False) -> tuple[str, ...]:
        """The words that are passed over, as no item within `allowed` has all of them: those that the items with the
        most decisive words lack."""
        needed = self.plan(query, verbatim).needed
        decisive = np.zeros(len(self._terms), np.float32)
        holdings = [self._holding(wanted) for wanted in needed]
        for wanted, rows in zip(needed, holdings, strict=True):
            decisive[rows] += max(wanted.rarity, 1e-3)
        if allowed is not None:
            decisive *= allowed
        best = decisive.max(initial=0.0)
        if best == 0.0:
            return ()
        held = decisive >= best - 1e-3
        return tuple(wanted.word for wanted, rows in zip(needed, holdings, strict=True) if not held[rows].any())

    def holds_all(self, query: str, rows: Rows, *, verbatim: bool = False) -> bool:
        """Whether one of these rows holds every word of the query."""
        plan = self.plan(query, verbatim)
        held = self._held(plan.wanted, self._terms.terms_of(rows)).max(axis=2) > 0
        held[:, [at for at, wanted in enumerate(plan.wanted) if wanted.optional]] = True
        return bool(held.all(axis=1).any())

    def match_features(self, context: Context, rows: Rows, held: Terms | None = None) -> Scores:
        """float32 [len(rows), len(MATCH_FEATURES)]; NaN where the request has no words. held: the terms of the rows,
        where they were looked up before."""
        plan = self._plan(context.request)
        return match_features(plan, self._terms, rows, self._held(plan, held or self._terms.terms_of(rows)))

    def reason(self, context: Context, row: int) -> str:
        return self.reasons(context, np.array([row], np.int32))[0]

    def reasons(self, context: Context, rows: Rows) -> list[str]:
        """Each names the field that holds most of the query's words, and these, by the best reading of each."""
        plan = self._plan(context.request)
        named: list[list[dict[int, str]]] = [[{} for _ in FIELDS] for _ in rows]
        for word, reading, fields in self._readings_held(plan, self._terms.terms_of(rows)):
            for at, field in zip(*(axis.tolist() for axis in np.nonzero(fields)), strict=True):
                named[at][field].setdefault(word, reading.text)
        return [_match_reason(held) for held in named]

    def matched(self, query: str, texts: Iterable[str], *, verbatim: bool = False) -> tuple[str, ...]:
        """The words of `texts`, folded and ascending, that the query asks for in one of its readings."""
        stems, unspaced = self._sought(query, verbatim)
        text, starts = fold("\n".join(texts)), {stem[:2] for stem in stems}
        likely = {token for token in spaced_tokens(text) if token[:2] in starts}  # of many words, few are worth a stem
        words, stem = self._analyser.words, self._analyser.stem
        found = {word for token in likely for word in words(token) if stem(word) in stems}
        return tuple(sorted(found | {word for word in unspaced if word in text}))

    def snippet(self, query: str, text: str, *, verbatim: bool = False) -> Snippet:
        """The passage of a text that holds the words of the query."""
        words, stem = self._analyser.words, self._analyser.stem
        return snippet(text, *self._sought(query, verbatim), lambda word: set(map(stem, words(word))))

    def _sought(self, query: str, verbatim: bool) -> tuple[set[str], set[str]]:
        """The stems, and the words of scripts without spaces, by which a text may match."""
        readings = [reading for wanted in self.plan(query, verbatim).needed for reading in wanted.readings]
        unspaced = {reading.text for reading in readings if is_unspaced(reading.text)}
        return {term for reading in readings if reading.text not in unspaced for term in reading.terms}, unspaced

    def updated(self, changed: Material, rows: Rows) -> LexicalSource:
        builder = TermFieldsBuilder()
        documents = dict(zip(rows.tolist(), _documents(changed.items, builder, self._analyser), strict=True))
        terms = self._terms.updated(builder.build(), rows, len(changed.catalogue))
        return LexicalSource(self._index.updated(documents), terms, self._analyser, self._wording, self._encoder)

    def worded(self, settings: Settings) -> LexicalSource:
        """The same with the synonyms and stop words of these settings."""
        wording = _wording(settings, self._analyser)
        return LexicalSource(self._index, self._terms, self._analyser, wording, self._encoder)

    def save(self, directory: Path) -> None:
        self._index.save(directory / "index")
        self._terms.save(directory / "terms")
        self._analyser.chinese.save(directory)

    def _plan(self, request: Request) -> tuple[Wanted, ...]:
        return self.plan(request.query, request.verbatim).wanted

    def _held(self, plan: tuple[Wanted, ...], terms: Terms) -> Scores:
        """float32 [terms.n, words, fields]: the weight of the best reading of each word that the field holds."""
        held = np.zeros((terms.n, len(plan), len(FIELDS)), np.float32)
        for word, reading, fields in self._readings_held(plan, terms):
            held[:, word] = np.maximum(held[:, word], reading.weight * fields)
        return held

    def _readings_held(self, plan: tuple[Wanted, ...], terms: Terms) -> Iterator[tuple[int, Reading, FieldMask]]:
        """Each reading with the place of its word in the plan, and bool [terms.n, fields]: which fields hold it."""
        readings = [(word, reading) for word, wanted in enumerate(plan) for reading in wanted.readings]
        bits = terms.found([term for _, reading in readings for term in reading.terms])
        fields = (bits[:, :, None] & np.array([FIELD_BITS[field] for field in FIELDS], np.uint8)).astype(np.bool_)
        at = 0
        for word, reading in readings:
            end = at + len(reading.terms)
            held: FieldMask = fields[:, at] if end == at + 1 else np.logical_and.reduce(fields[:, at:end], axis=1)
            yield word, reading, held
            at = end

    def _holding(self, wanted: Wanted) -> Rows:
        """The items that hold a word in any of its readings: int32, each once."""
        found = [self._holding_terms(reading.terms) for reading in wanted.readings]
        if len(found) == 1:
            return found[0]
        holding = np.zeros(len(self._terms), np.bool_)
        for rows in found:
            holding[rows] = True
        return np.flatnonzero(holding).astype(np.int32)

    def _holding_terms(self, terms: Stems) -> Rows:
        """The items that hold these side by side in a field."""
        if len(terms) == 1:
            return self._terms.rows_with(terms[0])
        phrase = Reading(terms, 1.0, "")
        fields = [(tantivy.Occur.Should, self._in_field(phrase, field)) for field in FIELDS]
        return self._index.matches(tantivy.Query.boolean_query(fields))

    def _queries(self, request: Request) -> Iterator[tantivy.Query]:
        """From the strictest to the most forgiving."""
        text, plan = request.query, self._plan(request)
        needed = [wanted for wanted in plan if not wanted.optional]
        if not needed:
            return
        should, must = tantivy.Occur.Should, tantivy.Occur.Must
        extras = []
        if len(plan) > 1:  # optional words count in the phrase alone: nearly every item has them
            phrase = Reading(tuple(wanted.readings[0].terms[0] for wanted in plan), _PHRASE_BOOST, "")
            extras.append((should, self._in_field(phrase, "title")))
        asked = [(should, self._word(wanted)) for wanted in needed]
        by_code = tantivy.Query.const_score_query(self._code_query(text), _CODE_SCORE)
        for least in _relaxed(len(needed)):
            core = tantivy.Query.boolean_query(asked, minimum_number_should_match=least)
            matching = tantivy.Query.boolean_query([(must, core), *extras])
            yield tantivy.Query.boolean_query([(should, matching), (should, by_code)])

    def _code_query(self, text: str) -> tantivy.Query:
        return tantivy.Query.term_query(self._index.schema, CODE, _code(text))

    def _word(self, wanted: Wanted) -> tantivy.Query:
        readings = [self._in_field(reading, field) for reading in wanted.readings for field in FIELDS]
        return tantivy.Query.disjunction_max_query(readings, TIE_BREAKER)

    def _in_field(self, reading: Reading, field: str) -> tantivy.Query:
        schema, terms = self._index.schema, reading.terms
        if len(terms) > 1:
            query = tantivy.Query.phrase_query(schema, field, list(terms))
        else:
            query = tantivy.Query.term_query(schema, field, terms[0], "freq")
        return tantivy.Query.boost_query(query, FIELD_BOOSTS[field] * reading.weight)


class Lexical:
    """The recipe of LexicalSource."""

    name = "lexical"
    learns_from_events = False
    when = "whenever people type: finds the words of the query, misspelt or half typed too"

    def fit(self, material: Material) -> LexicalSource:
        search, builder = material.settings.search, TermFieldsBuilder()
        chinese = Chinese.of([*search.dictionary, *_names(material.items)])
        analyser = Analyser.of(search.languages, chinese)
        index = TextIndex.build(_documents(material.items, builder, analyser))
        analyser = analyser._replace(chinese=chinese.with_pinyin(index.words()))
        return LexicalSource(index, builder.build(), analyser, _wording(material.settings, analyser), material.encoder)

    def load(self, directory: Path, release: ReleaseParts) -> LexicalSource:
        analyser = Analyser.of(release.settings.search.languages, Chinese.load(directory))
        index, terms = TextIndex.load(directory / "index"), TermFields.load(directory / "terms")
        return LexicalSource(index, terms, analyser, _wording(release.settings, analyser), release.encoder)


def _knows_none(_: str) -> bool:
    return False


def _wording(settings: Settings, analyser: Analyser) -> Wording:
    return Wording.of(settings.synonyms, settings.search.stop_words, analyser)


def _names(items: pa.Table) -> set[str]:
    """The brands and categories."""
    brands = pc.unique(items.column("brand")).to_pylist()
    categories = pc.unique(pc.list_flatten(items.column("categories"))).to_pylist()
    return {name for name in (*brands, *categories) if name}


def _relaxed(n_words: int) -> Iterator[int]:
    """How many of the words must match, from the strictest to the most forgiving."""
    yield from dict.fromkeys(max(1, ceil(share * n_words)) for share in _RELAXED_SHARES if n_words)


def _match_reason(named: list[dict[int, str]]) -> str:
    """Of the words that each field of FIELDS holds."""
    sizes = list(map(len, named))
    fullest = sizes.index(max(sizes))  # the first of these
    if not named[fullest]:
        return "matches the search"
    return f"matches “{' '.join(list(named[fullest].values())[:_MAX_LISTED_WORDS])}” in {FIELDS[fullest]}"


def _documents(items: pa.Table, builder: TermFieldsBuilder, analyser: Analyser) -> Iterator[dict[str, str]]:
    stem, words, characters = analyser.stem, analyser.words, analyser.characters
    for item in item_texts(items):
        texts = {field: getattr(item, field) for field in FIELDS}
        found = {field: words(text) for field, text in texts.items()}
        stems = {field: list(map(stem, each)) for field, each in found.items()}
        terms = {field: stems[field] + characters(text) for field, text in texts.items()}
        builder.add(terms, title_size=len(set(stems["title"])))
        document = {field: " ".join(each) for field, each in terms.items()}
        document[WORDS] = " ".join(set().union(*found.values()))
        document[CODE] = _code(item.item_id)
        yield document


def _code(text: str) -> str:
    return "".join(fold(text[:100]).split())
