"""What each model costs, beside what it is worth: a shop chooses with open eyes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np

from shopkeeper.engine.pipeline import Engine
from shopkeeper.learn.latency import Pace
from shopkeeper.learn.requests import Asked

ASKED = 50  # requests of each surface


class Cost(msgspec.Struct, frozen=True):
    """fit_s: seconds of the last fit, less what was kept of an earlier one; None where nothing was fitted anew;
    answer_ms: the median of its answers, one at a time, None where nothing was asked; size_mb: on the disk of the
    release, of which much is shared memory (of a ranker that did not win: what it would add)."""

    fit_s: float | None
    answer_ms: float | None
    size_mb: float


def cost_of(contestant: str, pace: Pace, costs: Mapping[str, Cost]) -> Cost:
    """Of all that a contestant for a surface is made of; the milliseconds are those of `pace`. costs: by model."""
    sources = pace.made_of.get(contestant, ())
    parts = [costs[name] for name in dict.fromkeys((*sources, contestant)) if name in costs]
    fits = [part.fit_s for part in parts if part.fit_s is not None]
    return Cost(sum(fits) if fits else None, pace.answer_ms.get(contestant), sum(part.size_mb for part in parts))


def together(costs: Iterable[Mapping[str, Cost]]) -> dict[str, Cost]:
    """Of what was fitted for several surfaces: all seconds and megabytes, and the slowest answer."""
    found: dict[str, Cost] = {}
    for name, cost in (pair for each in costs for pair in each.items()):
        other = found.get(name, Cost(0.0, 0.0, 0.0))
        fit_s, answer_ms = (
            (cost.fit_s or 0.0) + (other.fit_s or 0.0),
            max(cost.answer_ms or 0.0, other.answer_ms or 0.0),
        )
        found[name] = Cost(fit_s, answer_ms, cost.size_mb + other.size_mb)
    return found


def costs_of(
    engine: Engine, asked: Mapping[str, Sequence[Asked]], fit_s: Mapping[str, float], directory: Path
) -> dict[str, Cost]:
    """By source. asked: requests by surface; directory: where the sources are saved, each in a folder of its name."""
    times: dict[str, list[float]] = {}
    for surface, requests in asked.items():
        for one in requests[:ASKED]:
            context = engine.context(one.request)
            for name, source in engine.sources_of(surface).items():
                begin = time.perf_counter()
                source.retrieve(context, engine.settings.surfaces[surface].candidates)
                times.setdefault(name, []).append(1e3 * (time.perf_counter() - begin))
    return {
        name: Cost(
            fit_s.get(name),
            float(np.median(times[name])) if name in times else None,
            sum(path.stat().st_size for path in (directory / name).rglob("*") if path.is_file()) / 1e6,
        )
        for name in engine.sources
    }
