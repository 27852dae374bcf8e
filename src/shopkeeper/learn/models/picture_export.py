"""Any vision or CLIP model of Hugging Face as the eye of the source `picture`, served without PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shopkeeper.engine.encoder import Encoder, SentenceEncoder
from shopkeeper.engine.transformer import MODEL_FILE, TOKENIZER_FILE
from shopkeeper.learn.libraries import library
from shopkeeper.learn.models.config import PictureConfig
from shopkeeper.learn.models.export import exported
from shopkeeper.learn.pretrained import Named, quiet, read_tokenizer, write_tokenizer

JOB = "reading pictures with a pretrained model"
PLAIN = (0.5, 0.5, 0.5)  # mean and deviation of colours where a model names none


class _Vision(nn.Module):
    """pixels uint8 (b, 3, s, s) → (b, d), of length 1."""

    def __init__(self, network: Any, mean: tuple[float, ...], deviation: tuple[float, ...]) -> None:
        super().__init__()
        self.network = network
        self.mean = nn.Buffer(255.0 * torch.tensor(mean).view(1, 3, 1, 1))
        self.deviation = nn.Buffer(255.0 * torch.tensor(deviation).view(1, 3, 1, 1))

    def forward(self, pixels: Tensor) -> Tensor:
        x = (pixels.float() - self.mean) / self.deviation
        if hasattr(self.network, "get_image_features"):
            return F.normalize(_pooled(self.network.get_image_features(pixel_values=x)), dim=-1)
        return F.normalize(_pooled(self.network(pixel_values=x)).flatten(1), dim=-1)


class _Text(nn.Module):
    """input_ids, attention_mask (b, t) → (b, d), of length 1."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        told = self.network.get_text_features(input_ids=input_ids, attention_mask=attention_mask)
        return F.normalize(_pooled(told), dim=-1)


def _pooled(told: Any) -> Tensor:
    """Of what models give under several names."""
    if isinstance(told, Tensor):
        return told
    if getattr(told, "pooler_output", None) is not None:
        return cast(Tensor, told.pooler_output)
    return cast(Tensor, told.last_hidden_state[:, 0])


def exported_model(config: PictureConfig, folder: Path, threads: int) -> tuple[bytes, int, Encoder | None]:
    """The graph of its vision part, the side of the pictures that it reads, and its text part where it has one, which
    lies in `folder`. Raises SettingsError where there is no such model, MissingExtraError."""
    named = Named(
        "models.picture", "model of pictures", '"plain", "trained", "none"', JOB, config.model, config.download
    )
    with named.opening() as read:
        network = read("AutoModel", attn_implementation="eager").eval()
        reading = read("AutoImageProcessor", use_fast=False)
        tokenizer = None
        if hasattr(network, "get_text_features"):
            tokenizer = read_tokenizer(read, network.config.text_config, config.max_tokens)
    with quiet(library("transformers", JOB)):
        side = _side(network.config)
        means = (getattr(reading, name, None) or PLAIN for name in ("image_mean", "image_std"))
        inputs = {"pixels": torch.randint(0, 256, (2, 3, side, side), dtype=torch.uint8)}
        vision = exported(
            _Vision(network, *map(tuple, means)), inputs, {"pixels": {0: "b"}, "vector": {0: "b"}}, "vector"
        )
        return vision, side, None if tokenizer is None else _text(network, tokenizer, folder, threads)


def _side(config: Any) -> int:
    side = getattr(getattr(config, "vision_config", config), "image_size", None) or 224
    return int(side if isinstance(side, int) else max(side))


def _text(network: Any, tokenizer: Any, folder: Path, threads: int) -> Encoder:
    ids = torch.ones(2, 5, dtype=torch.long)
    ids[:, -1] = getattr(network.config.text_config, "eos_token_id", 1)  # where CLIP reads a text's meaning
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]])  # a mask of ones alone would be traced away
    axes = {"input_ids": {0: "B", 1: "T"}, "attention_mask": {0: "B", 1: "T"}, "vector": {0: "B"}}
    graph = exported(_Text(network), {"input_ids": ids, "attention_mask": mask}, axes, "vector")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MODEL_FILE).write_bytes(graph)
    write_tokenizer(tokenizer, folder / TOKENIZER_FILE)
    return SentenceEncoder.load(folder, threads=threads)
