"""Sentence encoders: texts → unit vectors, without PyTorch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np
import numpy.typing as npt
from tokenizers import Encoding

from shopkeeper.engine.transformer import CHUNK, Tokens, Transformer, width
from shopkeeper.vocabulary import Scores

CONVINCING_FILE = "convincing.json"  # beside a graph to which CONVINCING does not apply
# With MiniLM, the nearest item is at 0.46 or more for 95 in 100 real queries of an electronics shop; for random letters
# at 0.2 to 0.42.
CONVINCING = 0.42

_BATCH_TEXTS, _BATCH_TOKENS = 64, 4096


class Encoder(Protocol):
    """dimension: of its vectors; convincing: the cosine from which a text is near a query, rather than the nearest of
    those that are not; digest: of all that its vectors hang on."""

    dimension: int
    convincing: float

    @property
    def digest(self) -> str: ...

    def save(self, directory: Path) -> None: ...

    def encode(self, texts: Sequence[str]) -> Scores:
        """float32 [len(texts), dimension], each of length 1."""
        ...

    def unknown_shares(self, texts: Sequence[str]) -> Scores:
        """float32 [len(texts)]: the share of each text that it cannot read; 1 for an empty text."""
        ...

    def knows(self, word: str) -> bool:
        """Whether this is a word, and not a misspelt one, as it was met where people write well."""
        ...


class SentenceEncoder:
    """In ONNX Runtime, from a directory that holds `model.onnx` and `tokenizer.json` (which says where to truncate).

    The graph takes `input_ids` and `attention_mask` (int64 [batch, length]) and gives `vector`, pooled and of length 1.
    One that was tuned says in `convincing.json` which cosine is convincing.
    """

    dimension: int

    def __init__(self, directory: Path, *, threads: int = 1) -> None:
        self._transformer = Transformer(directory, "vector", "the encoder", beside=[CONVINCING_FILE], threads=threads)
        self._tokenizer = self._transformer.tokenizer
        self.dimension = int(self._transformer.run([self._tokenizer.encode("")]).shape[1])
        own = directory / CONVINCING_FILE
        self.convincing = msgspec.json.decode(own.read_bytes(), type=float) if own.is_file() else CONVINCING

    @classmethod
    def load(cls, directory: Path, *, threads: int = 1) -> SentenceEncoder:
        """Raises ReleaseError when a file is missing."""
        return cls(directory, threads=threads)

    @property
    def digest(self) -> str:
        return self._transformer.digest

    def save(self, directory: Path) -> None:
        self._transformer.save(directory)

    def tokens(self, texts: Sequence[str]) -> Tokens:
        """Of each text, as far as it is read."""
        chunks = (self._encodings(texts[start : start + CHUNK]) for start in range(0, len(texts), CHUNK))
        return Tokens.of(encoding.ids for chunk in chunks for encoding in chunk)

    def encode(self, texts: Sequence[str]) -> Scores:
        """float32 [len(texts), dimension], each of length 1."""
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for start in range(0, len(texts), CHUNK):
            encodings = self._encodings(texts[start : start + CHUNK])
            for batch in of_like_length([len(encoding.ids) for encoding in encodings]):
                vectors[start + batch] = self._transformer.run([encodings[i] for i in batch])
        return vectors

    def _encodings(self, texts: Sequence[str]) -> list[Encoding]:
        return self._tokenizer.encode_batch(list(map(width, texts)))

    def unknown_shares(self, texts: Sequence[str]) -> Scores:
        """As `Transformer.unknown_shares`."""
        return self._transformer.unknown_shares(texts)

    def knows(self, word: str) -> bool:
        """Whether the word is one token, which misspelt ones are not."""
        (token, *others) = self._tokenizer.encode(word, add_special_tokens=False).ids or [self._transformer.unknown]
        return not others and token != self._transformer.unknown


def of_like_length(lengths: list[int]) -> Iterator[npt.NDArray[np.int64]]:
    """Positions in batches of like length, so that little is padded."""
    order = np.argsort(lengths, kind="stable")
    while len(order):
        longest = lengths[order[-1]]
        size = max(1, min(_BATCH_TEXTS, _BATCH_TOKENS // max(longest, 1)))
        yield order[-size:]
        order = order[:-size]
