"""A sentence encoder in ONNX Runtime: texts → unit vectors, without PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from shopkeeper.vocabulary import Scores


class Encoder:
    """Loaded from a directory that holds `model.onnx` and `tokenizer.json`."""

    dimension: int

    @classmethod
    def load(cls, directory: Path, *, threads: int = 1) -> Encoder:
        raise NotImplementedError

    def save(self, directory: Path) -> None:
        raise NotImplementedError

    def encode(self, texts: Sequence[str]) -> Scores:
        """float32 [len(texts), dimension], each of length 1."""
        raise NotImplementedError

    def unknown_shares(self, texts: Sequence[str]) -> Scores:
        """float32 [len(texts)]: the share of each text's tokens that the encoder cannot read; 1 for an empty text."""
        raise NotImplementedError
