"""An encoder of a few words with planted meanings, written by hand: words of one group mean the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from shopkeeper.engine.encoder import Encoder, SentenceEncoder

GROUPS = (("mug", "cup", "beaker"), ("teapot", "kettle"), ("lamp", "light"), ("chair", "seat"), ("red", "scarlet"))
PLAIN = ("blue", "green", "a", "for", "every", "day", "made", "by", "hand", "home", "kitchen", "acme", "bolt")


def make_encoder(directory: Path) -> Encoder:
    """Each group is one direction, the colours and the plain words are short ones: kinds decide."""
    vocabulary = {"[UNK]": 0}
    directions = np.eye(24, dtype=np.float32)
    table = [directions[23] * 0.1]
    for group, meaning in enumerate((*GROUPS, *((word,) for word in PLAIN))):
        for word in meaning:
            vocabulary[word] = len(vocabulary)
            table.append(directions[group] * (1.0 if group < 4 else 0.2))
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    directory.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(directory / "tokenizer.json"))
    onnx.save(_graph(np.stack(table)), directory / "model.onnx")
    return SentenceEncoder.load(directory)


def _graph(table: np.ndarray) -> onnx.ModelProto:
    """The average of the words' vectors, of length 1."""
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["words"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["weights"]),
        helper.make_node("Mul", ["words", "weights"], ["weighted"]),
        helper.make_node("ReduceSum", ["weighted", "middle"], ["sum"], keepdims=0),
        helper.make_node("ReduceL2", ["sum"], ["length"], axes=[1], keepdims=1),
        helper.make_node("Max", ["length", "tiny"], ["divisor"]),
        helper.make_node("Div", ["sum", "divisor"], ["vector"]),
    ]
    constants = {"table": table, "last": np.array([2]), "middle": np.array([1]), "tiny": np.array([1e-6], np.float32)}
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["B", "T"]) for name in ("input_ids", "attention_mask")
    ]
    output = helper.make_tensor_value_info("vector", TensorProto.FLOAT, ["B", table.shape[1]])
    initialisers = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "small", inputs, [output], initialisers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
