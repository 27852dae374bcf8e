"""A merchant's rules: pin, boost, bury, hide. (What else they say, a slate passes on.)

Of several that hold, those of a higher `priority` come first, then those of shop.toml, in the order given. What is
hidden stays hidden, whoever pins it; the first to pin an item says where; boosts and burials multiply.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from shopkeeper.engine.context import Context
from shopkeeper.engine.filters import Masks
from shopkeeper.engine.policies.matching import ReadRule, RuleBook, read_rule
from shopkeeper.errors import RequestError, SettingsError
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.settings import Rule
from shopkeeper.vocabulary import Mask, Rows, Scores

DEEDS = ("boost", "bury", "hide")


class Rules:
    """The rules of a book over a catalogue. Pinned items that the catalogue lacks are passed over, and so are filters
    with a field that it lacks: items come and go while the shop is open."""

    def __init__(self, catalogue: Catalogue, masks: Masks, book: RuleBook) -> None:
        self._catalogue, self._masks, self.book = catalogue, masks, book

    def check(self) -> None:
        """Raises SettingsError when a rule cannot be followed."""
        for number, rule in enumerate(self.book.rules, start=1):
            try:
                self.check_one(rule)
            except RequestError as error:
                of = f"rule {rule.id}" if rule.id else f"rule {number} of shop.toml"
                where = f"{of}, {error.where}"
                raise SettingsError(error.what, where=where, expected=error.expected, remedy=error.remedy) from error

    def check_one(self, rule: Rule) -> None:
        """Raises RequestError when the rule cannot be followed."""
        read_rule(rule)
        for deed in DEEDS:
            try:
                self._masks.mask(getattr(rule, deed))
            except RequestError as error:
                raise RequestError(
                    error.what, where=f"{deed}, {error.where}", expected=error.expected, remedy=error.remedy
                ) from error

    def holding(self, context: Context) -> Sequence[ReadRule]:
        """The rules for this request, the first to be heard first."""
        return self.book.holding(context) if context.rules is None else context.rules

    def allowed(self, context: Context) -> Mask | None:
        hidden = [self._mask(each.rule.hide) for each in self.holding(context) if each.rule.hide]
        return ~np.logical_or.reduce(hidden) if hidden else None

    def why_not(self, context: Context, row: int) -> str | None:
        for each in self.holding(context):
            if each.rule.hide and self._mask(each.rule.hide)[row]:
                return f"hidden by {each.label}: {each.rule.hide}"
        return None

    def pins(self, context: Context) -> dict[int, tuple[int, ReadRule]]:
        """The items that `context.allowed` lets through, by row: the place of each (0 is first), and who pins it.

        Who comes first has the place; the next takes the first that is free behind it.
        """
        pinned: dict[int, tuple[int, ReadRule]] = {}
        taken = set[int]()
        for each in self.holding(context):
            wishes = [(item, place - 1) for item, place in each.rule.pin_at.items()]
            for item, place in [*wishes, *((item, 0) for item in each.rule.pin)]:
                row = self._catalogue.ids.row(item)
                if row < 0 or row in pinned or not (context.allowed is None or context.allowed[row]):
                    continue
                while place in taken:
                    place += 1
                taken.add(place)
                pinned[row] = place, each
        return pinned

    def order(self, context: Context, rows: Rows, scores: Scores) -> npt.NDArray[np.int64]:  # noqa: ARG002
        """By rank, divided by the strength of what boosts and multiplied by that of what buries."""
        ranks = np.arange(1.0, len(rows) + 1.0)
        for each in self.holding(context):
            if each.rule.boost:
                ranks[self._mask(each.rule.boost)[rows]] /= each.rule.strength
            if each.rule.bury:
                ranks[self._mask(each.rule.bury)[rows]] *= each.rule.strength
        return np.argsort(ranks, kind="stable")

    def told(self, context: Context, rows: Rows) -> list[list[str]]:
        """What the rules do with each of rows int32 [k], in words: "pinned by rule 2"."""
        told: list[list[str]] = [[] for _ in rows]
        rules = self.holding(context)
        if not rules:
            return told
        pins = self.pins(context)
        for said, row in zip(told, rows.tolist(), strict=True):
            if row in pins:
                said.append(f"pinned by {pins[row][1].label}")
        for each in rules:
            for text, done in ((each.rule.boost, "boosted"), (each.rule.bury, "buried")):
                for at in np.flatnonzero(self._mask(text)[rows]) if text else ():
                    told[at].append(f"{done} by {each.label}: {text}")
        return told

    def _mask(self, text: str) -> Mask:
        try:
            return self._masks.mask(text)
        except RequestError:
            return np.zeros(len(self._catalogue), np.bool_)
