"""The network of `sasrec`: self-attention over what came before (Kang and McAuley, "Self-Attentive Sequential
Recommendation", ICDM 2018), with what later work found to matter: every position is taught against all items at once,
or against many drawn ones with their frequency divided out (Klenitskiy and Vasilev, "Turning Dross Into Gold Loss",
RecSys 2023), and the blocks are those of `transformer.py`. With `times`, how long ago an event was counts as well, by
what is learned for each head and bucket of time (as Li, Wang and McAuley, "Time Interval Aware Self-Attention", WSDM
2020, with a bias alone).

b histories of t events, width d, h heads.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from shopkeeper.learn.models.config import SasRecConfig
from shopkeeper.learn.models.network import BUCKETS, Reader, buckets_of
from shopkeeper.learn.models.transformer import Block, turn_of


class SasRec(Reader):
    def __init__(self, config: SasRecConfig, clock: bool) -> None:
        super().__init__(config, clock)
        self.each = config.width // config.heads
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.blocks))
        self.ages = nn.Embedding(BUCKETS, config.heads) if config.times and clock else None
        if self.ages is not None:
            nn.init.zeros_(self.ages.weight)

    def read(self, x: Tensor, there: Tensor, times: Tensor) -> Tensor:  # noqa: ARG002
        turn = turn_of(x.shape[1], self.each, x.device)
        bias = torch.full((x.shape[1], x.shape[1]), -torch.inf, device=x.device).triu(1)  # (t, t): nothing of later
        if self.ages is not None:
            bias = bias + self.ages(buckets_of(times)).permute(0, 3, 1, 2)  # (b, h, t, t)
        for block in self.blocks:
            x = block(x, turn, bias)
        return x
