"""Nothing that the person holds in hand already."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from shopkeeper.engine.context import Context
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.settings import Surface
from shopkeeper.vocabulary import EventType, Mask, Rows


class Exclusion:
    """Takes out the items that a shelf stands beside, and what the surface's `exclude` says of the person's own
    history: "purchased" or "seen"."""

    def __init__(self, catalogue: Catalogue, surfaces: Mapping[str, Surface]) -> None:
        self._n_items, self._surfaces = len(catalogue), surfaces

    def allowed(self, context: Context) -> Mask | None:
        excluded = np.concatenate((self._anchors(context), self._own(context)))
        if not len(excluded):
            return None
        mask = np.ones(self._n_items, np.bool_)
        mask[excluded] = False
        return mask

    def why_not(self, context: Context, row: int) -> str | None:
        if row in self._anchors(context):
            return "the shelf stands beside this very item"
        if row not in self._own(context):
            return None
        return "bought already" if row in _bought(context) else "seen already"

    def _anchors(self, context: Context) -> Rows:
        return context.anchors if self._surfaces[context.request.surface].needs == "items" else np.empty(0, np.int32)

    def _own(self, context: Context) -> Rows:
        """The part of the person's history that the surface excludes."""
        match self._surfaces[context.request.surface].exclude:
            case "nothing":
                return np.empty(0, np.int32)
            case "purchased":
                return _bought(context)
            case "seen":
                return context.history


def _bought(context: Context) -> Rows:
    bought: Rows = context.history[context.history_codes == EventType.PURCHASE.code]
    return bought
