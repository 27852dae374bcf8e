"""Which category a query's words speak of: naive Bayes over words, learned from the items and from clicks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from math import exp
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shopkeeper.engine.text_match import FIELD_BITS, TermFields, term_hash
from shopkeeper.release.arrays import load_array, save_arrays
from shopkeeper.vocabulary import Rows, Scores

Gains = dict[int, float]  # by category, how much likelier words make it than any that is not named: a logarithm

KEPT = 12  # categories of a word
SMOOTHING = 2.0  # items of the shop at large that every word is supposed to have stood in
A_CLICK = 5.0  # a click counts as so many items
_TITLED = FIELD_BITS["title"] | FIELD_BITS["category"] | FIELD_BITS["brand"]


def together(gains: Iterable[Gains]) -> Gains:
    """What several terms say together."""
    total: Gains = {}
    for one in gains:
        for category, gain in one.items():
            total[category] = total.get(category, 0.0) + gain
    return total


@dataclass(frozen=True)
class WordCategories:
    """hashes uint32 [w], ascending, of terms; word w speaks of categories[starts[w]:starts[w + 1]] (int32, ascending),
    each by the logarithm of how much likelier it makes it, logs float32; of all others, on the whole, by floors float32
    [w].
    prior: float32 [c], the share of each category among the items and clicks.
    """

    hashes: npt.NDArray[np.uint32]
    starts: npt.NDArray[np.int64]
    categories: Rows
    logs: Scores
    floors: Scores
    prior: Scores

    @classmethod
    def learn(
        cls,
        terms: TermFields,
        narrowest: Rows,
        n_categories: int,
        clicked_terms: npt.NDArray[np.uint32],
        clicked_categories: Rows,
    ) -> WordCategories:
        """narrowest: int32 [n], the category of each item, -1 without; clicked_terms uint32 [k], the terms of queries,
        beside the category int32 [k] of an item clicked after it."""
        owners = np.repeat(np.arange(len(terms)), np.diff(terms.starts))
        kept = ((terms.bits & _TITLED) > 0) & (narrowest[owners] >= 0)
        hashes = np.concatenate((terms.hashes[kept], clicked_terms))
        categories = np.concatenate((narrowest[owners[kept]], clicked_categories))
        weights = np.concatenate((np.ones(int(kept.sum())), np.full(len(clicked_terms), A_CLICK)))
        prior = np.bincount(narrowest[narrowest >= 0], minlength=n_categories).astype(np.float64)
        prior = (prior + 0.1) / (prior.sum() + 0.1 * max(n_categories, 1))
        pairs = hashes.astype(np.uint64) << np.uint64(32) | categories.astype(np.uint64)
        unique, inverse = np.unique(pairs, return_inverse=True)
        counts = np.bincount(inverse, weights, minlength=len(unique)).astype(np.float64)
        return cls._of(
            (unique >> np.uint64(32)).astype(np.uint32), (unique & np.uint64(2**32 - 1)).astype(np.int32), counts, prior
        )

    @classmethod
    def _of(
        cls,
        hashes: npt.NDArray[np.uint32],
        categories: Rows,
        counts: npt.NDArray[np.float64],
        prior: npt.NDArray[np.float64],
    ) -> WordCategories:
        """From distinct (word, category) pairs in their order, with their counts: the KEPT best of each word."""
        words, owner = np.unique(hashes, return_inverse=True)
        totals = np.bincount(owner, counts, minlength=len(words))
        shares = (counts + SMOOTHING * prior[categories]) / (totals[owner] + SMOOTHING)
        order = np.lexsort((-shares, owner))
        firsts = np.searchsorted(owner[order], np.arange(len(words)))
        place = np.arange(len(order)) - firsts[owner[order]]
        kept = np.sort(order[place < KEPT])
        sizes = np.bincount(owner[kept], minlength=len(words))
        left = np.maximum(np.rint(totals - np.bincount(owner[kept], counts[kept], minlength=len(words))), 0.0)
        others = np.maximum(1.0 - np.bincount(owner[kept], prior[categories[kept]], minlength=len(words)), 1e-9)
        return cls(
            hashes=words,
            starts=np.concatenate(([0], np.cumsum(sizes, dtype=np.int64))),
            categories=categories[kept],
            logs=np.log(shares[kept] / prior[categories[kept]]).astype(np.float32),
            floors=np.log((left / others + SMOOTHING) / (totals + SMOOTHING)).astype(np.float32),
            prior=prior.astype(np.float32),
        )

    def gains(self, terms: Sequence[str]) -> list[Gains]:
        """Of each term, by how much more it speaks of some categories than of all others; empty of an unknown one."""
        if not terms or not len(self.hashes):
            return [{} for _ in terms]
        hashes = np.array([term_hash(term) for term in terms], np.uint32)
        at = np.minimum(self.hashes.searchsorted(hashes), len(self.hashes) - 1)
        known = self.hashes[at] == hashes
        return [self._gains(word) if there else {} for word, there in zip(at.tolist(), known.tolist(), strict=True)]

    def _gains(self, word: int) -> Gains:
        part = slice(int(self.starts[word]), int(self.starts[word + 1]))
        return dict(zip(self.categories[part].tolist(), (self.logs[part] - self.floors[word]).tolist(), strict=True))

    def likeliest(self, gains: Gains) -> tuple[int, float]:
        """The likeliest category, and how likely it is, for what the terms of a query say together; -1 where they say
        nothing."""
        if not gains:
            return -1, 0.0
        priors, top = self.prior[list(gains)].tolist(), max(0.0, *gains.values())
        weights = [prior * exp(gain - top) for prior, gain in zip(priors, gains.values(), strict=True)]
        best = max(range(len(weights)), key=weights.__getitem__)
        others = max(1.0 - sum(priors), 1e-9) * exp(-top)
        return list(gains)[best], weights[best] / (sum(weights) + others)

    def save(self, directory: Path) -> None:
        save_arrays(directory, {field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def load(cls, directory: Path) -> WordCategories:
        """Memory-mapped."""
        return cls(**{field.name: load_array(directory, field.name) for field in fields(cls)})
