"""The training loop: it learns, stops, and whoever was killed in the middle comes to the same."""

from __future__ import annotations

import itertools
import math
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from shopkeeper.engine.context import Reached
from shopkeeper.errors import DivergedError, SettingsError
from shopkeeper.learn.models.lessons import checkpoint_at
from shopkeeper.learn.models.loop import Epoch, Loop, Schedule, device_of

FAST = Schedule(rate=0.05, warm_up=5, epochs=12, patience=12, keep_s=0.0)


def model() -> nn.Linear:
    torch.manual_seed(1)
    return nn.Linear(4, 1)


def batches(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(epoch)
    for _ in range(10):
        x = torch.randn(16, 4, generator=generator)
        yield x, x.sum(1, keepdim=True)


def loss(line: nn.Linear, batch: tuple[Tensor, Tensor]) -> Tensor:
    x, y = batch
    return ((line(nn.functional.dropout(x, 0.1)) - y) ** 2).mean()


def closeness(line: nn.Linear) -> float:
    return 1.0 / (1.0 + float((line.weight.detach() - 1.0).abs().sum()))


def test_it_learns_and_gives_the_best_epoch() -> None:
    loop = Loop(model(), FAST)
    fitted = loop.fit(batches, loss, closeness)
    assert len(loop.epochs) == 12
    assert loop.epochs[-1].loss < loop.epochs[0].loss / 5
    assert closeness(fitted) == pytest.approx(max(epoch.figure for epoch in loop.epochs))


def test_it_stops_when_it_no_longer_gets_better() -> None:
    figures = iter([0.1, 0.3, 0.2, 0.3, 0.25, 0.9])
    loop = Loop(model(), Schedule(epochs=50, patience=3))
    loop.fit(batches, loss, lambda _: next(figures))
    assert [epoch.figure for epoch in loop.epochs] == [0.1, 0.3, 0.2, 0.3, 0.25]


def test_it_stops_when_its_time_is_up() -> None:
    loop = Loop(model(), Schedule(epochs=10_000, patience=10_000, seconds=0.2))
    loop.fit(batches, loss, closeness)
    assert 1 <= len(loop.epochs) < 10_000
    assert all(epoch.seconds < 0.2 for epoch in loop.epochs[:-1])


def _until_killed(checkpoint: Path) -> None:
    def tell(number: int, _: Epoch) -> None:
        if number == 5:  # epoch 4 is kept, this one not yet
            os.kill(os.getpid(), signal.SIGKILL)

    Loop(model(), FAST, checkpoint).fit(batches, loss, closeness, tell)


def test_who_was_killed_in_the_middle_goes_on_and_comes_to_the_same(tmp_path: Path) -> None:
    checkpoint = tmp_path / "work" / "line.pt"
    process = multiprocessing.get_context("spawn").Process(target=_until_killed, args=(checkpoint,))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    whole, resumed = Loop(model(), FAST), Loop(model(), FAST, checkpoint)
    expected = whole.fit(batches, loss, closeness)
    told = list[int]()
    fitted = resumed.fit(batches, loss, closeness, lambda number, _: told.append(number))
    assert told == [*range(5, 13)]
    assert [epoch.loss for epoch in resumed.epochs] == [epoch.loss for epoch in whole.epochs]
    assert torch.equal(fitted.weight, expected.weight)


def test_what_was_finished_is_not_learned_again(tmp_path: Path) -> None:
    checkpoint = tmp_path / "line.pt"
    expected = Loop(model(), FAST, checkpoint).fit(batches, loss, closeness).weight.clone()

    def never(_: int) -> Iterator[tuple[Tensor, Tensor]]:
        raise AssertionError

    assert torch.equal(Loop(model(), FAST, checkpoint).fit(never, loss, closeness).weight, expected)


def test_what_another_training_is_writing_beside_it_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`tune` and `train` share what is kept, and nothing stops them from running at once."""
    save = torch.save

    def saved(state: Any, path: Path) -> None:
        save(state, path)
        checkpoint_at(tmp_path, "line", (), ("another",))  # which tidies up

    monkeypatch.setattr(torch, "save", saved)
    checkpoint = checkpoint_at(tmp_path, "line", (), ("one",))
    assert checkpoint is not None
    Loop(model(), FAST, checkpoint).fit(batches, loss, closeness)
    assert [path.name for path in checkpoint.parent.iterdir()] == [checkpoint.name]


def test_of_a_few_steps_the_first_tenth_warm_up() -> None:
    assert [Schedule().within(steps).warm_up for steps in (1, 6, 39, 5_000)] == [1, 1, 3, 100]


def test_what_was_kept_and_cannot_be_read_is_learned_again(tmp_path: Path) -> None:
    expected, checkpoint = Loop(model(), FAST).fit(batches, loss, closeness), tmp_path / "line.pt"
    Loop(nn.Linear(7, 1), FAST, tmp_path / "other.pt").fit(lambda _: [], loss, lambda _: 0.0)
    for rubbish in (b"half a file", (tmp_path / "other.pt").read_bytes()):
        checkpoint.write_bytes(rubbish)
        loop = Loop(model(), FAST, checkpoint)
        assert torch.equal(loop.fit(batches, loss, closeness).weight, expected.weight)
        assert len(loop.epochs) == 12


def test_a_loss_that_is_no_number_ends_it() -> None:
    def worse(line: nn.Linear, batch: tuple[Tensor, Tensor]) -> Tensor:
        return loss(line, batch) * (torch.nan if len(loop.epochs) == 3 else 1.0)

    loop = Loop(model(), FAST)
    assert torch.isfinite(loop.fit(batches, worse, closeness).weight).all()
    assert len(loop.epochs) == 3
    with pytest.raises(DivergedError, match="Lower the rate"):
        Loop(model(), FAST).fit(batches, lambda *given: loss(*given) * torch.nan, closeness)


@pytest.mark.parametrize(
    "more",
    [
        {"optimiser": "sgd", "momentum": 0.5},
        {"falling": "linear"},
        {"falling": "cosine"},
    ],
    ids=str,
)
def test_it_learns_by_each_optimiser_and_however_the_rate_falls(more: dict[str, Any]) -> None:
    loop = Loop(model(), replace(FAST, **more))
    loop.fit(batches, loss, closeness)
    assert loop.epochs[-1].loss < loop.epochs[0].loss / 5


@pytest.mark.parametrize(
    ("falling", "expected"),
    [("no", [1.0, 1.0, 1.0, 1.0]), ("linear", [1.0, 0.75, 0.5, 0.25]), ("cosine", [1.0, 0.8536, 0.5, 0.1464])],
)
def test_the_rate_falls_with_the_epochs(falling: Any, expected: list[float]) -> None:
    loop = Loop(model(), Schedule(rate=0.1, warm_up=1, falling=falling, epochs=4, patience=4))
    rates = list[float]()
    loop.fit(batches, loss, closeness, lambda *_: rates.append(loop._optimizer.param_groups[0]["lr"] / 0.1))
    assert rates == pytest.approx(expected, abs=1e-3)


def test_the_rate_falls_with_the_time_where_that_ends_first() -> None:
    loop = Loop(model(), Schedule(rate=0.1, warm_up=1, falling="linear", epochs=10_000, patience=10_000, seconds=0.3))
    loop.fit(batches, loss, closeness)
    assert loop._optimizer.param_groups[0]["lr"] < 0.02


def test_l1_leaves_less_of_the_weights_and_none_where_they_say_nothing() -> None:
    def of_two(line: nn.Linear, batch: tuple[Tensor, Tensor]) -> Tensor:
        x, _ = batch
        return ((line(x) - x[:, :2].sum(1, keepdim=True)) ** 2).mean()

    weights = []
    for l1 in (0.0, 0.4):
        schedule = replace(FAST, l1=l1, decay=0.0, epochs=30, patience=30)
        weights.append(
            Loop(model(), schedule).fit(batches, of_two, lambda _: time.monotonic()).weight.detach()[0].abs()
        )
    plain, lean = weights
    assert lean[:2].sum() < plain[:2].sum() - 0.2
    assert lean[2:].max() < 0.05
    assert lean[:2].min() > 0.5


def test_who_pauses_goes_on_from_there_and_comes_to_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count()
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    expected = Loop(model(), FAST).fit(batches, loss, closeness).weight.clone()
    checkpoint, told = tmp_path / "line.pt", list[list[int]]()
    each = Loop(model(), replace(FAST, seconds=math.inf))
    each.fit(batches, loss, closeness)
    epoch_s = each.epochs[0].seconds
    for pause in (2.0 * epoch_s, 5.0 * epoch_s, math.inf):
        loop = Loop(model(), replace(FAST, pause=pause), checkpoint)
        told.append([])
        fitted = loop.fit(batches, loss, closeness, lambda number, _: told[-1].append(number))
    assert [number for numbers in told for number in numbers] == [*range(1, 13)]
    assert all(told)
    assert torch.equal(fitted.weight, expected)


def test_how_far_it_came_is_said_as_of_its_pause(tmp_path: Path) -> None:
    """Also by a run that is done again, and finds what was learned after the pause."""
    figures = iter([0.1, 0.4, 0.3, 0.2, 0.1])
    schedule = Schedule(epochs=50, patience=3)
    whole = Loop(model(), schedule, tmp_path / "line.pt")
    whole.fit(batches, loss, lambda _: next(figures))
    assert whole.reached("these") == Reached(0.4, finished=True, among="these")
    for at, figure in ((0, 0.1), (1, 0.4), (2, 0.4)):
        again = Loop(model(), replace(schedule, pause=whole.epochs[at].seconds), tmp_path / "line.pt")
        again.fit(batches, loss, closeness)
        assert again.reached("these") == Reached(figure, finished=False, among="these")


def test_a_device_that_is_not_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device_of("auto") == device_of("cpu") == torch.device("cpu")
    with pytest.raises(SettingsError, match='With device = "auto"'):
        device_of("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert (device_of("auto").type, device_of("cpu").type) == ("cuda", "cpu")
