"""The small shop of the source contract as an engine, and a ranker that prefers one feature."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import pyarrow as pa
from onnx import TensorProto, helper, numpy_helper
from source_contract import NOW, material_of, small_interactions, small_items

from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.ranking.ranker import Ranker
from shopkeeper.engine.ranking.statistics import Statistics
from shopkeeper.engine.sources import recipes
from shopkeeper.release.interactions import Interactions
from shopkeeper.settings import Settings
from shopkeeper.vocabulary import Ids

USERS = tuple(f"user{number}" for number in range(8))


def small_engine(
    *,
    items: pa.Table | None = None,
    interactions: Interactions | None = None,
    settings: Settings | None = None,
    rankers: dict[str, Ranker] | None = None,
) -> Engine:
    """Every source that needs no encoder, fitted as of NOW."""
    interactions = small_interactions() if interactions is None else interactions
    material = material_of(small_items() if items is None else items, interactions)
    settings = settings or Settings()
    names = {name for surface in settings.surfaces.values() for name in surface.sources} - {"semantic"}
    return Engine(
        catalogue=material.catalogue,
        interactions=interactions,
        actors=Ids(USERS[: interactions.n_users]),
        sources={name: recipe.fit(material) for name, recipe in recipes(sorted(names)).items()},
        statistics=Statistics.fit(material.catalogue, interactions, NOW),
        settings=settings,
        rankers=rankers,
        release="r1",
    )


def preferring(feature: str, names: Sequence[str]) -> Ranker:
    """Its score is the value of one feature, 0 where that is missing."""
    weights = np.zeros((len(names), 1), dtype=np.float32)
    weights[list(names).index(feature)] = 1.0
    graph = helper.make_graph(
        [
            helper.make_node("IsNaN", ["features"], ["missing"]),
            helper.make_node("Where", ["missing", "zero", "features"], ["known"]),
            helper.make_node("MatMul", ["known", "weights"], ["scores"]),
        ],
        "preferring",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, len(names)])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [None, 1])],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(np.zeros(1, np.float32), "zero")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return Ranker(model.SerializeToString(), names)
