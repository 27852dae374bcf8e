"""The blocks of a transformer: attention, and layers that are gated.

Norms stand before (Xiong et al., "On Layer Normalization in the Transformer Architecture", ICML 2020), layers are gated
within the blocks (Shazeer, "GLU Variants Improve Transformer", 2020), and places are told by rotation, so that how far
apart two events are counts (Su et al., "RoFormer", 2021).

b histories of t events, width d, h heads.
"""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shopkeeper.learn.models.config import TransformerConfig
from shopkeeper.learn.models.network import Dropout


class Attention(nn.Module):
    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.asked = nn.Linear(config.width, 3 * config.width, bias=False)
        self.said = nn.Linear(config.width, config.width, bias=False)

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor], bias: Tensor) -> Tensor:
        b, t, d = x.shape
        split = self.asked(x).view(b, t, 3, self.heads, d // self.heads).transpose(1, 3)  # (b, h, 3, t, d/h)
        q, k = rotated(split[:, :, :2], turn).unbind(2)
        v = split[:, :, 2]
        # By hand: on a processor, for some hundred events, faster than the fused kernel, whose way back is slow.
        scores = (q / math.sqrt(d // self.heads)) @ k.transpose(2, 3)  # (b, h, t, t)
        y = torch.softmax(scores + bias.to(scores.dtype), dim=-1).to(v.dtype) @ v
        return cast(Tensor, self.said(y.transpose(1, 2).reshape(b, t, d)))


class Gated(nn.Module):
    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        width = config.width
        self.inner = nn.Linear(width, 4 * width, bias=False)  # twice for the gate, twice for what it lets by
        self.outer = nn.Linear(2 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate, value = self.inner(x).chunk(2, dim=-1)
        return cast(Tensor, self.outer(F.silu(gate) * value))


class Block(nn.Module):
    """x (b, t, d), what `turn_of` gives, and what is added to the attention that each event pays to each, of a shape
    that goes with (b, h, t, t) → (b, t, d)."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.before_attention, self.attention = nn.LayerNorm(config.width), Attention(config)
        self.before_gated, self.gated = nn.LayerNorm(config.width), Gated(config)
        self.dropout = Dropout(config.dropout)

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor], bias: Tensor) -> Tensor:
        x = x + self.dropout(self.attention(self.before_attention(x), turn, bias))
        return cast(Tensor, x + self.dropout(self.gated(self.before_gated(x))))


def rotated(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """x (…, t, d/h), each pair of numbers turned by an angle that grows with the place."""
    cos, sin = turn[0].to(x.dtype), turn[1].to(x.dtype)
    left, right = x.chunk(2, dim=-1)
    return torch.cat((left * cos - right * sin, right * cos + left * sin), dim=-1)


def turn_of(t: int, each: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosines and sines, both (t, each / 2)."""
    speeds = 10_000.0 ** (-torch.arange(0, each, 2, device=device) / each)
    angles = torch.arange(t, device=device)[:, None] * speeds
    return angles.cos(), angles.sin()
