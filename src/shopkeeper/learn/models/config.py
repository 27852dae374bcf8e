"""What each model is made of, as `[models.NAME]` in shop.toml says it; read without the libraries that fit it."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from shopkeeper.settings import Positive, Share, Tuned


class LoopConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the training loop lets one say of every model that it fits, as `Schedule` of loop.py tells it; epochs: the
    most; patience: epochs without a better figure, after which it ends."""

    rate: Annotated[float, Meta(gt=0.0), Tuned(5e-4, 1e-2, log=True)] = 2e-3
    weight_decay: Annotated[float, Meta(ge=0.0), Tuned(1e-4, 1e-1, log=True)] = 0.01
    l1: Annotated[float, Meta(ge=0.0)] = 0.0
    optimiser: Literal["adamw", "sgd"] = "adamw"
    momentum: Share = 0.9
    falling: Literal["no", "linear", "cosine"] = "no"
    epochs: Positive = 200
    patience: Positive = 10


class SequenceConfig(LoopConfig, frozen=True, forbid_unknown_fields=True):
    """What all models of sequences have in common.

    width: of the vectors; length: the events of a history that are read; batch: of events; loss: "softmax" or "gbce";
    all_items_below: with fewer items, all are told apart at each step by softmax, with more `negatives` that are drawn,
    as always by gbce; calibration: of gbce, its t; text: whether items are known by their texts as well; go_on: whether
    it starts where the last training ended; pretrained: a file that another training kept, to start from what it knows
    of texts and order.
    """

    width: Annotated[Positive, Tuned(64, 256, step=64)] = 128
    length: Annotated[Positive, Tuned(20, 200, log=True)] = 100
    dropout: Annotated[float, Meta(ge=0.0, lt=1.0), Tuned(0.0, 0.6)] = 0.3
    batch: Positive = 3_200
    loss: Literal["softmax", "gbce"] = "softmax"
    all_items_below: Positive = 20_000
    negatives: Positive = 1_024
    calibration: Annotated[float, Meta(ge=0.0, le=1.0)] = 0.75
    text: bool = False
    go_on: bool = False
    pretrained: str = ""

    @property
    def divisor(self) -> int:
        """What the width must be a multiple of."""
        return 1


class TransformerConfig(SequenceConfig, frozen=True, forbid_unknown_fields=True):
    """width: a multiple of 2 · heads."""

    blocks: Annotated[Positive, Tuned(1, 4)] = 2
    heads: Positive = 2

    @property
    def divisor(self) -> int:
        return 2 * self.heads


class SasRecConfig(TransformerConfig, frozen=True, forbid_unknown_fields=True):
    """times: whether attention reads how long ago something was, besides how many events."""

    times: bool = False


class Bert4RecConfig(TransformerConfig, frozen=True, forbid_unknown_fields=True):
    """masked: the share of events that are hidden to be guessed."""

    masked: Annotated[float, Meta(gt=0.0, lt=1.0)] = 0.3


class Gru4RecConfig(SequenceConfig, frozen=True, forbid_unknown_fields=True):
    layers: Positive = 1


class HstuConfig(SequenceConfig, frozen=True, forbid_unknown_fields=True):
    """width: a multiple of the heads."""

    rate: Annotated[float, Meta(gt=0.0), Tuned(5e-4, 1e-2, log=True)] = 4e-3
    blocks: Annotated[Positive, Tuned(1, 6)] = 4
    heads: Positive = 2

    @property
    def divisor(self) -> int:
        return self.heads


class AlsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """confidence: that an event of interest 1 adds to the 1 that what was not met has as well; ridge: of each
    regression."""

    factors: Annotated[Positive, Tuned(16, 256, step=16)] = 64
    iterations: Positive = 15
    confidence: Annotated[float, Meta(gt=0.0), Tuned(1.0, 100.0, log=True)] = 10.0
    ridge: Annotated[float, Meta(gt=0.0), Tuned(0.01, 100.0, log=True)] = 1.0


class ItemKnnConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """likeness: of the interest in two items; neighbours: kept of each item; shrinkage: squared interest that each item
    is credited with, so that few coincidences weigh little; recency: what an event of the history counts against the
    one after it when asked; look_back: the events that are asked, the newest."""

    likeness: Literal["cosine", "pearson"] = "cosine"
    neighbours: Annotated[Positive, Tuned(50, 500, log=True)] = 150
    shrinkage: Annotated[float, Meta(ge=0.0), Tuned(1.0, 200.0, log=True)] = 20.0
    recency: Annotated[Share, Tuned(0.5, 1.0)] = 0.8
    look_back: Positive = 30


class TowerConfig(LoopConfig, frozen=True, forbid_unknown_fields=True):
    """width: of the vectors; hidden: units of the layer that joins what is said of an item, 0 for sums alone; length:
    the events of a history that are read; without_own: the share of items of which, in training, only what they are
    counts; batch: of events; from_batch, uniform, near: items that are held against the wanted ones: of those that
    others of the batch wanted, drawn evenly, and drawn among those that share a word or a label with a wanted
    one."""

    width: Annotated[Positive, Tuned(64, 256, step=64)] = 128
    hidden: Annotated[int, Meta(ge=0)] = 128
    length: Positive = 50
    dropout: Annotated[float, Meta(ge=0.0, lt=1.0), Tuned(0.0, 0.6)] = 0.2
    without_own: Annotated[float, Meta(ge=0.0, lt=1.0), Tuned(0.0, 0.6)] = 0.3
    batch: Positive = 1_600
    from_batch: Positive = 1_600
    uniform: Positive = 512
    near: Annotated[int, Meta(ge=0)] = 256

    @property
    def numbers(self) -> int:
        """Of a vector."""
        return self.width


class TwoTowerConfig(TowerConfig, frozen=True, forbid_unknown_fields=True):
    """attention: whether events of a history count by how they go with the newest, which then counts by itself as
    well; loss: "softmax" or "warp"."""

    attention: bool = True
    loss: Literal["softmax", "warp"] = "softmax"


class HybridConfig(TwoTowerConfig, frozen=True, forbid_unknown_fields=True):
    hidden: Annotated[int, Meta(ge=0)] = 0
    attention: bool = False
    loss: Literal["softmax", "warp"] = "warp"


class NeuMfConfig(TowerConfig, frozen=True, forbid_unknown_fields=True):
    """width: of each of both halves of a vector; items: that take part, those with the most events, as an answer
    costs what they are many."""

    width: Annotated[int, Meta(ge=2)] = 64
    items: Positive = 20_000
    from_batch: Positive = 128
    uniform: Positive = 64
    near: Annotated[int, Meta(ge=0)] = 32

    @property
    def numbers(self) -> int:
        return 2 * self.width


class BprConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """rate: of steps; weight_decay: what pulls factors towards nothing while they are fitted."""

    factors: Annotated[Positive, Tuned(16, 256, step=16)] = 64
    iterations: Positive = 60
    rate: Annotated[float, Meta(gt=0.0), Tuned(0.005, 0.2, log=True)] = 0.05
    weight_decay: Annotated[float, Meta(ge=0.0), Tuned(1e-4, 0.1, log=True)] = 0.01


class PictureConfig(LoopConfig, frozen=True, forbid_unknown_fields=True):
    """model: what reads pictures: "none"; "plain", which has nothing to learn; "trained" on the shop's own pictures and
    texts; a directory or a Hugging Face name of a vision or a CLIP model; download: whether such a name may be fetched
    from the hub; max_tokens: of a text that a CLIP model reads. Of the network that is trained: width: of the vectors;
    channels: of its stages; side: pixels of a picture, both ways, a multiple of 32; batch: of pictures; pictures: that
    it learns from, at most."""

    model: str = "plain"
    download: bool = False
    max_tokens: Positive = 77
    width: Positive = 128
    channels: tuple[Annotated[int, Meta(ge=16, multiple_of=16)], ...] = (48, 96, 192)
    side: Annotated[int, Meta(ge=32, le=256, multiple_of=32)] = 64
    batch: Annotated[int, Meta(ge=2)] = 256
    pictures: Positive = 50_000
    rate: Annotated[float, Meta(gt=0.0)] = 3e-3
    weight_decay: Annotated[float, Meta(ge=0.0)] = 0.05
    falling: Literal["no", "linear", "cosine"] = "cosine"
    epochs: Positive = 30
    patience: Positive = 6
