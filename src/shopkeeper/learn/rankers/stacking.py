"""The ranker `stacking`: what each source says, weighed as the past requests want it.

The sources' places and scores are added up with weights that are learned and never negative (Breiman, "Stacked
Regressions", Machine Learning 1996), so that the answers people wanted get the largest shares (listwise softmax; Cao et
al., ICML 2007). With one source of behaviour and one of content, this is α · behaviour + (1 − α) · content, with the α
of the shop.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from shopkeeper.engine.ranking.fusion import RANK_OFFSET
from shopkeeper.engine.ranking.ranker import Ranker
from shopkeeper.engine.ranking.recipe import Examples
from shopkeeper.learn.libraries import library
from shopkeeper.settings import Settings
from shopkeeper.vocabulary import Scores

JOB = "fitting the ranker stacking"
ENDS = (0.01, 0.99)  # the quantiles of a source's scores that count as 0 and as 1
RIDGE = 1e-4
GRAPH = """
<ir_version: 8, opset_import: ["" : 17]>
stacking (float[n, f] features) => (float[n, 1] scores)
{
    said = Gather <axis = 1> (features, columns)
    above = Sub (said, low)
    share = Mul (above, scale)
    within = Clip (share, zero, one)
    silent = IsNaN (said)
    granted = Where (silent, zero, within)
    scores = MatMul (granted, weights)
}
"""

Values = npt.NDArray[np.float64]


class Stacking:
    """The recipe."""

    name = "stacking"
    when = "little to learn from: one weight for each source's places and scores, and nothing else"

    def fit(
        self,
        examples: Examples,
        watched: Examples,  # noqa: ARG002 - the weights have one optimum, and nothing to stop before it
        names: Sequence[str],
        settings: Settings,  # noqa: ARG002
    ) -> Ranker:
        """Its importance are the weights' shares. Raises MissingExtraError without SciPy and ONNX."""
        columns = [at for at, name in enumerate(names) if name.endswith((".score", ".reciprocal_rank"))]
        low, high = _ends(examples.features[:, columns], [names[at] for at in columns])
        scale = 1.0 / np.where(high > low, high - low, 1.0)
        granted = np.nan_to_num(np.clip((examples.features[:, columns] - low) * scale, 0.0, 1.0))
        weights = _weights(granted.astype(np.float64), examples)
        shares = weights / max(float(weights.sum()), 1e-12)
        order = [at for at in np.argsort(-shares, kind="stable") if shares[at] > 0]
        model = _graph(
            columns=np.array(columns, np.int64), low=low, scale=scale, weights=weights[:, None], zero=0.0, one=1.0
        )
        return Ranker(model, names, {names[columns[at]]: float(shares[at]) for at in order})


def _ends(said: Scores, names: Sequence[str]) -> tuple[Scores, Scores]:
    """What counts as 0 and as 1 in each column of said [n, c], float32 [c]."""
    low, high = np.zeros(len(names), np.float32), np.full(len(names), 1.0 / (RANK_OFFSET + 1.0), np.float32)
    for at, name in enumerate(names):
        known = said[:, at][np.isfinite(said[:, at])]
        if name.endswith(".score") and len(known):
            low[at], high[at] = np.quantile(known, ENDS)
    return low, high


def _weights(granted: Values, examples: Examples) -> Values:
    """float64 [c], none below 0, of granted [n, c]."""
    starts = np.cumsum(examples.sizes) - examples.sizes
    wanted = examples.labels / np.repeat(np.add.reduceat(examples.labels, starts), examples.sizes)
    share = np.repeat(examples.weights / examples.weights.sum(), examples.sizes)

    def loss(weights: Values) -> tuple[float, Values]:
        scores = granted @ weights
        scores -= np.repeat(np.maximum.reduceat(scores, starts), examples.sizes)
        logs = scores - np.repeat(np.log(np.add.reduceat(np.exp(scores), starts)), examples.sizes)
        slope = granted.T @ (share * (np.exp(logs) - wanted))
        return float(-(share * wanted) @ logs + RIDGE * weights @ weights), slope + 2 * RIDGE * weights

    begin = np.ones(granted.shape[1])
    bounds = [(0.0, None)] * granted.shape[1]
    found = library("scipy.optimize", JOB).minimize(loss, begin, jac=True, bounds=bounds, method="L-BFGS-B")
    return np.asarray(found.x, np.float64)


def _graph(**arrays: npt.ArrayLike) -> bytes:
    """GRAPH with these as its constants."""
    onnx = library("onnx", JOB)
    model = library("onnx.parser", JOB).parse_model(GRAPH)
    for name, array in arrays.items():
        values = np.asarray(array)
        values = values if values.dtype == np.int64 else values.astype(np.float32)
        model.graph.initializer.append(onnx.numpy_helper.from_array(values, name))
    return bytes(model.SerializeToString())
