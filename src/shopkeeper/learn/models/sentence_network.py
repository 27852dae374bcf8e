"""A transformer of Hugging Face as an encoder of sentences that can be taught, and a smaller one of its layers."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shopkeeper.engine.encoder import of_like_length
from shopkeeper.engine.transformer import Ids, padded

Texts = Sequence[Ids]  # the tokens of each


class Pooled(nn.Module):
    """A transformer of Hugging Face whose token vectors are averaged: input_ids, attention_mask int64 (b, t) →
    float (b, d), of length 1."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network.float()

    @property
    def layers(self) -> int:
        return int(self.network.config.num_hidden_layers)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        tokens = self.network(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state  # (b, t, d)
        weights = attention_mask.unsqueeze(-1).to(tokens.dtype)  # (b, t, 1)
        pooled = (tokens * weights).sum(1) / weights.sum(1).clamp(min=1)  # (b, d)
        return F.normalize(pooled, dim=-1)

    def arrays(self) -> Iterator[npt.NDArray[Any]]:
        """Its weights."""
        return (weights.cpu().numpy() for weights in self.state_dict().values())

    def read(self, tokens: Texts) -> Tensor:
        """float32 (n, d), of n texts at once."""
        device = next(self.parameters()).device
        ids, mask = (torch.from_numpy(part).to(device) for part in padded(tokens))
        vectors: Tensor = self(ids, mask).float()
        return vectors

    def read_all(self, tokens: Texts) -> Tensor:
        """The same, some at a time; nothing is learned from it."""
        device = next(self.parameters()).device
        parts, order = list[Tensor](), list[npt.NDArray[np.int64]]()
        self.eval()
        with torch.inference_mode():
            for places in of_like_length(list(map(len, tokens))):
                parts.append(self.read([tokens[at] for at in places]))
                order.append(places)
        return torch.cat(parts)[torch.from_numpy(np.argsort(np.concatenate(order))).to(device)]


def with_layers(network: Any, layers: int) -> Any:
    """A copy of a network of transformers with so many of its layers, evenly from the first to the last; None where
    these do not stand in a stack, as in networks that use one layer several times."""
    copied, n = copy.deepcopy(network), network.config.num_hidden_layers
    stack = next((one for one in copied.modules() if isinstance(one, nn.ModuleList) and len(one) == n), None)
    if stack is None:
        return None
    kept = {*np.linspace(0, n - 1, layers).round().astype(int).tolist()}
    for at in reversed(range(n)):
        if at not in kept:
            del stack[at]
    copied.config.num_hidden_layers = layers
    return copied
