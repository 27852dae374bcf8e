"""The parts of the network that are not PyTorch's own."""

from __future__ import annotations

import pytest
import torch

from shopkeeper.learn.models.transformer import Dropout


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_dropout_leaves_the_mean_and_drops_its_share(share: float) -> None:
    torch.manual_seed(0)
    x = torch.ones(500, 401, requires_grad=True)  # a number of places that four do not divide
    y = Dropout(share)(x)
    assert float((y == 0).float().mean()) == pytest.approx(share, abs=0.01)
    assert y[y != 0].tolist() == pytest.approx([1 / (1 - share)] * int((y != 0).sum()))
    y.sum().backward()  # type: ignore[no-untyped-call]
    assert x.grad is not None
    assert torch.equal(x.grad, y.detach())
    assert not torch.equal(Dropout(share)(x), y)


def test_dropout_drops_nothing_where_nothing_is_learned() -> None:
    x = torch.ones(3, 5)
    assert torch.equal(Dropout(0.5).eval()(x), x)
    assert torch.equal(Dropout(0.0)(x), x)
