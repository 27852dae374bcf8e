"""How a pretrained sentence encoder is tuned on what a shop's people searched for and chose, and how a smaller one is
taught its vectors.

Both sides of a pair are read by one network, whose token vectors are averaged (Reimers and Gurevych, "Sentence-BERT",
EMNLP 2019); a query is to find its items among those of the other queries of a batch (Karpukhin et al., "Dense Passage
Retrieval", EMNLP 2020). Of an item that answers several queries of a batch each knows, so that nothing right is taken
for wrong: the target of a query is a distribution over all items of the batch (Cao et al., "Learning to Rank: From
Pairwise Approach to Listwise Approach", ICML 2007), by how often each was chosen or how well it was graded. The student
has some of the layers of the tuned network, and learns where that puts texts (Hinton, Vinyals and Dean, "Distilling the
Knowledge in a Neural Network", 2015; Reimers and Gurevych, "Making Monolingual Sentence Embeddings Multilingual using
Knowledge Distillation", EMNLP 2020).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse
from torch import Tensor
from torch.nn import functional as F

from shopkeeper.engine.context import Epoch, places_among
from shopkeeper.engine.text import folded_line
from shopkeeper.engine.transformer import Tokens
from shopkeeper.errors import DivergedError
from shopkeeper.learn.metrics import Values, compare, gains_at, ndcg
from shopkeeper.learn.models.config import LoopConfig
from shopkeeper.learn.models.lessons import checkpoint_at, seeded
from shopkeeper.learn.models.loop import Loop, Schedule, autocast, device_of
from shopkeeper.learn.models.sentence_network import Pooled, Texts, with_layers
from shopkeeper.learn.models.subword import Clicks, near_enough
from shopkeeper.learn.requests import Asked
from shopkeeper.learn.tournament import CONFIDENCE
from shopkeeper.settings import Positive, TrainSettings
from shopkeeper.vocabulary import Rows

FEWEST_WATCHED, WATCHED, WATCHED_SHARE = 20, 500, 0.2  # queries that are not learned from but watched
WATCHED_ITEMS = 4_000  # among which these are to find theirs, at most
K = 10  # of the NDCG that is watched
AN_EPOCH = 20_000  # pairs, or texts of the student, at most
AVERAGED = 0.99  # of the weights

Places = npt.NDArray[np.int64]

_log = logging.getLogger(__name__)


class SentenceConfig(LoopConfig, frozen=True, forbid_unknown_fields=True):
    """batch: of pairs; of_query: pairs of one query that stand side by side; sharpness: what cosines are multiplied by,
    1 / temperature."""

    rate: float = 5e-5
    epochs: Positive = 6
    patience: Positive = 2
    batch: Positive = 64
    of_query: Positive = 8
    sharpness: float = 20.0


class StudentConfig(LoopConfig, frozen=True, forbid_unknown_fields=True):
    """batch: of texts."""

    rate: float = 2e-4
    epochs: Positive = 6
    patience: Positive = 2
    batch: Positive = 64


@dataclass(frozen=True)
class Known:
    """What n queries led to. shares: scipy csr_array float32 [n, items], of each query's items, with the sum 1; what
    people graded lowest has the share 0, and is there."""

    queries: Sequence[str]
    shares: Any

    @classmethod
    def of(cls, clicks: Clicks, judged: Sequence[Asked], rows: Rows) -> Known:
        """rows: of the m items that can be learned from, int32 [m], ascending. Queries without any are left out."""
        queries = dict[str, str]()
        clicked = [queries.setdefault(folded_line(query), query) for query in clicks.queries]
        graded = [queries.setdefault(folded_line(one.request.query), one.request.query) for one in judged]
        place = {query: at for at, query in enumerate(queries.values())}
        answers = _answers(judged)
        sizes = np.array([len(answer) for answer in answers], np.int64)
        gains = [np.zeros(size, np.float32) for size in sizes.tolist()]
        for one, answer, gain in zip(judged, answers, gains, strict=True):
            gain[np.searchsorted(answer, one.rows)] = one.gains / one.gains.sum()
        owners = np.concatenate(
            (
                np.array([place[query] for query in clicked], np.int64),
                np.repeat(np.array([place[query] for query in graded], np.int64), sizes),
            )
        )
        items = places_among(rows, np.concatenate((clicks.rows, *answers)))
        often = np.bincount(owners[: len(clicked)], minlength=len(place))
        values = np.concatenate((1.0 / often[owners[: len(clicked)]], *gains))
        kept = items >= 0
        told = sparse.coo_array((values[kept], (owners[kept], items[kept])), (len(place), len(rows))).tocsr()
        told.sum_duplicates()
        sums = told.sum(axis=1)
        told.data = (told.data / np.repeat(np.maximum(sums, 1e-9), np.diff(told.indptr))).astype(np.float32)
        return cls(list(place), told).take(np.flatnonzero(sums > 0))

    def take(self, places: Places) -> Known:
        return Known([self.queries[at] for at in places.tolist()], self.shares[places])


def _answers(judged: Sequence[Asked]) -> list[Rows]:
    """Of each, the rows of which people said something."""
    return [one.rows if one.judged is None else one.judged for one in judged]


def rows_to_read(clicks: Clicks, judged: Sequence[Asked], n_items: int, seed: int) -> Rows:
    """int32, ascending: the rows of all items of which something may be known, and of some others, of which a student
    learns."""
    some = np.random.default_rng(seed).permutation(n_items)[:AN_EPOCH]
    return np.unique(np.concatenate((some, clicks.rows, *_answers(judged)))).astype(np.int32)


class TunedNetwork(NamedTuple):
    """network: one of transformers; convincing: the cosine from which one of its texts is near a query."""

    network: Any
    convincing: float


def tuned(
    network: Any,
    known: Known,
    queries: Tokens,
    items: Tokens,
    student_layers: int,
    settings: TrainSettings,
    work: Path | None = None,
    config: SentenceConfig | None = None,
    student: StudentConfig | None = None,
) -> tuple[TunedNetwork | None, str]:
    """A network of transformers, fitted in place to what is known, or its student of fewer layers, if it has more; None
    where that is not surely better on the watched queries than the network was before, or too few can be watched. And
    what came of it, in words.

    queries, items: the tokens of what is known. What is learned is kept in `work`, for whoever asks for the same again.
    """
    config = config or SentenceConfig()
    with seeded(settings):
        teacher = Teacher(known, queries, items, config, settings)
        if not teacher.can_watch:
            return None, f"not tuned: of {len(queries):,} queries that led to something too few can be watched"
        model = Pooled(network).to(device_of(settings.device))
        before = teacher.values(model)
        try:
            after = _fitted(model, teacher, teacher, config, settings, work)
        except DivergedError as error:
            return None, f"it stays as it was: {error.why}"
        gain = compare(after, before, settings.seed)
        told = (
            f"NDCG@{K} is {before.mean():.4f} as it came, and {after.mean():.4f} tuned "
            f"({gain.difference.value:+.4f}, {gain.difference.low:+.4f} to {gain.difference.high:+.4f}), "
            f"of {len(before):,} queries that it did not learn from"
        )
        if gain.chance_better < CONFIDENCE:
            return None, f"it stays as it was: {told}, which is not surely better"
        smaller, came = _student(model, student_layers, teacher, before, student or StudentConfig(), settings, work)
        serving, model = ("the tuned model", model) if smaller is None else ("its student", smaller)
        return TunedNetwork(model.network.cpu(), teacher.convincing(model)), f"{serving} serves: {told}{came}"


def _student(
    model: Pooled,
    layers: int,
    teacher: Teacher,
    before: Values,
    config: StudentConfig,
    settings: TrainSettings,
    work: Path | None,
) -> tuple[Pooled | None, str]:
    """One of so many layers of the tuned model, that has learned from it; None where it is wanted to have as many or
    none, or is not surely better than the values `before`. And what came of it, to be read behind what is told."""
    if not 0 < layers < model.layers:
        return None, ""
    network = with_layers(model.network, layers)
    if network is None:
        return None, "; it has no student, as it is no stack of layers of which some could be taken"
    smaller, lesson = Pooled(network), Distillation(model, teacher, config, settings)
    begun = f"; its student, with {layers} of its {model.layers} layers,"
    try:
        after = _fitted(smaller, lesson, teacher, config, settings, work)
    except DivergedError as error:
        return None, f"{begun} learned nothing: {error.why}"
    sure = compare(after, before, settings.seed).chance_better >= CONFIDENCE
    return smaller if sure else None, f"{begun} has {after.mean():.4f}" + ("" if sure else ", not surely better")


class Lessons(Protocol):
    """What one network learns. name: of what is kept of it; arrays: all that it teaches; n_batches: of an epoch."""

    name: str

    @property
    def arrays(self) -> tuple[npt.NDArray[Any], ...]: ...

    @property
    def n_batches(self) -> int: ...

    def batches(self, epoch: int) -> Iterator[Any]: ...

    def loss(self, model: Pooled, batch: Any) -> Tensor: ...


def _fitted(
    model: Pooled,
    lessons: Lessons,
    teacher: Teacher,
    config: LoopConfig,
    settings: TrainSettings,
    work: Path | None,
) -> Values:
    """The values of the model after it is fitted, in place. Raises DivergedError where it comes to nothing."""
    terms = (settings.seed, model.layers, msgspec.to_builtins(config))
    checkpoint = checkpoint_at(work, lessons.name, (*lessons.arrays, *model.arrays()), terms, kept=1)
    schedule = Schedule.of(config, settings).within(config.epochs * lessons.n_batches)
    loop, layers = Loop(model, replace(schedule, average=AVERAGED), checkpoint), model.layers

    def tell(number: int, epoch: Epoch) -> None:
        _log.info("encoder of %d layers, epoch %d: loss %.3f, NDCG %.4f, %.0f s", layers, number, *epoch)

    loop.fit(lessons.batches, lessons.loss, teacher.watch, tell)
    return teacher.values(model)


class Lesson(NamedTuple):
    """Tokens of b queries and of c items that some of them led to. shares (b, c): of each query among these items, with
    the sum 1, or all 0 where it led to none of them; expected (c): the logarithm of how often each item is drawn."""

    queries: Texts
    items: Texts
    shares: Tensor
    expected: Tensor


class Teacher:
    """Each pair of a query that is not watched is in one batch of an epoch, beside others of its query: what was graded
    lower is told apart there from what was graded higher."""

    name = "sentence"

    def __init__(
        self, known: Known, queries: Tokens, items: Tokens, config: SentenceConfig, settings: TrainSettings
    ) -> None:
        self.known, self.queries, self.items = known, queries, items
        self._config, self._seed, self._device = config, settings.seed, device_of(settings.device)
        order = np.random.default_rng(settings.seed).permutation(len(queries))
        n_watched = min(WATCHED, int(WATCHED_SHARE * len(queries)))
        self._watched, self._taught = np.sort(order[:n_watched]), np.sort(order[n_watched:])
        shares = known.shares[self._taught]
        self._owners = np.repeat(self._taught, np.diff(shares.indptr))  # of each pair
        self._items = shares.indices.astype(np.int64)
        drawn = np.bincount(self._items, minlength=len(items))
        self._expected = np.log(np.maximum(drawn, 1)).astype(np.float32)

    @property
    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        shares = self.known.shares
        texts = (self.queries.ids, self.queries.starts, self.items.ids, self.items.starts)
        return shares.indices, shares.indptr, shares.data, *texts

    @property
    def can_watch(self) -> bool:
        return len(self._watched) >= FEWEST_WATCHED

    @property
    def taught(self) -> Texts:
        """The queries that are learned from."""
        return self.queries.take(self._taught)

    @property
    def n_batches(self) -> int:
        return max(1, min(len(self._owners), AN_EPOCH) // self._config.batch)

    def batches(self, epoch: int) -> Iterator[Lesson]:
        generator = np.random.default_rng((self._seed, epoch))
        n, size = len(self._owners), self._config.batch
        mixed = np.lexsort((generator.random(n), self._owners))  # within each query
        ranks = np.arange(n) - np.searchsorted(self._owners, self._owners)
        _, groups = np.unique(self._owners * n + ranks // self._config.of_query, return_inverse=True)
        order = np.argsort(generator.permutation(int(groups.max()) + 1)[groups], kind="stable")[:AN_EPOCH]
        for first in range(0, self.n_batches * size, size):  # few pairs that are left over are too easy to tell apart
            pairs = order[first : first + size]
            yield self._lesson(self._owners[pairs], self._items[mixed[pairs]])

    def loss(self, model: Pooled, lesson: Lesson) -> Tensor:
        """The mean cross-entropy of where the queries are led, and where they led."""
        queries, items = model.read(lesson.queries), model.read(lesson.items)  # (b, d), (c, d)
        scores = self._config.sharpness * (queries @ items.T).float() - lesson.expected  # (b, c)
        return F.cross_entropy(scores, lesson.shares)

    def watch(self, model: Pooled) -> float:
        """The mean of `values`."""
        return float(self.values(model).mean())

    def values(self, model: Pooled) -> Values:
        """float64 [k]: NDCG of the queries that are watched, among WATCHED_ITEMS of the items of all of them."""
        queries, items, shares = self._pool
        best = self._scores(model).topk(min(K, len(items)), dim=1).indices.cpu().numpy().astype(np.int32)
        rows = [shares.indices[shares.indptr[at] : shares.indptr[at + 1]] for at in range(len(queries))]
        gains = [shares.data[shares.indptr[at] : shares.indptr[at + 1]] for at in range(len(queries))]
        return ndcg(*gains_at(best, rows, gains))

    def convincing(self, model: Pooled) -> float:
        """The cosine that almost all of the watched queries have with what is nearest to them."""
        return near_enough(self._scores(model).amax(1).tolist())

    def _scores(self, model: Pooled) -> Tensor:
        queries, items, _ = self._pool
        with torch.autocast(self._device.type, enabled=False):  # whoever asks, one is to be held against another
            return model.read_all(queries) @ model.read_all(items).T

    @cached_property
    def _pool(self) -> tuple[Texts, Texts, Any]:
        """Queries (k) that are watched, items (m), and the shares, csr_array [k, m]."""
        shares = self.known.shares[self._watched]
        items = np.random.default_rng(self._seed).permutation(np.unique(shares.indices))[:WATCHED_ITEMS]
        shares = shares[:, np.sort(items)]
        shares.eliminate_zeros()
        found = np.flatnonzero(np.diff(shares.indptr))
        return self.queries.take(self._watched[found]), self.items.take(np.sort(items)), shares[found]

    def _lesson(self, owners: Places, items: Places) -> Lesson:
        owners, items = np.unique(owners), np.unique(items)
        shares = self.known.shares[owners][:, items].toarray()
        shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1e-9)
        return Lesson(
            self.queries.take(owners),
            self.items.take(items),
            torch.from_numpy(shares).to(self._device),
            torch.from_numpy(self._expected[items]).to(self._device),
        )


class Distillation:
    """Queries that are learned from and texts of items, and where the tuned network puts them, which is found out once:
    float16 [n, d]."""

    name = "student"

    def __init__(self, tuned: Pooled, teacher: Teacher, config: StudentConfig, settings: TrainSettings) -> None:
        self._tuned, self._teacher, self._batch = tuned, teacher, config.batch
        self._seed, self._device = settings.seed, device_of(settings.device)
        some = np.random.default_rng(settings.seed).permutation(len(teacher.items))[:AN_EPOCH]
        self._texts = [*teacher.taught, *teacher.items.take(some)]

    @property
    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        return (*self._teacher.arrays, *self._tuned.arrays())

    @property
    def n_batches(self) -> int:
        return math.ceil(len(self._texts) / self._batch)

    @cached_property
    def _vectors(self) -> npt.NDArray[np.float16]:
        with autocast(self._device):
            return self._tuned.read_all(self._texts).cpu().numpy().astype(np.float16)

    def batches(self, epoch: int) -> Iterator[tuple[Texts, Tensor]]:
        order = np.random.default_rng((self._seed, epoch)).permutation(len(self._texts))
        for first in range(0, len(order), self._batch):
            places = order[first : first + self._batch]
            vectors = torch.from_numpy(self._vectors[places].astype(np.float32)).to(self._device)
            yield [self._texts[at] for at in places.tolist()], vectors

    def loss(self, model: Pooled, batch: tuple[Texts, Tensor]) -> Tensor:
        """Half the squared distance of the vectors, 1 − cosine."""
        tokens, vectors = batch
        return (1.0 - (model.read(tokens) * vectors).sum(1)).mean()
