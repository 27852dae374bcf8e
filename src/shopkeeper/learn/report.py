"""What training measured, for people (one HTML file with its plots inside), programs (JSON) and TensorBoard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import jinja2
import msgspec
from tensorboardX.proto import event_pb2, summary_pb2
from tensorboardX.record_writer import RecordWriter

from shopkeeper.learn.costs import Cost, cost_of
from shopkeeper.learn.evaluate import MEASURE, OF_GROUPS, SERVED, Figures, K, distinct
from shopkeeper.learn.glossary import GLOSSARY
from shopkeeper.learn.metrics import Estimate
from shopkeeper.learn.plots import bars, shares, tradeoff
from shopkeeper.learn.replay import POPULARITY
from shopkeeper.learn.stages import Stage
from shopkeeper.learn.synonyms import Proposal
from shopkeeper.learn.tournament import CONFIDENCE, Choice

COMPARED = tuple(f"{name}@{K}" for name in ("ndcg", "hr", "mrr", "map", "coverage", "diversity", "novelty"))
SAME_OF_ONE = {f"map@{K}": f"mrr@{K}", f"recall@{K}": f"hr@{K}"}  # what says the same where one item is wanted


class Evaluation(msgspec.Struct, frozen=True):
    """How good a release is. items, events: how many it knows; surfaces: figures on the test part by surface (and on
    people's judgements); choices: what won on the validation part by surface; checked_for_leaks: requests of the
    validation part whose answers stay the same when all that happened later is deleted (else nothing is released);
    costs: of each source and ranker; unasked: surfaces that no request was held back for, so that nothing measured
    them; stages: by surface, what each stage of an answer costs and brings; looked_at: the chance that each place of a
    list is looked at, against the first, by which clicks on searches are weighed; looked_at_by_swaps: of how many of
    the first places it is known from what chance exchanged; encoder: what came of tuning it, where that was asked
    for; cross_encoder: whether one reads the first answers of search again, and what that brings, where one was asked
    for."""

    items: int
    events: int
    surfaces: dict[str, Figures]
    choices: dict[str, Choice]
    checked_for_leaks: int = 0
    costs: dict[str, Cost] = {}
    unasked: tuple[str, ...] = ()
    synonyms: tuple[Proposal, ...] = ()
    stages: dict[str, dict[str, Stage]] = {}
    looked_at: tuple[float, ...] = ()
    looked_at_by_swaps: int = 0
    encoder: str = ""
    cross_encoder: str = ""


def write_report(evaluation: Evaluation, directory: Path, shop: str, now: float) -> None:
    """report.html, metrics.json and tensorboard/ under `directory`. now: seconds, the moment the figures speak of."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "metrics.json").write_bytes(msgspec.json.format(msgspec.json.encode(evaluation)))
    (directory / "report.html").write_text(_html(evaluation, shop, now), encoding="utf-8")
    _write_scalars(evaluation, directory / "tensorboard", now)


def _html(evaluation: Evaluation, shop: str, now: float) -> str:
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(files("shopkeeper.learn").joinpath("report.html").read_text(encoding="utf-8"))
    choices = evaluation.choices
    costs = {
        name: {system: cost_of(system, choice.pace, evaluation.costs | choice.costs) for system in choice.ndcg}
        for name, choice in choices.items()
    }
    return template.render(
        evaluation=evaluation,
        names=list(dict.fromkeys((*evaluation.surfaces, *choices))),
        shown={name: distinct(figures.systems) for name, figures in evaluation.surfaces.items()},
        ranked={name: _best_first(choice) for name, choice in choices.items()},
        columns=_columns,
        costs=costs,
        shop=shop,
        day=datetime.fromtimestamp(now, UTC).date().isoformat() if now else None,
        served=SERVED,
        popularity=POPULARITY,
        measure=MEASURE,
        of_groups=OF_GROUPS,
        compared=COMPARED,
        confidence=CONFIDENCE,
        glossary=GLOSSARY,
        bars={name: bars(figures.systems) for name, figures in evaluation.surfaces.items()},
        tradeoffs={
            name: tradeoff(choice.ndcg, costs[name], choice.winner, choice.pace.budget_ms)
            for name, choice in choices.items()
        },
        importances={
            name: {ranker: shares(importance) for ranker, importance in choice.importances.items()}
            for name, choice in choices.items()
        },
    )


def _best_first(choice: Choice) -> list[str]:
    systems = choice.figures.systems if choice.figures else {}
    return sorted(distinct(systems), key=lambda name: -systems[name][MEASURE].value)


def _columns(systems: Mapping[str, Mapping[str, Estimate]], names: Iterable[str] = ()) -> list[str]:
    """Of these measures, or all, those that say something of their own."""
    rows = list(systems.values())

    def repeats(name: str) -> bool:
        other = SAME_OF_ONE.get(name)
        return other is not None and all(row[name] == row[other] for row in rows)

    return [name for name in names or rows[0] if not repeats(name)]


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
