"""What came into the shop of late."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from shopkeeper.engine.context import Candidates, Context, Material, ReleaseParts, first_of
from shopkeeper.engine.interest import DAY, known_since, since_now
from shopkeeper.release.arrays import load_array, save_arrays
from shopkeeper.vocabulary import Mask, Rows, Seconds


class NewSource:
    """Items by when they were launched, else first seen, the newest first. since float64 [n], NaN unknown."""

    name = "new"

    def __init__(self, since: Seconds) -> None:
        self._since = since
        known = np.flatnonzero(~np.isnan(since))
        self._order = known[np.argsort(-since[known], kind="stable")].astype(np.int32)

    def updated(self, changed: Material, rows: Rows) -> NewSource:
        """A new item is new from its launch on, or else from when it came."""
        return NewSource(since_now(self._since, changed.catalogue, rows, changed.times))

    def retrieve(self, context: Context, limit: int) -> Candidates:
        """Scores are minus the age in days."""

        def may_stand(rows: Rows) -> Mask:
            come: Mask = self._since[rows] <= context.now
            return come if context.allowed is None else come & context.allowed[rows]

        rows = first_of(self._order, limit, may_stand)
        return Candidates(rows, ((self._since[rows] - context.now) / DAY).astype(np.float32))

    def reason(self, context: Context, row: int) -> str:
        days = int((context.now - self._since[row]) / DAY)
        if days < 1:
            return "new today"
        return f"new since {days} day{'s' if days > 1 else ''}"

    def save(self, directory: Path) -> None:
        save_arrays(directory, {"since": self._since})


class New:
    name, learns_from_events = NewSource.name, True
    when = "shelves that show what has just come"

    def fit(self, material: Material) -> NewSource:
        return NewSource(known_since(material.catalogue, material.interactions))

    def load(self, directory: Path, release: ReleaseParts) -> NewSource:  # noqa: ARG002
        return NewSource(load_array(directory, "since"))
