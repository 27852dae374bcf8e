"""How the words of a query stand in items: what a ranker reads of a text match, for a whole pool of items at once.

The parts of BM25 by field (Robertson, Zaragoza & Taylor, CIKM 2004) and the proximity and order of terms (Metzler &
Croft, "A Markov random field model for term dependencies", SIGIR 2005) are left to the ranker to weigh.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from shopkeeper.engine.item_text import FIELDS
from shopkeeper.engine.query_plan import Wanted
from shopkeeper.engine.text_match import TermFields, term_hash
from shopkeeper.engine.title_terms import Told, found_among, is_number
from shopkeeper.vocabulary import Rows, Scores

MATCH_FEATURES = (
    *(f"match_{field}" for field in FIELDS),  # the share of the query's words, weighed by rarity, that the field holds
    *(f"bm25_{field}" for field in FIELDS),  # the same, the less the longer the field is
    "match_any",  # as match_title, of all fields together
    "match_words",  # the share of the words, all alike
    "match_rarest_missing",  # the weight of the rarest word that no field holds
    "match_first_word",  # whether it is held, by how good a reading
    "match_last_word",
    "match_title_covered",  # the share of the title that the query names
    "match_brand_covered",
    "match_category_covered",
    "title_first",  # the logarithm of the place where the query begins in the title
    "title_last_word",  # the same of its last word
    "title_close",  # how close together the words stand there, 1 side by side
    "title_in_order",  # the share of neighbouring words that are neighbours there
    "title_words",
    "numbers_agreed",  # the share of the query's numbers that the title says
    "numbers_contradicted",  # the share for which it says another number of the same unit
    "codes_agreed",  # how much of the query's words with letters and digits is held
    "query_words",
    "query_rarity",
)
LENGTH_FREE, SATURATION = 0.25, 1.2  # BM25's 1 - b and k1
LEAST_RARITY = 1e-3
NEIGHBOURS = 2  # places apart: a compound stands between its parts and what follows it


def match_features(plan: Sequence[Wanted], terms: TermFields, rows: Rows, held: Scores) -> Scores:
    """float32 [n, len(MATCH_FEATURES)] of rows int32 [n]; NaN where the query has no words, or the feature no meaning.

    held: float32 [n, words, len(FIELDS)], the weight of the best reading of each word that the field holds.
    """
    n = len(rows)
    features = np.full((n, len(MATCH_FEATURES)), np.nan, np.float32)
    if not plan or not n:
        return features
    columns = dict(zip(MATCH_FEATURES, features.T, strict=True))
    rarities = np.array([max(wanted.rarity, LEAST_RARITY) for wanted in plan], np.float32)
    shares = rarities / rarities.sum()
    sizes, held_any = terms.sizes_of(rows).astype(np.float32), held.max(axis=2)
    by_field = np.einsum("rwf,w->rf", held, shares)
    features[:, : len(FIELDS)] = by_field
    length = LENGTH_FREE + (1 - LENGTH_FREE) * sizes / np.maximum(terms.usual_sizes, 1.0)
    features[:, len(FIELDS) : 2 * len(FIELDS)] = by_field * (1 + SATURATION) / (1 + SATURATION * length)
    columns["match_any"][:] = held_any @ shares
    columns["match_words"][:] = held_any.mean(axis=1)
    columns["match_rarest_missing"][:] = ((held_any == 0) * shares).max(axis=1)
    columns["match_first_word"][:], columns["match_last_word"][:] = held_any[:, 0], held_any[:, -1]
    title, brand, category = (FIELDS.index(field) for field in ("title", "brand", "category"))
    named = np.count_nonzero(held, axis=1)
    columns["match_title_covered"][:] = _covered(named[:, title], terms.title_sizes_of(rows))
    columns["match_brand_covered"][:] = _covered(named[:, brand], sizes[:, brand])
    columns["match_category_covered"][:] = _covered(named[:, category], sizes[:, category])
    columns["title_words"][:] = sizes[:, title]
    columns["query_words"][:], columns["query_rarity"][:] = len(plan), rarities.mean()
    if coded := [at for at, wanted in enumerate(plan) if _is_code(wanted.word)]:
        columns["codes_agreed"][:] = held_any[:, coded].mean(axis=1)
    told = terms.titles_of(rows)
    for name, column in (*_placed(plan, told, n), *_numbers(plan, told, n)):
        columns[name][:] = column
    return features


def _covered(named: npt.NDArray[np.integer[Any]], sizes: npt.NDArray[Any]) -> Scores:
    """How much of each text the query names, 0 where there is no text."""
    return np.asarray(np.minimum(1.0, named / np.maximum(sizes, 1)), np.float32)


def _is_code(word: str) -> bool:
    return len(word) > 2 and any(map(str.isdecimal, word)) and any(map(str.isalpha, word))


def _placed(plan: Sequence[Wanted], told: Told, n: int) -> Iterator[tuple[str, Scores]]:
    """Where in the n titles the words stand."""
    asked: dict[int, int] = {}
    for place, wanted in enumerate(plan):
        for reading in wanted.readings:
            asked.setdefault(term_hash(reading.terms[0]), place)
    keys = np.array(sorted(asked), np.uint32)
    hits, at = found_among(told.hashes, keys)
    owners, places = told.owners[hits], told.places[hits]
    word = np.array([asked[key] for key in keys.tolist()], np.int64)[at]
    first = np.full((n, len(plan)), np.inf, np.float32)
    np.minimum.at(first, (owners, word), places)
    known = np.isfinite(first)
    begin, end = first.min(axis=1), np.where(known, first, -np.inf).max(axis=1)
    some = known.any(axis=1)
    with np.errstate(invalid="ignore"):
        yield "title_first", np.where(some, np.log1p(begin), np.nan)
        yield "title_last_word", np.where(known[:, -1], np.log1p(first[:, -1]), np.nan)
        yield "title_close", np.where(some, known.sum(axis=1) / (end - begin + 1), np.nan)
    if len(plan) > 1:
        follows = (np.diff(owners) == 0) & (np.diff(places) <= NEIGHBOURS) & (np.diff(word) == 1)
        pairs = np.zeros((n, len(plan) - 1), np.bool_)
        pairs[owners[:-1][follows], word[:-1][follows]] = True
        yield "title_in_order", pairs.mean(axis=1)


def _numbers(plan: Sequence[Wanted], told: Told, n: int) -> Iterator[tuple[str, Scores]]:
    """What the n titles say of the query's numbers."""
    terms = [term for wanted in plan for term in _pieces(wanted)]
    numbers = [at for at, term in enumerate(terms) if is_number(term)]
    if not numbers:
        return
    said = np.zeros((n, len(numbers)), np.bool_)
    other = np.zeros((n, len(numbers)), np.bool_)
    at_numbers = np.flatnonzero(told.numeric)
    owners, hashes = told.owners[at_numbers], told.hashes[at_numbers]
    after = np.minimum(at_numbers + 1, max(len(told.hashes) - 1, 0))
    units = np.where(told.owners[after] == owners, told.hashes[after], 0)
    for column, at in enumerate(numbers):
        same = hashes == term_hash(terms[at])
        said[owners[same], column] = True
        if at + 1 < len(terms) and not is_number(terms[at + 1]):
            other[owners[~same & (units == term_hash(terms[at + 1]))], column] = True
    yield "numbers_agreed", said.mean(axis=1)
    yield "numbers_contradicted", (other & ~said).mean(axis=1)


def _pieces(wanted: Wanted) -> tuple[str, ...]:
    """ "24in" says a number and its unit."""
    apart = (reading.terms for reading in wanted.readings if len(reading.terms) > 1 and is_number(reading.terms[0]))
    return next(apart, wanted.readings[0].terms)
