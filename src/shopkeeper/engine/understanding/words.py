"""Which category a query's words speak of: naive Bayes over words, learned from the items and from clicks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shopkeeper.engine.text_match import FIELD_BITS, TermFields, term_hash
from shopkeeper.release.arrays import load_array, save_arrays
from shopkeeper.vocabulary import Rows, Scores

KEPT = 12  # categories of a word
SMOOTHING = 2.0  # items of the shop at large that every word is supposed to have stood in
A_CLICK = 5.0  # a click counts as so many items
_TITLED = FIELD_BITS["title"] | FIELD_BITS["category"] | FIELD_BITS["brand"]


@dataclass(frozen=True)
class WordCategories:
    """hashes uint32 [w], ascending, of terms; word w speaks of categories[starts[w]:starts[w + 1]] (int32, ascending),
    each by the logarithm of how much likelier it makes it, logs float32; of all others by floors float32 [w].
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
        return cls(
            hashes=words,
            starts=np.concatenate(([0], np.cumsum(sizes, dtype=np.int64))),
            categories=categories[kept],
            logs=np.log(shares[kept] / prior[categories[kept]]).astype(np.float32),
            floors=np.log(SMOOTHING / (totals + SMOOTHING)).astype(np.float32),
            prior=prior.astype(np.float32),
        )

    def ratios(self, terms: Sequence[str]) -> tuple[Rows, Scores, float] | None:
        """Categories int32 [c], ascending, how much likelier the terms make each (a logarithm, float32 [c]), and the
        same of all others; None where no term is known."""
        if not terms or not len(self.hashes):
            return None
        hashes = np.array([term_hash(term) for term in terms], np.uint32)
        at = np.minimum(self.hashes.searchsorted(hashes), len(self.hashes) - 1)
        at = at[self.hashes[at] == hashes]
        if not len(at):
            return None
        floor = float(self.floors[at].sum())
        parts = [slice(int(self.starts[word]), int(self.starts[word + 1])) for word in at]
        said = np.concatenate([self.categories[part] for part in parts])
        gains = np.concatenate([self.logs[part] - self.floors[word] for part, word in zip(parts, at, strict=True)])
        categories, owner = np.unique(said, return_inverse=True)
        logs = floor + np.bincount(owner, gains, minlength=len(categories))
        return categories.astype(np.int32), logs.astype(np.float32), floor

    def likeliest(self, terms: Sequence[str]) -> tuple[int, float]:
        """The likeliest category of a query of these terms, and how likely it is; -1 where they say nothing."""
        said = self.ratios(terms)
        if said is None:
            return -1, 0.0
        categories, logs, floor = said
        prior = self.prior[categories]
        rest = max(1.0 - float(prior.sum()), 1e-9)
        top = max(float(logs.max()), floor)
        weights = prior * np.exp(logs - top)
        best = int(weights.argmax())
        return int(categories[best]), float(weights[best] / (weights.sum() + rest * np.exp(floor - top)))

    def save(self, directory: Path) -> None:
        save_arrays(directory, {field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def load(cls, directory: Path) -> WordCategories:
        """Memory-mapped."""
        return cls(**{field.name: load_array(directory, field.name) for field in fields(cls)})
