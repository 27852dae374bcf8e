"""What training measured, for people (one HTML file with its plots inside), programs (JSON) and TensorBoard."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.resources import files
from io import StringIO
from pathlib import Path

import jinja2
import matplotlib as mpl
import msgspec
from matplotlib.figure import Figure
from tensorboardX.proto import event_pb2, summary_pb2
from tensorboardX.record_writer import RecordWriter

from shopkeeper.learn.costs import Cost
from shopkeeper.learn.evaluate import MEASURE, SERVED, Figures
from shopkeeper.learn.metrics import Estimate
from shopkeeper.learn.replay import POPULARITY
from shopkeeper.learn.tournament import Choice

SHOWN_FEATURES = 15


class Evaluation(msgspec.Struct, frozen=True):
    """How good a release is. items, events: how many it knows; surfaces: figures on the test part by surface (and on
    people's judgements); choices: what won on the validation part by surface; checked_for_leaks: requests of the
    validation part whose answers stay the same when all that happened later is deleted (else nothing is released);
    costs: of each source."""

    items: int
    events: int
    surfaces: dict[str, Figures]
    choices: dict[str, Choice]
    checked_for_leaks: int = 0
    costs: dict[str, Cost] = {}


def write_report(evaluation: Evaluation, directory: Path, shop: str, now: float) -> None:
    """report.html, metrics.json and tensorboard/ under `directory`. now: seconds, the moment the figures speak of."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "metrics.json").write_bytes(msgspec.json.format(msgspec.json.encode(evaluation)))
    (directory / "report.html").write_text(_html(evaluation, shop, now), encoding="utf-8")
    _write_scalars(evaluation, directory / "tensorboard", now)


def _html(evaluation: Evaluation, shop: str, now: float) -> str:
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(files("shopkeeper.learn").joinpath("report.html").read_text(encoding="utf-8"))
    return template.render(
        evaluation=evaluation,
        shop=shop,
        day=datetime.fromtimestamp(now, UTC).date().isoformat() if now else None,
        served=SERVED,
        popularity=POPULARITY,
        measure=MEASURE,
        systems={name: _svg(_bars(figures)) for name, figures in evaluation.surfaces.items()},
        importance={
            name: _svg(_shares(choice.importance)) for name, choice in evaluation.choices.items() if choice.importance
        },
    )


def _bars(figures: Figures) -> Figure:
    """The measure of each system with its interval, the served answers on top."""
    systems = sorted(figures.systems, key=lambda name: (name == SERVED, figures.systems[name][MEASURE].value))
    estimates = [figures.systems[name][MEASURE] for name in systems]
    figure, axes = _axes(len(systems))
    colours = ["#2f6f4f" if name == SERVED else "#c9a227" if name == POPULARITY else "#9db4c0" for name in systems]
    spread = [[e.value - e.low for e in estimates], [e.high - e.value for e in estimates]]
    axes.barh(systems, [e.value for e in estimates], xerr=spread, color=colours, ecolor="#444444", capsize=3)
    axes.set_xlabel(MEASURE.upper())
    return figure


def _shares(importance: dict[str, float]) -> Figure:
    """The features that the ranker leans on most, with their share of the gain."""
    names = list(importance)[:SHOWN_FEATURES][::-1]
    figure, axes = _axes(len(names))
    axes.barh(names, [importance[name] for name in names], color="#9db4c0")
    axes.set_xlabel("share of the gain")
    return figure


def _axes(bars: int) -> tuple[Figure, mpl.axes.Axes]:
    figure = Figure(figsize=(7, 0.7 + 0.3 * bars), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _svg(figure: Figure) -> str:
    """An <svg> element, the same for the same figure."""
    text = StringIO()
    with mpl.rc_context({"svg.hashsalt": "shopkeeper", "svg.fonttype": "none"}):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return text.getvalue()[text.getvalue().index("<svg") :]


def _write_scalars(evaluation: Evaluation, directory: Path, now: float) -> None:
    """One event file; named and stamped by the data's time, so that the same training writes the same file."""
    directory.mkdir(parents=True, exist_ok=True)
    writer = RecordWriter(str(directory / "events.out.tfevents.0.shopkeeper"))
    writer.write(event_pb2.Event(wall_time=now, file_version="brain.Event:2").SerializeToString())
    scalars: dict[str, Estimate] = {
        f"{surface}/{system}/{measure}": estimate
        for surface, figures in evaluation.surfaces.items()
        for system, measures in figures.systems.items()
        for measure, estimate in measures.items()
    }
    for tag, estimate in scalars.items():
        summary = summary_pb2.Summary(value=[summary_pb2.Summary.Value(tag=tag, simple_value=estimate.value)])
        writer.write(event_pb2.Event(wall_time=now, step=0, summary=summary).SerializeToString())
    writer.close()
