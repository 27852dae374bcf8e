"""Small histories for tests: one line for each event."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shopkeeper.release.interactions import Interactions
from shopkeeper.vocabulary import EventType

Line = tuple[int, int, float, int] | tuple[int, int, float, int, EventType]


def history(lines: Sequence[Line], n_users: int | None = None) -> Interactions:
    """From lines of (user, item, time, session[, type]), views where no type is said, ordered by user and time."""
    rows = sorted(lines, key=lambda line: (line[0], np.nan_to_num(line[2])))
    users = np.array([line[0] for line in rows], np.int32)
    count = n_users if n_users is not None else int(users.max(initial=-1)) + 1
    return Interactions(
        users=users,
        items=np.array([line[1] for line in rows], np.int32),
        codes=np.array([(line[4] if len(line) > 4 else EventType.VIEW).code for line in rows], np.int8),
        times=np.array([line[2] for line in rows], np.float64),
        sessions=np.array([line[3] for line in rows], np.int32),
        quantities=np.full(len(rows), np.nan, np.float32),
        starts=np.searchsorted(users, np.arange(count + 1)),
    )
