"""Only what fits what was chosen in facets."""

from __future__ import annotations

from functools import reduce

import numpy as np

from shopkeeper.engine.context import Context
from shopkeeper.engine.filters import Filter, Masks
from shopkeeper.engine.refinements import at_home, chosen, place
from shopkeeper.errors import RequestError
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.vocabulary import Mask


class Refining:
    """Takes out what `request.refinements` do not match; a field of which nothing is chosen takes out nothing."""

    def __init__(self, catalogue: Catalogue, masks: Masks) -> None:
        self._catalogue, self._masks = catalogue, masks

    def allowed(self, context: Context) -> Mask | None:
        masks = [self._mask(name, values) for name, values in context.request.refinements.items() if values]
        return reduce(np.logical_and, masks) if masks else None

    def why_not(self, context: Context, row: int) -> str | None:
        for name, values in context.request.refinements.items():
            if values and not self._mask(name, values)[row]:
                return f"not chosen: {Filter(chosen(self._catalogue, name, values)).why_not(self._catalogue, row)}"
        return None

    def _mask(self, name: str, values: tuple[str, ...]) -> Mask:
        condition = chosen(self._catalogue, name, values)
        try:
            return self._masks.of(condition)
        except RequestError as error:
            raise at_home(error, place(name)) from error
