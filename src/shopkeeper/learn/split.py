"""What is held back, in order of time: [fit | validation | test]."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shopkeeper.release.interactions import Interactions
from shopkeeper.settings import TrainSettings
from shopkeeper.vocabulary import Mask

FEWEST_EVENTS = 20  # below, a shop holds nothing back: too little would be left to learn from


@dataclass(frozen=True)
class Part:
    """One held-back part of `all`, the events that the split was made of.

    known: what sources may be fitted on; history: where the engine finds what a person did before a request (it cuts
    at the request's time; without a clock there is nothing later in it); held: bool [len(all)], the part's events;
    now: seconds, the moment at which sources are fitted.
    """

    all: Interactions
    known: Interactions
    history: Interactions
    held: Mask
    now: float


@dataclass(frozen=True)
class Split:
    validation: Part
    test: Part


def split(interactions: Interactions, settings: TrainSettings, now: float) -> Split | None:
    """With times, the newest `test_share` of the events are the test and the `validation_share` before them the
    validation; without, each person's last event and the last but one. None when there is too little to hold back.

    now: a moment after every event; it stands for the time of events that have none.
    """
    if len(interactions) < FEWEST_EVENTS:
        return None
    return _by_time(interactions, settings) if interactions.has_clock else _leave_one_out(interactions, now)


def _by_time(interactions: Interactions, settings: TrainSettings) -> Split | None:
    times = np.asarray(interactions.times)
    test = float(np.quantile(times, 1 - settings.test_share, method="higher"))
    validation = float(np.quantile(times, 1 - settings.test_share - settings.validation_share, method="higher"))
    if not times.min() < validation < test:  # all in one moment
        return None
    return Split(
        validation=Part(
            interactions,
            known=interactions.before(validation),
            history=interactions.before(test),
            held=(times >= validation) & (times < test),
            now=validation,
        ),
        test=Part(interactions, known=interactions.before(test), history=interactions, held=times >= test, now=test),
    )


def _leave_one_out(interactions: Interactions, now: float) -> Split | None:
    from_last = np.repeat(interactions.starts[1:], np.diff(interactions.starts)) - np.arange(len(interactions))
    counts = np.diff(interactions.starts)[interactions.users]
    last = (from_last == 1) & (counts >= 3)  # who did less gives nothing to ask about
    before_last = (from_last == 2) & (counts >= 3)
    if not last.any():
        return None
    known, later = interactions.where(~last & ~before_last), interactions.where(~last)
    return Split(
        validation=Part(interactions, known=known, history=known, held=before_last, now=now),
        test=Part(interactions, known=later, history=later, held=last, now=now),
    )
