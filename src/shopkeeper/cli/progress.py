"""Long work, seen: a bar with rate and remaining time on a terminal, one line for each stage elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.text import Text

from shopkeeper.vocabulary import Progress


class _Rate(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed and speed >= 1 else "", style="progress.data.speed")


@contextmanager
def shown(console: Console) -> Iterator[Progress]:
    """A Progress that draws on `console` for as long as the block runs."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = (
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=console) as bars:
        yield _Drawn(bars)


class _Lines:
    """One line when a stage begins, and for each thing that is said of it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._stages: set[str] = set()

    def __call__(self, stage: str, done: int, total: int) -> None:  # noqa: ARG002 - a line has no bar
        if stage not in self._stages:
            self._stages.add(stage)
            self._console.print(stage if ": " in stage else f"{stage}…", markup=False, highlight=False)


class _Drawn:
    """One bar for each stage; a stage is over when the next one begins."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars
        self._tasks: dict[str, int] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        name, said = stage.partition(": ")[0], stage.replace("[", "\\[")
        if name not in self._tasks:
            for task in self._bars.tasks:
                self._bars.update(
                    task.id, completed=task.total or task.completed or 1, total=task.total or task.completed or 1
                )
            self._tasks[name] = self._bars.add_task(said, total=total or None)
        task_id = self._bars.tasks[self._tasks[name]].id
        self._bars.update(task_id, completed=done, total=total or None, description=said)
