"""What the person looked at last."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from shopkeeper.engine.context import Candidates, Context, Material, ReleaseParts
from shopkeeper.engine.interest import DAY, interest_of
from shopkeeper.vocabulary import Rows


class RecentSource:
    """The person's own items of interest, the last first. Learns nothing: everything is in the context."""

    name = "recent"

    def retrieve(self, context: Context, limit: int) -> Candidates:
        """Scores are one over the place, counted back."""
        back = context.history[interest_of(context.history_codes) > 0][::-1]
        rows = back[np.sort(np.unique(back, return_index=True)[1])]
        if context.allowed is not None:
            rows = rows[context.allowed[rows]]
        rows = rows[:limit].astype(np.int32)
        return Candidates(rows, (1.0 / np.arange(1, len(rows) + 1)).astype(np.float32))

    def reason(self, context: Context, row: int) -> str:
        times = context.history_times[context.history == row]
        if not len(times) or np.isnan(times[-1]):
            return "you viewed it before"
        days = int((context.now - times[-1]) / DAY)
        return "you viewed it today" if days < 1 else f"you viewed it {days} day{'s' if days > 1 else ''} ago"

    def updated(self, changed: Material, rows: Rows) -> RecentSource:  # noqa: ARG002
        return self

    def save(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)


class Recent:
    name, learns_from_events = RecentSource.name, False
    when = "a shelf of what the person looked at last"

    def fit(self, material: Material) -> RecentSource:  # noqa: ARG002
        return RecentSource()

    def load(self, directory: Path, release: ReleaseParts) -> RecentSource:  # noqa: ARG002
        return RecentSource()
