"""Variants of one product do not stand side by side."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from shopkeeper.engine.context import Context
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.vocabulary import Rows, Scores


class Duplicates:
    """The best of each group of variants keeps its place; the others stand after everything else, so that nothing is
    lost to a shopper who pages on."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._groups = catalogue.groups

    def order(self, context: Context, rows: Rows, scores: Scores) -> npt.NDArray[np.int64]:  # noqa: ARG002
        _, firsts = np.unique(self._groups[rows], return_index=True)
        repeats = np.ones(len(rows), np.bool_)
        repeats[firsts] = False
        return np.argsort(repeats, kind="stable")
