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

import copy
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional as F

from shopkeeper.engine.context import Epoch, places_among
from shopkeeper.engine.encoder import of_like_length
from shopkeeper.engine.text import folded_line
from shopkeeper.engine.transformer import padded
from shopkeeper.errors import DivergedError
from shopkeeper.learn.metrics import gains_at, ndcg
from shopkeeper.learn.models.config import LoopConfig
from shopkeeper.learn.models.lessons import checkpoint_at, seeded
from shopkeeper.learn.models.loop import Loop, Schedule, autocast, device_of
from shopkeeper.learn.models.subword import Clicks, near_enough
from shopkeeper.learn.requests import Asked
from shopkeeper.settings import Positive, TrainSettings
from shopkeeper.vocabulary import Rows

FEWEST_WATCHED, WATCHED, WATCHED_SHARE = 20, 500, 0.2  # queries that are not learned from but watched
WATCHED_ITEMS = 4_000  # among which these are to find theirs, at most
K = 10  # of the NDCG that is watched
AN_EPOCH = 20_000  # pairs, or texts of the student, at most

Places = npt.NDArray[np.int64]
Tokens = Sequence[list[int]]  # of texts, as the graph reads them

Batch = TypeVar("Batch")

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
        answers = [one.rows if one.judged is None else one.judged for one in judged]
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


class Pooled(nn.Module):
    """A transformer of Hugging Face whose token vectors are averaged: input_ids, attention_mask int64 (b, t) →
    float (b, d), of length 1."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network.float()

    @property
    def layers(self) -> int:
        return int(self.network.config.num_hidden_layers)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        tokens = self.network(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state  # (b, t, d)
        weights = attention_mask.unsqueeze(-1).to(tokens.dtype)  # (b, t, 1)
        pooled = (tokens * weights).sum(1) / weights.sum(1).clamp(min=1)  # (b, d)
        return F.normalize(pooled, dim=-1)

    def arrays(self) -> Iterator[npt.NDArray[Any]]:
        """Its weights."""
        return (weights.cpu().numpy() for weights in self.state_dict().values())

    def read(self, tokens: Tokens) -> Tensor:
        """float32 (n, d), of n texts at once."""
        device = next(self.parameters()).device
        ids, mask = (torch.from_numpy(part).to(device) for part in padded(tokens))
        vectors: Tensor = self(ids, mask).float()
        return vectors

    def read_all(self, tokens: Tokens) -> Tensor:
        """The same, some at a time; nothing is learned from it."""
        device = next(self.parameters()).device
        parts, order = list[Tensor](), list[Places]()
        self.eval()
        with torch.inference_mode(), autocast(device):
            for places in of_like_length(list(map(len, tokens))):
                parts.append(self.read([tokens[at] for at in places]))
                order.append(places)
        return torch.cat(parts)[torch.from_numpy(np.argsort(np.concatenate(order))).to(device)]


class Tuned(NamedTuple):
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
) -> tuple[Tuned | None, str]:
    """A network of transformers, fitted in place to what is known, or its student of fewer layers, if it has more; None
    where that is no better on the watched queries than the network was before, or too few can be watched. And what came
    of it, in words.

    queries, items: the tokens of what is known. What is learned is kept in `work`, for whoever asks for the same again.
    """
    config, student = config or SentenceConfig(), student or StudentConfig()
    with seeded(settings):
        teacher = Teacher(known, queries, items, config, settings)
        if not teacher.can_watch:
            return None, f"not tuned: of {len(queries):,} queries that led to something too few can be watched"
        model = Pooled(network).to(device_of(settings.device))
        before = teacher.watch(model)
        read = (*teacher.arrays, *model.arrays())
        checkpoint = checkpoint_at(work, "sentence", read, (settings.seed, msgspec.to_builtins(config)))
        after = _fitted(model, teacher.batches, teacher.loss, teacher.watch, config, settings, checkpoint)
        found = f"NDCG@{K} is {before:.4f} as it came, and {after:.4f} tuned"
        told = f"{found}, of {teacher.n_watched:,} queries that it did not learn from"
        if after <= before:
            return None, f"it stays as it was: {told}"
        serving = "the tuned model"
        if 0 < student_layers < model.layers:
            smaller = Pooled(with_layers(network, student_layers))
            read = (*teacher.arrays, *model.arrays())
            checkpoint = checkpoint_at(
                work, "student", read, (settings.seed, student_layers, msgspec.to_builtins(student))
            )
            lesson = Distillation(model, teacher, student, settings)
            after = _fitted(smaller, lesson.batches, lesson.loss, teacher.watch, student, settings, checkpoint)
            told += f"; its student, with {student_layers} of its {model.layers} layers, has {after:.4f}"
            if after > before:
                model, serving = smaller, "its student"
        return Tuned(model.network.cpu(), teacher.convincing(model)), f"{serving} serves: {told}"


def _fitted(
    model: Pooled,
    batches: Callable[[int], Iterator[Batch]],
    loss: Callable[[Pooled, Batch], Tensor],
    watch: Callable[[Pooled], float],
    config: LoopConfig,
    settings: TrainSettings,
    checkpoint: Path | None,
) -> float:
    """How good the model is after it is fitted, in place; 0 where it came to nothing."""
    loop, layers = Loop(model, replace(Schedule.of(config, settings), average=0.99), checkpoint), model.layers

    def tell(number: int, epoch: Epoch) -> None:
        _log.info("encoder of %d layers, epoch %d: loss %.3f, NDCG %.4f, %.0f s", layers, number, *epoch)

    try:
        loop.fit(batches, loss, watch, tell)
    except DivergedError as error:
        _log.warning("%s.", error)
        return 0.0
    return max(epoch.figure for epoch in loop.epochs)


def with_layers(network: Any, layers: int) -> Any:
    """A copy of a network of transformers with so many of its layers, evenly from the first to the last."""
    copied, n = copy.deepcopy(network), network.config.num_hidden_layers
    kept = {*np.linspace(0, n - 1, layers).round().astype(int).tolist()}
    stack = next(one for one in copied.modules() if isinstance(one, nn.ModuleList) and len(one) == n)
    for at in reversed(range(n)):
        if at not in kept:
            del stack[at]
    copied.config.num_hidden_layers = layers
    return copied


class Lesson(NamedTuple):
    """Tokens of b queries and of c items that some of them led to. shares (b, c): of each query among these items, with
    the sum 1, or all 0 where it led to none of them; expected (c): the logarithm of how often each item is drawn."""

    queries: Tokens
    items: Tokens
    shares: Tensor
    expected: Tensor


class Teacher:
    """Each pair of a query that is not watched is in one batch of an epoch, beside others of its query: what was graded
    lower is told apart there from what was graded higher."""

    def __init__(
        self, known: Known, queries: Tokens, items: Tokens, config: SentenceConfig, settings: TrainSettings
    ) -> None:
        self.known, self.queries, self.items = known, queries, items
        self._config, self._seed, self._device = config, settings.seed, device_of(settings.device)
        order = np.random.default_rng(settings.seed).permutation(len(queries))
        self.n_watched = min(WATCHED, int(WATCHED_SHARE * len(queries)))
        self._watched, self._taught = np.sort(order[: self.n_watched]), np.sort(order[self.n_watched :])
        shares = known.shares[self._taught]
        self._owners = np.repeat(self._taught, np.diff(shares.indptr))  # of each pair
        self._items = shares.indices.astype(np.int64)
        drawn = np.bincount(self._items, minlength=len(items))
        self._expected = np.log(np.maximum(drawn, 1)).astype(np.float32)

    @property
    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        """All that it teaches."""
        shares = self.known.shares
        return shares.indices, shares.indptr, shares.data, *_flat(self.queries), *_flat(self.items)

    @property
    def can_watch(self) -> bool:
        return self.n_watched >= FEWEST_WATCHED

    @property
    def taught(self) -> Tokens:
        """The queries that are learned from."""
        return [self.queries[at] for at in self._taught.tolist()]

    def batches(self, epoch: int) -> Iterator[Lesson]:
        generator = np.random.default_rng((self._seed, epoch))
        n, size = len(self._owners), self._config.batch
        mixed = np.lexsort((generator.random(n), self._owners))  # within each query
        ranks = np.arange(n) - np.searchsorted(self._owners, self._owners)
        _, groups = np.unique(self._owners * n + ranks // self._config.of_query, return_inverse=True)
        order = np.argsort(generator.permutation(int(groups.max()) + 1)[groups], kind="stable")[:AN_EPOCH]
        whole = max(size, len(order) - len(order) % size)  # few pairs are too easy to tell apart
        for first in range(0, min(whole, len(order)), size):
            pairs = order[first : first + size]
            yield self._lesson(self._owners[pairs], self._items[mixed[pairs]])

    def loss(self, model: Pooled, lesson: Lesson) -> Tensor:
        """The mean cross-entropy of where the queries are led, and where they led."""
        queries, items = model.read(lesson.queries), model.read(lesson.items)  # (b, d), (c, d)
        scores = self._config.sharpness * (queries @ items.T).float() - lesson.expected  # (b, c)
        return F.cross_entropy(scores, lesson.shares)

    def watch(self, model: Pooled) -> float:
        """NDCG of the queries that are watched, among the items of all of them."""
        queries, items, shares = self._pool
        best = self._scores(model).topk(min(K, len(items)), dim=1).indices.cpu().numpy().astype(np.int32)
        rows = [shares.indices[shares.indptr[at] : shares.indptr[at + 1]] for at in range(len(queries))]
        gains = [shares.data[shares.indptr[at] : shares.indptr[at + 1]] for at in range(len(queries))]
        return float(ndcg(*gains_at(best, rows, gains)).mean())

    def convincing(self, model: Pooled) -> float:
        """The cosine that almost all of the watched queries have with what is nearest to them."""
        return near_enough(self._scores(model).amax(1).tolist())

    def _scores(self, model: Pooled) -> Tensor:
        queries, items, _ = self._pool
        return model.read_all(queries) @ model.read_all(items).T

    @cached_property
    def _pool(self) -> tuple[Tokens, Tokens, Any]:
        """Queries (k) that are watched, items (m), and the shares, csr_array [k, m]."""
        shares = self.known.shares[self._watched]
        items = np.random.default_rng(self._seed).permutation(np.unique(shares.indices))[:WATCHED_ITEMS]
        shares = shares[:, np.sort(items)]
        shares.eliminate_zeros()
        found = np.flatnonzero(np.diff(shares.indptr))
        queries = [self.queries[at] for at in self._watched[found].tolist()]
        return queries, [self.items[at] for at in np.sort(items).tolist()], shares[found]

    def _lesson(self, owners: Places, items: Places) -> Lesson:
        owners, items = np.unique(owners), np.unique(items)
        shares = self.known.shares[owners][:, items].toarray()
        shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1e-9)
        return Lesson(
            [self.queries[at] for at in owners.tolist()],
            [self.items[at] for at in items.tolist()],
            torch.from_numpy(shares).to(self._device),
            torch.from_numpy(self._expected[items]).to(self._device),
        )


class Distillation:
    """Queries that are learned from and texts of items, and where the tuned network puts them, which is found out once:
    float16 [n, d]."""

    def __init__(self, tuned: Pooled, teacher: Teacher, config: StudentConfig, settings: TrainSettings) -> None:
        self._tuned, self._batch = tuned, config.batch
        self._seed, self._device = settings.seed, device_of(settings.device)
        some = np.random.default_rng(settings.seed).permutation(len(teacher.items))[:AN_EPOCH]
        self._texts = [*teacher.taught, *(teacher.items[at] for at in some.tolist())]

    @cached_property
    def _vectors(self) -> npt.NDArray[np.float16]:
        return self._tuned.read_all(self._texts).cpu().numpy().astype(np.float16)

    def batches(self, epoch: int) -> Iterator[tuple[Tokens, Tensor]]:
        order = np.random.default_rng((self._seed, epoch)).permutation(len(self._texts))
        for first in range(0, len(order), self._batch):
            places = order[first : first + self._batch]
            vectors = torch.from_numpy(self._vectors[places].astype(np.float32)).to(self._device)
            yield [self._texts[at] for at in places.tolist()], vectors

    def loss(self, model: Pooled, batch: tuple[Tokens, Tensor]) -> Tensor:
        """Half the squared distance of the vectors, 1 − cosine."""
        tokens, vectors = batch
        return (1.0 - (model.read(tokens) * vectors).sum(1)).mean()


def _flat(tokens: Tokens) -> tuple[Places, Places]:
    """All tokens in a row, and the length of each text."""
    return np.array([one for text in tokens for one in text], np.int64), np.array(list(map(len, tokens)), np.int64)
