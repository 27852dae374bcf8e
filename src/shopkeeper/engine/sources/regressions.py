"""A linear model of items for catalogues of any size: each item has a regression of its own, on the few others that
explain it best one by one.

The matrix of what is met with what is sparse, and is kept so; of each item the most promising others are chosen and a
small dense system is cut out of it. By what the systems are solved is the model's own: in closed form (`slist`), or
without negative weights (`slim`). The choice is that of fsSLIM (Ning and Karypis, "SLIM: Sparse Linear Methods for
Top-N Recommender Systems", ICDM 2011).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shopkeeper.engine.context import places_among
from shopkeeper.engine.sources.together import Neighbours, Trail, counted, strongest
from shopkeeper.release.fields import places_of, starts_of
from shopkeeper.vocabulary import Rows, Scores

Integers = npt.NDArray[np.int64]

HELD = 1_000  # others of an item that are kept, those most met with it
SYSTEMS = 64  # solved at a time


@dataclass(frozen=True)
class Weighing:
    """What a pair of a person's events counts, by how many places they lie apart: each float32 [window], from 1 on.

    met: either way, in the matrix that explains; forward, backward: what the earlier says of the later in what is to be
    explained, and the later of the earlier; across: by which a pair of two visits counts less.
    """

    met: Scores
    forward: Scores
    backward: Scores
    across: float


class Gram(NamedTuple):
    """What is met with what, and is to be explained by it, in compressed sparse rows without the diagonal.

    starts int64 [n + 1], others int32 [m], ascending in each row; met float32 [m], symmetric but for what was dropped;
    explained float32 [m]: how much the row's item is to be explained by the other; diagonal float32 [n], of `met`.
    """

    starts: Integers
    others: Rows
    met: Scores
    explained: Scores
    diagonal: Scores


class Systems(NamedTuple):
    """b regressions: of items int32 [b] on others int32 [b, k], met float32 [b, k, k], symmetric, and explained float32
    [b, k]. An item of fewer than k others has -1 at the end, where `explained` is 0 and `met` that of the identity.
    """

    items: Rows
    others: Rows
    met: Scores
    explained: Scores


Solver = Callable[[Systems], Scores]  # the weight of each of the others, float32 [b, k]


def gram_of(trail: Trail, n_items: int, weighing: Weighing) -> Gram:
    """Counted block of items by block of items in bounded memory; of each item the HELD others most met are kept."""
    diagonal = np.bincount(trail.items, trail.weights, minlength=n_items).astype(np.float64)
    lengths, rows, mets, saids = np.zeros(n_items, np.int64), list[Rows](), list[Scores](), list[Scores]()
    window = len(weighing.met)
    both = partial(_pairs, trail, n_items=n_items, across=weighing.across)
    met = counted(trail, n_items, window, partial(both, before=weighing.met, after=weighing.met))
    explained = counted(trail, n_items, window, partial(both, before=weighing.forward, after=weighing.backward))
    for (items, others, counts), (targets, causes, shares) in zip(met, explained, strict=True):
        said = np.zeros(len(counts), np.float32)
        at = places_among(items * n_items + others, targets * n_items + causes)
        said[at[at >= 0]] = shares[at >= 0]  # what was met so little that it is nothing explains nothing
        itself = items == others
        diagonal[items[itself]] += counts[itself]
        items, others, counts, said = items[~itself], others[~itself], counts[~itself], said[~itself]
        kept = strongest(items, counts, HELD)
        lengths += np.bincount(items[kept], minlength=n_items)
        rows.append(others[kept].astype(np.int32))
        mets.append(counts[kept])
        saids.append(said[kept])
    return Gram(
        starts_of(lengths),
        np.concatenate([np.empty(0, np.int32), *rows]),
        np.concatenate([np.empty(0, np.float32), *mets]),
        np.concatenate([np.empty(0, np.float32), *saids]),
        diagonal.astype(np.float32),
    )


def _pairs(
    trail: Trail, events: Integers, first: int, *, n_items: int, across: float, before: Scores, after: Scores
) -> Iterator[tuple[Integers, Scores]]:
    """(key, weight) as `counted` has it. before, after: what the other event counts on either side."""
    for gap in range(1, len(before) + 1):
        for others, counts in ((events - gap, before[gap - 1]), (events + gap, after[gap - 1])):
            here = np.flatnonzero((others >= 0) & (others < len(trail.items)))
            mine, theirs = events[here], others[here]
            same = trail.users[mine] == trail.users[theirs]
            mine, theirs = mine[same], theirs[same]
            weights = trail.weights[np.maximum(mine, theirs)] * counts
            weights *= np.where(trail.visits[mine] == trail.visits[theirs], np.float32(1.0), np.float32(across))
            yield (trail.items[mine].astype(np.int64) - first) * n_items + trail.items[theirs], weights


def fitted(gram: Gram, ridge: float, candidates: int, kept: int, solve: Solver) -> Neighbours:
    """The weights of all items, each on at most `candidates` others; of what an item says of others, the `kept`
    strongest weights."""
    causes, items, weights = [], [], []
    for systems in systems_of(gram, ridge, candidates):
        weight = solve(systems)
        told = (systems.others >= 0) & (weight != 0.0)
        causes.append(systems.others[told])
        items.append(np.broadcast_to(systems.items[:, None], told.shape)[told])
        weights.append(weight[told])
    nobody = np.empty(0, np.int32)
    cause, item = np.concatenate([nobody, *causes]), np.concatenate([nobody, *items])
    weight = np.concatenate([np.empty(0, np.float32), *weights])
    order = np.lexsort((item, cause))
    cause, item, weight = cause[order], item[order], weight[order]
    strong = strongest(cause, np.abs(weight), kept)
    lengths = np.bincount(cause[strong], minlength=len(gram.diagonal))
    return Neighbours(starts_of(lengths), item[strong], weight[strong])


def systems_of(gram: Gram, ridge: float, candidates: int) -> Iterator[Systems]:
    """A regression for each item that was met with another, SYSTEMS at a time; the ridge lies on the diagonals."""
    items = np.repeat(np.arange(len(gram.diagonal)), np.diff(gram.starts))
    # By how much each of the others alone, under the ridge, would lessen the squared error: the square of this.
    gain = gram.explained / np.sqrt(gram.diagonal[gram.others] + np.float32(ridge))
    chosen = (gain > 0.0) & strongest(items, gain, candidates)
    starts = starts_of(np.bincount(items[chosen], minlength=len(gram.diagonal)))
    others, explained = gram.others[chosen], gram.explained[chosen]
    place = np.full(len(gram.diagonal), -1, np.int64)
    asked = np.flatnonzero(np.diff(starts))
    asked = asked[np.argsort(np.diff(starts)[asked], kind="stable")]  # those of like size together
    for begin in range(0, len(asked), SYSTEMS):
        some = asked[begin : begin + SYSTEMS].astype(np.int32)
        sizes = (starts[some + 1] - starts[some]).astype(np.int64)
        there = np.arange(sizes.max()) < sizes[:, None]  # (b, k)
        at = places_of(starts, some)[1]
        of, wanted = np.full(there.shape, -1, np.int32), np.zeros(there.shape, np.float32)
        of[there], wanted[there] = others[at], explained[at]
        met = np.zeros((*there.shape, there.shape[1]), np.float32)  # (b, k, k)
        for system, those in zip(met, of, strict=True):
            _cut(gram, those[those >= 0], place, system)
        diagonal = np.where(there, gram.diagonal[of] + np.float32(ridge), 1.0)
        met[:, np.arange(there.shape[1]), np.arange(there.shape[1])] = diagonal
        yield Systems(some, of, met, wanted)


def _cut(gram: Gram, those: Rows, place: Integers, system: Scores) -> None:
    """Write what k items are met with each other into `system`, float32 [k or more, k or more]. place: int64 [n], all
    -1, and so again afterwards."""
    place[those] = np.arange(len(those))
    owners, at = places_of(gram.starts, those)
    column = place[gram.others[at]]
    inside = column >= 0
    system[owners[inside], column[inside]] = gram.met[at[inside]]
    np.maximum(system, system.T, out=system)  # of what one row dropped, the other may know
    place[those] = -1


def ridge_weights(systems: Systems) -> Scores:
    """The solution of each by least squares under the ridge: in closed form."""
    solved = np.linalg.solve(systems.met, systems.explained[:, :, None])
    return np.asarray(solved[:, :, 0], np.float32)
