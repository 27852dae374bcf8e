"""A BERT of two small layers with random weights, saved as Hugging Face models are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def save_bert(folder: Path, words: Sequence[str]) -> Path:
    """Into that folder; it reads those words."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join((*SPECIAL, *words)))
    torch.manual_seed(0)
    size = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    BertModel(BertConfig(vocab_size=len(SPECIAL) + len(words), max_position_embeddings=16, **size)).save_pretrained(
        folder
    )
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    return folder
