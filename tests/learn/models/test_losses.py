"""The losses against definitions short enough to be read as true."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from shopkeeper.learn.models import losses
from shopkeeper.learn.models.losses import Drawn, draw, full_softmax, gbce, sampled_softmax, warp

N, M, D = 23, 40, 6


@pytest.fixture
def parts() -> tuple[torch.Tensor, ...]:
    torch.manual_seed(0)
    wanted, vectors = (F.normalize(torch.randn(n, D, dtype=torch.double), dim=-1) for n in (N, M))
    sharpness = torch.tensor(3.0, dtype=torch.double)
    for part in (wanted, vectors, sharpness):
        part.requires_grad_()
    return wanted, vectors, torch.randint(0, M, (N,)), sharpness


def test_all_items_is_the_cross_entropy_and_so_are_its_gradients(
    parts: tuple[torch.Tensor, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(losses, "ROWS", 5)
    wanted, vectors, targets, sharpness = parts
    expected = F.cross_entropy(sharpness * wanted @ vectors.T, targets)
    theirs = torch.autograd.grad(expected, (wanted, vectors, sharpness))
    found = full_softmax(wanted, vectors, targets, sharpness)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(torch.autograd.grad(found, (wanted, vectors, sharpness)), theirs)


def test_in_bfloat16_it_is_nearly_so(parts: tuple[torch.Tensor, ...]) -> None:
    wanted, vectors, targets, sharpness = (part.detach() for part in parts)
    with torch.autocast("cpu", torch.bfloat16):
        found = full_softmax(wanted.float(), vectors.float(), targets, sharpness.float())
    expected = F.cross_entropy(sharpness * wanted @ vectors.T, targets)
    assert float(found) == pytest.approx(float(expected), rel=0.02)


def test_drawn_items_stand_for_all_others(parts: tuple[torch.Tensor, ...]) -> None:
    """Many drawn by any frequency, each divided by how often it is expected, come to the cross-entropy among all."""
    wanted, vectors, targets, sharpness = (part.detach().float() for part in parts)
    targets = parts[2]
    frequency = torch.arange(1.0, M + 1.0)
    drawn = draw(frequency, 200_000, torch.Generator().manual_seed(0))
    found = sampled_softmax(wanted, vectors, targets, sharpness, drawn)
    assert float(found) == pytest.approx(float(F.cross_entropy(sharpness * wanted @ vectors.T, targets)), rel=0.01)


def test_a_wanted_item_that_is_drawn_is_not_held_against_itself(parts: tuple[torch.Tensor, ...]) -> None:
    wanted, vectors, _, sharpness = (part.detach().float() for part in parts)
    targets = torch.full((N,), 7)
    drawn = Drawn(torch.full((50,), 7), torch.zeros(50))
    assert float(sampled_softmax(wanted, vectors, targets, sharpness, drawn)) == 0.0


@pytest.mark.parametrize("calibration", [0.0, 0.75, 1.0])
def test_yes_and_no_is_the_formula_of_its_paper(parts: tuple[torch.Tensor, ...], calibration: float) -> None:
    """One answer after the other, as it is written there: α = k / (m − 1), β = α (t (1 − 1 / α) + 1 / α)."""
    wanted, vectors, targets, sharpness = parts
    drawn = draw(torch.ones(M), 15, torch.Generator().manual_seed(0))
    alpha = 15 / (M - 1)
    beta = alpha * (calibration * (1 - 1 / alpha) + 1 / alpha)
    terms = []
    for at, target in enumerate(targets.tolist()):
        right = torch.sigmoid(sharpness * wanted[at] @ vectors[target]) ** beta
        wrong = [torch.sigmoid(sharpness * wanted[at] @ vectors[row]) for row in drawn.rows.tolist() if row != target]
        terms.append(-(torch.log(right) + sum(torch.log(1 - each) for each in wrong)) / 16)
    expected = torch.stack(terms).mean()
    found = gbce(wanted, vectors, targets, sharpness, drawn, calibration)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6, check_dtype=False)
    theirs, ours = (torch.autograd.grad(loss, (wanted, vectors, sharpness)) for loss in (expected, found))
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def test_without_calibration_yes_and_no_is_the_binary_cross_entropy(parts: tuple[torch.Tensor, ...]) -> None:
    wanted, vectors, _, sharpness = (part.detach().float() for part in parts)
    targets, drawn = torch.zeros(N, dtype=torch.long), Drawn(torch.arange(1, M), torch.zeros(M - 1))
    expected = F.binary_cross_entropy_with_logits(sharpness * wanted @ vectors.T, F.one_hot(targets, M).float())
    for calibration in (0.0, 1.0):  # with all items drawn there is nothing to make up for
        torch.testing.assert_close(gbce(wanted, vectors, targets, sharpness, drawn, calibration), expected)


def test_warp_is_the_rank_s_logarithm_times_what_is_lacking(parts: tuple[torch.Tensor, ...]) -> None:
    wanted, vectors, targets, sharpness = (part.detach() for part in parts)
    scores = sharpness * wanted @ vectors.T
    terms = []
    for row, target in enumerate(targets.tolist()):
        others = [scores[row, item] for item in range(M) if item != target]
        lacking = [1.0 - scores[row, target] + other for other in others if other > scores[row, target] - 1.0]
        terms.append(torch.log1p(torch.tensor(float(len(lacking)))) * sum(lacking) / max(len(lacking), 1))
    found = warp(wanted, vectors, targets, sharpness, Drawn(torch.arange(M), torch.zeros(M)))
    assert float(found) == pytest.approx(float(torch.stack(terms).mean()), rel=1e-5)


def test_warp_by_many_drawn_items_is_that_by_all(parts: tuple[torch.Tensor, ...]) -> None:
    wanted, vectors, _, sharpness = (part.detach().float() for part in parts)
    drawn = draw(torch.arange(1.0, M + 1.0), 200_000, torch.Generator().manual_seed(0))
    found, all_items = (
        warp(wanted, vectors, parts[2], sharpness, each) for each in (drawn, Drawn(torch.arange(M), torch.zeros(M)))
    )
    assert float(found) == pytest.approx(float(all_items), rel=0.01)


def test_what_stands_far_enough_above_is_no_loss() -> None:
    vectors = torch.eye(3)
    assert (
        float(warp(vectors, vectors, torch.arange(3), torch.tensor(2.0), Drawn(torch.arange(3), torch.zeros(3)))) == 0
    )
