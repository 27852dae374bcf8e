"""Cross-encoders: a query and a text, read together, → how well they go together, without PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from shopkeeper.engine.transformer import Transformer, width
from shopkeeper.vocabulary import Scores


class CrossEncoder:
    """In ONNX Runtime, from a directory as `Transformer` has it; the graph gives `score`, float32 [batch]."""

    def __init__(self, directory: Path) -> None:
        self._transformer = Transformer(directory, "score", "the cross-encoder")

    @classmethod
    def load(cls, directory: Path) -> CrossEncoder:
        """Raises ReleaseError when a file is missing."""
        return cls(directory)

    def save(self, directory: Path) -> None:
        self._transformer.save(directory)

    def score(self, query: str, texts: Sequence[str]) -> Scores:
        """float32 [len(texts)], on a scale of its own, higher is better. All are read at once: eight bits hold what is
        read together, so that a score hangs a little on its neighbours."""
        if not len(texts):
            return np.empty(0, np.float32)
        pairs = [(width(query), width(text)) for text in texts]
        return self._transformer.run(self._transformer.tokenizer.encode_batch(pairs))

    def unknown_shares(self, texts: Sequence[str]) -> Scores:
        """As `Transformer.unknown_shares`."""
        return self._transformer.unknown_shares(texts)
