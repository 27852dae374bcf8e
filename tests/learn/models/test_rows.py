"""Rows that few steps touch come to what they would, had every step touched them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shopkeeper.learn.models.config import SasRecConfig
from shopkeeper.learn.models.histories import Histories
from shopkeeper.learn.models.loop import Loop, Schedule
from shopkeeper.learn.models.losses import draw, sampled_softmax
from shopkeeper.learn.models.network import NextItem
from shopkeeper.learn.models.next_item import Teacher
from shopkeeper.learn.models.rows import Average, RowAdamW
from shopkeeper.learn.models.sasrec import SasRec

MOST = 0.99


class Table(nn.Module):
    """Rows of length 1, and one weight of which every step is a part."""

    def __init__(self, n: int = 9, *, sparse: bool = True) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.rows = nn.Parameter(torch.randn(n, 4, generator=generator))
        self.scale = nn.Parameter(torch.tensor(1.0))
        self.sparse = sparse

    def forward(self, rows: Tensor) -> Tensor:
        return self.scale * F.normalize(F.embedding(rows, self.rows, sparse=self.sparse), dim=-1)


def lessons(seed: int = 0, steps: int = 40) -> Iterator[Tensor]:
    """Some rows each: low ones often, the last never."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        yield (8 * torch.rand(3, generator=generator) ** 3).long().unique()


def loss(table: Table, rows: Tensor) -> Tensor:
    return ((table(rows) - torch.eye(4)[rows % 4]) ** 2).sum()


def taught(table: Table, optimizer: torch.optim.Optimizer) -> Iterator[None]:
    for rows in lessons():
        optimizer.zero_grad()
        loss(table, rows).backward()  # type: ignore[no-untyped-call]
        if table.rows.grad is not None and table.rows.grad.is_sparse:
            table.rows.grad = table.rows.grad.coalesce()
        yield


@pytest.mark.parametrize(("decay", "near"), [(0.0, 1e-5), (0.1, 0.05)], ids=["weights", "weights that decay, if late"])
def test_rows_learn_as_by_adamw_without_momentum(decay: float, near: float) -> None:
    rate = 0.05
    late, dense = Table(), Table(sparse=False)
    by_row = RowAdamW(late.parameters(), lr=rate, betas=(0.9, 0.99), weight_decay=decay)
    at_once = torch.optim.AdamW([dense.rows], lr=rate, betas=(0.0, 0.99), weight_decay=decay)
    scale = torch.optim.AdamW([dense.scale], lr=rate, betas=(0.9, 0.99), weight_decay=decay)
    for _ in zip(taught(late, by_row), taught(dense, at_once), strict=True):
        by_row.step()
        at_once.step()
        scale.step()
        scale.zero_grad()
    assert torch.allclose(F.normalize(late.rows, dim=-1), F.normalize(dense.rows, dim=-1), atol=near)
    assert torch.allclose(late.scale, dense.scale, atol=near)
    assert torch.equal(late.rows[-1], Table().rows[-1])


def test_the_average_is_that_of_all_steps() -> None:
    table = Table()
    average, optimizer = Average(table, MOST), RowAdamW(table.parameters(), lr=0.05)
    expected = [weights.detach().clone() for weights in table.parameters()]
    for step, _ in enumerate(taught(table, optimizer)):
        average.before(table)
        optimizer.step()
        average.after(table)
        new = 1.0 if not step else max(1.0 - MOST, 9.0 / (10.0 + step))
        for mean, weights in zip(expected, table.parameters(), strict=True):
            mean.lerp_(weights.detach(), new)
        if step % 15 == 7:
            average.settle(table)
    average.settle(table)
    assert torch.allclose(average.module.get_parameter("rows"), expected[0], atol=1e-6)
    assert torch.allclose(average.module.get_parameter("scale"), expected[1], atol=1e-6)


def test_who_was_stopped_goes_on_and_comes_to_the_same(tmp_path: Path) -> None:
    schedule, shorter = (Schedule(rate=0.05, warm_up=5, epochs=epochs, keep_s=0.0) for epochs in (8, 4))
    whole, resumed = (Loop(Table(), schedule, checkpoint) for checkpoint in (None, tmp_path / "table.pt"))
    Loop(Table(), shorter, tmp_path / "table.pt").fit(lessons, loss, lambda table: float(table.scale))
    expected = whole.fit(lessons, loss, lambda table: float(table.scale))
    fitted = resumed.fit(lessons, loss, lambda table: float(table.scale))
    assert [epoch.loss for epoch in resumed.epochs] == pytest.approx([epoch.loss for epoch in whole.epochs], rel=1e-6)
    assert torch.allclose(fitted.rows, expected.rows, atol=1e-6)


def test_a_step_over_the_items_it_needs_is_that_over_all() -> None:
    generator, people, each, m = np.random.default_rng(0), 20, 6, 400
    items = generator.integers(0, m, people * each).astype(np.int32)
    starts, rows = np.arange(0, people * each + 1, each), np.arange(m, dtype=np.int32)
    codes, times = np.zeros(len(items), np.int8), np.full(len(items), np.nan)
    histories = Histories(items, codes, times, starts, rows[:people], rows)
    config = SasRecConfig(width=8, blocks=1, length=5, dropout=0.0, all_items_below=1, negatives=30)
    teacher, model = Teacher(histories, config, seed=4), NextItem(m, SasRec(config, clock=False), 8)
    batch = next(teacher.batches(0))
    told = teacher.loss(model, batch)
    told.backward()  # type: ignore[no-untyped-call]
    assert model.items.grad is not None
    assert model.items.grad.is_sparse
    gradient, model.items.grad = model.items.grad.to_dense(), None

    frequency = torch.from_numpy(np.bincount(items, minlength=m) + 1.0)
    drawn = draw(frequency, config.negatives, torch.Generator().manual_seed(4))
    vectors = model.vectors()
    wanted, targets = model.lesson(batch, vectors)
    expected = sampled_softmax(wanted, vectors, targets, model.sharpness.exp(), drawn)
    expected.backward()  # type: ignore[no-untyped-call]
    assert told.item() == pytest.approx(expected.item(), rel=1e-6)
    assert torch.allclose(gradient, model.items.grad, atol=1e-6)
