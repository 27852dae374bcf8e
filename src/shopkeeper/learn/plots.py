"""The plots of the report: SVG within the page, in its colour of text, that also says in words what it shows."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from io import StringIO
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from shopkeeper.learn.costs import Cost
from shopkeeper.learn.evaluate import MEASURE, SERVED, distinct
from shopkeeper.learn.metrics import Estimate
from shopkeeper.learn.replay import POPULARITY

SHOWN_FEATURES = 15
FAR = 10  # times the slowest contestant: a budget beyond would leave them no room in the plot
INK = "#222222"  # becomes the colour of the page's text
CHOSEN, PLAIN, OTHER = "#3d9970", "#b8901f", "#6f8fa3"  # seen on white and on black
STYLE: dict[Any, Any] = {
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "svg.hashsalt": "shopkeeper",
    "svg.fonttype": "none",
}


def bars(measured: Mapping[str, Mapping[str, Estimate]]) -> str:
    """The measure of each system with its interval, the served answers on top. measured: all measures, by system."""
    estimates = {name: measures[MEASURE] for name, measures in distinct(measured).items()}
    systems = sorted(estimates, key=lambda name: (name == SERVED, estimates[name].value))
    with mpl.rc_context(STYLE):
        figure, axes = _axes(0.7 + 0.3 * len(systems))
        values, spread = _with_spread([estimates[name] for name in systems])
        colours = [
            CHOSEN if name == SERVED else PLAIN if measured[name] == measured[POPULARITY] else OTHER for name in systems
        ]
        axes.barh(systems, values, xerr=spread, color=colours, ecolor=INK, capsize=3)
        axes.set_xlabel(MEASURE.upper())
        return _svg(figure, f"{MEASURE.upper()} on the test part: {_listed(estimates)}")


def shares(importance: Mapping[str, float]) -> str:
    """The features that a ranker leans on most, with their share in it."""
    names = list(importance)[:SHOWN_FEATURES][::-1]
    with mpl.rc_context(STYLE):
        figure, axes = _axes(0.7 + 0.3 * len(names))
        axes.barh(names, [importance[name] for name in names], color=OTHER)
        axes.set_xlabel("share")
        return _svg(figure, "Shares: " + ", ".join(f"{name} {importance[name]:.0%}" for name in names[::-1]))


def tradeoff(estimates: Mapping[str, Estimate], costs: Mapping[str, Cost], winner: str, budget_ms: float) -> str:
    """The measure of each contestant against the milliseconds of its answers; the longer its fit, the larger its point.
    "" where no answer was timed."""
    timed = {name: ms for name in estimates if (ms := costs[name].answer_ms)}
    if not timed:
        return ""
    with mpl.rc_context(STYLE):
        figure, axes = _axes(4.2)
        values, spread = _with_spread([estimates[name] for name in timed])
        colours = [CHOSEN if name == winner else OTHER for name in timed]
        axes.errorbar(list(timed.values()), values, yerr=spread, fmt="none", ecolor=OTHER, capsize=2, alpha=0.6)
        sizes = [30 + 70 * np.log10(1 + (costs[name].fit_s or 0.0)) for name in timed]
        axes.scatter(list(timed.values()), values, s=sizes, c=colours, zorder=3)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("an answer, ms (95 of 100 are as quick); the longer the fit, the larger the point")
        axes.set_ylabel(MEASURE.upper())
        if POPULARITY in estimates:
            level = estimates[POPULARITY].value
            axes.axhline(level, color=PLAIN, linestyle=":")
            axes.annotate(
                POPULARITY, (1, level), xycoords=("axes fraction", "data"), ha="right", va="bottom", color=PLAIN
            )
        if budget_ms and budget_ms < FAR * max(timed.values()):
            axes.axvline(budget_ms, color=INK, linestyle="--", linewidth=1)
            axes.annotate(
                "budget ", (budget_ms, 1), xycoords=("data", "axes fraction"), ha="right", va="top", color=INK
            )
        _name_points(axes, {name: (ms, estimates[name].value) for name, ms in timed.items()})
        fits = {name: f", {ms:.3g} ms, fitted in {costs[name].fit_s or 0:.1f} s" for name, ms in timed.items()}
        return _svg(figure, f"{MEASURE.upper()} against the time of an answer: {_listed(estimates, fits)}")


def _name_points(axes: mpl.axes.Axes, points: Mapping[str, tuple[float, float]]) -> None:
    """In a column beside the axes, each name with a line to its point, so that close points do not hide names."""
    low, high = axes.get_ylim()
    gap, place = 0.06 * (high - low), low - (high - low)
    for name, (x, y) in sorted(points.items(), key=lambda item: item[1][1]):
        place = max(y, place + gap)
        axes.annotate(
            name,
            (x, y),
            xytext=(1.06, (place - low) / (high - low)),
            textcoords="axes fraction",
            va="center",
            color=INK,
            arrowprops={"arrowstyle": "-", "color": INK, "linewidth": 0.4},
        )


def _axes(height: float) -> tuple[Figure, mpl.axes.Axes]:
    figure = Figure(figsize=(8, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _with_spread(estimates: list[Estimate]) -> tuple[list[float], list[list[float]]]:
    """Their values, and how far the intervals reach below and above."""
    spread = [[e.value - e.low for e in estimates], [e.high - e.value for e in estimates]]
    return [e.value for e in estimates], spread


def _listed(estimates: Mapping[str, Estimate], more: Mapping[str, str] | None = None) -> str:
    best = sorted(estimates, key=lambda name: -estimates[name].value)
    return "; ".join(f"{name} {estimates[name].value:.4f}{(more or {}).get(name, '')}" for name in best)


def _svg(figure: Figure, told: str) -> str:
    """An <svg> element, the same for the same figure. told: what it shows, for those who cannot see it."""
    text = StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    drawn = text.getvalue()[text.getvalue().index("<svg") :].replace(INK, "currentColor")
    return drawn.replace("<svg", f'<svg role="img" aria-label="{escape(told)}"', 1)
