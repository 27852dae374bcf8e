"""What may stand on a shelf, and in which order it stands: hard policies take out, soft policies reorder.

A hard policy answers for all items at once (`allowed`) and says of one item why it may not stand there (`why_not`).
A soft policy is a permutation of ranked candidates: positions, best first, so that what is aligned with them
(scores, features, reasons) follows without being known here.
"""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from typing import Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from shopkeeper.engine.context import Context, positions_of
from shopkeeper.engine.filters import Masks
from shopkeeper.engine.policies.availability import Availability
from shopkeeper.engine.policies.diversity import Diversity
from shopkeeper.engine.policies.duplicates import Duplicates
from shopkeeper.engine.policies.exclusion import Exclusion
from shopkeeper.engine.policies.filtering import Filtering
from shopkeeper.engine.policies.matching import RuleBook
from shopkeeper.engine.policies.rules import Rules
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.settings import Settings
from shopkeeper.vocabulary import Mask, Rows, Scores

Positions = npt.NDArray[np.int64]


class HardPolicy(Protocol):
    def allowed(self, context: Context) -> Mask | None:
        """The items that may stand there: bool [n_items], not to be written to; None: this policy takes none out."""
        ...

    def why_not(self, context: Context, row: int) -> str | None:
        """What keeps an item out, in words for a person; None when this policy lets it through."""
        ...


class SoftPolicy(Protocol):
    def order(self, context: Context, rows: Rows, scores: Scores) -> Positions:
        """A permutation of candidates that stand best first (rows int32 [n], scores float32 [n]): int64 [n]."""
        ...


class Policies:
    """All policies of a shop, as its settings say. book: of its rules, where it is read already."""

    def __init__(self, catalogue: Catalogue, settings: Settings, book: RuleBook | None = None) -> None:
        self.masks = masks = Masks(catalogue)
        self._n_items = len(catalogue)
        self.rules = Rules(catalogue, masks, book or RuleBook(settings.rules))
        self._hard: tuple[HardPolicy, ...] = (
            Availability(catalogue),
            Filtering(catalogue, masks),
            self.rules,
            Exclusion(catalogue, settings.surfaces),
        )
        # Variety first, as it reads scores; pins last, as they stand where the merchant said.
        self._soft: tuple[SoftPolicy, ...] = (
            Diversity(catalogue, settings.surfaces),
            self.rules,
            Duplicates(catalogue),
        )

    def check(self) -> None:
        """Raises SettingsError when a rule cannot be followed."""
        self.rules.check()

    def ruled(self, context: Context) -> Context:
        """The context with the rules that hold for it, and with the query that the first of them has in the place of
        what was asked. Rules hear what the person asked, whatever is searched for instead."""
        rules = self.rules.holding(context)
        use = next((each.rule.use for each in rules if each.rule.use), context.request.query)
        return replace(context, rules=rules, request=msgspec.structs.replace(context.request, query=use))

    def allowed(self, context: Context) -> Mask:
        """The items that no hard policy takes out: bool [n_items]. Raises RequestError when the filter is wrong."""
        masks = [mask for policy in self._hard if (mask := policy.allowed(context)) is not None]
        return reduce(np.logical_and, masks) if masks else np.ones(self._n_items, np.bool_)

    def why_not(self, context: Context, row: int) -> str | None:
        """What keeps an item out, in words: "filtered: price < 50, its price is 79"; None when nothing does."""
        reasons = (policy.why_not(context, row) for policy in self._hard)
        return next((reason for reason in reasons if reason), None)

    def pinned(self, context: Context) -> Rows:
        """The items that a rule pins, first position first, as far as `context.allowed` lets them: int32.

        They belong among the candidates, whether or not a source brought them.
        """
        return self._pins(context)[0]

    def _pins(self, context: Context) -> tuple[Rows, Positions]:
        """Rows int32 [k], and the places int64 [k], ascending, at which they are to stand."""
        pins = sorted((place, row) for row, (place, _) in self.rules.pins(context).items())
        return np.array([row for _, row in pins], np.int32), np.array([place for place, _ in pins], np.int64)

    def order(self, context: Context, rows: Rows, scores: Scores) -> Positions:
        """Where candidates end up that stand best first (rows int32 [n], scores float32 [n]): positions int64 [n].

        Variety, boosts and burials, twins after the first of their kind, pins. Not for a sorted answer.
        """
        order = np.arange(len(rows))
        for policy in self._soft:
            order = order[policy.order(context, rows[order], scores[order])]
        pinned, places = self._pins(context)
        if not len(pinned):
            return order
        at = positions_of(pinned, rows[order])
        places, at = places[at >= 0], at[at >= 0]
        others = np.delete(order, at)
        return np.insert(others, np.minimum(places - np.arange(len(at)), len(others)), order[at])
