"""A little chance in the order of a slate, so that what never stood in front can be learned about.

With the probability that the surface's `explore` says, two of the first WINDOW places change hands, every pair alike.
Each item then stands at any of these places with a probability above zero that is known exactly: its *propensity*.
The draw is the same for one person, request and hour, so that paging shows nothing twice.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from shopkeeper.vocabulary import Request, Rows

WINDOW = 48
HOUR = 3600.0
_WHOLE = 2**64

Propensities = npt.NDArray[np.float32]


def explore(
    rows: Rows, places: range | npt.NDArray[np.int64], request: Request, now: float, share: float
) -> tuple[Rows, Propensities]:
    """Rows int32 [n] in the order in which they are shown, and the propensity of each at its place, float32 [n].

    places: those where an item may be moved, ascending, of which the first WINDOW count; pinned items stand between
    them, and what was not ranked behind. A request of nobody, or with an order of its own, is answered without chance.
    """
    propensities: Propensities = np.ones(len(rows), np.float32)
    places = np.asarray(places)[:WINDOW]
    window = len(places)
    who = request.session or request.user
    if not share or window < 2 or not who or request.sort:
        return rows, propensities
    pairs = window * (window - 1) / 2
    propensities[places] = 1.0 - share * 2.0 / window
    hour = str(int(now // HOUR))
    drawn, pair = _draws("\x1f".join((who, request.surface, request.query, *request.items, request.filter, hour)))
    if drawn < share:
        first, second = places[list(_pair(int(pair * pairs), window))]
        rows = rows.copy()
        rows[[first, second]] = rows[[second, first]]
        propensities[[first, second]] = share / pairs
    return rows, propensities


def _draws(seed: str) -> tuple[float, float]:
    """Two numbers, even in [0, 1)."""
    digest = blake2b(seed.encode(errors="replace"), digest_size=16).digest()
    return int.from_bytes(digest[:8]) / _WHOLE, int.from_bytes(digest[8:]) / _WHOLE


def _pair(number: int, n: int) -> tuple[int, int]:
    """The pair of that number among the n (n - 1) / 2 of n places: (0, 1), (0, 2), … (n - 2, n - 1)."""
    first = 0
    while number >= n - 1 - first:
        number -= n - 1 - first
        first += 1
    return first, first + 1 + number
