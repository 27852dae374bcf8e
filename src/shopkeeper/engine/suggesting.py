"""What is typed becomes what is offered: queries, products, categories, brands, and the person's own searches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from shopkeeper.engine.context import Context
from shopkeeper.engine.requests import check_typed
from shopkeeper.engine.suggestions import Completions, is_blocked, later_words, typed_key
from shopkeeper.engine.text import fold, folded_line
from shopkeeper.vocabulary import Item, Request, Rows, Suggested, Suggestion

if TYPE_CHECKING:
    from shopkeeper.engine.pipeline import Engine

MAX_SUGGESTED = 50
_LABELS_TRIED = 64
_TASTE = 50  # events of late whose categories are a person's taste


def suggest(engine: Engine, request: Request, within: str = "", *, proven: bool = True) -> Suggested:
    """See Engine.suggest."""
    check_typed(request, MAX_SUGGESTED)
    context, typed = engine.context_of(request, within), typed_key(request.query)
    blocked = tuple(folded_line(phrase) for phrase in engine.settings.suggest.blocklist if phrase.strip())
    known, size = engine.suggestions, request.size
    if typed:
        rows = known.queries.find(typed, size, context.allowed, blocked)
    else:
        rows = known.queries.most_trending(size, context.allowed, blocked)
    labels = {name: _labels(engine, context, name, typed, blocked) for name in ("category", "brand")}
    return Suggested(
        query=request.query,
        queries=_queries(engine, context, rows, typed)[:size],
        products=_products(engine, context, rows, labels),
        categories=_told(known.categories, labels["category"], typed),
        brands=_told(known.brands, labels["brand"], typed),
        recent=_recent(engine, request if proven else msgspec.structs.replace(request, user=None), typed),
        release=engine.release,
    )


def _queries(engine: Engine, context: Context, rows: Rows, typed: str) -> tuple[Suggestion, ...]:
    """The first is offered a second time within the category in which most of what it leads to lies, if whoever asks
    may see something of that."""
    told = _told(engine.suggestions.queries, rows, typed)
    scope = int(engine.suggestions.queries.scopes[rows[0]]) if len(rows) else -1
    if not typed or scope < 0:
        return told
    category = str(engine.suggestions.categories.texts[scope])
    if fold(category) == fold(told[0].text) or not _shows(engine, context, "category", category):
        return told
    return (told[0], msgspec.structs.replace(told[0], category=category), *told[1:])


def _labels(engine: Engine, context: Context, name: str, typed: str, blocked: tuple[str, ...]) -> Rows:
    """The categories or brands that have something to show to whoever asks: those of the person's taste first."""
    known, size = _labels_of(engine, name), context.request.size
    found: list[int] = []
    for row in known.find(typed, _LABELS_TRIED, None).tolist() if typed and name in engine.catalogue.labels else ():
        text = str(known.texts[row])
        if _shows(engine, context, name, text) and not is_blocked(text, blocked):
            found.append(row)
        if len(found) == size:
            break
    if name == "category" and len(found) > 1:
        liked = _taste(engine, context)
        found.sort(key=lambda row: str(known.texts[row]) not in liked)
    return np.array(found, np.int32)


def _shows(engine: Engine, context: Context, name: str, value: str) -> bool:
    """Whether an item with this category or brand may be shown to whoever asks."""
    return context.allowed is None or bool(context.allowed[engine.catalogue.labels.rows_with(name, value)].any())


def _labels_of(engine: Engine, name: str) -> Completions:
    return engine.suggestions.categories if name == "category" else engine.suggestions.brands


def _taste(engine: Engine, context: Context) -> set[str]:
    rows = context.history[-_TASTE:]
    codes = engine.catalogue.narrowest_categories(rows)
    values = engine.catalogue.labels["category"].values
    return {values[code] for code in codes.tolist() if code >= 0}


def _products(engine: Engine, context: Context, rows: Rows, labels: dict[str, Rows]) -> tuple[Item, ...]:
    """The first that each query leads to, then the second of each, and so on; else those of the categories and brands;
    else what the words find."""
    led = [engine.suggestions.queries.items[rows]]
    led += [_labels_of(engine, name).items[own] for name, own in labels.items()]
    items = np.concatenate([each.T.ravel() for each in led])
    items = items[items >= 0]
    if context.allowed is not None:
        items = items[context.allowed[items]]
    found = list(dict.fromkeys(items.tolist()))[: context.request.size]
    text = engine.text_source(context.request.surface)
    if not found and text and context.request.query.strip():
        found = text.retrieve(context, context.request.size).rows.tolist()
    return tuple(map(_on_a_line, engine.catalogue.items(found)))


def _on_a_line(item: Item) -> Item:
    return msgspec.structs.replace(item, description="", attributes={})


def _recent(engine: Engine, request: Request, typed: str) -> tuple[Suggestion, ...]:
    queries = engine.searches.of(request.user, request.session)
    keys = (typed_key(query) for query in queries)
    matching = [query for query, key in zip(queries, keys, strict=True) if _begins(key, typed) >= 0]
    return tuple(_suggestion(query, typed) for query in matching[: request.size])


def _told(known: Completions, rows: Rows, typed: str) -> tuple[Suggestion, ...]:
    return tuple(_suggestion(str(known.texts[row]), typed) for row in rows.tolist())


def _suggestion(text: str, typed: str) -> Suggestion:
    key = folded_line(text)
    start = _begins(key, typed) if typed and len(key) == len(text) else -1
    return Suggestion(text=text) if start < 0 else Suggestion(text=text, start=start, end=start + len(typed))


def _begins(key: str, typed: str) -> int:
    """Where a word of `key` begins as typed; -1: nowhere."""
    if key.startswith(typed):
        return 0
    return next((at for at in later_words(key) if key.startswith(typed, at)), -1)
