"""Whether the past that is replayed knows the future: what an engine answers must not change when everything after the
request is deleted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from shopkeeper.engine.pipeline import Engine
from shopkeeper.errors import ReleaseError
from shopkeeper.learn.requests import Asked
from shopkeeper.release.interactions import Interactions
from shopkeeper.vocabulary import Rows, Scores

CHECKED = 5  # requests of each surface
Build = Callable[[Interactions], Engine]


def find_leaks(build: Build, interactions: Interactions, asked: Sequence[Asked]) -> list[str]:
    """Answer each request by `build(interactions)`, then by an engine built only from what happened before the request,
    and compare candidates and features bit for bit. A sentence for each request and feature that differ; none when
    nothing leaks. Requests need a time.

    `build` fits sources as of a moment before all requests, as replay does, from the events that it is given.
    """
    whole, found = build(interactions), list[str]()
    for one in asked:
        if one.request.time is None:
            raise ValueError("a request without a time has no past")
        found += _differences(whole, build(interactions.before(one.request.time)), one)
    return found


def leaks(engine: Engine, asked: Mapping[str, Sequence[Asked]]) -> list[str]:
    """The same for the engine of a replay whose sources are fitted already, on `checked` requests: what is checked is
    that histories end where the request begins."""
    found: list[str] = []
    for one in checked(engine, asked):
        past = engine.interactions.before(one.request.time or 0.0)
        found += _differences(engine, _knowing(engine, past), one)
    return found


def checked(engine: Engine, asked: Mapping[str, Sequence[Asked]]) -> list[Asked]:
    """Some requests of each surface; none without a clock, where there is nothing to check."""
    if not engine.interactions.has_clock:
        return []
    return [one for requests in asked.values() for one in requests[:: max(1, len(requests) // CHECKED)][:CHECKED]]


def refuse(found: Sequence[str]) -> None:
    """Raises ReleaseError where something leaks: what is learned from the future is not fit to serve."""
    if found:
        others = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise ReleaseError(
            found[0] + others,
            where="training",
            expected="answers to the past that know nothing of what came later",
            remedy="A source of your own must read only the interactions that it is fitted on and context.history.",
        )


def _knowing(engine: Engine, interactions: Interactions) -> Engine:
    """The same sources, with other histories."""
    return Engine(
        catalogue=engine.catalogue,
        interactions=interactions,
        actors=engine.actors,
        sources=engine.sources,
        statistics=engine.statistics,
        settings=engine.settings,
        encoder=engine.encoder,
        understanding=engine.understanding,
        query_clicks=engine.query_clicks,
    )


def _differences(whole: Engine, past: Engine, one: Asked) -> list[str]:
    request = one.request
    there, then = (_seen(engine, one) for engine in (whole, past))
    moment = f"the {request.surface} request of {request.user!r} at {request.time}"
    if not np.array_equal(there[0], then[0]):
        return [f"leak: the candidates of {moment} change when what happened later is deleted"]
    names = whole.feature_names(request.surface)
    same = (there[1] == then[1]) | (np.isnan(there[1]) & np.isnan(then[1]))
    return [
        f"leak: the feature {names[at]!r} of {moment} changes when what happened later is deleted"
        for at in np.flatnonzero(~same.all(axis=0))
    ]


def _seen(engine: Engine, one: Asked) -> tuple[Rows, Scores]:
    context = engine.context(one.request)
    pool = engine.candidates(context)
    return pool.rows, engine.features(context, pool)
