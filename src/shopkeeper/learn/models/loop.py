"""The one training loop: whatever the model, epoch after epoch until it no longer gets better, or its time is up."""

from __future__ import annotations

import copy
import logging
import math
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import torch
from torch import Tensor, nn

from shopkeeper.data.scratch import Scratch
from shopkeeper.engine.context import Epoch, Reached
from shopkeeper.errors import DivergedError, SettingsError
from shopkeeper.learn.models.config import LoopConfig
from shopkeeper.learn.models.rows import Average, RowAdamW, parts_of
from shopkeeper.settings import TrainSettings

_log = logging.getLogger(__name__)

Model = TypeVar("Model", bound=nn.Module)
Batch = TypeVar("Batch")


@dataclass(frozen=True)
class Schedule:
    """rate: of the optimiser, reached after `warm_up` steps; falling: how the rate goes on, to nothing at the end of
    the epochs or of the seconds, whichever is nearer; momentum: of SGD; decay: of weights; l1: what the sum of the
    weights' magnitudes adds to the loss, times this; average: of the weights over the last steps, which are what is
    watched and kept: as good as letting the rate fall, and good at any moment; clip: of gradients' norm; patience:
    epochs without a better figure, after which it ends; seconds: after which it ends in any case; pause: seconds after
    which it gives what it has, to be taken up again; keep_s: seconds between checkpoints, at least."""

    rate: float = 1e-3
    warm_up: int = 100
    falling: Literal["no", "linear", "cosine"] = "no"
    optimiser: Literal["adamw", "sgd"] = "adamw"
    momentum: float = 0.9
    decay: float = 0.01
    l1: float = 0.0
    average: float = 0.999
    clip: float = 1.0
    epochs: int = 200
    patience: int = 10
    seconds: float = 3_600.0
    pause: float = math.inf
    seed: int = 0
    keep_s: float = 60.0

    @classmethod
    def of(cls, config: LoopConfig, settings: TrainSettings) -> Schedule:
        """As the config of a model and the shop's settings have it."""
        return cls(
            rate=config.rate,
            falling=config.falling,
            optimiser=config.optimiser,
            momentum=config.momentum,
            decay=config.weight_decay,
            l1=config.l1,
            epochs=config.epochs,
            patience=config.patience,
            seconds=60.0 * settings.budget_minutes,
            seed=settings.seed,
        )

    def within(self, steps: int) -> Schedule:
        """The same for a fit of so many steps at most, a tenth of which are enough to reach the rate."""
        return replace(self, warm_up=min(self.warm_up, max(1, steps // 10)))


class Loop(Generic[Model]):
    """Fits a model in place, on the device that it is on.

    checkpoint: a file that holds all there is after an epoch: whoever was stopped in the middle goes on from there, and
    comes to the same as whoever was not, but for a rate that falls with the time.
    """

    def __init__(self, model: Model, schedule: Schedule, checkpoint: Path | None = None) -> None:
        self.model, self.schedule, self.checkpoint = model, schedule, checkpoint
        self.epochs = list[Epoch]()
        self._device = next(model.parameters()).device
        self._optimizer = _optimiser(model, schedule)
        self._averaged = Average(model, schedule.average)
        self._best: dict[str, Any] = {}
        self._kept = -math.inf  # when the checkpoint was written
        self._steps = 0

    def fit(
        self,
        batches: Callable[[int], Iterable[Batch]],
        loss: Callable[[Model, Batch], Tensor],
        watch: Callable[[Model], float],
        tell: Callable[[int, Epoch], None] = lambda _, __: None,
    ) -> Model:
        """The model of the best epoch. batches: those of the epoch of that number, the first being 0; watch: how good a
        model is, on what it does not learn from. Raises DivergedError where the first epoch comes to nothing."""
        self._restore()
        begin = time.monotonic() - (self.epochs[-1].seconds if self.epochs else 0.0)
        while not self._is_over():
            torch.manual_seed(self.schedule.seed + len(self.epochs))
            mean = self._taught(batches(len(self.epochs)), loss, begin)
            if not math.isfinite(mean):
                self._diverged()
                break
            self._averaged.settle(self.model)
            now: Any = self._averaged.module.eval()
            with torch.inference_mode(), autocast(self._device):
                figure = watch(now)
            if figure > max((epoch.figure for epoch in self.epochs), default=-math.inf):
                self._best = {name: value.clone() for name, value in now.state_dict().items()}
            self.epochs.append(Epoch(mean, figure, time.monotonic() - begin))
            tell(len(self.epochs), self.epochs[-1])
            self._keep()
        self.model.load_state_dict(self._best)
        return self.model.eval()

    def reached(self, among: str) -> Reached:
        """How far it had come at its pause, whatever was learned later by a run that was stopped. among: as Reached has
        it. Raises ValueError before the first epoch."""
        until = next((at for at, epoch in enumerate(self.epochs, 1) if epoch.seconds >= self._until), len(self.epochs))
        seen = self.epochs[:until]
        return Reached(max(epoch.figure for epoch in seen), self._is_finished(seen), among)

    @property
    def _until(self) -> float:
        return min(self.schedule.seconds, self.schedule.pause)

    def _is_over(self) -> bool:
        return bool(self.epochs) and (self.epochs[-1].seconds >= self._until or self._is_finished(self.epochs))

    def _is_finished(self, epochs: list[Epoch]) -> bool:
        """Whether more time would change nothing."""
        figures = [epoch.figure for epoch in epochs]
        waited = len(figures) - 1 - figures.index(max(figures))
        return len(figures) >= self.schedule.epochs or waited >= self.schedule.patience

    def _taught(self, batches: Iterable[Batch], loss: Callable[[Model, Batch], Tensor], begin: float) -> float:
        """The mean loss of an epoch, or of as much of it as there is time for."""
        self.model.train()
        losses = list[Tensor]()
        for batch in batches:
            self._steps += 1
            self._optimizer.param_groups[0]["lr"] = self._rate(time.monotonic() - begin)
            self._optimizer.zero_grad(set_to_none=True)
            with autocast(self._device):
                value = loss(self.model, batch)
            value.backward()  # type: ignore[no-untyped-call]
            if self.schedule.l1:
                _add_l1(self.model, self.schedule.l1)
            _clip(self.model, self.schedule.clip)
            self._averaged.before(self.model)
            self._optimizer.step()
            self._averaged.after(self.model)
            losses.append(value.detach())
            if time.monotonic() - begin > self._until:
                break
        return sum(map(float, losses)) / max(len(losses), 1)  # read in the end: the device need not wait

    def _rate(self, seconds: float) -> float:
        warm = self.schedule.rate * min(1.0, self._steps / self.schedule.warm_up)
        if self.schedule.falling == "no":
            return warm
        past = min(1.0, max(len(self.epochs) / self.schedule.epochs, seconds / self.schedule.seconds))
        return warm * (1.0 - past if self.schedule.falling == "linear" else (1.0 + math.cos(math.pi * past)) / 2.0)

    def _diverged(self) -> None:
        if not self._best:
            remedy = "Lower the rate of the model in shop.toml."
            raise DivergedError(f"the loss is no number any more, at the rate {self.schedule.rate:g}", remedy=remedy)
        _log.warning("The loss is no number any more; the best of %d epochs is taken.", len(self.epochs))

    def _keep(self) -> None:
        if self.checkpoint is None or not (self._is_over() or time.monotonic() - self._kept >= self.schedule.keep_s):
            return
        self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        state = {name: part.state_dict() for name, part in self._parts().items()}
        self._kept = time.monotonic()
        epochs = [epoch._asdict() for epoch in self.epochs]
        with Scratch(self.checkpoint.parent) as scratch:  # another training may keep the same
            torch.save(state | {"best": self._best, "steps": self._steps, "epochs": epochs}, scratch / "unfinished")
            os.replace(scratch / "unfinished", self.checkpoint)

    def _restore(self) -> None:
        if self.checkpoint is None or not self.checkpoint.exists():
            return
        before = copy.deepcopy({name: part.state_dict() for name, part in self._parts().items()})
        try:
            state = torch.load(self.checkpoint, weights_only=True, map_location=self._device)
            for name, part in self._parts().items():
                part.load_state_dict(state[name])
            self._best, self._steps = state["best"], state["steps"]
            self.epochs = [Epoch(**epoch) for epoch in state["epochs"]]
        except Exception as error:  # what was kept is never a reason to fail
            _log.warning("%s cannot be read, and is learned again (%s).", self.checkpoint, error)
            for name, part in self._parts().items():
                part.load_state_dict(before[name])

    def _parts(self) -> dict[str, Any]:
        return {"model": self.model, "optimizer": self._optimizer, "averaged": self._averaged}


def _clip(model: nn.Module, most: float) -> None:
    """Gradients to a norm of at most that; those that are sparse are coalesced."""
    for weights in model.parameters():
        if weights.grad is not None and weights.grad.is_sparse:
            weights.grad = weights.grad.coalesce()
    parts = parts_of([weights.grad for weights in model.parameters() if weights.grad is not None])
    norm = nn.utils.get_total_norm(parts)
    torch._foreach_mul_(parts, (most / (norm + 1e-6)).clamp(max=1.0))


def _optimiser(model: nn.Module, schedule: Schedule) -> torch.optim.Optimizer:
    """AdamW (Loshchilov and Hutter, "Decoupled Weight Decay Regularization", ICLR 2019), or SGD with momentum, where
    the decay of weights is L2."""
    if schedule.optimiser == "sgd":
        momentum, decay = schedule.momentum, schedule.decay
        return torch.optim.SGD(model.parameters(), lr=schedule.rate, momentum=momentum, weight_decay=decay)
    return RowAdamW(model.parameters(), lr=schedule.rate, weight_decay=schedule.decay)


def _add_l1(model: nn.Module, l1: float) -> None:
    for weights in model.parameters():
        if weights.grad is not None:
            weights.grad.add_(weights.detach().sign(), alpha=l1)


def autocast(device: torch.device) -> torch.autocast:
    """Products of matrices in bfloat16, where the device makes these many times as fast as those of float32."""
    cuda = device.type == "cuda"
    fast = torch.cuda.is_bf16_supported() if cuda else torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.autocast(device.type, torch.bfloat16, enabled=bool(fast))


def device_of(wanted: str) -> torch.device:
    """Where `train.device` has models fitted: "auto" is on a graphics card where PyTorch finds one. Raises
    SettingsError."""
    found = torch.cuda.is_available()
    if wanted == "cuda" and not found:
        remedy = 'With device = "auto", models are fitted on the processor here.'
        expected = "a graphics card that PyTorch can use"
        raise SettingsError('train.device is "cuda"', where="shop.toml", expected=expected, remedy=remedy)
    return torch.device("cpu" if wanted == "cpu" or not found else "cuda")
