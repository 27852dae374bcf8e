"""The first of an order, read again together with the query, and ordered anew (Nogueira and Cho, "Passage Re-ranking
with BERT", 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np

from shopkeeper.engine.cross_encoder import CrossEncoder
from shopkeeper.vocabulary import Scores

TOLD = "reranker.json"


class Reader(Protocol):
    """As CrossEncoder has them."""

    def save(self, directory: Path) -> None: ...

    def score(self, query: str, texts: Sequence[str]) -> Scores: ...

    def unknown_shares(self, texts: Sequence[str]) -> Scores: ...


@dataclass(frozen=True)
class Reranker:
    """surface: whose answers it reads; depth: how many of the first; weight: of what it reads, against the 1 of what
    ordered them before; spread: the usual deviation of what it reads of one answer, below which it hardly tells items
    apart."""

    reader: Reader
    surface: str
    depth: int
    weight: float
    spread: float = 0.0

    def again(self, scores: Scores, read: Scores, rest: Scores) -> Scores:
        """New scores float32 [depth] of the first, by their scores so far and what was read, both float32 [depth] and
        each standardised among them, the latter by `spread` at least; all of them above the `rest`, float32 [any]."""
        new = standardised(scores) + self.weight * standardised(read, self.spread)
        return np.asarray(new - new.min() + rest.max(initial=0.0) + 1.0, np.float32)

    def save(self, directory: Path) -> None:
        self.reader.save(directory)
        told = _Told(self.surface, self.depth, self.weight, self.spread)
        (directory / TOLD).write_bytes(msgspec.json.format(msgspec.json.encode(told)))

    @classmethod
    def load(cls, directory: Path) -> Reranker:
        """Raises ReleaseError when a file of the cross-encoder is missing."""
        told = msgspec.json.decode((directory / TOLD).read_bytes(), type=_Told)
        return cls(CrossEncoder.load(directory), told.surface, told.depth, told.weight, told.spread)


class _Told(msgspec.Struct, frozen=True):
    surface: str
    depth: int
    weight: float
    spread: float = 0.0


def standardised(values: Scores, spread: float = 0.0) -> Scores:
    """float32 [n] of mean 0 and of deviation 1, or less where theirs is below `spread`; all 0 where they are alike."""
    centred = values - values.mean()
    return np.asarray(centred / max(float(centred.std()), spread, 1e-9), np.float32)
