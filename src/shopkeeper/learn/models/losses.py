"""How far a model is from what people did next: softmax over all items or over some that are drawn, or yes and no."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import torch
from torch import Tensor
from torch.nn import functional as F

ROWS = 2_048  # answers that are held against all items at a time


def full_softmax(wanted: Tensor, vectors: Tensor, targets: Tensor, sharpness: Tensor) -> Tensor:
    """The mean cross-entropy of targets (n) among all m items: wanted (n, d), vectors (m, d)."""
    on = wanted.device.type
    dtype = torch.get_autocast_dtype(on) if torch.is_autocast_enabled(on) else wanted.dtype
    return cast(Tensor, _AllItems.apply(wanted * sharpness, vectors, targets, dtype))  # type: ignore[no-untyped-call]


class _AllItems(torch.autograd.Function):
    """Some rows at a time, with the gradients at once: the scores of all rows among all items are most of what a step
    costs, and so are never kept, nor read more often than they must be."""

    @staticmethod
    def forward(ctx: Any, wanted: Tensor, vectors: Tensor, targets: Tensor, dtype: torch.dtype) -> Tensor:
        to_wanted, to_vectors = torch.empty_like(wanted), torch.zeros_like(vectors)
        loss = wanted.new_zeros(())
        with torch.autocast(wanted.device.type, enabled=False):
            known = vectors.to(dtype)  # (m, d)
            for first in range(0, len(wanted), ROWS):
                asked, right = wanted[first : first + ROWS].to(dtype), targets[first : first + ROWS]
                shares = torch.softmax(asked @ known.T, dim=-1)  # (rows, m)
                at = torch.arange(len(right), device=right.device)
                found = shares[at, right]
                loss -= found.float().clamp(min=1e-30).log().sum()
                shares[at, right] = found - 1  # by how much each score is too high; `scatter_` would copy them all
                to_wanted[first : first + ROWS] = shares @ known
                to_vectors += shares.T @ asked
        ctx.save_for_backward(to_wanted / len(wanted), to_vectors / len(wanted))
        return loss / len(wanted)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        to_wanted, to_vectors = ctx.saved_tensors
        return gradients[0] * to_wanted, gradients[0] * to_vectors, None, None


class Drawn(NamedTuple):
    """Negatives that a batch has in common: rows (k) of items, drawn with replacement, and the logarithm of how often
    each is expected among them."""

    rows: Tensor
    expected: Tensor


def draw(frequency: Tensor, k: int, generator: torch.Generator) -> Drawn:
    """k items, by their share of frequency (m)."""
    rows = torch.multinomial(frequency, k, replacement=True, generator=generator)
    return Drawn(rows, torch.log(k * frequency[rows] / frequency.sum()).float())


def sampled_softmax(wanted: Tensor, vectors: Tensor, targets: Tensor, sharpness: Tensor, drawn: Drawn) -> Tensor:
    """As `full_softmax`, the other items being stood for by those drawn, each divided by how often it is expected
    (Bengio and Senécal, "Quick Training of Probabilistic Neural Nets by Importance Sampling", 2003)."""
    sharp = wanted * sharpness
    right = (sharp * F.embedding(targets, vectors)).sum(-1, keepdim=True)  # (n, 1)
    others = sharp @ F.embedding(drawn.rows, vectors).T - drawn.expected  # (n, k)
    others = others.masked_fill(targets[:, None] == drawn.rows, -torch.inf)
    scores = torch.cat((right, others), dim=1).float()
    return F.cross_entropy(scores, torch.zeros_like(targets))


def gbce(
    wanted: Tensor, vectors: Tensor, targets: Tensor, sharpness: Tensor, drawn: Drawn, calibration: float = 0.75
) -> Tensor:
    """Yes to the targets and no to k items that were drawn evenly: `-(log σ(s⁺)^β + Σ log(1 − σ(s⁻))) / (k + 1)`, β
    making up for those of the m items that were not drawn (Petrov and Macdonald, "gSASRec: Reducing Overconfidence in
    Sequential Recommendation Trained with Negative Sampling", RecSys 2023). calibration: their t; 0 is the plain binary
    cross-entropy, 1 gives probabilities that are right."""
    share = min(1.0, len(drawn.rows) / max(len(vectors) - 1, 1))  # α
    power = share * (calibration * (1.0 - 1.0 / share) + 1.0 / share)  # β
    sharp = wanted * sharpness
    right = (sharp * F.embedding(targets, vectors)).sum(-1).float()  # (n)
    others = (sharp @ F.embedding(drawn.rows, vectors).T).float()  # (n, k)
    wrong = F.softplus(others).masked_fill(targets[:, None] == drawn.rows, 0.0)
    return (wrong.sum(1) - power * F.logsigmoid(right)).mean() / (len(drawn.rows) + 1)


def warp(wanted: Tensor, vectors: Tensor, targets: Tensor, sharpness: Tensor, drawn: Drawn) -> Tensor:
    """By how much the wanted item fails to stand above the others by a margin of 1, the more the lower it stands:
    `log(1 + rank)` times the mean of what is lacking, the rank being that which the items drawn let expect (Weston,
    Bengio and Usunier, "WSABIE: Scaling Up To Large Vocabulary Image Annotation", IJCAI 2011). Arguments as those of
    `sampled_softmax`."""
    sharp = wanted * sharpness
    right = (sharp * F.embedding(targets, vectors)).sum(-1, keepdim=True)  # (n, 1)
    lacking = torch.relu(1.0 - right + sharp @ F.embedding(drawn.rows, vectors).T).float()  # (n, k)
    lacking = lacking.masked_fill(targets[:, None] == drawn.rows, 0.0)
    stands_for = torch.exp(-drawn.expected)  # (k): the items that each drawn one speaks for
    rank = (lacking > 0).float() @ stands_for
    return (torch.log1p(rank) / rank.clamp(min=1e-6) * (lacking @ stands_for)).mean()
