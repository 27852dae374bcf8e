"""A merchant's rules: pin, boost, bury, hide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from shopkeeper.engine.context import Context
from shopkeeper.engine.filters import Masks
from shopkeeper.engine.text import fold, query_words
from shopkeeper.errors import RequestError, SettingsError
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.settings import Rule
from shopkeeper.vocabulary import Mask, Rows, Scores

STRENGTH = 4.0  # a boosted item of rank 8 competes as one of rank 2, a buried one of rank 2 as one of rank 8


class Rules:
    """The rules of shop.toml over a catalogue; rule 1 is the first. Pinned items that the catalogue lacks are passed
    over, and so are filters with a field that it lacks: items come and go while the shop is open."""

    def __init__(self, catalogue: Catalogue, masks: Masks, rules: Sequence[Rule]) -> None:
        self._catalogue, self._masks, self._rules = catalogue, masks, rules

    def check(self) -> None:
        """Raises SettingsError when a filter in a rule cannot be followed."""
        for number, rule in enumerate(self._rules, start=1):
            for deed in ("boost", "bury", "hide"):
                try:
                    self._masks.mask(getattr(rule, deed))
                except RequestError as error:
                    where = f"rule {number} of shop.toml, {deed}, {error.where}"
                    raise SettingsError(
                        error.what, where=where, expected=error.expected, remedy=error.remedy
                    ) from error

    def allowed(self, context: Context) -> Mask | None:
        hidden = [self._mask(rule.hide) for _, rule in self._of(context) if rule.hide]
        return ~np.logical_or.reduce(hidden) if hidden else None

    def why_not(self, context: Context, row: int) -> str | None:
        for number, rule in self._of(context):
            if rule.hide and self._mask(rule.hide)[row]:
                return f"hidden by rule {number}: {rule.hide}"
        return None

    def pinned(self, context: Context) -> Rows:
        """int32, first position first, each once."""
        ids = dict.fromkeys(id_ for _, rule in self._of(context) for id_ in rule.pin)
        rows = self._catalogue.ids.rows(ids)
        return rows[rows >= 0]

    def order(self, context: Context, rows: Rows, scores: Scores) -> npt.NDArray[np.int64]:  # noqa: ARG002
        """By rank, divided by STRENGTH where a rule boosts and multiplied where one buries."""
        ranks = np.arange(1.0, len(rows) + 1.0)
        for _, rule in self._of(context):
            if rule.boost:
                ranks[self._mask(rule.boost)[rows]] /= STRENGTH
            if rule.bury:
                ranks[self._mask(rule.bury)[rows]] *= STRENGTH
        return np.argsort(ranks, kind="stable")

    def _mask(self, text: str) -> Mask:
        try:
            return self._masks.mask(text)
        except RequestError:
            return np.zeros(len(self._catalogue), np.bool_)

    def _of(self, context: Context) -> Iterator[tuple[int, Rule]]:
        """The rules for this request, with their numbers."""
        for number, rule in enumerate(self._rules, start=1):
            if rule.surface == context.request.surface and holds_words(context.request.query, rule.query):
                yield number, rule


def holds_words(query: str, words: str) -> bool:
    """Whether a query holds all of these words; any query holds none."""
    if not words:
        return True
    asked, folded = {word.text for word in query_words(query)}, fold(query)
    return all(word.text in asked or (word.unspaced and word.text in folded) for word in query_words(words))
