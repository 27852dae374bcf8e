"""The network of the source `picture`, trained on the shop's own pictures: a small residual network (He et al., "Deep
Residual Learning for Image Recognition", CVPR 2016) reads a picture, words are vectors that add up, and a picture lies
where the words of its item do (Radford et al., "Learning Transferable Visual Models From Natural Language
Supervision", ICML 2021).

b pictures of side s, c channels, width d, t words.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shopkeeper.learn.models.export import exported

GROUP = 16  # channels that are scaled together
TURNED, ZOOMED, MOVED = 0.2, 0.3, 0.15  # how a picture may lie, in radians, and in shares of its side
LIGHT = 0.2  # by how much each colour may be brighter or darker: a red thing stays red
REPLACED = 0.5  # of the pictures whose background becomes another one


class Residual(nn.Module):
    """(b, c, s, s) → (b, d, s / 2, s / 2)."""

    def __init__(self, c: int, d: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(c, d, 3, 2, 1, bias=False), nn.Conv2d(d, d, 3, 1, 1, bias=False)
        self.around = nn.Conv2d(c, d, 1, bias=False)
        self.norms = nn.ModuleList(nn.GroupNorm(d // GROUP, d) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.norms[0](self.first(x)))
        return torch.relu(self.around(F.avg_pool2d(x, 2)) + self.norms[1](self.second(y)))


class Reader(nn.Module):
    """pixels uint8 (b, 3, s, s) → (b, d), of length 1."""

    def __init__(self, channels: tuple[int, ...], width: int) -> None:
        super().__init__()
        layers = [Residual(c, d) for c, d in pairwise(channels)]
        self.body = nn.Sequential(nn.Conv2d(3, channels[0], 4, 4), nn.ReLU(), *layers)
        self.head = nn.Linear(2 * channels[-1], width)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, pixels: Tensor) -> Tensor:
        x = (pixels.float() - 127.5) / 63.75
        x = self.body(x.contiguous(memory_format=torch.channels_last))  # (b, c, s / 32, s / 32)
        x = torch.cat((x.mean((2, 3)), x.amax((2, 3))), dim=1)
        return F.normalize(self.head(x), dim=-1)


class Lesson(NamedTuple):
    """pixels: uint8 (b, 4, s, s), the fourth telling what stands before the background; words (m): those of all b
    items, item after item; starts (b): where those of each begin; weights (m)."""

    pixels: Tensor
    words: Tensor
    starts: Tensor
    weights: Tensor


class PictureNetwork(nn.Module):
    def __init__(self, channels: tuple[int, ...], width: int, n_words: int) -> None:
        super().__init__()
        self.reader = Reader(channels, width)
        self.words = nn.Parameter(torch.randn(n_words, width) / math.sqrt(width))
        self.sharpness = nn.Parameter(torch.tensor(math.log(15.0)))

    def told(self, lesson: Lesson) -> Tensor:
        """(b, d), of length 1: where the words of each item lie."""
        summed = F.embedding_bag(lesson.words, self.words, lesson.starts, per_sample_weights=lesson.weights, mode="sum")
        return F.normalize(summed, dim=-1)

    def loss(self, lesson: Lesson) -> Tensor:
        """Cross-entropy of the right words among those of all b items, and of the right picture. What is told of an
        item in the very same words as of another is not held against it."""
        seen, told = self.reader(disturbed(lesson.pixels)), self.told(lesson)
        scores = self.sharpness.exp().clamp(max=100.0) * seen @ told.T  # (b, b)
        same = (told @ told.T).detach() > 0.999
        same.fill_diagonal_(False)
        scores = scores.masked_fill(same, -torch.inf)
        right = torch.arange(len(scores), device=scores.device)
        return (F.cross_entropy(scores, right) + F.cross_entropy(scores.T, right)) / 2.0

    def graph(self, side: int) -> bytes:
        inputs = {"pixels": torch.randint(0, 256, (2, 3, side, side), dtype=torch.uint8)}
        return exported(self.reader.cpu(), inputs, {"pixels": {0: "b"}, "vector": {0: "b"}}, "vector")


def disturbed(pixels: Tensor) -> Tensor:
    """uint8 (b, 4, s, s) → float (b, 3, s, s), of 255: each turned, zoomed, moved, mirrored and lit a little otherwise,
    as whoever holds a camera does, and some before another background: of one colour, or what is on another picture."""
    b, device = len(pixels), pixels.device
    angle, zoom = _within(b, TURNED, device), torch.exp(_within(b, ZOOMED, device))
    mirror = torch.where(torch.rand(b, device=device) < 0.5, -1.0, 1.0)
    rows = torch.stack((zoom * angle.cos() * mirror, -zoom * angle.sin(), _within(b, MOVED, device)), dim=1)
    columns = torch.stack((zoom * angle.sin() * mirror, zoom * angle.cos(), _within(b, MOVED, device)), dim=1)
    grid = F.affine_grid(torch.stack((rows, columns), dim=1), [b, 4, *pixels.shape[2:]], align_corners=False)
    x = F.grid_sample(pixels.float(), grid, padding_mode="border", align_corners=False)
    image, stands = x[:, :3], x[:, 3:] / 255.0
    light = 1.0 + _within(b, LIGHT, device)[:, None] + _within(b * 3, LIGHT / 4, device).view(b, 3)
    image = image * light[:, :, None, None]
    plain = 255.0 * torch.rand(b, 3, 1, 1, device=device)
    behind = torch.where(torch.rand(b, 1, 1, 1, device=device) < 0.5, plain, image.flip(0).mean((2, 3), True))
    behind = torch.where(torch.rand(b, 1, 1, 1, device=device) < 0.3, image.roll(1, 0), behind)
    other = torch.rand(b, 1, 1, 1, device=device) < REPLACED
    return torch.where(other, stands * image + (1.0 - stands) * behind, image).clamp(0.0, 255.0)


def _within(n: int, most: float, device: torch.device) -> Tensor:
    return (2.0 * torch.rand(n, device=device) - 1.0) * most
