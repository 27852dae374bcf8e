"""Whether meaning earns its place among the sources of a search surface: it is asked where it wins alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from shopkeeper.engine.pipeline import Engine
from shopkeeper.learn.metrics import Values

MEANING = "semantic"


class Weighed(NamedTuple):
    """The engine to go on with; dropped: the source that it goes without, if any, and why."""

    engine: Engine
    dropped: dict[str, str]


def without_idle_meaning(engine: Engine, name: str, measured: Callable[[Engine], Values]) -> Weighed:
    """Without the source `semantic` on the surface `name`, where the fusion is better so. Rankers are to learn over
    what is left, which costs no second fit. measured: an engine's figures, float64 [requests], by its fusion. Weights
    that a person wrote stay."""
    sources, surface = tuple(engine.sources_of(name)), engine.settings.surfaces[name]
    if surface.needs != "query" or surface.weights or MEANING not in sources or len(sources) < 2:
        return Weighed(engine, {})
    without = engine.asking(name, [source for source in sources if source != MEANING])
    theirs, ours = (float(measured(one).mean()) for one in (engine, without))
    if ours <= theirs:
        return Weighed(engine, {})
    return Weighed(without, {MEANING: f"the fusion has {ours:.3f} without it and {theirs:.3f} with it"})
