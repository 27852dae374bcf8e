"""What the commands print: tables for people, JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from shopkeeper.data.mapping import Mapping as FileMappings
from shopkeeper.shop_toml import model_text
from shopkeeper.vocabulary import Explanation, Item, Slate

if TYPE_CHECKING:
    from shopkeeper.data.eventlog.unanswered import Unanswered
    from shopkeeper.data.mirror import Mirrored
    from shopkeeper.data.report import IngestReport
    from shopkeeper.doctor import Check
    from shopkeeper.learn.tune import Tuning

COSTS = {"fit_s": "last fit, s", "answer_ms": "an answer, ms", "size_mb": "on disk, MB"}
CHIEF, MEASURES = "ndcg@10", ("hr@10", "mrr@10", "coverage@10")  # the first with its interval
PIPE_WIDTH = 200  # where there is no terminal, lines are not broken to fit one


def console(*, stderr: bool = False) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else PIPE_WIDTH, highlight=False, soft_wrap=False)


def say(text: str, style: str = "") -> None:
    """A sentence on standard output; what looks like markup stays text."""
    console().print(Text(text, style=style), soft_wrap=True)


def as_json(value: Any) -> None:
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def table(headers: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[str] = ()) -> None:
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for header in headers:
        drawn.add_column(header, justify="right" if header in right else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in row))
    console().print(drawn)


def mapping(proposed: FileMappings) -> None:
    """Each file and what it is; each column, what it means and why."""
    for file in proposed.files:
        say(f"{file.path}: {file.role} ({file.confidence:.0%})", "bold")
        rows = [
            (name, column.field, column.format, _confidence(column.confidence), column.evidence)
            for name, column in file.columns.items()
        ]
        table(("column", "means", "read as", "sure", "because"), rows, right=("sure",))


def slate(answer: Slate) -> None:
    rows = [
        (each.position, each.item.id, each.item.title, price(each.item), each.reasons[0].text if each.reasons else "")
        for each in answer.placements
    ]
    if rows:
        table(("", "id", "title", "price", "because"), rows, right=("", "price"))
    milliseconds = answer.timings.get("total", sum(answer.timings.values()))
    say(f"{len(rows)} of {answer.total:,} items in {milliseconds:.1f} ms", "dim")
    for note in answer.notes:
        say(note, "dim")
    for facet in answer.facets:
        values = [f"{value.value} ({value.count})" for value in facet.values]
        spread = [] if facet.minimum is None else [f"{facet.minimum:g} to {facet.maximum:g}"]
        say(f"{facet.name}: {', '.join(spread + values)}")


def unanswered(found: Sequence[Unanswered]) -> None:
    if not found:
        say("Every search was answered.")
        return
    rows = [
        (
            each.query,
            each.times,
            each.people,
            f"{datetime.fromtimestamp(each.last):%Y-%m-%d %H:%M}",
            f"without {', '.join(each.dropped)}" if each.dropped else "nothing",
        )
        for each in found
    ]
    table(("searched", "times", "people", "last", "found"), rows, right=("times", "people"))


def synonyms(proposals: Sequence[Mapping[str, Any]]) -> None:
    if not proposals:
        say("The searches propose no synonyms.")
        return
    rows = [
        (", ".join(each["words"]), f"{each['likeness']:.0%}", each["queries"], each["people"]) for each in proposals
    ]
    table(("synonyms", "chosen alike", "pairs of queries", "tried one after the other, people"), rows)


def explanation(told: Explanation) -> None:
    say(told.text, "bold")
    for reason in told.reasons:
        say(f"  {reason.source}{f' #{reason.rank}' if reason.rank else ''}: {reason.text}")
    if told.features:
        table(("feature", "value"), [(name, f"{value:g}") for name, value in told.features.items()], right=("value",))


def checks(found: Sequence[Check]) -> None:
    rows = [
        (Text("PASS", "green") if check.passed else Text("FAIL", "bold red"), check.name, check.found, check.remedy)
        for check in found
    ]
    table(("", "check", "found", "what to do"), rows)


def ingested(report: IngestReport) -> None:
    """Rows by table, and what each cleaning rule touched."""
    tables = [(one.name, f"{one.rows:,}", one.earliest or "", one.latest or "") for one in report.tables if one.rows]
    table(("table", "rows", "from", "to"), tables, right=("rows",))
    touched = [(rule.name, rule.action, f"{rule.rows:,}", rule.first) for rule in report.rules if rule.rows]
    if touched:
        table(("cleaning rule", "did", "rows", "first"), touched, right=("rows",))
    for name in report.unmapped:
        say(
            f"{name} is not in mapping.toml, and was not read. To have it proposed there: shopkeeper ingest --new",
            "yellow",
        )
    for hint in report.personal:
        told = f"{hint.path}, column {hint.column}: looks like personal data ({hint.kind})"
        say(f"{told}. What no shelf needs is better taken out of mapping.toml.", "yellow")


def mirrored(found: Mirrored) -> None:
    say(f"{found.listed:,} items: {found.new:,} new, {found.changed:,} changed, {found.gone:,} gone.")


def metrics(measured: Mapping[str, Any]) -> None:
    """How good a release was: for each surface what was served, next to popularity and to each source alone."""
    from shopkeeper.learn.evaluate import distinct

    for surface, figures in measured.get("surfaces", {}).items():
        say(f"{surface}: {figures['requests']:,} requests held back", "bold")
        rows = [
            (system, _estimate(values.get(CHIEF)), *(_value(values.get(measure)) for measure in MEASURES))
            for system, values in distinct(figures["systems"]).items()
        ]
        table(("system", CHIEF, *MEASURES), rows, right=(CHIEF, *MEASURES))
        groups(figures)
    for surface, choice in measured.get("choices", {}).items():
        say(f"{surface} is served by {choice['winner']}: {choice['why']}", "dim")
        for name, why in choice.get("dropped", {}).items():
            say(f"  {name}: {why}", "dim")
        if contest := choice.get("contest"):
            say(f"  held against what release {contest['incumbent']} chose: {_contest(contest)}", "dim")
    for name in ("encoder", "cross_encoder"):
        if came := measured.get(name):
            say(f"The {name.replace('_', '-')}: {came}", "dim")
    costs = [
        (name, *("" if cost[figure] is None else f"{cost[figure]:,.2f}" for figure in COSTS))
        for name, cost in measured.get("costs", {}).items()
    ]
    if costs:
        table(("model", *COSTS.values()), costs, right=tuple(COSTS.values()))
    if not measured.get("surfaces"):
        say("Nothing was measured: the shop has too few events.")
    elif unasked := measured.get("unasked"):
        say(f"Not measured, as no requests for them were held back: {', '.join(unasked)}")


def tuned(found: Tuning) -> None:
    """What the trials came to, and the table for shop.toml."""
    say(f"{found.model} on {found.surface}: {found.trials} trials, {found.given_up} of them given up early", "bold")
    rows = [(name, _estimate(msgspec.to_builtins(figure))) for name, figure in found.figures.items()]
    table(("settings", f"ndcg@10 of {found.requests:,} requests"), rows, right=())
    say(found.verdict)
    if found.settings:
        say(f"\nFor shop.toml:\n\n{model_text(found.model, found.settings)}")


def groups(figures: Mapping[str, Any]) -> None:
    """By who asked and what was wanted: what was served, popularity, and the best source alone; and where one of these
    should rather have been served."""
    rows, losses = [], []
    for name, group in figures.get("groups", {}).items():
        values = {system: measures[CHIEF] for system, measures in group["systems"].items()}
        if better := group.get("beaten_by"):
            told = f"{_value(values[better])} against {_value(values['served'])} {CHIEF.upper()}"
            losses.append(f"For {name}, {better} alone is surely better than what is served: {told}")
        served, popularity = values.pop("served", None), values.pop("popularity", None)
        best = max(values, key=lambda system: values[system]["value"], default=None)
        alone = "" if best is None else f"{_value(values[best])} {best}"
        rows.append((name, f"{group['requests']:,}", _estimate(served), _value(popularity), alone))
    if rows:
        headers = (f"{CHIEF} by group", "requests", "served", "popularity", "best source alone")
        table(headers, rows, right=headers[1:4])
    for loss in losses:
        say(loss, "yellow")


def _contest(contest: Mapping[str, Any]) -> str:
    if contest["beats"] is None:
        return str(contest["why"])
    gain = contest["beats"]["difference"]
    return f"{contest['why']} ({gain['value']:+.4f} NDCG@10 on {contest['requests']:,} requests)"


def _value(figure: Mapping[str, float] | None) -> str:
    return "" if figure is None else f"{figure['value']:.4f}"


def _estimate(figure: Mapping[str, float] | None) -> str:
    """A mean with its 95% interval."""
    return "" if figure is None else f"{figure['value']:.4f} ({figure['low']:.3f}–{figure['high']:.3f})"


def price(item: Item) -> str:
    return "" if item.price is None else f"{item.price:,.2f} {item.currency or ''}".rstrip()


def _confidence(share: float) -> Text:
    return Text(f"{share:.0%}", "green" if share >= 0.8 else "yellow" if share >= 0.5 else "red")
