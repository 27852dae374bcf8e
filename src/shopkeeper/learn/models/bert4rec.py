"""The network of `bert4rec`: a transformer that reads a history from both sides, and is taught to guess what is hidden
in it; a hidden event behind the newest asks what comes next (Sun et al., "BERT4Rec: Sequential Recommendation with
Bidirectional Encoder Representations from Transformer", CIKM 2019). The blocks are those of `transformer.py`.

b histories of t events, width d, h heads.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shopkeeper.learn.models.config import Bert4RecConfig
from shopkeeper.learn.models.network import HIDDEN, PADDED, Events, Reader
from shopkeeper.learn.models.transformer import Block, turn_of


class Bert4Rec(Reader):
    """An event is hidden by its code, its vector being zero."""

    def __init__(self, config: Bert4RecConfig, clock: bool) -> None:
        super().__init__(config, clock)
        self.each, self.masked = config.width // config.heads, config.masked
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.blocks))
        nn.init.normal_(self.codes.weight.data[HIDDEN])

    def read(self, x: Tensor, there: Tensor, times: Tensor) -> Tensor:  # noqa: ARG002
        turn = turn_of(x.shape[1], self.each, x.device)
        bias = torch.zeros_like(there, dtype=x.dtype).masked_fill(~there, -torch.inf)[:, None, None]  # (b, 1, 1, t)
        for block in self.blocks:
            x = block(x, turn, bias)
        return x

    def forward(self, vectors: Tensor, codes: Tensor, times: Tensor) -> Tensor:
        """→ (b, t + 1, d): the last place is what comes next."""
        return super().forward(F.pad(vectors, (0, 0, 0, 1)), F.pad(codes, (0, 1), value=HIDDEN), F.pad(times, (0, 1)))

    def lesson(self, events: Events) -> tuple[Tensor, Tensor]:
        """Of every second history, some events are hidden. Of the others one is, and what comes behind it is left out,
        as it will be when it is asked what comes next: of histories of any length."""
        there = events.there
        place = torch.arange(there.shape[1], device=there.device)  # (t)
        chance = torch.rand(len(there), 2, 1, device=there.device)
        end = 1 + (chance[:, 0] * (there.sum(1, keepdim=True) - 1)).long()  # (b, 1): any event but the first
        asked = there & (torch.rand(there.shape, device=there.device) < self.masked)
        alone = (chance[:, 1] < 0.5) | ~asked.any(1, keepdim=True)
        asked = torch.where(alone, place == end, asked)
        codes = events.codes.masked_fill(asked, HIDDEN).masked_fill(alone & (place > end), PADDED)
        vectors = events.vectors.masked_fill(asked[..., None], 0.0)
        return super().forward(vectors, codes, events.times)[asked], asked

    def answers(self, events: Events) -> Tensor:
        there = events.there
        lengths = there.sum(1, keepdim=True)  # (b, 1)
        codes = F.pad(events.codes, (0, 1), value=PADDED).scatter(1, lengths, HIDDEN)
        vectors = F.pad(events.vectors * there[..., None], (0, 0, 0, 1))
        wanted = super().forward(vectors, codes, F.pad(events.times, (0, 1)))
        return wanted.take_along_dim(lengths[..., None], 1)[:, 0]
