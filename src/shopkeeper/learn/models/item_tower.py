"""What towers have in common: vectors of items from what they are, and a history read as one.

n items, k of which have a meaning of e numbers; t terms in the vocabulary; vectors of width d, h hidden units.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shopkeeper.engine.item_features import Described
from shopkeeper.learn.models.config import TowerConfig
from shopkeeper.learn.models.histories import Batch
from shopkeeper.learn.models.losses import Drawn
from shopkeeper.learn.models.network import CODES


class ItemTower(nn.Module):
    """The terms of an item are summed, its meaning is projected, a hidden layer (if `hidden` is not 0) joins both, and
    what is learned of the item itself comes on top. This last part is left out at random in training (Volkovs, Yu and
    Poutanen, "DropoutNet: Addressing Cold Start in Recommender Systems", NeurIPS 2017), so that without it, too, the
    vector is where it should be: an item that nobody met has no other. An item of which nothing is said keeps it."""

    def __init__(self, items: Described, n_terms: int, width: int, hidden: int) -> None:
        super().__init__()
        e, scale = items.meanings.shape[1], 1.0 / math.sqrt(width)
        self.terms = nn.Parameter(torch.randn(n_terms, width) * scale)
        self.meanings = nn.Parameter(torch.randn(e, width) * scale)
        self.inner = nn.Parameter(torch.randn(width, hidden) * scale)
        self.outer = nn.Parameter(torch.zeros(hidden, width))
        told = torch.from_numpy(items.told)
        self.own = nn.Parameter(torch.randn(len(told), width) * scale * ~told[:, None])
        at = torch.full((len(told),), -1)
        at[torch.from_numpy(items.readable).long()] = torch.arange(len(items.readable))
        self.told, self.at = nn.Buffer(told, persistent=False), nn.Buffer(at, persistent=False)
        self.starts = nn.Buffer(torch.from_numpy(items.starts), persistent=False)
        self.places = nn.Buffer(torch.from_numpy(items.places).long(), persistent=False)
        self.weights = nn.Buffer(torch.from_numpy(items.weights), persistent=False)
        self.known = nn.Buffer(torch.from_numpy(items.meanings), persistent=False)  # (k, e)

    def forward(self, items: Tensor, without: float = 0.0) -> Tensor:
        """items (n), places → (n, d), of length 1. without: the share of items of which only what they are counts."""
        x = self.content(items)
        kept = (torch.rand(len(items), device=x.device) >= without) | ~self.told[items]
        return F.normalize(x + self.own[items] * kept[:, None], dim=-1)

    def content(self, items: Tensor) -> Tensor:
        """(n) → (n, d), of any length, by what the items are alone."""
        sizes = self.starts[items + 1] - self.starts[items]
        ends = sizes.cumsum(0)
        at = torch.arange(int(ends[-1]) if len(ends) else 0, device=items.device)
        at = at + (self.starts[items] - ends + sizes).repeat_interleave(sizes)  # where their terms lie
        x = F.embedding_bag(
            self.places[at], self.terms, ends - sizes, per_sample_weights=self.weights[at], mode="sum"
        )  # (n, d)
        readable = torch.nonzero(self.at[items] >= 0)[:, 0]
        meanings = self.known[self.at[items[readable]]] @ self.meanings
        x = x.index_add(0, readable, meanings.to(x.dtype))
        return x + torch.relu(x @ self.inner) @ self.outer


class Pool(nn.Module):
    """A history read as one vector after each event: the mean of all until then, each counting by how many events ago
    it was and what was done, and with `attention` by how it goes with the newest: at first not at all, as few events
    teach little about that."""

    def __init__(self, width: int, length: int, attention: bool) -> None:
        super().__init__()
        self.ages = nn.Parameter(-torch.log(torch.arange(1.0, length + 1.0)))
        self.kinds = nn.Parameter(torch.zeros(CODES))
        self.asked = nn.Linear(width, 2 * width, bias=False) if attention else None
        if self.asked is not None:
            nn.init.zeros_(self.asked.weight[:width])

    def forward(self, x: Tensor, codes: Tensor) -> Tensor:
        """x (b, t, d), codes (b, t) → (b, t, d)."""
        t = x.shape[1]
        age = torch.arange(t, device=x.device)[:, None] - torch.arange(t, device=x.device)  # (t, t)
        counts = self.ages[age.clamp(0, len(self.ages) - 1)] + self.kinds[codes][:, None, :]  # (b, t, t)
        if self.asked is not None:
            q, k = self.asked(x).chunk(2, dim=-1)
            counts = counts + q @ k.transpose(1, 2) / math.sqrt(x.shape[2])
        counts = counts.masked_fill(age < 0, -torch.inf)
        return torch.softmax(counts, dim=-1).to(x.dtype) @ x


class Tower(nn.Module, ABC):
    """What `tower_lessons.py` teaches: a network that says what fits histories of items with vectors, of width d."""

    def __init__(self, items: Described, n_terms: int, config: TowerConfig) -> None:
        super().__init__()
        self.items = ItemTower(items, n_terms, config.numbers, config.hidden)

    def vectors(self) -> Tensor:
        return cast(Tensor, self.items(torch.arange(len(self.items.own), device=self.items.own.device)))

    @abstractmethod
    def wanted(self, history: Tensor, codes: Tensor) -> Tensor:
        """(b, t, d), (b, t) → (b, t, d): what is wanted after each event."""

    def answers(self, batch: Batch, vectors: Tensor) -> Tensor:
        """What is wanted after each history, (b, d)."""
        items, codes = (torch.from_numpy(part).to(vectors.device) for part in (batch.items, batch.codes))
        newest = (items >= 0).sum(1) - 1
        history = F.embedding(items.clamp(min=0), vectors)
        return self.wanted(history, codes)[torch.arange(len(newest), device=vectors.device), newest]

    @abstractmethod
    def loss(self, wanted: Tensor, vectors: Tensor, targets: Tensor, drawn: Drawn) -> Tensor:
        """How far wanted (n, d) is from the targets (n) among vectors (m, d), by what is `Drawn` of these."""

    @abstractmethod
    def scores(self, wanted: Tensor, vectors: Tensor) -> Tensor:
        """wanted (n, d), vectors (m, d) → (n, m), more where it fits better."""

    @abstractmethod
    def graph(self) -> bytes:
        """As the source that serves it reads it (`engine/sources/towers.py`)."""
