"""Networks that say how likely a candidate is wanted. Each reads features (n, F), NaN where something is not known, and
gives scores (n), and knows how wrong it is about a lesson.

n candidates of b requests, width w.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import pairwise
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shopkeeper.engine.ranking.recipe import Examples
from shopkeeper.learn.rankers.config import DcnConfig, DeepFmConfig, MlpConfig, MmoeConfig, NetworkConfig, PleConfig
from shopkeeper.vocabulary import Scores

REACH = 4.0  # standard deviations from the mean, beyond which a value is as good as there


class Lesson(NamedTuple):
    """features (n, F), labels (n), sizes (b), weights (b): some of the requests of Examples."""

    features: Tensor
    labels: Tensor
    sizes: Tensor
    weights: Tensor


def listwise(scores: Tensor, lesson: Lesson) -> Tensor:
    """The cross-entropy of what was wanted of a request, by its worth, among all its candidates (ListNet's first place;
    Cao et al., "Learning to Rank: From Pairwise Approach to Listwise Approach", ICML 2007)."""
    wanted = _lists(lesson.labels, lesson.sizes, 0.0)  # (b, longest)
    logs = torch.log_softmax(_lists(scores.float(), lesson.sizes, -torch.inf), dim=1)
    shares = wanted / wanted.sum(1, keepdim=True)
    losses = -(shares * logs.masked_fill(shares == 0, 0.0)).sum(1)  # (b)
    return (losses * lesson.weights).sum() / lesson.weights.sum()


def pointwise(scores: Tensor, lesson: Lesson) -> Tensor:
    """The cross-entropy of whether each candidate was wanted at all, what was worth more counting more."""
    wanted = (lesson.labels > 0).float()
    weights = lesson.weights.repeat_interleave(lesson.sizes) * lesson.labels.clamp(min=1.0)
    return F.binary_cross_entropy_with_logits(scores.float(), wanted, weights)


def _lists(values: Tensor, sizes: Tensor, fill: float) -> Tensor:
    """values (n) by request: (b, longest), filled behind."""
    there = torch.arange(int(sizes.max())) < sizes[:, None]
    return torch.full(there.shape, fill).masked_scatter(there, values)


class Standardised(nn.Module):
    """features (n, F) → (n, 2F): standard deviations from the mean of what was learned from, 0 where it is not known;
    and 1 where it is not known."""

    mean: Tensor
    spread: Tensor

    def __init__(self, learned: Scores) -> None:
        super().__init__()
        known = np.isfinite(learned)
        count, values = np.maximum(known.sum(0), 1), np.where(known, learned, 0.0).astype(np.float64)
        mean = values.sum(0) / count
        spread = np.sqrt((np.where(known, values - mean, 0.0) ** 2).sum(0) / count)
        self.register_buffer("mean", torch.from_numpy(mean).float())
        self.register_buffer("spread", torch.from_numpy(np.where(spread > 1e-12, spread, 1.0)).float())

    def forward(self, features: Tensor) -> Tensor:
        missing = torch.isnan(features)
        values = ((features - self.mean) / self.spread).clamp(-REACH, REACH)
        return torch.cat((torch.where(missing, torch.zeros_like(values), values), missing.float()), dim=1)


class Binned(nn.Module):
    """features (n, F) → places int64 (n, F) in a table of F · (bins + 1) rows: by quantile of what was learned from,
    the last of each feature's for what is not known."""

    edges: Tensor
    first: Tensor

    def __init__(self, learned: Scores, bins: int) -> None:
        super().__init__()
        edges = np.full((learned.shape[1], bins - 1), np.inf, np.float32)
        for column, line in zip(learned.T, edges, strict=True):
            known = column[np.isfinite(column)]
            if len(known):
                steps = np.unique(np.quantile(known, np.arange(1, bins) / bins))
                line[: len(steps)] = steps
        self.bins, self.rows = bins, learned.shape[1] * (bins + 1)
        self.register_buffer("edges", torch.from_numpy(edges))
        self.register_buffer("first", torch.arange(learned.shape[1]) * (bins + 1))

    def forward(self, features: Tensor) -> Tensor:
        bins = (features.unsqueeze(-1) > self.edges).sum(-1)
        return torch.where(torch.isnan(features), torch.full_like(bins, self.bins), bins) + self.first


def layers(inputs: int, config: NetworkConfig) -> nn.Sequential:
    """(n, inputs) → (n, w)."""
    widths = [inputs, *[config.width] * config.depth]
    blocks = [
        nn.Sequential(nn.Linear(before, after), nn.SiLU(), nn.Dropout(config.dropout))
        for before, after in pairwise(widths)
    ]
    return nn.Sequential(*blocks)


class Click(nn.Module):
    """What the click models have in common: how wrong they are."""

    def __init__(self, config: MlpConfig) -> None:
        super().__init__()
        self._loss = pointwise if config.loss == "pointwise" else listwise

    def loss(self, lesson: Lesson) -> Tensor:
        return self._loss(self(lesson.features), lesson)


class Mlp(Click):
    """A perceptron of some layers."""

    def __init__(self, examples: Examples, config: MlpConfig) -> None:
        super().__init__(config)
        self.inputs = Standardised(examples.features)
        self.hidden = layers(2 * examples.features.shape[1], config)
        self.score = nn.Linear(config.width, 1)

    def forward(self, features: Tensor) -> Tensor:
        return cast(Tensor, self.score(self.hidden(self.inputs(features)))[:, 0])


class DeepFm(Click):
    """Each pair of features counts by the product of their bins' vectors, and a perceptron reads the same vectors (Guo
    et al., "DeepFM: A Factorization-Machine based Neural Network for CTR Prediction", IJCAI 2017), and the values."""

    def __init__(self, examples: Examples, config: DeepFmConfig) -> None:
        super().__init__(config)
        n_features = examples.features.shape[1]
        self.inputs, self.binned = Standardised(examples.features), Binned(examples.features, config.bins)
        self.alone = nn.Embedding(self.binned.rows, 1)
        self.vectors = nn.Embedding(self.binned.rows, config.factors)
        nn.init.zeros_(self.alone.weight)
        nn.init.normal_(self.vectors.weight, std=0.05)
        self.hidden = layers(n_features * (config.factors + 2), config)
        self.deep = nn.Linear(config.width, 1)

    def forward(self, features: Tensor) -> Tensor:
        places = self.binned(features)  # (n, F)
        vectors = self.vectors(places)  # (n, F, factors)
        pairs = 0.5 * (vectors.sum(1) ** 2 - (vectors**2).sum(1)).sum(1)  # (n): of each pair once
        hidden = self.hidden(torch.cat((vectors.flatten(1), self.inputs(features)), dim=1))
        return cast(Tensor, self.alone(places).sum((1, 2)) + pairs + self.deep(hidden)[:, 0])


class Dcn(Click):
    """Products of features with features, of a degree that grows layer by layer, beside a perceptron (Wang et al., "DCN
    V2: Improved Deep & Cross Network", WWW 2021, in parallel)."""

    def __init__(self, examples: Examples, config: DcnConfig) -> None:
        super().__init__(config)
        self.inputs, width = Standardised(examples.features), 2 * examples.features.shape[1]
        self.crosses = nn.ModuleList(nn.Linear(width, width) for _ in range(config.crosses))
        self.hidden = layers(width, config)
        self.score = nn.Linear(width + config.width, 1)

    def forward(self, features: Tensor) -> Tensor:
        first = x = self.inputs(features)
        for cross in self.crosses:
            x = first * cross(x) + x
        return cast(Tensor, self.score(torch.cat((x, self.hidden(first)), dim=1))[:, 0])


class MultiTask(nn.Module, ABC):
    """Several tasks from what `trunk` makes for each: whether a candidate is worth at least so much to the person
    (looked at, put into the cart, bought). Every worth that is told apart is a task, and the score is the expected
    worth, Σ P(worth ≥ w) · (w − the next lower one). To learn from a sample of what was not wanted makes all that is
    rare too likely by one factor, and leaves the order.

    The losses are balanced by uncertainties that are learned (Kendall, Gal and Cipolla, CVPR 2018).
    """

    worths: Tensor
    steps: Tensor

    def __init__(self, examples: Examples, config: NetworkConfig) -> None:
        super().__init__()
        worths = np.unique(examples.labels[examples.labels > 0]).astype(np.float32)
        self.register_buffer("worths", torch.from_numpy(worths))
        self.register_buffer("steps", torch.from_numpy(np.diff(worths, prepend=np.float32(0.0))))
        self.inputs = Standardised(examples.features)
        self.towers = nn.ModuleList(nn.Linear(config.width, 1) for _ in worths)
        self.uncertainty = nn.Parameter(torch.zeros(len(worths)))  # logarithms of variances
        for tower, worth in zip(self.towers, worths, strict=True):
            share = float((examples.labels >= worth).mean())
            nn.init.constant_(cast(nn.Linear, tower).bias, float(np.log(share / max(1.0 - share, 1e-6))))

    @abstractmethod
    def trunk(self, inputs: Tensor) -> list[Tensor]:
        """(n, 2F) → for each task (n, w)."""

    def logits(self, features: Tensor) -> Tensor:
        """(n, tasks)"""
        told = self.trunk(self.inputs(features))
        return torch.cat([tower(each) for tower, each in zip(self.towers, told, strict=True)], dim=1)

    def forward(self, features: Tensor) -> Tensor:
        return torch.sigmoid(self.logits(features).float()) @ self.steps

    def loss(self, lesson: Lesson) -> Tensor:
        wanted = (lesson.labels[:, None] >= self.worths).float()
        losses = F.binary_cross_entropy_with_logits(self.logits(lesson.features).float(), wanted, reduction="none")
        weights = lesson.weights.repeat_interleave(lesson.sizes)
        each = (weights @ losses) / weights.sum()  # (tasks)
        return (torch.exp(-self.uncertainty) * each + 0.5 * self.uncertainty).sum()


class Gate(nn.Module):
    """Of some experts' words (n, experts, w), those that count for inputs (n, d): (n, w)."""

    def __init__(self, inputs: int, experts: int) -> None:
        super().__init__()
        self.weigh = nn.Linear(inputs, experts)

    def forward(self, inputs: Tensor, words: Tensor) -> Tensor:
        return (torch.softmax(self.weigh(inputs), dim=1).unsqueeze(-1) * words).sum(1)


class Mmoe(MultiTask):
    """The tasks share experts, and each has a gate that weighs them (Ma et al., "Modeling Task Relationships in
    Multi-task Learning with Multi-gate Mixture-of-Experts", KDD 2018)."""

    def __init__(self, examples: Examples, config: MmoeConfig) -> None:
        super().__init__(examples, config)
        inputs = 2 * examples.features.shape[1]
        self.experts = nn.ModuleList(layers(inputs, config) for _ in range(config.experts))
        self.gates = nn.ModuleList(Gate(inputs, config.experts) for _ in self.worths)

    def trunk(self, inputs: Tensor) -> list[Tensor]:
        words = torch.stack([expert(inputs) for expert in self.experts], dim=1)  # (n, experts, w)
        return [gate(inputs, words) for gate in self.gates]


class Extraction(nn.Module):
    """From what is known for each task and for all, the last, as much again: each task asks its own experts and the
    shared ones, the last asks all. (n, inputs) each → (n, w) each."""

    def __init__(self, inputs: int, tasks: int, config: PleConfig) -> None:
        super().__init__()
        self.experts = nn.ModuleList(
            nn.ModuleList(layers(inputs, config) for _ in range(config.experts)) for _ in range(tasks + 1)
        )
        asked = [2 * config.experts] * tasks + [(tasks + 1) * config.experts]
        self.gates = nn.ModuleList(Gate(inputs, experts) for experts in asked)

    def forward(self, known: list[Tensor]) -> list[Tensor]:
        words = [
            torch.stack([expert(each) for expert in cast(nn.ModuleList, own)], dim=1)
            for own, each in zip(self.experts, known, strict=True)
        ]
        heard = [torch.cat((own, words[-1]), dim=1) for own in words[:-1]] + [torch.cat(words, dim=1)]
        return [gate(each, said) for gate, each, said in zip(self.gates, known, heard, strict=True)]


class Ple(MultiTask):
    """Each task has experts of its own beside those that all share, in several rounds, so that tasks that want
    different things do not pull each other down (Tang et al., "Progressive Layered Extraction", RecSys 2020)."""

    def __init__(self, examples: Examples, config: PleConfig) -> None:
        super().__init__(examples, config)
        inputs = [2 * examples.features.shape[1], *[config.width] * (config.extractions - 1)]
        self.extractions = nn.ModuleList(Extraction(width, len(self.worths), config) for width in inputs)

    def trunk(self, inputs: Tensor) -> list[Tensor]:
        known = [inputs] * (len(self.worths) + 1)
        for extraction in self.extractions:
            known = extraction(known)
        return known[:-1]
