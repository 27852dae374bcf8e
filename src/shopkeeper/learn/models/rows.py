"""AdamW and the average of weights where a step touches few rows of a large matrix, as the vectors of a million items.

A gradient that is sparse changes its rows alone; what time would have done to the others since, happens to a row when
it is touched the next time. Momentum is left out there: a gradient moves its row at once by as much as it would have
over the next steps.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

AT_ONCE = 65_536  # rows that are settled together


def parts_of(gradients: list[Tensor]) -> list[Tensor]:
    """The numbers of each, which may be changed in place; of sparse ones those that are there."""
    return [gradient._values() if gradient.is_sparse else gradient for gradient in gradients]


class RowAdamW(torch.optim.AdamW):
    """AdamW; of parameters (m, d) with sparse gradients row by row, without momentum. Gradients are coalesced."""

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        sparse = list[tuple[nn.Parameter, Tensor]]()
        for group in self.param_groups:
            for weights in group["params"]:
                if weights.grad is not None and weights.grad.is_sparse:
                    self._touch(weights, group)
                    sparse.append((weights, weights.grad))
                    weights.grad = None
        told = super().step(closure)
        for weights, gradient in sparse:
            weights.grad = gradient
        return told

    def _touch(self, weights: nn.Parameter, group: dict[str, Any]) -> None:
        state, gradient = self.state[weights], weights.grad
        assert gradient is not None
        if not state:
            state["step"] = torch.zeros(())
            state["touched"] = torch.zeros(len(weights), device=weights.device)  # by which step
            state["squares"] = torch.zeros_like(weights)
        state["step"] += 1
        now, beta = int(state["step"]), group["betas"][1]
        rows, values = gradient._indices()[0], gradient._values()
        since = (now - state["touched"][rows])[:, None]
        squares = state["squares"][rows] * beta**since + (1.0 - beta) * values.square()
        state["touched"][rows], state["squares"][rows] = now, squares
        length = (squares / (1.0 - beta**now)).sqrt_().add_(group["eps"])
        decayed = weights[rows] * (1.0 - group["lr"] * group["weight_decay"]) ** since
        weights[rows] = decayed - group["lr"] * values / length


class Average(nn.Module):
    """The average `module` of a model's weights over its last steps, about 1 / (1 - most) of them; but of the first it
    takes more, so that the beginning is soon forgotten. Of rows that steps leave as they are it is kept up when they
    are touched, or `settle` is called."""

    def __init__(self, model: nn.Module, most: float) -> None:
        super().__init__()
        self.module = copy.deepcopy(model)
        self._most = most
        self.steps = nn.Buffer(torch.zeros((), dtype=torch.int64))
        self.kept = nn.Buffer(torch.zeros((), dtype=torch.float64))  # log of what is left of the first weights
        self._since: dict[str, Tensor] = {}  # what `kept` was when each row was last settled

    @torch.no_grad()
    def before(self, model: nn.Module) -> None:
        """A step of the optimiser: settles the rows that it will change."""
        for name, weights in model.named_parameters():
            if weights.grad is not None and weights.grad.is_sparse:
                self._settle(name, weights, weights.grad._indices()[0])

    @torch.no_grad()
    def after(self, model: nn.Module) -> None:
        new = 1.0 if not self.steps else max(1.0 - self._most, 9.0 / (10.0 + float(self.steps)))
        self.steps.add_(1)
        self.kept.add_(math.log(max(1.0 - new, 1e-300)))
        averaged = dict(self.module.named_parameters())
        dense = {name: weights for name, weights in model.named_parameters() if name not in self._since}
        torch._foreach_lerp_([averaged[name] for name in dense], list(dense.values()), new)

    @torch.no_grad()
    def settle(self, model: nn.Module) -> None:
        for name, weights in model.named_parameters():
            if name in self._since:
                for first in range(0, len(weights), AT_ONCE):
                    last = min(first + AT_ONCE, len(weights))
                    self._settle(name, weights, torch.arange(first, last, device=weights.device))

    def _settle(self, name: str, weights: nn.Parameter, rows: Tensor) -> None:
        averaged = self.module.get_parameter(name)
        if name not in self._since:
            self._since[name] = self.kept.repeat(len(weights))  # until now it had no part in any step, or was settled
        left = torch.exp(self.kept - self._since[name][rows]).to(weights.dtype)[:, None]
        averaged[rows] = torch.lerp(weights[rows], averaged[rows], left)
        self._since[name][rows] = self.kept
