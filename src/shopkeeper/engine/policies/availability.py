"""Only what can be bought stands on a shelf."""

from __future__ import annotations

import numpy as np

from shopkeeper.engine.context import Context
from shopkeeper.engine.filters import day
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.vocabulary import Mask


class Availability:
    """Takes out what is sold out, and what is launched after the moment of the request."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._available, self._launched = catalogue.available, catalogue.launched
        self._all_launched_by = float(np.nanmax(self._launched, initial=-np.inf))

    def allowed(self, context: Context) -> Mask:
        if self._all_launched_by <= context.now:
            return self._available
        return self._available & ~(self._launched > context.now)

    def why_not(self, context: Context, row: int) -> str | None:
        if not self._available[row]:
            return "out of stock"
        if self._launched[row] > context.now:
            return f"not on sale before {day(float(self._launched[row]))}"
        return None
