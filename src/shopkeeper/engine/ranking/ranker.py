"""The learned ranker of a surface: an ONNX graph over the features, run without the library that learned it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import msgspec
import numpy as np
import onnxruntime as ort

from shopkeeper.errors import ReleaseError
from shopkeeper.vocabulary import Scores

MODEL, FEATURES = "model.onnx", "features.json"
NOTHING_SAID: Mapping[str, float] = MappingProxyType({})


class Ranker:
    """model: an ONNX graph with one input float32 [n, F] (NaN is missing) and one output float32 [n] or [n, 1];
    names: the F feature names in the order that the graph was trained on; importance: how much it leans on each of
    those that matter, shares, the largest first, where whoever fitted it can say: for the report, and not kept."""

    def __init__(self, model: bytes, names: Sequence[str], importance: Mapping[str, float] = NOTHING_SAID) -> None:
        self.names, self.importance = tuple(names), importance
        self._model = model
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # requests run side by side already
        options.log_severity_level = 3
        self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ranker) and (self._model, self.names) == (other._model, other.names)

    def __hash__(self) -> int:
        return hash((self._model, self.names))

    @property
    def model(self) -> bytes:
        """The graph."""
        return self._model

    @property
    def size_mb(self) -> float:
        return len(self._model) / 1e6

    def score(self, features: Scores) -> Scores:
        """float32 [n, F] → float32 [n], higher is better."""
        if not len(features):
            return np.empty(0, np.float32)
        (scores,) = self._session.run(None, {self._input: np.ascontiguousarray(features, dtype=np.float32)})
        return np.asarray(scores, dtype=np.float32).reshape(-1)

    def require(self, names: Sequence[str], surface: str) -> None:
        """Raises ReleaseError where the engine's features are not those that the ranker learned from."""
        if tuple(names) != self.names:
            missing = [name for name in self.names if name not in names] or ["none, but their order differs"]
            raise ReleaseError(
                f"the ranker of {surface!r} learned from other features than this shop computes",
                where=f"rankers/{surface}",
                expected=f"the features it learned from; absent now: {', '.join(missing[:5])}",
                remedy="Settings or version changed since: train again.",
            )

    def save(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / MODEL).write_bytes(self._model)
        (directory / FEATURES).write_bytes(msgspec.json.format(msgspec.json.encode({"features": self.names})))

    @classmethod
    def load(cls, directory: Path) -> Ranker:
        """Raises ReleaseError when the graph or its feature names are missing or damaged."""
        try:
            names = msgspec.json.decode((directory / FEATURES).read_bytes(), type=dict[str, list[str]])["features"]
            return cls((directory / MODEL).read_bytes(), names)
        except Exception as error:  # the errors of ONNX Runtime share no other base
            raise ReleaseError(
                f"the ranker cannot be read ({error})", where=str(directory), remedy="Train again, or roll back."
            ) from None
