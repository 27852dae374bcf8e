"""The same fit on any device: nothing is wired to the processor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from chains import chains, small_config
from torch import Tensor

from shopkeeper.engine.context import Course
from shopkeeper.engine.graph import Graph
from shopkeeper.engine.sources.sequence import Network
from shopkeeper.learn.models import next_item
from shopkeeper.learn.models.config import SasRecConfig
from shopkeeper.learn.models.histories import Histories
from shopkeeper.learn.models.losses import Drawn, draw
from shopkeeper.learn.models.network import graph_of
from shopkeeper.learn.models.next_item import fitted
from shopkeeper.learn.models.sasrec import SasRec
from shopkeeper.settings import TrainSettings
from shopkeeper.vocabulary import EventType

QUICK = small_config(SasRecConfig, epochs=12, batch=400)
SOME_DRAWN = msgspec.structs.replace(QUICK, all_items_below=1, negatives=64)
CONFIGS = pytest.mark.parametrize("config", [QUICK, SOME_DRAWN], ids=["all items", "drawn items"])


class Elsewhere(Tensor):
    """On another device than the model, as it were: nothing may be done with it but to move it."""

    @classmethod
    def __torch_function__(cls, func: Callable[..., Any], _: Any, args: Any = (), kwargs: Any = None) -> Any:
        with torch._C.DisableTorchFunctionSubclass():
            assert func is Tensor.to, f"{func} is asked of what was not moved to the model"
            return func(*args, **(kwargs or {})).as_subclass(Tensor)


def drawn_elsewhere(frequency: Tensor, k: int, generator: torch.Generator) -> Drawn:
    return Drawn(*(part.as_subclass(Elsewhere) for part in draw(frequency.as_subclass(Tensor), k, generator)))


@CONFIGS
def test_all_that_a_model_is_given_is_moved_to_it_first(config: SasRecConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    histories, settings = Histories.of(chains(people=300).interactions), TrainSettings(device="cpu")
    config, from_numpy = msgspec.structs.replace(config, epochs=2), torch.from_numpy
    expected = fitted("sasrec", SasRec, histories, config, settings).model
    monkeypatch.setattr(torch, "from_numpy", lambda array: from_numpy(array).as_subclass(Elsewhere))
    monkeypatch.setattr(next_item, "draw", drawn_elsewhere)
    assert torch.equal(fitted("sasrec", SasRec, histories, config, settings).model.items, expected.items)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no graphics card here")
@CONFIGS
def test_a_graphics_card_learns_what_the_processor_learns(config: SasRecConfig) -> None:
    histories, codes = Histories.of(chains(people=300).interactions), np.full((12, 1), EventType.VIEW.code, np.int64)
    shares, figures = [], []
    for device in ("cpu", "cuda"):
        course = Course(ended=lambda reached: figures.append(reached.figure))
        model = fitted("sasrec", SasRec, histories, config, TrainSettings(device=device), course=course).model
        vectors = model.vectors().detach().numpy()
        network = Network(Graph(graph_of(model.reader, config.width)), config.length)
        wanted = network(vectors[:, None], codes, codes * np.nan)
        shares.append(np.mean(np.argmax(wanted @ vectors.T, axis=1)[:11] == np.arange(1, 12)))
    assert min(shares) >= 0.8
    assert figures[0] == pytest.approx(figures[1], abs=0.05)
