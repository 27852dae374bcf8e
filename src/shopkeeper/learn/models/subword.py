"""How the encoder of `engine/subword.py` learns: what is said of an item in one place should find what is said of it in
another, and a query what people clicked after it, among all that stands beside it in a batch (van den Oord, Li and
Vinyals, "Representation Learning with Contrastive Predictive Coding", 2018).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shopkeeper.engine.chinese import Chinese
from shopkeeper.engine.context import Epoch, places_among
from shopkeeper.engine.item_text import item_texts
from shopkeeper.engine.subword import Bags, Counts, Hashes, Reading, SubwordEncoder, features
from shopkeeper.learn.models.config import LoopConfig
from shopkeeper.learn.models.lessons import checkpoint_at, seeded
from shopkeeper.learn.models.loop import Loop, Schedule, device_of
from shopkeeper.settings import Positive, TrainSettings
from shopkeeper.vocabulary import Rows

MOST_FEATURES, FEWEST_TIMES = 131_072, 2  # the most frequent, that are said so often at least
WATCHED, WATCHED_SHARE = 1_000, 0.1  # items that are not learned from but watched: at most, and of all
AN_EPOCH = 200_000  # pairs, at most
ALMOST_ALL = 0.05  # of what is watched may be less near than what is convincing
MOST_TOKENS = 32  # of a field, before words drop out
_DESCRIBED = 300  # characters of a description

_log = logging.getLogger(__name__)


class SubwordConfig(LoopConfig, frozen=True, forbid_unknown_fields=True):
    """width: of the vectors; batch: of pairs."""

    rate: float = 5e-3
    weight_decay: float = 0.0
    epochs: Positive = 60
    patience: Positive = 4
    width: Positive = 128
    batch: Positive = 512


class Clicks(NamedTuple):
    """Queries, and for each the row of an item that it led to, int32 [n]."""

    queries: Sequence[str]
    rows: Rows

    @classmethod
    def none(cls) -> Clicks:
        return cls((), np.empty(0, np.int32))


@dataclass(frozen=True)
class Corpus:
    """Places of tokens, of all items and queries. features: of each token, places in the vocabulary `hashes`, uint32
    [f], ascending; counts: int64 [f], how often each is said. titles, told (all else but descriptions), described: of
    each item; queries: of each click, on `clicked` int32 [n]; asked: int64 [n], which of them are the same query."""

    hashes: Hashes
    counts: Counts
    features: Bags
    titles: Bags
    told: Bags
    described: Bags
    queries: Bags
    clicked: Rows
    asked: Counts

    @classmethod
    def read(cls, items: pa.Table, clicks: Clicks, reading: Reading) -> Corpus:
        """From a table of schema ITEMS."""
        texts = [
            _parts(item.title, item.brand, item.category, item.attributes, item.description)
            for item in item_texts(items)
        ]
        distinct = list(dict.fromkeys(clicks.queries))
        asked = {query: at for at, query in enumerate(distinct)}
        every = [part for at in range(3) for part in (parts[at] for parts in texts)] + distinct
        tokens, bags = reading.bags(every)
        found = features(tokens)
        which = np.fromiter((asked[query] for query in clicks.queries), np.int64, len(clicks.queries))
        said = np.concatenate((np.ones(len(every) - len(distinct)), np.bincount(which, minlength=len(distinct))))
        of_texts = np.bincount(bags.things, said[bags.owners], len(tokens))
        hashes, at = np.unique(found.things, return_inverse=True)
        counts = np.bincount(at, of_texts[found.owners], len(hashes)).astype(np.int64)
        kept = np.sort(np.argsort(-counts, kind="stable")[:MOST_FEATURES])
        kept = kept[counts[kept] >= FEWEST_TIMES]
        places, n = places_among(hashes[kept], found.things), len(texts)
        titles, told, described = (bags.take(np.arange(at * n, (at + 1) * n)) for at in range(3))
        return cls(
            hashes=hashes[kept],
            counts=counts[kept],
            features=Bags(places, found.sizes).where(places >= 0),
            titles=titles,
            told=told,
            described=described,
            queries=bags.take(3 * n + which),
            clicked=clicks.rows,
            asked=which,
        )

    @property
    def n_texts(self) -> int:
        return 3 * len(self.titles.sizes) + len(self.queries.sizes)


def _parts(title: str, brand: str, category: str, attributes: str, description: str) -> tuple[str, str, str]:
    """A title in one language; in others it is something else that is told of the item."""
    first, *others = title.splitlines() or [""]
    return first, "\n".join((*others, brand, category, attributes)), description[:_DESCRIBED]


class Side(NamedTuple):
    """things (m) of b bags, where those of each begin (b)."""

    things: Tensor
    starts: Tensor


class Lesson(NamedTuple):
    """b pairs. tokens: the features of u tokens; scales (u): what each token is divided by; left, right: places of
    tokens; wrong (b, b): where the right text of a column is no answer to the left one of a row; expected (b): the
    logarithm of how often the item of each is drawn."""

    tokens: Side
    scales: Tensor
    left: Side
    right: Side
    wrong: Tensor
    expected: Tensor


class SubwordNetwork(nn.Module):
    """f features of width d, each with a weight of its own: what is said everywhere says little."""

    def __init__(self, counts: Counts, n_texts: int, d: int) -> None:
        super().__init__()
        rarity = torch.from_numpy(np.log(np.maximum(n_texts / counts, 1.1)).astype(np.float32))
        self.rows = nn.Parameter(torch.randn(len(counts), d) / d**0.5)  # (f, d)
        self.weights = nn.Parameter((rarity / rarity.max().clamp(min=1e-6)).clamp(min=0.05).log()[:, None])  # (f, 1)
        self.sharpness = nn.Parameter(torch.tensor(2.5))  # log

    def forward(self, lesson: Lesson) -> tuple[Tensor, Tensor]:
        """Left and right, (b, d) each, of length 1."""
        counted = F.embedding(lesson.tokens.things, self.weights, sparse=True)[:, 0].exp()
        tokens = F.embedding_bag(
            lesson.tokens.things, self.rows, lesson.tokens.starts, mode="sum", sparse=True, per_sample_weights=counted
        )
        tokens = tokens / lesson.scales[:, None]  # (u, d)
        left, right = (
            F.embedding_bag(side.things, tokens, side.starts, mode="sum") for side in (lesson.left, lesson.right)
        )
        return F.normalize(left, dim=-1), F.normalize(right, dim=-1)

    def loss(self, lesson: Lesson) -> Tensor:
        left, right = self(lesson)
        scores = (left @ right.T).float() * self.sharpness.clamp(max=4.6).exp() - lesson.expected  # (b, b)
        among = scores.masked_fill(~lesson.wrong, -torch.inf).diagonal_scatter(scores.diagonal())
        return F.cross_entropy(among, torch.arange(len(among), device=among.device))

    def table(self) -> npt.NDArray[np.float16]:
        """float16 [f, d]: what each feature adds to a text."""
        return np.asarray((self.rows * self.weights.exp()).detach().cpu().numpy(), np.float16)


def learned(
    items: pa.Table,
    clicks: Clicks,
    chinese: Chinese,
    max_tokens: int,
    settings: TrainSettings,
    work: Path | None = None,
    config: SubwordConfig | None = None,
) -> SubwordEncoder:
    """From a table of schema ITEMS, and what was clicked after queries. What is learned is kept in `work`, for whoever
    asks for the same again."""
    config, reading = config or SubwordConfig(), Reading.of(chinese, max_tokens)
    corpus = Corpus.read(items, clicks, reading)
    if not len(corpus.hashes):
        return SubwordEncoder(corpus.hashes, np.empty((0, config.width), np.float16), reading, 1.0)
    with seeded(settings):
        network = SubwordNetwork(corpus.counts, corpus.n_texts, config.width).to(device_of(settings.device))
        teacher = Teacher(corpus, config, settings)
        read = (corpus.hashes, corpus.titles.things, corpus.told.things, corpus.described.things, corpus.queries.things)
        terms = (settings.seed, max_tokens, msgspec.to_builtins(config))
        checkpoint = checkpoint_at(work, "encoder", (*read, corpus.titles.sizes, corpus.clicked), terms)
        loop = Loop(network, replace(Schedule.of(config, settings), average=0.99), checkpoint)
        network = loop.fit(teacher.batches, SubwordNetwork.loss, teacher.watch, _tell)
        with torch.inference_mode():
            convincing = teacher.convincing(network)
        return SubwordEncoder(corpus.hashes, network.table(), reading, convincing)


def _tell(number: int, epoch: Epoch) -> None:
    _log.info("encoder, epoch %d: loss %.3f, %.3f found, %.0f s", number, epoch.loss, epoch.figure, epoch.seconds)


class Teacher:
    """Each item is in one pair of an epoch: one half of its title and the other, or what else is told of it, or its
    description, and its title; each click in one. Words drop out of all but queries."""

    # The share of tokens that remains of (title, told, described), left and right, by kind of pair.
    _LEFT = np.array([(0.5, 0.0, 0.0), (0.0, 0.3, 0.0), (0.0, 0.0, 0.3), (0.0, 0.0, 0.0)])
    _RIGHT = np.array([(0.5, 0.5, 0.2), (0.8, 0.0, 0.2), (0.8, 0.3, 0.0), (0.9, 0.7, 0.3)])
    _CLICK = 3

    def __init__(self, corpus: Corpus, config: SubwordConfig, settings: TrainSettings) -> None:
        self._corpus, self._batch, self._seed = corpus, config.batch, settings.seed
        self._device, self._unwatched = device_of(settings.device), 0
        n = len(corpus.titles.sizes)
        told = np.flatnonzero(corpus.titles.sizes)
        share = min(WATCHED_SHARE, WATCHED / max(len(told), 1))
        watched = _drawn(n, share, settings.seed)[told]
        self._items, self._watched = told[~watched], told[watched]
        share = min(WATCHED_SHARE, WATCHED / max(len(corpus.clicked), 1))
        held = _drawn(int(corpus.asked.max(initial=-1)) + 1, share, settings.seed + 1)[corpus.asked]
        self._clicks, self._held = np.flatnonzero(~held), np.flatnonzero(held)
        drawn = np.bincount(corpus.clicked[self._clicks], minlength=n) + 1.0
        self._expected = np.log(drawn / drawn.sum()).astype(np.float32)

    def batches(self, epoch: int) -> Iterator[Lesson]:
        generator = np.random.default_rng((self._seed, epoch))
        items = generator.permutation(self._items)[:AN_EPOCH]
        clicks = generator.permutation(self._clicks)[:AN_EPOCH]
        order = generator.permutation(np.concatenate((items, -1 - clicks)))
        whole = max(self._batch, len(order) - len(order) % self._batch)  # few pairs are too easy to tell apart
        for first in range(0, min(whole, len(order)), self._batch):
            lesson = self._lesson(order[first : first + self._batch], generator)
            if len(lesson.expected) > 1:
                yield lesson

    def watch(self, network: SubwordNetwork) -> float:
        """Of items and queries that are not learned from: how well one side of each pair leads to the other, among all
        that are watched, as the mean of 1 / rank; where nothing is watched, the last epoch is the best."""
        means = list[float]()
        for scores in self._scores(network):
            ranks = (scores >= scores.diagonal()[:, None]).sum(1)
            means.append(float((1.0 / ranks).mean()))
        self._unwatched += 1
        return float(np.mean(means)) if means else float(self._unwatched)

    def convincing(self, network: SubwordNetwork) -> float:
        """The cosine that almost all of what is watched has with what is nearest to it."""
        best = [float(one) for scores in self._scores(network) for one in scores.amax(1)]
        return near_enough(best)

    def _scores(self, network: SubwordNetwork) -> Iterator[Tensor]:
        """(k, k), of what is watched of items, and of queries."""
        for places in (self._watched, -1 - self._held):
            lesson = self._lesson(places, np.random.default_rng(self._seed))
            if len(lesson.expected) > 1:
                left, right = network(lesson)
                yield left.float() @ right.float().T

    def _lesson(self, places: npt.NDArray[np.int64], generator: np.random.Generator) -> Lesson:
        """places: of items, and -1 - those of clicks."""
        corpus, is_click = self._corpus, places < 0
        clicks = np.where(is_click, -1 - places, 0)
        rows = np.where(is_click, corpus.clicked[clicks] if len(corpus.clicked) else 0, places)
        fields = [field.take(rows) for field in (corpus.titles, corpus.told, corpus.described)]
        there = np.stack([field.sizes > 0 for field in fields], axis=1) * generator.random((len(rows), 3))
        kinds = np.where(is_click, self._CLICK, there.argmax(axis=1))
        left, right = (Bags(np.empty(0, np.int64), np.zeros(len(rows), np.int64)) for _ in range(2))
        for at, field in enumerate(fields):
            chance, kind = generator.random(len(field.things)), kinds[field.owners]
            length = np.maximum(field.sizes / MOST_TOKENS, 1.0)[field.owners]
            left = left.and_(field.where(chance * length < self._LEFT[kind, at]))
            right = right.and_(field.where((1.0 - chance) * length <= self._RIGHT[kind, at]))
        asked = corpus.queries.take(clicks[is_click])
        left = left.and_(
            Bags(asked.things, np.bincount(np.flatnonzero(is_click), asked.sizes, len(rows)).astype(np.int64))
        )
        kept = np.flatnonzero((left.sizes > 0) & (right.sizes > 0))
        rows, query = rows[kept], np.where(is_click, corpus.asked[clicks] if len(corpus.asked) else 0, -1)[kept]
        same = (rows[:, None] == rows) | ((query[:, None] == query) & (query >= 0))
        left, right = left.take(kept), right.take(kept)
        used, tokens_of = np.unique(np.concatenate((left.things, right.things)), return_inverse=True)
        tokens, split = corpus.features.take(used), len(left.things)
        scales = np.sqrt(np.maximum(tokens.sizes, 1), dtype=np.float32)
        return Lesson(
            self._side(tokens),
            torch.from_numpy(scales).to(self._device),
            self._side(Bags(tokens_of[:split], left.sizes)),
            self._side(Bags(tokens_of[split:], right.sizes)),
            torch.from_numpy(~same).to(self._device),
            torch.from_numpy(self._expected[rows]).to(self._device),
        )

    def _side(self, bags: Bags) -> Side:
        parts = (bags.things, np.cumsum(bags.sizes) - bags.sizes)
        return Side(*(torch.from_numpy(part.astype(np.int64)).to(self._device) for part in parts))


def near_enough(best: Sequence[float]) -> float:
    """What is convincing to an encoder: the cosine that almost all of some queries have with what is nearest."""
    return float(np.clip(np.quantile(best, ALMOST_ALL), 0.2, 0.5)) if len(best) else 0.3


def _drawn(n: int, share: float, seed: int) -> npt.NDArray[np.bool_]:
    """bool [n]: about that share of them."""
    hashed = (np.arange(n, dtype=np.uint64) + np.uint64(seed)) * np.uint64(0x9E3779B97F4A7C15)
    return np.asarray((hashed >> np.uint64(40)) < share * 2**24)
