"""What all networks that read histories have in common: what goes in, what they are taught, what comes out.

Items are vectors of length 1, so that whatever serves them may look for the nearest, and how alike is alike enough is
learned.

b histories of t events, m items, width d, meanings of e numbers.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shopkeeper.learn.models.config import SequenceConfig
from shopkeeper.learn.models.export import exported
from shopkeeper.learn.models.histories import PADDING, Batch

CODES = 32  # event types that may be told apart, and two that are none:
HIDDEN, PADDED = CODES - 2, CODES - 1  # what is asked for, and what is not there
BUCKETS = 64  # of times between two events, two for each doubling: the last begin at a hundred years


class Events(NamedTuple):
    """vectors (b, t, d) of the items, of length 1; codes (b, t), EventType.code, PADDED behind; times (b, t), float64,
    seconds, NaN where there is no clock."""

    vectors: Tensor
    codes: Tensor
    times: Tensor

    @property
    def there(self) -> Tensor:
        return self.codes != PADDED


class Dropout(nn.Module):
    """As `nn.Dropout`, which takes a processor an eighth of a step, as it draws 64 bits for each number; 16 do."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu" or not self.training or not self.share:
            return F.dropout(x, self.share, self.training)
        drawn = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None).view(torch.int16)
        kept = drawn[: x.numel()].view(x.shape) >= round(self.share * 2**16) - 2**15
        return x * kept.to(x.dtype).div_(1.0 - self.share)


class Reader(nn.Module, ABC):
    """A network: events → (b, t, d), of length 1: after each event, where the next item is looked for.

    What comes behind an event must change nothing of what is said after it, else `lesson`, `answers` and `forward` are
    to be its own, the last place of `forward` being the answer. clock: whether times are known.
    """

    def __init__(self, config: SequenceConfig, clock: bool) -> None:
        super().__init__()
        self.clock = clock
        self.scale = nn.Parameter(torch.tensor(math.sqrt(config.width)))
        self.codes = nn.Embedding(CODES, config.width)
        nn.init.zeros_(self.codes.weight)
        self.dropout = Dropout(config.dropout)
        self.norm = nn.LayerNorm(config.width)

    @abstractmethod
    def read(self, x: Tensor, there: Tensor, times: Tensor) -> Tensor:
        """x (b, t, d), there (b, t), times (b, t) → (b, t, d)."""

    def forward(self, vectors: Tensor, codes: Tensor, times: Tensor) -> Tensor:
        x = self.dropout(vectors * self.scale + self.codes(codes))
        return F.normalize(self.norm(self.read(x, codes != PADDED, times)), dim=-1)

    def lesson(self, events: Events) -> tuple[Tensor, Tensor]:
        """What it wants, (n, d), and which n events, bool (b, t), it should have wanted: of every event the next."""
        asked = events.there
        asked[:, 0] = False
        return self(*(part[:, :-1] for part in events))[asked[:, 1:]], asked

    def answers(self, events: Events) -> Tensor:
        """What it wants after the newest event of each history, (b, d)."""
        newest = events.there.sum(1) - 1
        return cast(Tensor, self(*events)[torch.arange(len(newest), device=newest.device), newest])


class NextItem(nn.Module):
    """A reader, and the items that it wants.

    items (m, d): the vectors, of any length, that are scaled to 1 where they are used. With meanings (m, e), zeros for
    an item that has none, a vector is what a linear map, which is learned, makes of its meaning, and what is learned of
    the item itself comes on top: at first nothing, so that an item which nobody met has a vector by its text alone.
    """

    def __init__(self, n_items: int, reader: Reader, width: int, meanings: Tensor | None = None) -> None:
        super().__init__()
        self.items = nn.Parameter(torch.randn(n_items, width) / math.sqrt(width))
        self.reader = reader
        self.sharpness = nn.Parameter(torch.tensor(math.log(10.0)))
        self.text = None if meanings is None else Text(meanings, width)
        if self.text is not None:
            self.items.data.masked_fill_(self.text.readable, 0.0)

    def vectors(self, rows: Tensor | None = None) -> Tensor:
        """Of all items, or of those of `rows` (k), unique: then the gradient of theirs is sparse."""
        own = self.items if rows is None else F.embedding(rows, self.items, sparse=True)
        return F.normalize(own if self.text is None else own + self.text(rows), dim=-1)

    def lesson(self, batch: Batch, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """What the reader wants, (n, d), and the items that it should, (n)."""
        wanted, asked = self.reader.lesson(self._events(batch, vectors))
        return wanted, torch.from_numpy(batch.items).to(vectors.device)[asked]

    def answers(self, batch: Batch, vectors: Tensor) -> Tensor:
        """What the reader wants after each history, (b, d)."""
        return self.reader.answers(self._events(batch, vectors))

    def scores(self, wanted: Tensor, vectors: Tensor) -> Tensor:
        """wanted (b, d), vectors (m, d) → (b, m)."""
        return wanted @ vectors.T

    def _events(self, batch: Batch, vectors: Tensor) -> Events:
        items, codes, times = (torch.from_numpy(part).to(vectors.device) for part in batch)
        codes = codes.masked_fill(items == PADDING, PADDED)
        return Events(F.embedding(items.clamp(min=0), vectors), codes, times)


class Text(nn.Module):
    """Vectors of items by their meanings: a projection at random to begin with, of what tells the items apart, so that
    vectors are of length 1 on average."""

    def __init__(self, meanings: Tensor, width: int) -> None:
        super().__init__()
        self.meanings = nn.Buffer(meanings, persistent=False)
        self.readable = nn.Buffer(meanings.any(1, keepdim=True), persistent=False)  # (m, 1)
        self.map = nn.Linear(meanings.shape[1], width)
        nn.init.orthogonal_(self.map.weight)
        with torch.no_grad():
            told = meanings[self.readable[:, 0]] @ self.map.weight.T
            centre = told.mean(0) if len(told) else told.new_zeros(width)
            length = (told - centre).norm(dim=1).mean().clamp(min=1e-6) if len(told) else 1.0
            self.map.weight /= length
            self.map.bias.copy_(-centre / length)

    def forward(self, rows: Tensor | None = None) -> Tensor:
        meanings, readable = (each if rows is None else each[rows] for each in (self.meanings, self.readable))
        return cast(Tensor, self.map(meanings) * readable)


def buckets_of(times: Tensor) -> Tensor:
    """times (b, t) → int64 (b, t, t): how long lies between each two events, in steps that grow; 0 if it is unknown."""
    apart = (times[:, :, None] - times[:, None, :]).abs().float()
    apart = torch.where(torch.isnan(apart), 0.0, apart)
    return (2.0 * torch.log2(1.0 + apart)).long().clamp(max=BUCKETS - 1)


def graph_of(reader: Reader, width: int) -> bytes:
    """The reader as a graph of ONNX: vectors float32 [b, t, d], codes int64 [b, t], times float64 [b, t], if it reads
    them → wanted float32 [b, t, d]."""
    example = Events(torch.randn(2, 3, width), torch.zeros(2, 3, dtype=torch.long), torch.zeros(2, 3).double())
    axes = {name: {0: "b", 1: "t"} for name in (*example._fields, "wanted")}
    return exported(reader, example._asdict(), axes, "wanted")
