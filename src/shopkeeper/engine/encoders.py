"""The encoder that a directory holds, of whatever kind."""

from __future__ import annotations

from pathlib import Path

from shopkeeper.engine.encoder import Encoder, SentenceEncoder
from shopkeeper.engine.subword import FILE, SubwordEncoder


def load_encoder(directory: Path, *, threads: int = 1) -> Encoder:
    """Raises ReleaseError when a file is missing."""
    if (directory / FILE).is_file():
        return SubwordEncoder.load(directory)
    return SentenceEncoder.load(directory, threads=threads)
