"""A learned order beside the fusion of the sources: what was learned from few, or from what judges were shown alone, is
then never far from an order that needs no learning."""

from __future__ import annotations

import numpy as np

from shopkeeper.engine.ranking.query_features import FUSED
from shopkeeper.engine.ranking.ranker import Ranker
from shopkeeper.engine.ranking.recipe import Examples
from shopkeeper.learn.libraries import library

JOB = "adding the fusion to a ranker"


def beside_fusion(ranker: Ranker, examples: Examples) -> Ranker:
    """The sum of both, each over its spread among the examples. Raises MissingExtraError without ONNX."""
    onnx, column = library("onnx", JOB), ranker.names.index(FUSED)
    spread, fused = float(ranker.score(examples.features).std()), float(examples.features[:, column].std())
    model = onnx.load_from_string(ranker.model)
    graph, helper = model.graph, onnx.helper
    asked, learned = graph.input[0].name, graph.output[0].name
    constants = {
        "beside_column": np.array([column], np.int64),
        "beside_weight": np.array(spread / fused if fused else 0.0, np.float32),
        "beside_shape": np.array([-1, 1], np.int64),
    }
    graph.initializer.extend(onnx.numpy_helper.from_array(array, name) for name, array in constants.items())
    graph.node.extend(
        (
            helper.make_node("Gather", [asked, "beside_column"], ["beside_fused"], axis=1),
            helper.make_node("Mul", ["beside_fused", "beside_weight"], ["beside_weighed"]),
            helper.make_node("Reshape", [learned, "beside_shape"], ["beside_learned"]),
            helper.make_node("Add", ["beside_learned", "beside_weighed"], ["beside_scores"]),
        )
    )
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info("beside_scores", onnx.TensorProto.FLOAT, [None, 1]))
    return Ranker(model.SerializeToString(), ranker.names, ranker.importance)
