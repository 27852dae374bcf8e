"""Every epoch is told: to the progress, to the tracker that the settings name, to whoever else listens."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tensorboardX.proto.event_pb2 import Event

from shopkeeper.engine.context import Epoch, Reached
from shopkeeper.errors import MissingExtraError
from shopkeeper.learn import tracking
from shopkeeper.learn.tracking import Tracking, unheard
from shopkeeper.settings import TrainSettings
from shopkeeper.vocabulary import silent

EPOCHS = [Epoch(3.0, 0.1, 5.0), Epoch(2.0, 0.25, 10.0)]


def tell(folder: Path, tracker: Any, progress: Any = silent, hear: Any = unheard) -> None:
    with Tracking(TrainSettings(tracker=tracker), folder, progress, hear).telling(
        ["line", "idle"], "fit for test"
    ) as told:
        for number, epoch in enumerate(EPOCHS, 1):
            told["line"].course.tell(number, epoch)


def scalars(path: Path) -> Iterator[tuple[str, int, float]]:
    """Of a file of TensorBoard: records of length (8 bytes), its checksum (4), data and its checksum (4)."""
    data = path.read_bytes()
    while data:
        size = int.from_bytes(data[:8], "little")
        event = Event.FromString(data[12 : 12 + size])
        yield from ((value.tag, event.step, value.simple_value) for value in event.summary.value)
        data = data[16 + size :]


def test_every_epoch_is_told_to_the_progress_and_to_who_listens(tmp_path: Path) -> None:
    shown, heard = [], []
    tell(tmp_path, "none", lambda *told: shown.append(told), lambda *told: heard.append(told))
    assert shown == [
        ("fit for test, line: epoch 1, loss 3.0000, figure 0.1000, 5 s", 1, 0),
        ("fit for test, line: epoch 2, loss 2.0000, figure 0.2500, 10 s", 2, 0),
    ]
    assert heard == [*enumerate(EPOCHS, 1)]
    assert not any(tmp_path.iterdir())


def test_a_fit_that_goes_on_says_from_where(tmp_path: Path) -> None:
    said: list[str] = []
    tracking = Tracking(TrainSettings(tracker="none"), tmp_path, lambda stage, *_: said.append(stage), unheard)
    with tracking.telling(["line", "idle"], "fit") as told:
        told["line"].course.tell(3, EPOCHS[0])
        told["line"].course.tell(4, EPOCHS[1])
        told["idle"].course.ended(Reached(0.3, finished=False, among=""))
        told["idle"].course.ended(Reached(0.3, finished=True, among=""))
    assert said[0] == "fit, line: goes on after epoch 2, where it was stopped"
    assert said[-1] == "fit, idle: had been fitted already"
    assert len(said) == 4


def test_tensorboard_has_a_run_for_each_fit_that_learned(tmp_path: Path) -> None:
    tell(tmp_path / "fits", "tensorboard")
    (run,) = (tmp_path / "fits").glob("*/*")
    assert run.name == "line-fit-for-test"
    assert sorted(scalars(next(run.iterdir()))) == [
        ("figure", 1, pytest.approx(0.1)),
        ("figure", 2, pytest.approx(0.25)),
        ("loss", 1, pytest.approx(3.0)),
        ("loss", 2, pytest.approx(2.0)),
        ("seconds", 1, pytest.approx(5.0)),
        ("seconds", 2, pytest.approx(10.0)),
    ]


def test_the_oldest_trainings_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "KEPT", 2)
    for day in ("2001-01-01", "2002-01-01", "2003-01-01"):
        monkeypatch.setattr(time, "strftime", lambda _, day=day: day)
        tell(tmp_path, "tensorboard")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2002-01-01", "2003-01-01"]


class Wandb:
    """In the place of the library: notes what it is asked, and by which run. Like it, it gives the run that there is,
    unless it is told otherwise."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.logged: list[tuple[str, int]] = []
        self._run: Any = None

    def init(self, *, reinit: str | None = None, **named: Any) -> Any:
        if self._run is None or reinit == "create_new":
            self.asked.append(named)
            self._run = SimpleNamespace(log=partial(self._log, named["name"]), finish=self._finish)
        return self._run

    def _log(self, run: str, values: Any, step: int) -> None:
        self.asked.append((step, values))
        self.logged.append((run, step))

    def _finish(self) -> None:
        self.asked.append("finish")
        self._run = None


@pytest.mark.parametrize(("variable", "mode"), [(None, "offline"), ("online", "online")])
def test_weights_and_biases_stays_offline_unless_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str | None, mode: str
) -> None:
    wandb = Wandb()
    monkeypatch.setitem(sys.modules, "wandb", wandb)  # type: ignore[arg-type]
    monkeypatch.delenv("WANDB_MODE", raising=False)
    if variable:
        monkeypatch.setenv("WANDB_MODE", variable)
    tell(tmp_path, "wandb")
    begun, *logged = wandb.asked
    assert (begun["name"], begun["mode"], Path(begun["dir"]).parent) == ("line-fit-for-test", mode, tmp_path)
    assert logged == [(1, EPOCHS[0]._asdict()), (2, EPOCHS[1]._asdict()), "finish"]


def test_weights_and_biases_has_a_run_for_each_model_of_a_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wandb = Wandb()
    monkeypatch.setitem(sys.modules, "wandb", wandb)  # type: ignore[arg-type]
    with Tracking(TrainSettings(tracker="wandb"), tmp_path, silent, unheard).telling(["line", "curve"], "fit") as told:
        for name in ("line", "curve"):
            told[name].course.tell(1, EPOCHS[0])
    assert wandb.logged == [("line-fit", 1), ("curve-fit", 1)]


def test_a_tracker_that_is_not_installed_is_a_sentence_before_anything_is_fitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(MissingExtraError, match=r"shopkeeper\[track\]"):
        tell(tmp_path, "wandb")
    with Tracking(TrainSettings(tracker="wandb"), tmp_path, silent, unheard).telling([], "fit"):
        pass  # of nothing that learns in epochs there is nothing to keep


def test_a_run_is_closed_also_where_the_fit_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wandb = Wandb()
    monkeypatch.setitem(sys.modules, "wandb", wandb)  # type: ignore[arg-type]

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tell(tmp_path, "wandb", hear=stop)
    assert wandb.asked[-1] == "finish"


def test_how_far_a_fit_came_is_kept(tmp_path: Path) -> None:
    with Tracking(TrainSettings(), tmp_path, silent, unheard).telling(["line"], "fit") as told:
        assert told["line"].reached is None
        told["line"].seconds = 7.0
        told["line"].course.ended(Reached(0.5, finished=False, among="people"))
        assert told["line"].course.seconds == 7.0
        assert told["line"].reached == Reached(0.5, finished=False, among="people")
