"""Who is watched while a network learns: people of whom it does not learn the last event, and is asked for it."""

from __future__ import annotations

import hashlib
import math
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from shopkeeper.learn.models.histories import Batch, Histories, Places
from shopkeeper.vocabulary import Rows

WATCHED, WATCHED_SHARE = 2_000, 0.1  # people whose last event is not learned from but watched: at most, and of all
FEWEST_WATCHED = 20
AT_ONCE, SCORES = 256, 16_000_000  # people that are watched together, at most, and scores of theirs: 64 MB
K = 10


class Answering(Protocol):
    """A network that says of items how well they go on a history."""

    def vectors(self) -> Tensor:
        """(m, d), of the known items."""
        ...

    def answers(self, batch: Batch, vectors: Tensor) -> Tensor:
        """What is wanted after the newest event of each history, (b, d)."""
        ...

    def scores(self, wanted: Tensor, vectors: Tensor) -> Tensor:
        """wanted (b, d), vectors (m, d) → (b, m), more where it fits better."""
        ...


def watched_of(histories: Histories, seed: int, since: float = -math.inf) -> Places:
    """Some people, int64 [k], ascending: nobody in a shop of so few that chance would decide, and nobody who did
    nothing `since`. Who was not watched in a fit of less is not watched in one of more either, so that nobody is
    watched for what an earlier fit has learned. Where that watched nobody, its moment has to be `since`."""
    could = np.ones(len(histories), np.bool_)
    if since > -math.inf:
        could = histories.times[histories.starts[1:] - 1] >= since
    share = min(WATCHED_SHARE, WATCHED / max(1, int(could.sum())))
    hashed = (histories.people.astype(np.uint64) + np.uint64(seed)) * np.uint64(0x9E3779B97F4A7C15)
    watched = np.flatnonzero(could & ((hashed >> np.uint64(40)) < share * 2**24))
    return watched if len(watched) >= FEWEST_WATCHED else watched[:0]


def among(histories: Histories, watched: Places) -> str:
    """What the figures are of: these people, and what they did last. Empty where nobody is watched."""
    if not len(watched):
        return ""
    last = histories.known[histories.items[histories.starts[watched + 1] - 1]]
    told = hashlib.sha256(np.stack((histories.people[watched], last)).tobytes())
    return f"NDCG@{K} of {told.hexdigest()[:16]}"


class Watch:
    """NDCG of what people did last, among all items but those that they had met."""

    def __init__(self, known: Histories, people: Places, histories: Histories, length: int) -> None:
        self._known, self._people, self._length = known, people, length
        self._targets = histories.items[histories.starts[people + 1] - 1]

    def __call__(self, model: Answering) -> float:
        vectors, gains = model.vectors(), 0.0
        at_once = max(1, min(AT_ONCE, SCORES // len(vectors)))
        for first in range(0, len(self._people), at_once):
            people = self._people[first : first + at_once]
            wanted = model.answers(self._known.last(people, self._length), vectors)
            with torch.autocast(vectors.device.type, enabled=False):  # as it is served, and near scores are told apart
                scores = model.scores(wanted.float(), vectors.float())
            gains += self._gains(scores, people, self._targets[first : first + at_once])
        return gains / max(len(self._people), 1)

    def _gains(self, scores: Tensor, people: Places, wanted: Rows) -> float:
        """scores (k, m). Of items that score alike the wanted one counts as the last, and so where none is a number."""
        met = self._known
        of = np.repeat(np.arange(len(people)), met.starts[people + 1] - met.starts[people])
        places = np.concatenate([met.items[met.starts[one] : met.starts[one + 1]] for one in people])
        owners, seen, targets = (torch.from_numpy(part).to(scores.device).long() for part in (of, places, wanted))
        right = scores.gather(1, targets[:, None])
        scores[owners, seen] = -torch.inf
        scores.scatter_(1, targets[:, None], -torch.inf)
        ranks = (~(scores < right)).sum(1)
        return float(torch.where(ranks < K, 1.0 / torch.log2(ranks + 2.0), 0.0).sum())
