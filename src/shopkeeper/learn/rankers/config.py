"""What each network that orders candidates is made of, as `[models.NAME]` in shop.toml says it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from shopkeeper.learn.models.config import LoopConfig
from shopkeeper.settings import Positive


class NetworkConfig(LoopConfig, frozen=True, forbid_unknown_fields=True):
    """width, depth: of its hidden layers; batch: of requests."""

    width: Positive = 64
    depth: Positive = 2
    dropout: Annotated[float, Meta(ge=0.0, lt=1.0)] = 0.1
    batch: Positive = 32
    epochs: Positive = 60
    patience: Positive = 8


class MlpConfig(NetworkConfig, frozen=True, forbid_unknown_fields=True):
    """loss: "listwise", a softmax over the candidates of a request, or "pointwise", whether each is wanted."""

    loss: Literal["listwise", "pointwise"] = "listwise"


class DeepFmConfig(MlpConfig, frozen=True, forbid_unknown_fields=True):
    """bins: that the values of a feature are put into, as many in each; factors: of a bin's vector."""

    bins: Positive = 16
    factors: Positive = 8


class DcnConfig(MlpConfig, frozen=True, forbid_unknown_fields=True):
    """crosses: products of features with features, one after the other."""

    crosses: Positive = 2


class MmoeConfig(NetworkConfig, frozen=True, forbid_unknown_fields=True):
    """experts: that the tasks share."""

    experts: Positive = 4


class PleConfig(NetworkConfig, frozen=True, forbid_unknown_fields=True):
    """experts: of each task, and as many that all share; extractions: rounds of them."""

    experts: Positive = 2
    extractions: Positive = 2
