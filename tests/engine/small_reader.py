"""Cross-encoders with planted answers, and a small BERT with random weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from shopkeeper.vocabulary import Scores

WORDS = ("mug", "plate", "red", "blue", "kids", "chef", "blunt", "sharp", "for", "a", "红", "色")


@dataclass(frozen=True)
class Liking:
    """Prefers texts that hold a word, the more the longer they are, and reads ASCII alone; `heard` is what it was
    asked."""

    word: str
    heard: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    def score(self, query: str, texts: Sequence[str]) -> Scores:
        self.heard.append((query, tuple(texts)))
        return np.array([100.0 * (self.word in text.split()) + len(text) / 100 for text in texts], np.float32)

    def unknown_shares(self, texts: Sequence[str]) -> Scores:
        return np.array([not text.isascii() for text in texts], np.float32)

    def save(self, directory: Path) -> None:
        raise NotImplementedError


def write_counting(folder: Path, most: int, words: Sequence[str] = ("mug",)) -> Path:
    """The files of a cross-encoder whose score is the number of tokens of the text, and not of the query, among the
    `most` of both that it reads. words: that it knows."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {word: at for at, word in enumerate(("[UNK]", "|", *words))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing("$A", "$A |:0 $B:1", special_tokens=[("|", 1)])
    tokenizer.enable_truncation(most)
    tokenizer.save(str(folder / "tokenizer.json"))
    nodes = [
        helper.make_node("Mul", ["token_type_ids", "attention_mask"], ["of_text"]),
        helper.make_node("Cast", ["of_text"], ["counted"], to=TensorProto.FLOAT),
        helper.make_node("ReduceSum", ["counted", "last"], ["score"], keepdims=0),
    ]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["B", "T"])
        for name in ("attention_mask", "token_type_ids")
    ]
    output = helper.make_tensor_value_info("score", TensorProto.FLOAT, ["B"])
    last = numpy_helper.from_array(np.array([1]), "last")
    graph = helper.make_graph(nodes, "counting", inputs, [output], [last])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), folder / "model.onnx"
    )
    return folder


def write_bert(folder: Path, labels: int = 1) -> Path:
    """Of two small layers, saved as Hugging Face models are; a cross-encoder where it has one label."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    vocabulary = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    torch.manual_seed(0)
    size = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    plain = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "initializer_range": 0.2}
    config = BertConfig(vocab_size=len(vocabulary), max_position_embeddings=32, num_labels=labels, **size, **plain)
    BertForSequenceClassification(config).save_pretrained(folder)
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    return folder
