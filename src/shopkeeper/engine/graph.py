"""A network as a graph of ONNX: arrays in, an array out, without PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import onnxruntime

from shopkeeper.vocabulary import Scores


class Graph:
    """content: the file, as bytes; inputs: their names. Called with its inputs by name, it gives its first output."""

    def __init__(self, content: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.content = content
        self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        self.inputs = tuple(one.name for one in self._session.get_inputs())

    def __call__(self, **inputs: npt.NDArray[np.generic[Any]]) -> Scores:
        return cast(Scores, self._session.run(None, inputs)[0])

    def save(self, path: Path) -> None:
        path.write_bytes(self.content)

    @classmethod
    def load(cls, path: Path) -> Graph:
        return cls(path.read_bytes())
