"""Searches and catalogue → what is suggested to those who type.

A query that shoppers typed is suggested only if enough distinct people did, it led somewhere, what it led to can be had
now, and it tells of nobody. Behind these stand what the catalogue alone suggests, so that a new shop is not silent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files

import numpy as np
import pyarrow as pa
from rapidfuzz.distance import OSA

from shopkeeper.data.tables import Tables
from shopkeeper.engine.ranking.statistics import Statistics
from shopkeeper.engine.recent_searches import FORGOTTEN, PastSearches, kept_of
from shopkeeper.engine.suggestions import ITEMS_KEPT, MAX_TYPED, Completions, Suggestions, typed_key
from shopkeeper.engine.text import words
from shopkeeper.learn.personal import personal
from shopkeeper.learn.phrases import Found, brands_with_categories, labels, padded, title_phrases
from shopkeeper.learn.searches import with_events
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.settings import Settings
from shopkeeper.vocabulary import Ids, Rows

MISSPELT = 3.0  # a query with an unknown word is a misspelling of one that this many times as many typed
IN_ONE_CATEGORY = 0.6  # of what a query leads to, at least: then it is offered within that category
_SHORTEST_MISSPELT = 4


def learn_suggestions(
    tables: Tables,
    searches: pa.Table,
    catalogue: Catalogue,
    statistics: Statistics,
    settings: Settings,
    now: float,
) -> Suggestions:
    """searches: of schema SEARCHES; now: seconds."""
    items = tables.items()
    order, interest = statistics.order, statistics.interest
    categories, brands = (_completions(labels(catalogue, name, order, interest)) for name in ("category", "brand"))
    learned = learned_queries(tables, searches, items, settings, now)
    if learned.num_rows:
        learned = merge_misspelt(learned, known_words(items))
    rows = padded(_available(catalogue, each) for each in learned.column("items").to_pylist())
    learned, rows = learned.filter(pa.array(rows[:, 0] >= 0)), rows[rows[:, 0] >= 0]
    own = [title_phrases(items, order), brands_with_categories(catalogue, order, interest)]
    return Suggestions(
        _queries(learned, rows, own, catalogue, categories, brands), categories, brands, _past(tables, searches)
    )


def learned_queries(tables: Tables, searches: pa.Table, items: pa.Table, settings: Settings, now: float) -> pa.Table:
    """key, text, people, score, trending and items (ids, the best first) of the queries that may be suggested."""
    queries = [query for query in searches.column("query").unique().to_pylist() if query.isprintable()]
    keys = [typed_key(query).strip() for query in queries]
    told = personal(set(keys), items)
    kept = [at for at, key in enumerate(keys) if 0 < len(key) < MAX_TYPED and key not in told]
    suggestible = pa.table({"query": pa.array(queries, pa.string()), "key": pa.array(keys, pa.string())})
    suggestible = suggestible.take(pa.array(kept, pa.int64()))
    with with_events(tables.folder) as database:
        database.register("searches", searches)
        database.register("keys", suggestible)
        parameters = {
            "people": settings.suggest.people,
            "count_visits": settings.suggest.count_visits,
            "now": now,
            "half_life": settings.train.half_life_days * 86_400.0,
            "kept": ITEMS_KEPT,
        }
        found: pa.Table = database.sql(_statement("suggestions.sql"), params=parameters).to_arrow_table()
        return found


def queries_learned(suggestions: Suggestions, limit: int) -> list[str]:
    """Those suggested because people typed them, the best first."""
    queries = suggestions.queries
    best = np.argsort(-queries.scores, kind="stable")[:limit]
    found: list[str] = queries.texts.take(pa.array(best[queries.scores[best] > 0.0])).to_pylist()
    return found


def merge_misspelt(learned: pa.Table, known: set[str]) -> pa.Table:
    """Without the queries that are another one misspelt, joined or parted: their scores go to that one.

    A misspelt one holds a word that is not `known` (to the catalogue), and is one error away from a query that at least
    MISSPELT times as many people typed.
    """
    keys, people = learned.column("key").to_pylist(), learned.column("people").to_pylist()
    places = {key: at for at, key in enumerate(keys)}
    into = np.arange(len(keys))
    by_shape = _Neighbours(keys)
    for at, key in enumerate(keys):
        suspect = any(len(word) >= _SHORTEST_MISSPELT and word.isalpha() and word not in known for word in key.split())
        near = by_shape.joined[key.replace(" ", "")] if len(key) > _SHORTEST_MISSPELT else []
        near = [*near, *by_shape.one_error(key)] if suspect else near
        others = [places[other] for other in near if other != key]
        best = max(others, key=people.__getitem__, default=at)
        least = MISSPELT * people[at] if suspect else people[at]
        if people[best] > people[at] and people[best] >= least:
            into[at] = best
    while (into != into[into]).any():
        into = into[into]
    sums = {name: np.bincount(into, learned.column(name).to_numpy(), len(keys)) for name in ("score", "trending")}
    for name, values in sums.items():
        learned = learned.set_column(learned.schema.get_field_index(name), name, pa.array(values))
    return learned.filter(pa.array(into == np.arange(len(keys))))


class _Neighbours:
    """Queries by their letters without blanks, and by these without any one letter: two that are one error apart meet
    in one of the shapes (the deletion neighbourhoods of SymSpell)."""

    def __init__(self, keys: Sequence[str]) -> None:
        self.joined: dict[str, list[str]] = defaultdict(list)
        self._shapes: dict[int, list[str]] = defaultdict(list)
        for key in keys:
            self.joined[key.replace(" ", "")].append(key)
            for shape in _shapes(key):
                self._shapes[hash(shape)].append(key)

    def one_error(self, key: str) -> list[str]:
        met = {other for shape in _shapes(key) for other in self._shapes[hash(shape)]}
        return [other for other in sorted(met) if OSA.distance(key, other, score_cutoff=1) <= 1]


def _shapes(key: str) -> Iterator[str]:
    yield key
    for at in range(len(key)):
        yield key[:at] + key[at + 1 :]


def known_words(items: pa.Table) -> set[str]:
    """The words of the titles, brands and categories of schema ITEMS, as they are indexed."""
    told = [items.column(name).to_pylist() for name in ("title", "brand")]
    told.append([label for labels_ in items.column("categories").to_pylist() for label in labels_ or ()])
    return {word for texts in told for text in set(texts) if text for word in words(text)}


def _available(catalogue: Catalogue, ids: Iterable[str]) -> list[int]:
    rows = catalogue.ids.rows(ids)
    rows = rows[rows >= 0]
    found: list[int] = rows[catalogue.available[rows]].tolist()
    return found


def _queries(
    learned: pa.Table,
    rows: Rows,
    own: Sequence[Found],
    catalogue: Catalogue,
    categories: Completions,
    brands: Completions,
) -> Completions:
    """What was learned, best first by score; behind all of it, below 0, what the catalogue says."""
    texts, keys = learned.column("text").to_pylist(), set(learned.column("key").to_pylist())
    keys |= {typed_key(str(text)) for known in (categories, brands) for text in known.texts.to_pylist()}
    scores, items = [learned.column("score").to_numpy()], [rows]
    for found in own:
        fresh = []
        for at, text in enumerate(found.texts):
            if (key := typed_key(text)) not in keys:
                keys.add(key)
                fresh.append(at)
        texts += [found.texts[at] for at in fresh]
        scores.append(-1.0 / (1.0 + found.weights[fresh]))
        items.append(found.items[fresh])
    all_items = np.concatenate(items)
    trending = np.zeros(len(texts), np.float32)
    trending[: learned.num_rows] = learned.column("trending").to_numpy()
    return Completions.build(
        texts,
        np.concatenate(scores),
        all_items,
        trending=trending,
        scopes=_scopes(all_items, catalogue, categories),
        sounds=_sounds(texts),
    )


def _completions(found: Found) -> Completions:
    return Completions.build(found.texts, found.weights, found.items, sounds=_sounds(found.texts))


def _scopes(items: Rows, catalogue: Catalogue, categories: Completions) -> Rows:
    """int32 [n]: the row, among `categories`, of the narrowest category that most of the items of each entry have."""
    places = {str(text): row for row, text in enumerate(categories.texts.to_pylist())}
    if not places:
        return np.full(len(items), -1, np.int32)
    values = catalogue.labels["category"].values
    of_value = np.array([*(places.get(" ".join(value.split()), -1) for value in values), -1], np.int32)
    narrowest = of_value[np.append(catalogue.narrowest_categories(), -1)][items]  # row -1 is the one appended
    middle = np.sort(narrowest, axis=1)
    scopes = np.full(len(items), -1, np.int32)
    led = (items >= 0).sum(axis=1)
    for column in range(ITEMS_KEPT):
        candidate = middle[:, column]
        share = (narrowest == candidate[:, None]).sum(axis=1) / np.maximum(led, 1)
        scopes = np.where((candidate >= 0) & (share >= IN_ONE_CATEGORY), candidate, scopes)
    return scopes


def _sounds(texts: Sequence[str]) -> list[str]:
    """How each Chinese text is typed by its sound, "" for any other; none without pypinyin (the extra `zh`)."""
    try:
        from pypinyin import lazy_pinyin
    except ModuleNotFoundError:
        return []
    chinese = (any("\u4e00" <= letter <= "\u9fff" for letter in text) for text in texts)
    return [
        "".join(typed_key("".join(lazy_pinyin(text))).split()) if has else ""
        for text, has in zip(texts, chinese, strict=True)
    ]


def _past(tables: Tables, searches: pa.Table) -> PastSearches:
    statement = _statement("past_searches.sql")
    with with_events(tables.folder) as database:
        database.register("searches", searches)
        found: pa.Table = database.sql(statement, params={"forgotten": f"$.{FORGOTTEN}"}).to_arrow_table()
    told: dict[str, list[tuple[str, bool]]] = defaultdict(list)
    columns = (found.column(name).to_pylist() for name in ("actor", "query", "forgotten"))
    for actor, query, forgotten in zip(*columns, strict=True):
        told[actor].append((query, forgotten))
    kept = [kept_of(searched) for searched in told.values()]
    starts = np.concatenate(([0], np.cumsum([len(queries) for queries in kept], dtype=np.int64)))
    return PastSearches(
        Ids(told), starts, pa.array([query for queries in kept for query in queries], pa.large_string())
    )


def _statement(name: str) -> str:
    return files("shopkeeper.learn").joinpath(name).read_text(encoding="utf-8")
