"""The training loop: it learns, stops, and whoever was killed in the middle comes to the same."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from shopkeeper.errors import SettingsError
from shopkeeper.learn.models.loop import Epoch, Loop, Schedule

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
    with pytest.raises(SettingsError, match="Lower the rate"):
        Loop(model(), FAST).fit(batches, lambda *given: loss(*given) * torch.nan, closeness)
