"""Only what the request's own filter lets through."""

from __future__ import annotations

from shopkeeper.engine.context import Context
from shopkeeper.engine.filters import Masks, compile_filter
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.vocabulary import Mask


class Filtering:
    """Takes out what `request.filter` does not match."""

    def __init__(self, catalogue: Catalogue, masks: Masks) -> None:
        self._catalogue, self._masks = catalogue, masks

    def allowed(self, context: Context) -> Mask | None:
        return self._masks.mask(context.request.filter) if context.request.filter else None

    def why_not(self, context: Context, row: int) -> str | None:
        failed = compile_filter(context.request.filter).why_not(self._catalogue, row)
        return f"filtered: {failed}" if failed else None
