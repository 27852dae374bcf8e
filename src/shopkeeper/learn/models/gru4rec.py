"""The network of `gru4rec`: a recurrent one, whose state after an event is what the next item is looked for with
(Hidasi, Karatzoglou, Baltrunas and Tikk, "Session-based Recommendations with Recurrent Neural Networks", ICLR 2016),
taught like the others by softmax (as Hidasi and Czapp, "The Effect of Third Party Implementations on Reproducibility",
RecSys 2023, find to be what makes it strong).

b histories of t events, width d.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from shopkeeper.learn.models.config import Gru4RecConfig
from shopkeeper.learn.models.network import Reader


class Gru4Rec(Reader):
    def __init__(self, config: Gru4RecConfig, clock: bool) -> None:
        super().__init__(config, clock)
        between = config.dropout if config.layers > 1 else 0.0
        self.gru = nn.GRU(config.width, config.width, config.layers, batch_first=True, dropout=between)

    def read(self, x: Tensor, there: Tensor, times: Tensor) -> Tensor:  # noqa: ARG002
        empty = x.new_zeros(self.gru.num_layers, x.shape[0], x.shape[2])  # (layers, b, d)
        with torch.autocast(x.device.type, enabled=False):  # its many small steps are faster so
            y, _ = self.gru(x.float(), empty.float())  # (b, t, d)
        return cast(Tensor, self.dropout(y))
