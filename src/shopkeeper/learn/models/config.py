"""What each model is made of, as `[models.NAME]` in shop.toml says it; read without the libraries that fit it."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from shopkeeper.settings import Positive


class SasRecConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """width: of the vectors, a multiple of 2 · heads; length: the events of a history that are read; batch: of events;
    all_items_below: with fewer items, all are told apart at each step, with more `negatives` that are drawn; epochs:
    the most; patience: epochs without a better figure, after which it ends."""

    width: Positive = 128
    blocks: Positive = 2
    heads: Positive = 2
    length: Positive = 100
    dropout: Annotated[float, Meta(ge=0.0, lt=1.0)] = 0.3
    batch: Positive = 3_200
    rate: Annotated[float, Meta(gt=0.0)] = 2e-3
    weight_decay: Annotated[float, Meta(ge=0.0)] = 0.01
    all_items_below: Positive = 20_000
    negatives: Positive = 1_024
    epochs: Positive = 200
    patience: Positive = 10


class AlsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """confidence: that an event of interest 1 adds to the 1 that what was not met has as well; ridge: of each
    regression."""

    factors: Positive = 64
    iterations: Positive = 15
    confidence: Annotated[float, Meta(gt=0.0)] = 10.0
    ridge: Annotated[float, Meta(gt=0.0)] = 1.0
