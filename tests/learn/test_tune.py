"""Better settings: found where they are planted, by the validation part alone, and by whoever was killed as well."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import optuna
import pytest
from msgspec import Meta
from worlds import catalogue, visits, write_shop

from shopkeeper.data.tables import Tables
from shopkeeper.engine.context import Candidates, Context, Epoch, FittedSource, Material, ReleaseParts
from shopkeeper.engine.sources import slist
from shopkeeper.errors import DataError, MissingExtraError, SettingsError
from shopkeeper.learn import tune as tuning
from shopkeeper.learn.metrics import Comparison, Estimate
from shopkeeper.learn.tune import Tuning, space_of, tune
from shopkeeper.learn.workshop import Workshop
from shopkeeper.settings import EncoderSettings, Settings, Surface, TrainSettings, Tuned
from shopkeeper.shop_toml import model_settings, parse_settings

SETTINGS = Settings(
    encoder=EncoderSettings(model="none"),
    train=TrainSettings(threads=1, max_requests=200, tracker="none"),
    surfaces={"home": Surface(sources=("popular",))},
)


class StepConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    step: Annotated[int, Meta(ge=0), Tuned(0, 6)] = 5
    blur: Annotated[float, Tuned(0.001, 1.0, log=True)] = 0.5
    fixed: int = 1


class Step:
    """Proposes the item `step` places behind the newest: what comes next where that is 1. `fitted`: the settings of
    every fit; `told`: how many of its `epochs` it went through, all with the same figure."""

    name, learns_from_events, in_epochs = "step", True, True
    config_type = StepConfig
    fitted: list[StepConfig]

    def __init__(self, epochs: int = 0) -> None:
        self.epochs, self.fitted, self.told, self.latest = epochs, [], list[int](), 0.0

    def fit(self, material: Material) -> FittedSource:
        config = model_settings(material.settings, self.name, StepConfig)
        self.fitted.append(config)
        self.told.append(0)
        self.budget = material.settings.train.budget_minutes
        self.latest = max(self.latest, float(np.nanmax(material.interactions.times)))
        for number in range(1, self.epochs + 1):
            self.told[-1] = number
            material.course(self.name).tell(number, Epoch(1.0, -abs(config.step - 1.0), float(number)))
        return Stepping(config.step, len(material.catalogue))

    def load(self, directory: Path, release: ReleaseParts) -> FittedSource:
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class Stepping:
    step: int
    n_items: int
    name: str = "step"

    def retrieve(self, context: Context, limit: int) -> Candidates:
        rows = (context.history[-1:] + self.step) % self.n_items
        return Candidates.top(rows, np.ones(len(rows)), limit)

    def reason(self, context: Context, row: int) -> str:
        raise NotImplementedError

    def save(self, directory: Path) -> None:
        raise NotImplementedError


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    return write_shop(tmp_path_factory.mktemp("shop"), catalogue(60), visits(60, 1200, users=300))


@pytest.fixture
def step(monkeypatch: pytest.MonkeyPatch) -> Step:
    return planted(monkeypatch, Step())


def planted(monkeypatch: pytest.MonkeyPatch, recipe: Step) -> Step:
    """The recipe among those that are installed."""
    installed = tuning.recipes

    def recipes(names: Any = None, where: str = "") -> dict[str, Any]:
        others = installed(None if names is None else [name for name in names if name != "step"], where)
        return {**others, "step": recipe} if names is None or "step" in names else others

    for module in ("shopkeeper.learn.tune", "shopkeeper.learn.workshop", "shopkeeper.engine.models"):
        monkeypatch.setattr(sys.modules[module], "recipes", recipes)
    return recipe


def test_what_is_planted_is_found_and_stands_beside_what_there_was(shop: Tables, step: Step, tmp_path: Path) -> None:
    found = tune(shop, SETTINGS, "step", tmp_path, trials=12)
    assert step.fitted[0] == StepConfig()
    assert (found.trials, found.given_up, len(step.fitted)) == (12, 0, 12)
    assert found.settings["step"] == 1
    assert found.ndcg.value > found.before.value + 0.1
    assert found.gain.difference.low > 0
    assert "The gain is +" in found.verdict
    best = StepConfig(**found.settings)
    assert best in step.fitted
    assert parse_settings(f"[models.step]\nblur = {found.settings['blur']}").models["step"]["blur"] == best.blur


def test_nothing_of_the_test_part_is_known(
    shop: Tables, step: Step, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[Any]()
    requests = Workshop.requests
    monkeypatch.setattr(Workshop, "requests", lambda self, part: asked.append(part) or requests(self, part))
    tune(shop, SETTINGS, "step", tmp_path, trials=1)
    times = np.sort(shop.events(["time"]).read_all().column("time").cast("int64").to_numpy()) / 1e6
    (part,) = asked
    assert step.latest < part.now <= times[int(0.81 * len(times))]
    assert part.history.times.max() < times[int(0.91 * len(times))]


def test_the_settings_of_the_shop_are_where_it_begins_and_what_is_not_tuned_stays(
    shop: Tables, step: Step, tmp_path: Path
) -> None:
    settings = msgspec.structs.replace(SETTINGS, models={"step": {"step": 40, "fixed": 7}})
    found = tune(shop, settings, "step", tmp_path, trials=6)
    assert step.fitted[0] == StepConfig(step=40, fixed=7)
    assert {config.fixed for config in step.fitted} == {7} == {found.settings["fixed"]}
    assert all(0 <= config.step <= 6 for config in step.fitted[1:])


def test_the_same_seed_tries_the_same(shop: Tables, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tried = []
    for at, seed in enumerate((0, 0, 1)):
        recipe = planted(monkeypatch, Step())
        settings = msgspec.structs.replace(
            SETTINGS, train=TrainSettings(threads=1, max_requests=200, tracker="none", seed=seed)
        )
        tune(shop, settings, "step", tmp_path / str(at), trials=4)
        tried.append(recipe.fitted)
    assert tried[0] == tried[1] != tried[2]


def _until_killed(shop: Path, cache: Path) -> None:
    class Killing(Step):
        def fit(self, material: Material) -> FittedSource:
            if len(self.fitted) == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            return super().fit(material)

    with pytest.MonkeyPatch.context() as patch:
        tune(Tables(shop), SETTINGS, planted(patch, Killing(epochs=1)).name, cache, trials=3)


def test_who_was_killed_in_a_trial_goes_on_with_it_and_comes_to_the_same(
    shop: Tables, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cache = tmp_path / "killed"
    process = multiprocessing.get_context("spawn").Process(target=_until_killed, args=(shop.folder.parent, cache))
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL
    whole, resumed = Step(epochs=1), Step(epochs=1)
    planted(monkeypatch, whole)
    expected = tune(shop, SETTINGS, "step", tmp_path / "whole", trials=3)
    planted(monkeypatch, resumed)
    assert tune(shop, SETTINGS, "step", cache, trials=3) == expected
    assert resumed.fitted == whole.fitted[2:]
    assert tune(shop, SETTINGS, "step", cache, trials=3) == expected
    assert len(resumed.fitted) == 1


class Resuming(Step):
    """Keeps a checkpoint after every other of its four epochs. stop: in trial 2, at these, one after the other."""

    def __init__(self, *stop: int) -> None:
        super().__init__(epochs=4)
        self.stop, self.kept = [*stop], 0

    def fit(self, material: Material) -> FittedSource:
        self.fitted.append(model_settings(material.settings, self.name, StepConfig))
        for number in range(self.kept + 1, self.epochs + 1):
            self.told.append(number)
            material.course(self.name).tell(number, Epoch(1.0, number / 10, float(number)))
            if len(self.fitted) > 1:
                self.kept = number // 2 * 2
                if number in self.stop[:1]:
                    del self.stop[0]
                    raise KeyboardInterrupt
        return Stepping(1, len(material.catalogue))


def test_a_trial_that_goes_on_has_the_figures_of_all_its_epochs(
    shop: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = planted(monkeypatch, Resuming(2, 3))
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            tune(shop, SETTINGS, "step", tmp_path, trials=2)
    assert tune(shop, SETTINGS, "step", tmp_path, trials=2).trials == 2
    assert recipe.told == [1, 2, 3, 4, 1, 2, 3, 3, 4]
    (kept,) = (tmp_path / "tune" / "step").glob("*/study.sqlite")
    study = optuna.load_study(study_name="step", storage=f"sqlite:///{kept}")
    figures = [trial.intermediate_values for trial in study.get_trials(states=[optuna.trial.TrialState.COMPLETE])]
    assert figures == [{1: 0.1, 2: 0.2, 3: 0.3, 4: 0.4}] * 2


def test_who_was_stopped_in_the_first_trial_begins_with_what_there_is_again(
    shop: Tables, step: Step, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> FittedSource:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Step, "fit", stopped)
        with pytest.raises(KeyboardInterrupt):
            tune(shop, SETTINGS, "step", tmp_path, trials=1)
    assert tune(shop, SETTINGS, "step", tmp_path, trials=1).settings == {}
    assert step.fitted == [StepConfig()]


@pytest.mark.parametrize(
    "other",
    [
        {"train": TrainSettings(threads=1, max_requests=200, tracker="none", half_life_days=9.0)},
        {"encoder": EncoderSettings(model="none", max_unknown_share=0.9)},
    ],
    ids=str,
)
def test_other_settings_begin_anew_and_leave_what_was_tried_alone(
    shop: Tables, step: Step, tmp_path: Path, other: dict[str, Any]
) -> None:
    expected = tune(shop, SETTINGS, "step", tmp_path, trials=2)
    (former,) = (tmp_path / "tune" / "step").iterdir()
    (former / "models").mkdir()
    (former / "models" / "checkpoint.pt").write_bytes(b"large")
    assert tune(shop, msgspec.structs.replace(SETTINGS, **other), "step", tmp_path, trials=2).trials == 2
    assert len(step.fitted) == 4
    assert not (former / "models").exists()
    assert tune(shop, SETTINGS, "step", tmp_path, trials=2) == expected
    assert len(step.fitted) == 4


@pytest.mark.parametrize(("in_epochs", "tried"), [(False, [1, 2, 3]), (True, [1, 1, 2])])
def test_another_budget_is_another_study_only_where_trials_take_their_time_from_it(
    shop: Tables, step: Step, tmp_path: Path, in_epochs: bool, tried: list[int]
) -> None:
    step.in_epochs = in_epochs
    found = [
        tune(shop, SETTINGS, "step", tmp_path, trials=trials, budget_minutes=budget).trials
        for trials, budget in zip(tried, (60.0, 120.0, 60.0), strict=True)
    ]
    assert found == tried
    assert len(step.fitted) == 3


def test_who_is_worse_than_the_median_is_given_up(
    shop: Tables, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    recipe = planted(monkeypatch, Step(epochs=6))
    found = tune(shop, SETTINGS, "step", tmp_path, trials=11)
    assert 0 < found.given_up == sum(told < 6 for told in recipe.told) < 6
    assert recipe.told[: tuning.UNPRUNED] == [6] * tuning.UNPRUNED
    assert min(recipe.told) == 2, "what may be chance after one epoch"
    assert found.settings["step"] in {
        config.step for config, told in zip(recipe.fitted, recipe.told, strict=True) if told == 6
    }


def test_the_budget_ends_it_and_bounds_each_trial(
    shop: Tables, step: Step, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    fit = Step.fit

    def slow(self: Step, material: Material) -> FittedSource:
        clock[0] += 60.0
        return fit(self, material)

    monkeypatch.setattr(Step, "fit", slow)
    assert tune(shop, SETTINGS, "step", tmp_path, trials=50, budget_minutes=2.5).trials == 2
    assert step.budget == pytest.approx(0.25)
    assert tune(shop, SETTINGS, "step", tmp_path, trials=50, budget_minutes=2.5).trials == 4
    assert tune(shop, SETTINGS, "step", tmp_path / "short", trials=50, budget_minutes=0.1).trials == 1
    opened = Workshop.open

    def slowly(*told: Any, **more: Any) -> Workshop:
        clock[0] += 60.0
        return opened(*told, **more)

    monkeypatch.setattr(Workshop, "open", slowly)
    assert tune(shop, SETTINGS, "step", tmp_path / "read", trials=50, budget_minutes=3.5).trials == 2


def test_what_cannot_be_learned_with_is_given_up_unless_it_is_what_there_is(
    shop: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted(monkeypatch, Step())
    fit = Step.fit

    def diverging(self: Step, material: Material) -> FittedSource:
        if self.fitted:
            self.fitted.append(StepConfig())
            raise SettingsError("the loss is no number any more")
        return fit(self, material)

    monkeypatch.setattr(Step, "fit", diverging)
    found = tune(shop, SETTINGS, "step", tmp_path, trials=3)
    assert (found.given_up, found.settings) == (2, {})
    assert found.verdict == "No trial did better than the settings as they are."
    with pytest.raises(SettingsError, match="no number"):
        tune(shop, SETTINGS, "step", tmp_path / "other", trials=3)


def test_a_gain_within_chance_is_called_so() -> None:
    def told(low: float, sure: float) -> str:
        of = Estimate(0.1, 0.0, 0.2)
        gain = Comparison(Estimate(0.01, low, 0.02), sure)
        return Tuning("m", "home", 9, 9, 0, before=of, ndcg=of, gain=gain, settings={}).verdict

    assert "within what chance does" in told(-0.001, 0.95)
    assert "a little flattered" in told(0.001, 0.99)


def test_a_real_model_is_tuned(shop: Tables, tmp_path: Path) -> None:
    found = tune(shop, SETTINGS, "slist", tmp_path, trials=3)
    config = slist.SlistConfig(**found.settings)
    assert found.ndcg.value >= found.before.value > 0.1
    assert found.requests > 30
    assert config.items == slist.SlistConfig().items


@pytest.mark.parametrize(
    ("name", "trials", "sentence"),
    [
        ("lambdamart", 5, "'lambdamart' is a ranker; expected a source: only these can be tuned"),
        ("slsit", 5, r"there is no source 'slsit' to tune\. Did you mean 'slist'\?"),
        ("popular", 5, r"the source 'popular' has no settings to tune\. These have some: als, "),
        ("slist", 0, "0 trials find nothing; expected at least one"),
    ],
)
def test_what_cannot_be_tuned_is_a_sentence(
    shop: Tables, tmp_path: Path, name: str, trials: int, sentence: str
) -> None:
    with pytest.raises(SettingsError, match=sentence):
        tune(shop, SETTINGS, name, tmp_path, trials=trials)


def test_too_little_to_judge_by_is_a_sentence(tmp_path: Path) -> None:
    for name, events in (("none", []), ("few", visits(30, 40))):
        tables = write_shop(tmp_path / name, catalogue(30), events)
        with pytest.raises(DataError, match="requests to home in the validation part"):
            tune(tables, SETTINGS, "slist", tmp_path / "cache", trials=1)
    with pytest.raises(DataError, match="there are no tables"):
        tune(Tables(tmp_path / "nowhere"), SETTINGS, "slist", tmp_path / "cache", trials=1)


def test_without_the_library_a_sentence_says_what_is_missing(
    shop: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtraError, match=r"'optuna'.*shopkeeper\[train\]"):
        tune(shop, SETTINGS, "slist", tmp_path, trials=1)


@pytest.mark.parametrize("name", ["slist", "ease", "als", "sasrec"])
def test_where_a_model_is_looked_for_holds_its_default_and_nothing_that_it_refuses(name: str) -> None:
    space = space_of(name, Settings())
    assert space
    for setting, dimension in space.items():
        assert dimension.where.low <= dimension.now <= dimension.where.high, setting
        assert dimension.nearest == pytest.approx(dimension.now), setting
        for value in dimension.where[:2]:
            kind = type(dimension.now)
            model_settings(
                Settings(models={name: {setting: kind(value)}}), name, tuning.recipes([name])[name].config_type
            )
