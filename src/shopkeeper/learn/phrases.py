"""What a catalogue alone can suggest: the words that often stand together in titles, and what a brand makes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import rjieba

from shopkeeper.engine.suggestions import ITEMS_KEPT, MAX_TYPED, typed_key
from shopkeeper.engine.text import STOPWORDS, fold, is_unspaced
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.vocabulary import Rows, Scores

TITLES = 200_000  # that are read, those of the most wanted items
MOST = 50_000  # phrases that are kept, and as many of a brand with a category
FEWEST = 3  # items that a phrase must be of
LIFT = 3.0  # how many times as often as by chance its words stand together
_ABSORBED = 0.9  # a phrase that mostly comes with one more word goes with that
_PART = re.compile(r"[^\w\s'&-]+|\s[-&]\s")
_WORD = re.compile(r"[^\W\d_][^\W\d_'-]+")

Phrase = tuple[str, ...]
Groups = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Found:
    """weights float32 [n]: of the texts; items int32 [n, ITEMS_KEPT]: rows, the most wanted first, -1 behind them."""

    texts: list[str]
    weights: Scores
    items: Rows


def title_phrases(items: pa.Table, order: Rows) -> Found:
    """The phrases of two and three words, and words of a script without spaces, that several titles have. `order` int32
    [n]: all items (schema ITEMS), the most wanted first."""
    rows = order[:TITLES]
    titles = pc.fill_null(items.column("title").take(pa.array(rows)), "").to_pylist()
    first = dict(zip(reversed(titles), reversed(rows.tolist()), strict=True))
    read = {row: list(_phrases(title)) for title, row in sorted(first.items(), key=lambda told: told[1])}
    counts = Counter(phrase for phrases in read.values() for phrase in set(phrases))
    kept = _telling(counts, len(read))
    led: dict[Phrase, list[int]] = {phrase: [] for phrase in kept}
    ranks = {row: rank for rank, row in enumerate(rows.tolist())}
    for row in sorted(read, key=ranks.__getitem__):
        for phrase in set(read[row]) & kept.keys():
            led[phrase].append(row)
    texts = [_joined(phrase) for phrase in kept]
    return Found(texts, np.array(list(kept.values()), np.float32), padded(led.values()))


def labels(catalogue: Catalogue, name: str, order: Rows, interest: Scores) -> Found:
    """The values of a label field that are words, by how much their items are wanted, and how many these are."""
    if name not in catalogue.labels:
        return Found([], np.empty(0, np.float32), np.empty((0, ITEMS_KEPT), np.int32))
    field = catalogue.labels[name]
    owners, codes = field.of(np.arange(len(catalogue), dtype=np.int32))
    weights = np.bincount(codes, 1.0 + interest[owners], minlength=len(field.values))
    leading = _leading(codes.astype(np.int64), owners, order, len(field.values))
    kept = [at for at, text in enumerate(field.values) if _is_name(text)]
    return Found([_plain(field.values[at]) for at in kept], weights[kept].astype(np.float32), leading[kept])


def brands_with_categories(catalogue: Catalogue, order: Rows, interest: Scores) -> Found:
    """ "Kiln & Co Mugs": what a brand has several of, with the narrowest category of each item."""
    if not {"brand", "category"} <= set(catalogue.labels):
        return Found([], np.empty(0, np.float32), np.empty((0, ITEMS_KEPT), np.int32))
    brands, categories = catalogue.labels["brand"], catalogue.labels["category"]
    owners, made_by = brands.of(np.arange(len(catalogue), dtype=np.int32))
    kinds = catalogue.narrowest_categories()[owners]
    has = kinds >= 0
    owners, made_by, kinds = owners[has], made_by[has], kinds[has]
    pairs, which, counts = np.unique(
        made_by.astype(np.int64) * len(categories.values) + kinds, return_inverse=True, return_counts=True
    )
    weights = np.bincount(which, 1.0 + interest[owners], minlength=len(pairs))
    often = np.flatnonzero(counts >= FEWEST)
    often = often[np.argsort(-weights[often], kind="stable")[:MOST]]
    leading = _leading(which, owners, order, len(pairs))
    found: dict[int, str] = {}
    for at in often.tolist():
        brand = brands.values[pairs[at] // len(categories.values)]
        category = categories.values[pairs[at] % len(categories.values)]
        if _is_name(brand) and _is_name(category) and fold(brand) not in fold(category):
            found[at] = _plain(f"{brand} {category}")
    rows = list(found)
    return Found(list(found.values()), weights[rows].astype(np.float32), leading[rows])


def padded(lists: Iterable[list[int]]) -> Rows:
    """int32 [n, ITEMS_KEPT], -1 behind the rows of each list."""
    told = [(each + [-1] * ITEMS_KEPT)[:ITEMS_KEPT] for each in lists]
    return np.array(told, np.int32).reshape(-1, ITEMS_KEPT)


def _leading(groups: Groups, owners: Groups, order: Rows, n_groups: int) -> Rows:
    """int32 [n_groups, ITEMS_KEPT]: of the items `owners` in each group, those that come first in `order`."""
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    by_group = np.lexsort((rank[owners], groups))
    groups, owners = groups[by_group], owners[by_group]
    places = np.arange(len(groups)) - np.searchsorted(groups, groups)
    leading = np.full((n_groups, ITEMS_KEPT), -1, np.int32)
    kept = places < ITEMS_KEPT
    leading[groups[kept], places[kept]] = owners[kept]
    return leading


def _phrases(title: str) -> Iterator[Phrase]:
    for part in _PART.split(fold(title)):
        said = [word for chunk in part.split() for word in _cut(chunk)]
        for at, word in enumerate(said):
            if is_unspaced(word):
                yield (word,)
            for size in (2, 3):
                phrase = tuple(said[at : at + size])
                if len(phrase) == size and _tells(phrase):
                    yield phrase


def _cut(chunk: str) -> list[str]:
    return list(rjieba.cut(chunk)) if any(map(is_unspaced, chunk)) else [chunk]


def _tells(phrase: Phrase) -> bool:
    words = all(_WORD.fullmatch(word) for word in phrase)
    return words and phrase[0] not in STOPWORDS and phrase[-1] not in STOPWORDS


def _telling(counts: Counter[Phrase], n: int) -> dict[Phrase, int]:
    """Those that are frequent, hold together, and are no part of a phrase that is nearly as frequent."""
    singles: Counter[str] = Counter()
    for phrase, count in counts.items():
        if len(phrase) == 2:
            singles[phrase[0]] += count
    kept = {}
    for phrase, count in counts.items():
        head = counts.get(phrase[:-1], 0) if len(phrase) == 3 else singles[phrase[0]]
        by_chance = head * singles.get(phrase[-1], 0) / max(n, 1)
        long_enough = len(phrase) > 1 or len(phrase[0]) > 1
        if count >= FEWEST and long_enough and (len(phrase) == 1 or count >= LIFT * by_chance):
            kept[phrase] = count
    for phrase, count in list(kept.items()):
        if len(phrase) == 3:
            for part in (phrase[:2], phrase[1:]):
                if count >= _ABSORBED * kept.get(part, np.inf):
                    del kept[part]
    return dict(sorted(kept.items(), key=lambda told: (-told[1], told[0]))[:MOST])


def _joined(phrase: Phrase) -> str:
    return ("" if all(map(is_unspaced, phrase)) else " ").join(phrase)


def _plain(text: str) -> str:
    return " ".join(text.split())


def _is_name(text: str) -> bool:
    """A label that somebody may type: words, and no mere number."""
    return any(map(str.isalpha, text)) and 1 < len(typed_key(text)) <= MAX_TYPED and text.isprintable()
