"""The network of `two_tower`: one tower reads a history, the other what an item is, and near to each other is what fits
(Covington, Adams and Sargin, "Deep Neural Networks for YouTube Recommendations", RecSys 2016; Yi et al.,
"Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations", RecSys 2019).

`hybrid` is the same with nothing but sums: an item is the sum of what is learned of its words, labels and itself, a
person the weighted sum of the items that they met (Kula, "Metadata Embeddings for User and Item Cold-start
Recommendations", CBRecSys 2015), taught to put first what was wanted (`losses.warp`).

b histories of t events, width d.
"""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shopkeeper.engine.item_features import Described
from shopkeeper.learn.models.config import TwoTowerConfig
from shopkeeper.learn.models.export import exported
from shopkeeper.learn.models.item_tower import Pool, Tower
from shopkeeper.learn.models.losses import Drawn, sampled_softmax, warp
from shopkeeper.learn.models.network import CODES, Dropout

LOSSES = {"softmax": sampled_softmax, "warp": warp}


class UserTower(nn.Module):
    """history (b, t, d) of vectors of length 1, codes (b, t) → (b, t, d), of length 1."""

    def __init__(self, config: TwoTowerConfig) -> None:
        super().__init__()
        width = config.width
        self.codes = nn.Embedding(CODES, width)
        nn.init.zeros_(self.codes.weight)
        self.pool = Pool(width, config.length, config.attention)
        self.all = nn.Linear(width, width, bias=False)
        nn.init.eye_(self.all.weight)
        self.newest = nn.Linear(width, width, bias=False) if config.attention else None
        if self.newest is not None:
            nn.init.zeros_(self.newest.weight)
        self.dropout = Dropout(config.dropout)

    def forward(self, history: Tensor, codes: Tensor) -> Tensor:
        x = self.dropout(history + self.codes(codes))
        wanted = self.all(self.pool(x, codes))
        if self.newest is not None:
            wanted = wanted + self.newest(x)
        return F.normalize(wanted, dim=-1)


class TwoTower(Tower):
    def __init__(self, items: Described, n_terms: int, config: TwoTowerConfig) -> None:
        super().__init__(items, n_terms, config)
        self.user, self.of = UserTower(config), LOSSES[config.loss]
        self.sharpness = nn.Parameter(torch.tensor(math.log(10.0)))

    def wanted(self, history: Tensor, codes: Tensor) -> Tensor:
        return cast(Tensor, self.user(history, codes))

    def loss(self, wanted: Tensor, vectors: Tensor, targets: Tensor, drawn: Drawn) -> Tensor:
        return self.of(wanted, vectors, targets, self.sharpness.exp(), drawn)

    def scores(self, wanted: Tensor, vectors: Tensor) -> Tensor:
        return wanted @ vectors.T

    def graph(self) -> bytes:
        width, axes = self.user.all.in_features, {0: "b", 1: "t"}
        inputs = {"history": torch.randn(2, 3, width), "codes": torch.zeros(2, 3, dtype=torch.long)}
        return exported(self.user, inputs, dict.fromkeys((*inputs, "wanted"), axes), "wanted")
