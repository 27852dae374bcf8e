"""Learning to rank: LightGBM's lambdarank on replayed requests, and its trees as an ONNX graph for serving."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from shopkeeper.engine.ranking.ranker import Ranker
from shopkeeper.engine.ranking.recipe import Examples
from shopkeeper.settings import TrainSettings

ROUNDS, PATIENCE = 400, 40
FEW, BAGS = 1_000, 5  # requests, below which as many rankers are added up
TOP = 10  # the ranks that the early stop looks at
Values = npt.NDArray[np.floating[Any]]

OPSET, ML_OPSET, IR_VERSION = 17, 3, 8  # old enough for every ONNX Runtime that the package allows


def fit_trees(examples: Examples, watched: Examples, names: Sequence[str], settings: TrainSettings) -> Ranker:
    """The ranker that orders `examples` best, stopped when `watched` gains no more. Its importance is each feature's
    share of the gain in the trees.

    LambdaMART (Burges 2010): each pair of candidates pulls by how much swapping it would change NDCG. Where there are
    few requests, to stop by some of them is mostly chance: several rankers, each stopped by other requests, are added
    up, so that all are learned from (Breiman, "Bagging Predictors", Machine Learning 1996).
    """
    together = len(examples) + len(watched)
    lessons = _in_turn(examples.followed_by(watched)) if 2 * BAGS <= together < FEW else [(examples, watched)]
    boosters = [_boosted(some, others, names, settings, few=together < FEW) for some, others in lessons]
    gains = np.sum([each.feature_importance("gain", iteration=each.best_iteration) for each in boosters], axis=0)
    order = np.argsort(-gains, kind="stable")
    shares = gains / max(float(gains.sum()), 1e-12)
    dumps = [each.dump_model(num_iteration=each.best_iteration) for each in boosters]
    model = trees_to_onnx({**dumps[0], "tree_info": [tree for dump in dumps for tree in dump["tree_info"]]})
    return Ranker(model.SerializeToString(), names, {names[at]: float(shares[at]) for at in order})


def _in_turn(examples: Examples) -> list[tuple[Examples, Examples]]:
    """Each BAGS-th part of the requests once as those to stop by."""
    places = np.arange(len(examples))
    return [
        (examples.of(places[places % BAGS != bag]), examples.of(places[places % BAGS == bag])) for bag in range(BAGS)
    ]


def _boosted(
    examples: Examples, watched: Examples, names: Sequence[str], settings: TrainSettings, *, few: bool
) -> lightgbm.Booster:
    levels = np.unique(np.concatenate(([0.0], examples.labels, watched.labels)))
    data = _dataset(examples, names, levels)
    parameters: dict[str, Any] = {
        "objective": "lambdarank",
        "metric": "ndcg",
        "eval_at": [TOP],
        "label_gain": levels.tolist(),
        "lambdarank_truncation_level": 2 * TOP,
        "learning_rate": 0.05,
        "num_leaves": 15 if few else 31,
        "min_data_in_leaf": 20 if few else 50,
        "feature_fraction": 0.7,
        "lambda_l2": 1.0,
        "seed": settings.seed,
        "num_threads": settings.threads,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    return lightgbm.train(
        parameters,
        data,
        num_boost_round=ROUNDS,
        valid_sets=[_dataset(watched, names, levels, data)],
        callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
    )


def _dataset(
    examples: Examples, names: Sequence[str], levels: Values, reference: lightgbm.Dataset | None = None
) -> lightgbm.Dataset:
    """levels: the values of the labels, ascending."""
    return lightgbm.Dataset(
        examples.features,
        np.searchsorted(levels, examples.labels),
        group=examples.sizes,
        weight=np.repeat(examples.weights, examples.sizes),
        feature_name=[str(at) for at in range(len(names))],  # LightGBM refuses some characters in names
        reference=reference,
        params={"feature_pre_filter": False},
    )


def trees_to_onnx(dump: dict[str, Any]) -> onnx.ModelProto:
    """`Booster.dump_model()` as a graph: float32 [n, F] → float32 [n, 1], the sum over trees. NaN goes where LightGBM
    sends it. Thresholds are rounded down to float32, which for float32 features decides as the float64 ones do.

    Raises ValueError for trees with categorical splits.
    """
    nodes, leaves = [], []
    for tree, info in enumerate(dump["tree_info"]):
        for at, node in enumerate(_walk(info["tree_structure"])):
            if "split_feature" not in node:
                nodes.append((tree, at, "LEAF", 0, 0.0, 0, 0, 0))
                leaves.append((tree, at, 0, float(node["leaf_value"])))
                continue
            if node["decision_type"] != "<=":
                raise ValueError(f"a split by {node['decision_type']!r} cannot be converted")
            threshold, nan_left = _float32_below(node["threshold"]), int(_nan_goes_left(node))
            split = ("BRANCH_LEQ", node["split_feature"], threshold, node["left"], node["right"], nan_left)
            nodes.append((tree, at, *split))
    columns = zip((*_NODE_FIELDS, *_LEAF_FIELDS), (*zip(*nodes, strict=True), *zip(*leaves, strict=True)), strict=True)
    attributes: dict[str, Any] = {name: list(column) for name, column in columns}
    ensemble = helper.make_node(
        "TreeEnsembleRegressor",
        ["features"],
        ["scores"],
        domain="ai.onnx.ml",
        n_targets=1,
        aggregate_function="SUM",
        **attributes,
    )
    width = dump["max_feature_idx"] + 1
    graph = helper.make_graph(
        [ensemble],
        "ranker",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, width])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [None, 1])],
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="shopkeeper")


_NODE_FIELDS = (
    "nodes_treeids",
    "nodes_nodeids",
    "nodes_modes",
    "nodes_featureids",
    "nodes_values",
    "nodes_truenodeids",
    "nodes_falsenodeids",
    "nodes_missing_value_tracks_true",
)
_LEAF_FIELDS = ("target_treeids", "target_nodeids", "target_ids", "target_weights")


def _walk(root: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The nodes of a tree, numbered as they come; a split knows the numbers of its children (`left`, `right`)."""
    queue, at = [root], 0
    while at < len(queue):
        node = queue[at]
        if "split_feature" in node:
            node = {**node, "left": len(queue), "right": len(queue) + 1}
            queue += [node["left_child"], node["right_child"]]
        yield node
        at += 1


def _nan_goes_left(node: dict[str, Any]) -> bool:
    """A feature that had no NaN in training ("None") reads NaN as 0."""
    return bool(node["default_left"] if node["missing_type"] == "NaN" else node["threshold"] >= 0)


def _float32_below(threshold: float) -> float:
    with np.errstate(over="ignore"):  # 1e300 separates what is known from NaN
        rounded = np.float32(threshold)
        return float(np.nextafter(rounded, np.float32(-np.inf)) if rounded > threshold else rounded)
