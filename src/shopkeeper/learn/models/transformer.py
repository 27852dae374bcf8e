"""A causal transformer over histories, and what it is taught: after every event, the item of the next.

Self-attention over what came before (Kang and McAuley, "Self-Attentive Sequential Recommendation", ICDM 2018), with
what later work found to matter: every position is taught against all items at once, or against many drawn ones with
their frequency divided out (Klenitskiy and Vasilev, "Turning Dross Into Gold Loss", RecSys 2023), norms before and
gated layers within the blocks (Shazeer, "GLU Variants Improve Transformer", 2020), and places told by rotation, so that
how far apart two events are counts (Su et al., "RoFormer", 2021). Items are vectors of length 1, so that whatever
serves them may look for the nearest, and how alike is alike enough is learned.

b histories of t events, m items, width d, h heads.
"""

from __future__ import annotations

import io
import math
import warnings
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CODES = 32  # event types that may be told apart


@dataclass(frozen=True)
class Shape:
    """width: of vectors, a multiple of 2 · heads."""

    width: int
    blocks: int
    heads: int
    dropout: float


class Attention(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.asked = nn.Linear(shape.width, 3 * shape.width, bias=False)
        self.said = nn.Linear(shape.width, shape.width, bias=False)

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
        b, t, d = x.shape
        split = self.asked(x).view(b, t, 3, self.heads, d // self.heads).transpose(1, 3)  # (b, h, 3, t, d/h)
        q, k, v = split.unbind(2)
        # By hand: on a processor, for some hundred events, faster than the fused kernel, whose way back is slow.
        scores = (rotated(q, turn) / math.sqrt(d // self.heads)) @ rotated(k, turn).transpose(2, 3)  # (b, h, t, t)
        later = torch.ones(t, t, dtype=torch.bool, device=x.device).triu(1)
        y = torch.softmax(scores.masked_fill(later, -torch.inf), dim=-1).to(v.dtype) @ v
        return cast(Tensor, self.said(y.transpose(1, 2).reshape(b, t, d)))


class Gated(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.inner = nn.Linear(
            shape.width, 4 * shape.width, bias=False
        )  # twice for the gate, twice for what it lets by
        self.outer = nn.Linear(2 * shape.width, shape.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate, value = self.inner(x).chunk(2, dim=-1)
        return cast(Tensor, self.outer(F.silu(gate) * value))


class Block(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.before_attention, self.attention = nn.LayerNorm(shape.width), Attention(shape)
        self.before_gated, self.gated = nn.LayerNorm(shape.width), Gated(shape)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
        x = x + self.dropout(self.attention(self.before_attention(x), turn))
        return cast(Tensor, x + self.dropout(self.gated(self.before_gated(x))))


class Reader(nn.Module):
    """vectors (b, t, d) of items, of length 1, and codes (b, t) of events → (b, t, d), of length 1."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.each = shape.width // shape.heads
        self.scale = nn.Parameter(torch.tensor(math.sqrt(shape.width)))
        self.codes = nn.Embedding(CODES, shape.width)
        nn.init.zeros_(self.codes.weight)
        self.dropout = nn.Dropout(shape.dropout)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.blocks))
        self.norm = nn.LayerNorm(shape.width)

    def forward(self, vectors: Tensor, codes: Tensor) -> Tensor:
        x = self.dropout(vectors * self.scale + self.codes(codes))
        turn = turn_of(x.shape[1], self.each, x.device)
        for block in self.blocks:
            x = block(x, turn)
        return F.normalize(self.norm(x), dim=-1)


class Transformer(nn.Module):
    """items (m, d): the vectors, of any length, that are scaled to 1 where they are used."""

    def __init__(self, n_items: int, shape: Shape) -> None:
        super().__init__()
        self.items = nn.Parameter(torch.randn(n_items, shape.width) / math.sqrt(shape.width))
        self.reader = Reader(shape)
        self.sharpness = nn.Parameter(torch.tensor(math.log(10.0)))

    def vectors(self) -> Tensor:
        return F.normalize(self.items, dim=-1)

    def forward(self, items: Tensor, codes: Tensor, vectors: Tensor) -> Tensor:
        """items (b, t), padded by anything below 0 behind."""
        return cast(Tensor, self.reader(F.embedding(items.clamp(min=0), vectors), codes))


def rotated(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """x (b, h, t, d/h), each pair of numbers turned by an angle that grows with the place."""
    cos, sin = turn[0].to(x.dtype), turn[1].to(x.dtype)
    left, right = x.chunk(2, dim=-1)
    return torch.cat((left * cos - right * sin, right * cos + left * sin), dim=-1)


def turn_of(t: int, each: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosines and sines, both (t, each / 2)."""
    speeds = 10_000.0 ** (-torch.arange(0, each, 2, device=device) / each)
    angles = torch.arange(t, device=device)[:, None] * speeds
    return angles.cos(), angles.sin()


def graph_of(reader: Reader, width: int) -> bytes:
    """The reader as a graph of ONNX: vectors float32 [b, t, d], codes int64 [b, t] → wanted float32 [b, t, d]."""
    buffer = io.BytesIO()
    example = (torch.randn(2, 3, width), torch.zeros(2, 3, dtype=torch.long))
    axes = {0: "b", 1: "t"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own, which nobody could act on
        torch.onnx.export(
            reader.eval(),
            example,
            cast(Any, buffer),  # which its types do not know
            input_names=["vectors", "codes"],
            output_names=["wanted"],
            dynamic_axes={"vectors": axes, "codes": axes, "wanted": axes},
            opset_version=17,
            dynamo=False,
        )
    return buffer.getvalue()
