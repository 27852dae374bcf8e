"""Models that are fitted epoch by epoch share the time there is: each gets a part of it, the worse half drops out, and
those that are left go on where they paused, with twice as much (successive halving: Jamieson and Talwalkar,
"Non-stochastic Best Arm Identification and Hyperparameter Optimization", AISTATS 2016)."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence

from shopkeeper.engine.context import Reached
from shopkeeper.errors import DivergedError

Fit = Callable[[str, float], Reached]
"""Fits the contestant of a name until so many seconds, counted from its beginning, are over."""


def halve(
    names: Sequence[str],
    fit: Fit,
    seconds: float,
    *,
    spared: Collection[str] = (),
    shelves: Sequence[Collection[str]] = (),
) -> dict[str, str]:
    """Fits every contestant, the last that stand for `seconds` at most. Those that dropped out, each with why.

    Of the worse half all stay that have learned what they can, so that nobody drops out where time is not short, those
    of `spared`, and the best of a shelf of `shelves` that would be left with nothing. Halves are made of what can be
    compared. Who learns nothing drops out at once, but that a shelf or `spared` cannot do without: raises
    DivergedError.
    """
    unfinished, reached, out = list(names), dict[str, Reached](), dict[str, str]()
    for halvings in range((len(names) - 1).bit_length(), -1, -1):
        part = seconds / 2**halvings
        for name in unfinished:
            try:
                reached[name] = fit(name, part)
            except DivergedError as error:
                reached.pop(name, None)
                out[name] = error.why
                if name in spared or any(name in shelf and out.keys() >= {*shelf} for shelf in shelves):
                    raise
        if halvings:
            standing = {name: how for name, how in reached.items() if name not in out}
            out |= _worse(standing, part, spared, [{*shelf} - out.keys() for shelf in shelves])
        unfinished = [name for name in unfinished if name not in out and not reached[name].finished]
    return out


def _worse(
    reached: dict[str, Reached], seconds: float, spared: Collection[str], shelves: Sequence[Collection[str]]
) -> dict[str, str]:
    """Who drops out at the end of a part, and why. shelves: those that stand for each."""
    out = dict[str, str]()
    for among in {how.among for how in reached.values() if how.among}:
        rivals = sorted(
            (name for name, how in reached.items() if how.among == among), key=lambda name: _place(reached, name)
        )
        best = rivals[0]
        for name in rivals[math.ceil(len(rivals) / 2) :]:
            if not reached[name].finished and name not in spared:
                figures = f"{reached[name].figure:.4f}, that of {best} {reached[best].figure:.4f}"
                out[name] = (
                    f"after {_told(seconds)} its figure was {figures}: it dropped out, to leave the time to others"
                )
    for shelf in shelves:
        if shelf and out.keys() >= {*shelf}:
            del out[min(shelf, key=lambda name: _place(reached, name))]
    return out


def _place(reached: dict[str, Reached], name: str) -> tuple[float, str]:
    return -reached[name].figure, name


def _told(seconds: float) -> str:
    return f"{seconds / 60:.1f} minutes" if seconds >= 60 else f"{seconds:.0f} seconds"
