"""Ranges of a numeric facet: at round edges that divide the items about evenly, or as they are asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from shopkeeper.engine.conditions import number_of
from shopkeeper.engine.refinements import Span
from shopkeeper.errors import RequestError
from shopkeeper.release.fields import Floats
from shopkeeper.vocabulary import FacetRange

N_RANGES, SAMPLED = 5, 5_000


def round_ranges(numbers: Floats) -> tuple[FacetRange, ...]:
    """At most N_RANGES ranges of numbers [k], without NaN, each up to its upper edge and without it; none where fewer
    than two would hold anything. The edges are the roundest numbers near the quantiles."""
    edges = np.array(_edges(numbers), numbers.dtype)  # in its precision, as filters compare
    if not len(edges):
        return ()
    counts = np.diff([0, *(np.count_nonzero(numbers < edge) for edge in edges), len(numbers)])
    ends = [None, *(float(str(edge)) for edge in edges), None]
    ranges = [
        FacetRange(value=_written(low, high), count=count, minimum=low, maximum=high)
        for low, high, count in zip(ends[:-1], ends[1:], counts.tolist(), strict=True)
        if count
    ]
    return tuple(ranges) if len(ranges) > 1 else ()


def ranges_asked(name: str, asked: Sequence[str], numbers: Floats) -> tuple[FacetRange, ...]:
    """Counts of numbers [k], without NaN, in each of the ranges asked for. Raises RequestError for what is no range."""
    return tuple(_counted(name, text, numbers) for text in asked)


def _counted(name: str, text: str, numbers: Floats) -> FacetRange:
    span = Span.read(text)
    ends = [number_of(name, end) if end else None for end in (span.least, span.most)] if span else []
    if span is None or any(end is None and said for end, said in zip(ends, span[:2], strict=True)):
        raise RequestError(
            f"{text!r} is no range", where=f"facet_ranges, {name}", expected='such as "10..50", "10..<50" or "50.."'
        )
    low, high = ends
    within = np.ones(len(numbers), np.bool_)
    if low is not None:
        within &= numbers >= low
    if high is not None:
        within &= numbers < high if span.is_open else numbers <= high
    return FacetRange(value=text, count=int(np.count_nonzero(within)), minimum=low, maximum=high)


def _edges(numbers: Floats) -> list[float]:
    """Ascending; each the roundest number near a quantile: nearer than the middle to the next, and within a fifth."""
    sample = numbers[:: max(1, len(numbers) // SAMPLED)]
    finite = sample[np.isfinite(sample)].astype(np.float64)
    if not len(finite):
        return []
    quantiles = np.quantile(finite, np.linspace(0.0, 1.0, N_RANGES + 1))
    middles, inner = (quantiles[1:] + quantiles[:-1]) / 2.0, quantiles[1:-1]
    lows = np.maximum(middles[:-1], inner - np.abs(inner) / 5.0)
    highs = np.minimum(middles[1:], inner + np.abs(inner) / 5.0)
    edges = [roundest(low, high) for low, high in zip(lows.tolist(), highs.tolist(), strict=True)]
    return sorted({edge for edge in edges if quantiles[0] < edge <= quantiles[-1]})


def roundest(low: float, high: float) -> float:
    """The number in [low, high] that is a multiple of the greatest of …, 1, 2, 5, 10, 20, …; of several the one in the
    middle."""
    if low <= 0.0 <= high:
        return 0.0
    middle, exponent = (low + high) / 2.0, math.ceil(math.log10(max(abs(low), abs(high))))
    while exponent > -12:
        for digit in (5, 2, 1):
            step = digit * 10.0 ** (exponent - 1)
            nearest = round(middle / step) * step
            for candidate in (nearest, math.floor(high / step) * step):
                if low <= candidate <= high:
                    return float(f"{candidate:.12g}")
        exponent -= 1
    return middle


def _written(low: float | None, high: float | None) -> str:
    least, most = ("" if end is None else f"{end:.12g}" for end in (low, high))
    return f"{least}..<{most}" if most else f"{least}.."
