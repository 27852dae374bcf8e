"""A transformer in ONNX Runtime, and the tokenizer it reads by: what all encoders that are served have in common."""

from __future__ import annotations

import hashlib
import json
import shutil
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Encoding, Tokenizer

from shopkeeper.errors import ReleaseError
from shopkeeper.vocabulary import Scores

MODEL_FILE, TOKENIZER_FILE = "model.onnx", "tokenizer.json"
FILES = (MODEL_FILE, TOKENIZER_FILE)
CHUNK = 4096  # texts tokenised at a time: their encodings are larger than the vectors they become
# A script is read if the vocabulary has this many pieces of it, or, being small, this share of its pieces.
_SCRIPT_PIECES, _SCRIPT_SHARE = 500, 0.02

_Ids = npt.NDArray[np.int64]
Ids = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Tokens:
    """The `input_ids` of n texts. ids int32 [all], text after text; starts int64 [n + 1]: where each begins."""

    ids: Ids
    starts: npt.NDArray[np.int64]

    @classmethod
    def of(cls, texts: Iterable[Sequence[int]]) -> Tokens:
        parts = [np.array(text, np.int32) for text in texts]
        starts = np.cumsum([0, *map(len, parts)], dtype=np.int64)
        return cls(np.concatenate([np.empty(0, np.int32), *parts]), starts)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def take(self, places: Iterable[int]) -> list[Ids]:
        return [self.ids[self.starts[at] : self.starts[at + 1]] for at in places]


class Transformer:
    """From a directory that holds FILES; `tokenizer.json` says where to truncate.

    The graph takes `input_ids`, `attention_mask` and, where it tells a text from what it is read with, `token_type_ids`
    (int64 [batch, length]), and gives `output`. told: what it is, for a person; beside: other files that are part of it
    where they are there. unknown: the id of the token that stands for what cannot be read, -1 where every byte is read.
    """

    def __init__(
        self, directory: Path, output: str, told: str, *, beside: Sequence[str] = (), threads: int = 1
    ) -> None:
        """Raises ReleaseError when a file is missing."""
        missing = [name for name in FILES if not (directory / name).is_file()]
        if missing:
            raise ReleaseError(f"{told} lacks {' and '.join(missing)}", where=str(directory))
        self._directory, self._output = directory, output
        self._files = [name for name in (*FILES, *beside) if (directory / name).is_file()]
        self.tokenizer = Tokenizer.from_file(str(directory / TOKENIZER_FILE))
        self.tokenizer.no_padding()  # we pad each batch to its own longest text
        self.unknown, self._scripts = _unknown_id(self.tokenizer), _readable_scripts(self.tokenizer)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            str(directory / MODEL_FILE), options, providers=["CPUExecutionProvider"]
        )
        self._takes = {each.name for each in self._session.get_inputs()}

    @cached_property
    def digest(self) -> str:
        told = hashlib.sha256()
        for name in self._files:
            with (self._directory / name).open("rb") as file:
                told.update(hashlib.file_digest(file, "sha256").digest())
        return told.hexdigest()

    def save(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        for name in self._files:
            shutil.copyfile(self._directory / name, directory / name)

    def run(self, encodings: Sequence[Encoding]) -> Scores:
        """float32 [len(encodings), …]: its output."""
        ids, mask = padded([encoding.ids for encoding in encodings])
        types, _ = padded([encoding.type_ids for encoding in encodings])
        fed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}
        fed = {name: array for name, array in fed.items() if name in self._takes}
        return cast(Scores, self._session.run([self._output], fed)[0])

    def unknown_shares(self, texts: Sequence[str]) -> Scores:
        """float32 [len(texts)]: the share of each text's tokens that it cannot read; 1 for an empty text.

        Unreadable are unknown tokens, and those of a script of which the vocabulary holds hardly more than single
        letters: they have vectors, but no meaning.
        """
        shares = np.ones(len(texts), np.float32)
        for start in range(0, len(texts), CHUNK):
            chunk = list(map(width, texts[start : start + CHUNK]))
            batch = self.tokenizer.encode_batch(chunk, add_special_tokens=False)
            for i, (text, encoding) in enumerate(zip(chunk, batch, strict=True), start):
                if encoding.ids:
                    shares[i] = self._unreadable(text, encoding) / len(encoding.ids)
        return shares

    def _unreadable(self, text: str, encoding: Encoding) -> int:
        if text.isascii():
            return encoding.ids.count(self.unknown)
        scripts = (_script(text[start:end]) for start, end in encoding.offsets)
        return sum(
            id_ == self.unknown or (script is not None and script not in self._scripts)
            for id_, script in zip(encoding.ids, scripts, strict=True)
        )


def padded(tokens: Sequence[list[int] | Ids]) -> tuple[_Ids, _Ids]:
    """What graphs read: ids and mask, int64 [batch, length] both, the mask being 1 where there is a token."""
    ids = np.zeros((len(tokens), max(1, *map(len, tokens))), np.int64)
    mask = np.zeros_like(ids)
    for at, text in enumerate(tokens):
        ids[at, : len(text)] = text
        mask[at, : len(text)] = 1
    return ids, mask


def width(text: str) -> str:
    """Full-width letters are letters."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def _unknown_id(tokenizer: Tokenizer) -> int:
    """The id of the token that stands for what cannot be read; -1 for tokenizers that read every byte."""
    model = json.loads(tokenizer.to_str())["model"]
    if model.get("unk_id") is not None:
        return int(model["unk_id"])
    token = tokenizer.token_to_id(model.get("unk_token") or "")
    return -1 if token is None else token


def _readable_scripts(tokenizer: Tokenizer) -> frozenset[str]:
    """The scripts of which the vocabulary holds many pieces: an English one holds all Greek letters, and no Greek."""
    ids = [[id_] for id_ in range(tokenizer.get_vocab_size())]
    pieces = {piece.removeprefix("##").strip() for piece in tokenizer.decode_batch(ids)}
    counts = Counter(map(_script, pieces))
    enough = min(_SCRIPT_PIECES, _SCRIPT_SHARE * len(pieces))
    return frozenset(script for script, count in counts.items() if script and count >= enough)


def _script(piece: str) -> str | None:
    """The script of the first letter, by its Unicode name: "LATIN", "CJK", "CYRILLIC"; None without a letter."""
    letter = next(filter(str.isalpha, piece), None)
    return letter and unicodedata.name(letter, "?").split()[0]
