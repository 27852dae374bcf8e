"""The values of a catalogue's labels as words of a query: a dictionary mined from the catalogue, weighed by clicks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from math import exp
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from shopkeeper.engine.context import places_among
from shopkeeper.engine.text_match import TermFields
from shopkeeper.engine.understanding.spans import Unit, folded, key_hash, key_of, keys_of, units_of
from shopkeeper.engine.understanding.words import Gains
from shopkeeper.release.arrays import load_array, save_arrays
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.release.facts import IMPLIED
from shopkeeper.vocabulary import Rows, Scores

MAX_UNITS = 6  # of a value; what is longer is a description
MAX_MEANINGS = 4  # of one phrase
KEPT_CATEGORIES = 8
CLICKS_AS = 10.0  # so many clicks weigh as much as what the catalogue says
FEWEST_ITEMS = 2  # of an attribute's value: of what one item alone says, nobody searches by
SAMPLE = 20_000  # items of a phrase that are looked at
_DOUBT = 0.02  # words that speak of a category may be wrong about it
_TRUE, _FALSE = ("true", "yes", "是"), ("false", "no", "否")


@dataclass(frozen=True)
class LabelWords:
    """keys uint64 [k], ascending: the phrases by hash; phrase p means the entries starts[p]:starts[p + 1] (int64
    [k + 1]), the likeliest first. Entry e: fields int32, codes int32, shares float32 (of the items that hold the
    phrase, those that have the value), categories int32 [e, KEPT_CATEGORIES] (narrowest; -1: none) and weights float32,
    the same shape: how the items of the value spread over them. holding_categories and holding_weights, the same of the
    items that hold each phrase.
    """

    keys: npt.NDArray[np.uint64]
    starts: npt.NDArray[np.int64]
    fields: Rows
    codes: Rows
    shares: Scores
    categories: Rows
    weights: Scores
    holding_categories: Rows
    holding_weights: Scores

    @classmethod
    def mine(cls, catalogue: Catalogue, terms: TermFields, stem: Callable[[str], str]) -> LabelWords:
        """From a released catalogue and the words of its items."""
        narrowest = catalogue.narrowest_categories()
        found: dict[int, list[tuple[float, int, int, Rows]]] = {}
        held: dict[int, tuple[float, tuple[Rows, Scores]]] = {}
        for field, code, units, members in _phrases(catalogue, stem):
            hash_ = key_hash(key_of(units))
            if hash_ not in held:
                rows, scale = _holding(units, terms)
                held[hash_] = len(rows) * scale, _spread(narrowest[rows])
            share = len(members) / max(held[hash_][0], len(members))
            found.setdefault(hash_, []).append((share, field, code, members))
        keys = np.array(sorted(found), np.uint64)
        entries, sizes = [], []
        for hash_ in keys.tolist():
            best = sorted(found[hash_], key=lambda each: (-each[0], each[1], each[2]))[:MAX_MEANINGS]
            entries += [(field, code, share, *_spread(narrowest[members])) for share, field, code, members in best]
            sizes.append(len(best))
        columns = list(zip(*entries, strict=True)) or [(), (), (), (), ()]
        return cls(
            keys=keys,
            starts=np.concatenate(([0], np.cumsum(sizes, dtype=np.int64))),
            fields=np.array(columns[0], np.int32),
            codes=np.array(columns[1], np.int32),
            shares=np.array(columns[2], np.float32),
            categories=np.array(columns[3], np.int32).reshape(-1, KEPT_CATEGORIES),
            weights=np.array(columns[4], np.float32).reshape(-1, KEPT_CATEGORIES),
            holding_categories=_table(held[hash_][1][0] for hash_ in keys.tolist()).astype(np.int32),
            holding_weights=_table(held[hash_][1][1] for hash_ in keys.tolist()).astype(np.float32),
        )

    def spans(self, units: Sequence[Unit]) -> list[tuple[int, int, int]]:
        """Where units[begin:end] are a phrase, and which; the longest first, and of those the first."""
        phrases = list(keys_of(units, MAX_UNITS))
        if not phrases or not len(self.keys):
            return []
        hashes = np.array([key_hash(key) for _, _, key in phrases], np.uint64)
        at = np.minimum(self.keys.searchsorted(hashes), len(self.keys) - 1)
        found = [(*phrases[place][:2], int(at[place])) for place in np.flatnonzero(self.keys[at] == hashes).tolist()]
        return sorted(found, key=lambda one: (one[0] - one[1], one[0]))

    def entries(self, phrase: int) -> slice:
        """What a phrase means, the likeliest first."""
        return slice(int(self.starts[phrase]), int(self.starts[phrase + 1]))

    def beside(self, phrase: int, others: Gains) -> list[float]:
        """How likely each meaning of a phrase is beside other words, which speak of categories: of the items that hold
        the phrase, in these categories, the share of those that have the value."""
        entries = self.entries(phrase)
        shares: list[float] = self.shares[entries].tolist()
        if not others:
            return shares
        top = max(0.0, *others.values())

        def likelihood(categories: Rows, weights: Scores) -> float:
            pairs: Iterator[tuple[int, float]] = zip(categories.tolist(), weights.tolist(), strict=True)
            return sum(weight * exp(others.get(category, 0.0) - top) for category, weight in pairs)

        held = likelihood(self.holding_categories[phrase], self.holding_weights[phrase]) + _DOUBT
        had = [
            likelihood(self.categories[one], self.weights[one]) + _DOUBT for one in range(entries.start, entries.stop)
        ]
        return [min(share * mine / held, 1.0) for share, mine in zip(shares, had, strict=True)]

    def counting(self, hits: Scores, trials: Scores) -> LabelWords:
        """With what clicks say: of `trials` float32 [e] clicks after a query with the phrase, `hits` were on items that
        have the value."""
        shares = (hits + CLICKS_AS * self.shares) / (trials + CLICKS_AS)
        return LabelWords(**{**vars(self), "shares": shares.astype(np.float32)})

    def save(self, directory: Path) -> None:
        save_arrays(directory, {field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def load(cls, directory: Path) -> LabelWords:
        """Memory-mapped."""
        return cls(**{field.name: load_array(directory, field.name) for field in fields(cls)})


def _phrases(catalogue: Catalogue, stem: Callable[[str], str]) -> Iterator[tuple[int, int, list[Unit], Rows]]:
    """Field, code, words and items of every value that people may ask for."""
    labels = catalogue.labels
    first = 0
    for field, name in enumerate(labels.names):
        values = labels[name].values
        named = units_of(folded(name).text, stem)
        for own, text in enumerate(values):
            if name in IMPLIED:
                break
            members = labels.members(name, own)
            if len(members) < (1 if name in ("brand", "category") else FEWEST_ITEMS):
                continue
            units = _said(text, named, stem)
            if 0 < len(units) <= MAX_UNITS:
                yield field, first + own, units, members
        first += len(values)


def _said(text: str, named: list[Unit], stem: Callable[[str], str]) -> list[Unit]:
    """How people say a value: by its own words; a bare figure, a letter or what is merely true with the field's name
    ("size 42", "waterproof")."""
    plain = folded(text).text.strip()
    if plain in _FALSE:
        return []
    if plain in _TRUE:
        return named
    units = units_of(plain, stem)
    meagre = len(units) == 1 and (len(units[0].text) < 2 and not units[0].unspaced)
    figures = all(unit.text.isdigit() for unit in units)
    return [*named, *units] if meagre or figures else units


def _table(rows: Iterable[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    return np.array(list(rows)).reshape(-1, KEPT_CATEGORIES)


def _holding(units: Sequence[Unit], terms: TermFields) -> tuple[Rows, float]:
    """The items that hold all of the words, anywhere, or a sample of them, and by what to multiply their number."""
    lists = [terms.rows_with(text) for unit in units for text in _terms_of(unit, terms)]
    lists.sort(key=len)
    rest = lists[0][:SAMPLE]
    scale = len(lists[0]) / max(len(rest), 1)
    for rows in lists[1:]:
        rest = rest[places_among(rows, rest) >= 0]
    return rest, scale


def _terms_of(unit: Unit, terms: TermFields) -> Sequence[str]:
    return tuple(unit.text) if unit.unspaced and not len(terms.rows_with(unit.text)) else (unit.text,)


def _spread(categories: Rows) -> tuple[Rows, Scores]:
    """The commonest of the items' categories, and the share of each."""
    codes, counts = np.unique(categories, return_counts=True)
    top = np.argsort(-counts, kind="stable")[:KEPT_CATEGORIES]
    kept, weights = np.full(KEPT_CATEGORIES, -1, np.int32), np.zeros(KEPT_CATEGORIES, np.float32)
    kept[: len(top)], weights[: len(top)] = codes[top], counts[top] / max(len(categories), 1)
    return kept, weights
