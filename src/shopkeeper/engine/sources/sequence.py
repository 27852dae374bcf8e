"""What comes next, by a network that has read many histories: it makes a vector of one, and proposes the items nearest
to it. Networks are fitted elsewhere (`learn/models`); here they are graphs of ONNX, and need no PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from shopkeeper.engine.context import (
    Candidates,
    Context,
    FittedSource,
    Material,
    OfRelease,
    ReleaseParts,
    places_among,
)
from shopkeeper.engine.graph import Graph
from shopkeeper.engine.interest import interest_of
from shopkeeper.engine.vectors import Vectors
from shopkeeper.release.arrays import load_array, save_array, save_arrays
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.vocabulary import EVENT_TYPES, Codes, Mask, Rows, Scores, Seconds

GRAPH = "network.onnx"
LENGTH = "length.npy"
TEXT = "text"
VIEW = EVENT_TYPES.index("view")  # what an item that is merely named counts as


def read(items: Rows, codes: Codes, starts: npt.NDArray[np.int64] | None = None) -> Mask:
    """Which events int32 [n], int8 [n] of histories a network reads: those of interest, and of the same item again and
    again the last. starts: where each person's begin; all are one person's without."""
    kept = interest_of(codes) > 0
    at = np.flatnonzero(kept)
    again = items[at[:-1]] == items[at[1:]]
    if starts is not None:
        owners = np.searchsorted(starts, at, side="right")
        again &= owners[:-1] == owners[1:]
    kept[at[:-1][again]] = False
    return kept


class Network:
    """vectors float32 [b, t, d] of the items of b histories, codes int64 [b, t] (EventType.code), times float64 [b, t]
    (seconds; NaN without a clock) → float32 [b, d], of length 1: where the next item is looked for. The last place of
    what the graph says is taken; a graph need not read times. `length`: the most events that it reads."""

    def __init__(self, graph: Graph, length: int) -> None:
        self.graph, self.length = graph, length

    def __call__(self, vectors: Scores, codes: npt.NDArray[np.int64], times: Seconds) -> Scores:
        told: dict[str, npt.NDArray[Any]] = {"vectors": vectors, "codes": codes, "times": times}
        return self.graph(**{name: told[name] for name in self.graph.inputs})[:, -1]

    def save(self, directory: Path) -> None:
        self.graph.save(directory / GRAPH)
        save_array(directory / LENGTH, np.array(self.length))

    @classmethod
    def load(cls, directory: Path) -> Network:
        return cls(Graph.load(directory / GRAPH), int(np.load(directory / LENGTH)))


def newest(context: Context, has: Callable[[Rows], Mask], length: int) -> tuple[Rows, npt.NDArray[np.int64], Seconds]:
    """What a network reads of a request: the items, the newest last, what was done with each, and when. Of the anchors,
    which are viewed just now, else of the history; has: which items can be read, bool [n] of rows int32 [n]."""
    items, codes, times = context.history, context.history_codes, context.history_times
    if len(context.anchors):
        items, codes = context.anchors, np.full(len(context.anchors), VIEW, np.int8)
        times = np.full(len(items), context.now)
    kept = read(items, codes)
    kept[kept] = has(items[kept])
    last = np.flatnonzero(kept)[-length:]
    return items[last], codes[last].astype(np.int64), times[last]


class TextMap(NamedTuple):
    """How an item that nobody met has a vector by its meaning: weights float32 [d, e], offset float32 [d]."""

    weights: Scores
    offset: Scores

    def __call__(self, meanings: Scores) -> Scores:
        """float32 [n, e] → float32 [n, d], of any length."""
        return meanings @ self.weights.T + self.offset


class SequenceSource:
    """A fitted source. Without a network (nobody met two items) it is silent. text: where items that came later, or
    that nobody met, are known by their texts."""

    def __init__(
        self, name: str, network: Network | None, vectors: Vectors, catalogue: Catalogue, text: TextMap | None = None
    ) -> None:
        self.name, self._network, self._vectors, self._catalogue = name, network, vectors, catalogue
        self._text = text
        self.reads_meaning = text is not None  # so that it is updated again when an item's meaning is known

    def retrieve(self, context: Context, limit: int) -> Candidates:
        return self.retrieve_all([context], limit)[0]

    def retrieve_all(self, contexts: Sequence[Context], limit: int) -> list[Candidates]:
        """The network reads histories of the same length together."""
        found = [Candidates.none()] * len(contexts)
        if self._network is None:
            return found
        read = [self._read(context) for context in contexts]
        lengths = np.array([len(items) for items, _, _ in read])
        for length in np.unique(lengths[lengths > 0]):
            places = np.flatnonzero(lengths == length).tolist()
            items, codes, times = (np.stack(each) for each in zip(*(read[at] for at in places), strict=True))
            vectors = self._vectors.of(items.ravel()).reshape(*items.shape, -1)
            for at, wanted in zip(places, self._network(vectors, codes, times), strict=True):
                found[at] = self._vectors.propose(wanted, contexts[at], limit)
        return found

    def reason(self, context: Context, row: int) -> str:
        return self.reasons(context, np.array([row], np.int32))[0]

    def reasons(self, context: Context, rows: Rows) -> list[str]:
        """Each names the item of the history to which the row is nearest."""
        items, _, _ = self._read(context)
        if not len(items):
            return ["may come next" for _ in rows]
        nearest = items[self._vectors.nearest_of(rows, items)]
        return [f"may come next after “{name}”" for name in self._catalogue.names(nearest)]

    def updated(self, changed: Material, rows: Rows) -> FittedSource:
        """With the items that have no vector yet, by their texts; what was learned of an item stays."""
        meanings = changed.meanings
        if self._text is None or meanings is None:
            return OfRelease(self, self._vectors.n_items)
        told = rows[meanings.rows]
        new = places_among(self._vectors.rows, told) < 0
        held = self._vectors.updated(self._text(meanings.vectors[new]), told[new], len(changed.catalogue))
        return SequenceSource(self.name, self._network, held, changed.catalogue, self._text)

    def save(self, directory: Path) -> None:
        self._vectors.save(directory)
        if self._network is not None:
            self._network.save(directory)
        if self._text is not None:
            save_arrays(directory / TEXT, self._text._asdict())

    @classmethod
    def load(cls, name: str, directory: Path, release: ReleaseParts) -> SequenceSource:
        network = Network.load(directory) if (directory / GRAPH).exists() else None
        text = None
        if (directory / TEXT).exists():
            text = TextMap(*(load_array(directory / TEXT, field) for field in TextMap._fields))
        return cls(name, network, Vectors.load(directory), release.catalogue, text)

    def _read(self, context: Context) -> tuple[Rows, npt.NDArray[np.int64], Seconds]:
        return newest(context, self._vectors.has, 1 if self._network is None else self._network.length)
