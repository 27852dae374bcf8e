"""Networks of PyTorch as graphs of ONNX, which are served without it (`engine/graph.py`)."""

from __future__ import annotations

import io
import warnings
from typing import Any, cast

import torch
from torch import Tensor, nn


def exported(module: nn.Module, inputs: dict[str, Tensor], axes: dict[str, dict[int, str]], output: str) -> bytes:
    """A graph of ONNX, with inputs and an output of these names, of which the named axes may be of any length."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own, which nobody could act on
        torch.onnx.export(
            module.eval(),
            tuple(inputs.values()),
            cast(Any, buffer),  # which its types do not know
            input_names=[*inputs],
            output_names=[output],
            dynamic_axes=axes,
            opset_version=17,
            dynamo=False,
        )
    return buffer.getvalue()
