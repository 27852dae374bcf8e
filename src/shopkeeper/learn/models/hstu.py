"""The network of `hstu`: blocks of attention without softmax, so that how often something was met counts, whose answer
is gated instead of passed through a layer more (Zhai et al., "Actions Speak Louder than Words: Trillion-Parameter
Sequential Transducers for Generative Recommendations", ICML 2024). How far apart two events are, in events and, where
there is a clock, in time, is added to how much one heeds the other.

b histories of t events, width d, h heads.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shopkeeper.learn.models.config import HstuConfig
from shopkeeper.learn.models.network import BUCKETS, Dropout, Reader, buckets_of


class Block(nn.Module):
    def __init__(self, config: HstuConfig, clock: bool) -> None:
        super().__init__()
        self.heads = config.heads
        self.before, self.after = nn.LayerNorm(config.width), nn.LayerNorm(config.width)
        self.inner = nn.Linear(config.width, 4 * config.width, bias=False)
        self.outer = nn.Linear(config.width, config.width, bias=False)
        # What is near counts more to begin with, which it would otherwise take the first epoch to find out.
        self.places = nn.Parameter(
            (1.0 / torch.arange(1.0, config.length + 1.0)).repeat(config.heads, 1)
        )  # (h, length)
        self.ages = nn.Embedding(BUCKETS, config.heads) if clock else None
        if self.ages is not None:
            nn.init.zeros_(self.ages.weight)
        self.dropout = Dropout(config.dropout)

    def forward(self, x: Tensor, back: Tensor, share: Tensor, buckets: Tensor) -> Tensor:
        """x (b, t, d); back (t, t), how many events before; share (t, t), of each event in what is read after another;
        buckets (b, t, t) → (b, t, d)."""
        b, t, d = x.shape
        u, v, q, k = F.silu(self.inner(self.before(x))).chunk(4, dim=-1)  # (b, t, d) each
        q, k, v = (part.view(b, t, self.heads, d // self.heads).transpose(1, 2) for part in (q, k, v))  # (b, h, t, d/h)
        bias = self.places[:, back]  # (h, t, t)
        if self.ages is not None:
            bias = bias + self.ages(buckets).permute(0, 3, 1, 2)  # (b, h, t, t)
        scores = q @ k.transpose(2, 3)  # (b, h, t, t)
        y = (F.silu(scores + bias.to(scores.dtype)) * share.to(scores.dtype)) @ v
        y = self.after(y.transpose(1, 2).reshape(b, t, d))
        return cast(Tensor, x + self.outer(self.dropout(u * y)))


class Hstu(Reader):
    def __init__(self, config: HstuConfig, clock: bool) -> None:
        super().__init__(config, clock)
        self.length = config.length
        self.blocks = nn.ModuleList(Block(config, clock) for _ in range(config.blocks))

    def read(self, x: Tensor, there: Tensor, times: Tensor) -> Tensor:  # noqa: ARG002
        place = torch.arange(x.shape[1], device=x.device)
        back = (place[:, None] - place).clamp(0, self.length - 1)  # (t, t)
        share = (place[:, None] >= place) / (place[:, None] + 1.0)  # (t, t): nothing of later
        buckets = buckets_of(times) if self.clock else back[None]
        for block in self.blocks:
            x = block(x, back, share, buckets)
        return x
