"""What fits a taste, by factors of items: a person's are found by their history at each request, so that somebody new
is understood as well as anybody. Factors are fitted elsewhere (`learn/models`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shopkeeper.engine.context import Candidates, Context, places_among
from shopkeeper.engine.interest import decay, interest_of
from shopkeeper.release.arrays import load_array, save_arrays
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.vocabulary import Rows, Scores

SCORES_AT_ONCE = 16_000_000  # 64 MB
# A person's factors, float32 [f], by those of the k items that they met, float32 [k, f], and the interest, float32 [k].
Taste = Callable[[Scores, Scores], Scores]


class Regression(NamedTuple):
    """By least squares over all items, those that were met counting by their confidence. confidence: that an event of
    interest 1 just now adds to the 1 that what was not met has as well."""

    confidence: float
    ridge: float
    half_life_days: float

    def taste(self, factors: Scores) -> Taste:
        """factors: of all items, float32 [m, f]."""
        gram = factors.T @ factors + self.ridge * np.eye(factors.shape[1], dtype=np.float32)

        def found(met: Scores, interest: Scores) -> Scores:
            more = self.confidence * interest
            return np.asarray(np.linalg.solve(gram + (met * more[:, None]).T @ met, met.T @ (1.0 + more)), np.float32)

        return found


class Average(NamedTuple):
    """By the mean of what was met, where the last factor of an item is how much everybody likes it, which counts the
    same for all."""

    half_life_days: float

    def taste(self, factors: Scores) -> Taste:  # noqa: ARG002
        def found(met: Scores, interest: Scores) -> Scores:
            mean = interest @ met / interest.sum()
            mean[-1] = 1.0
            return np.asarray(mean, np.float32)

        return found


class Factors:
    """A source. known int32 [m], ascending: the catalogue rows of the items that have factors, float32 [m, f]."""

    def __init__(
        self, name: str, known: Rows, factors: Scores, catalogue: Catalogue, finding: Regression | Average
    ) -> None:
        """finding: how a person's factors are found."""
        self.name, self._known, self._factors, self._catalogue = name, known, factors, catalogue
        self._half_life_days, self._taste = finding.half_life_days, finding.taste(factors)

    def retrieve(self, context: Context, limit: int) -> Candidates:
        return self.retrieve_all([context], limit)[0]

    def retrieve_all(self, contexts: Sequence[Context], limit: int) -> list[Candidates]:
        """Items are read once for as many people as SCORES_AT_ONCE lets be held."""
        found = [Candidates.none()] * len(contexts)
        met = [self._met(context) for context in contexts]
        there = [at for at, (places, _) in enumerate(met) if len(places)]
        some = max(1, SCORES_AT_ONCE // max(len(self._factors), 1))
        for first in range(0, len(there), some):
            block = there[first : first + some]
            tastes = np.stack([self._taste(self._factors[met[at][0]], met[at][1]) for at in block])
            scores = tastes @ self._factors.T if len(block) > 1 else (self._factors @ tastes[0])[None]
            for at, each in zip(block, scores, strict=True):
                found[at] = self._best(contexts[at], each, limit)
        return found

    def _best(self, context: Context, scores: Scores, limit: int) -> Candidates:
        """scores: float32 [m], of the known items."""
        found, anchors = np.ones(len(scores), np.bool_), places_among(self._known, context.anchors)
        found[anchors[anchors >= 0]] = False
        if context.allowed is not None:
            found &= context.allowed[self._known]
        return Candidates.top(self._known[found], scores[found], limit)

    def reason(self, context: Context, row: int) -> str:
        return self.reasons(context, np.array([row], np.int32))[0]

    def reasons(self, context: Context, rows: Rows) -> list[str]:
        """Each names what was met that is most like it."""
        (places, _), asked = self._met(context), places_among(self._known, rows)
        if not len(places):
            return ["fits your taste"] * len(rows)
        likeness = _unit(self._factors[asked]) @ _unit(self._factors[places]).T
        nearest = self._catalogue.names(self._known[places[np.argmax(likeness, axis=1)]])
        return [
            f"fits a taste for “{name}”" if at >= 0 else "fits your taste"
            for name, at in zip(nearest, asked.tolist(), strict=True)
        ]

    def save(self, directory: Path) -> None:
        save_arrays(directory, {"known": self._known, "factors": self._factors})

    @classmethod
    def load(cls, name: str, directory: Path, catalogue: Catalogue, finding: Regression | Average) -> Factors:
        """Memory-mapped."""
        known, factors = load_array(directory, "known"), load_array(directory, "factors")
        return cls(name, known, factors, catalogue, finding)

    def _met(self, context: Context) -> tuple[npt.NDArray[np.int64], Scores]:
        """Places among the known items of what was met, each once, and the interest shown in each."""
        rows = context.history
        fading = decay(context.history_times, context.now, self._half_life_days)
        interest = interest_of(context.history_codes) * fading
        if len(context.anchors):
            rows, interest = context.anchors, np.ones(len(context.anchors), np.float32)
        known = places_among(self._known, rows)
        told = (interest > 0) & (known >= 0)
        places, at = np.unique(known[told], return_inverse=True)
        return places, np.bincount(at, interest[told], minlength=len(places)).astype(np.float32)


def _unit(vectors: Scores) -> Scores:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)
