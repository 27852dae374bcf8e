"""Better settings of a model, found by the validation part alone: nothing of the test part is known or looked at.

A trial fits the model as of the beginning of that part and has it answer the requests of a surface by itself. The first
has the settings as they are; what the others try is drawn by a tree of Parzen estimators (Bergstra, Bardenet, Bengio
and Kégl, "Algorithms for Hyper-Parameter Optimization", NIPS 2011). Whoever is worse than the median at the same epoch
is given up. All of it is kept, so that whoever was stopped goes on where it was.
"""

from __future__ import annotations

import hashlib
import math
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from shopkeeper import __version__
from shopkeeper.data.durable import alone
from shopkeeper.data.tables import Tables
from shopkeeper.engine.context import Epoch
from shopkeeper.engine.ranking.recipe import ranker_recipes
from shopkeeper.engine.sources import recipes
from shopkeeper.errors import DataError, SettingsError, did_you_mean
from shopkeeper.learn import metrics
from shopkeeper.learn.evaluate import K
from shopkeeper.learn.libraries import library
from shopkeeper.learn.metrics import Comparison, Estimate, Values
from shopkeeper.learn.replay import replay
from shopkeeper.learn.requests import Asked
from shopkeeper.learn.split import Part, split
from shopkeeper.learn.tournament import CONFIDENCE, FEWEST_TO_JUDGE
from shopkeeper.learn.tracking import Hear
from shopkeeper.learn.workshop import Workshop
from shopkeeper.release.arrays import save_array
from shopkeeper.settings import Settings, Tuned
from shopkeeper.shop_toml import model_settings
from shopkeeper.vocabulary import Progress, silent

TRIALS = 30
SHARE_OF_A_TRIAL = 0.1  # of the whole budget, at most, for fitting once
UNPRUNED = 5  # trials that are finished before any is given up
FIRST_TO_JUDGE = 2  # epoch, by whose figure a trial may be given up
AS_IS = "as it is"  # marks the trial of the settings as they are
HEARD = "heard"  # of a trial that was stopped and goes on from its checkpoint: figures, by epoch


class Tuning(msgspec.Struct, frozen=True):
    """settings: of [models.NAME], the best that were found; surface: which the model answered by itself; trials: of
    them, `given_up` early; before, ndcg: of the settings as they are, and of the best; gain: by how much these are
    better, on the same requests."""

    model: str
    surface: str
    requests: int
    trials: int
    given_up: int
    before: Estimate
    ndcg: Estimate
    gain: Comparison
    settings: dict[str, Any]

    @property
    def figures(self) -> dict[str, Estimate]:
        return {"as they are": self.before, "the best found": self.ndcg}

    @property
    def verdict(self) -> str:
        """Whether it is worth the change, in a sentence."""
        if not self.gain.difference.value:
            return "No trial did better than the settings as they are."
        gain = self.gain.difference
        told = f"{gain.value:+.4f} NDCG@{K} ({gain.low:+.4f} to {gain.high:+.4f})"
        if gain.low <= 0 or self.gain.chance_better < CONFIDENCE:
            return f"The gain, {told}, is within what chance does: the settings as they are may be as good."
        chosen = f"the best of {self.trials} trials on the requests that they were chosen by"
        return f"The gain is {told}. It is a little flattered, being that of {chosen}; training measures it on others."


class Dimension(NamedTuple):
    """One setting: now, an int or a float; where a better one is looked for."""

    now: float
    where: Tuned

    @property
    def nearest(self) -> float:
        """What of `where` is nearest to it."""
        low, high, _, step = self.where
        within = min(max(self.now, low), high)
        return int(low + round((within - low) / step) * step) if isinstance(self.now, int) else within

    def draw(self, trial: Any, name: str) -> None:
        low, high, log, step = self.where
        if isinstance(self.now, int):
            trial.suggest_int(name, int(low), int(high), log=log, step=step)
        else:
            trial.suggest_float(name, low, high, log=log)


def space_of(name: str, settings: Settings) -> dict[str, Dimension]:
    """What of a source's settings can be tuned. Raises SettingsError."""
    installed = recipes()
    if name in ranker_recipes():
        raise SettingsError(f"{name!r} is a ranker", expected="a source: only these can be tuned")
    if name not in installed:
        remedy = did_you_mean(name, installed) or f"Installed here: {', '.join(sorted(installed))}."
        raise SettingsError(f"there is no source {name!r} to tune", remedy=remedy)
    configured = {each: kind for each, recipe in installed.items() if (kind := getattr(recipe, "config_type", None))}
    tuned = {each: space for each, kind in configured.items() if (space := _tuned(kind))}
    if name not in tuned:
        remedy = f"These have some: {', '.join(sorted(tuned))}."
        raise SettingsError(f"the source {name!r} has no settings to tune", remedy=remedy)
    now = model_settings(settings, name, configured[name])
    return {each: Dimension(getattr(now, each), where) for each, where in tuned[name].items()}


def _tuned(config_type: type[msgspec.Struct]) -> dict[str, Tuned]:
    return {
        field.name: told
        for field in msgspec.structs.fields(config_type)
        for told in getattr(field.type, "__metadata__", ())
        if isinstance(told, Tuned)
    }


def tune(
    tables: Tables,
    settings: Settings,
    name: str,
    cache: Path,
    progress: Progress = silent,
    *,
    trials: int = TRIALS,
    budget_minutes: float | None = None,
) -> Tuning:
    """trials: in all, those of an earlier run on the same tables and settings among them; budget_minutes: for all that
    this run does, from reading the tables on: no trial begins that would probably end later, but one in any case.

    Raises SettingsError for a model that is unknown or has nothing to tune; DataError where there is too little to
    judge by, and while another tuning runs; MissingExtraError.
    """
    begin, space = time.monotonic(), space_of(name, settings)
    if trials < 1:
        raise SettingsError(f"{trials} trials find nothing", expected="at least one")
    optuna = library("optuna", "tuning a model")
    if budget_minutes is not None:
        each = min(settings.train.budget_minutes, SHARE_OF_A_TRIAL * budget_minutes)
        settings = msgspec.structs.replace(settings, train=msgspec.structs.replace(settings.train, budget_minutes=each))
    if not tables.folder.is_dir():
        raise DataError("there are no tables", where=str(tables.named), remedy="Make them with: shopkeeper ingest")
    with alone(cache / "tune", "tuning", DataError), tables.held() as tables:
        bench = Bench.open(tables, settings, name, cache, progress)
        study = Study(optuna, bench, space)
        study.run(trials, math.inf if budget_minutes is None else begin + 60.0 * budget_minutes, progress)
        return study.outcome()


@dataclass(frozen=True)
class Bench:
    """Where the trials of a model are judged: by the requests to a surface in the validation part. folder: in which
    they keep what they have, for just these tables and settings."""

    name: str
    surface: str
    shop: Workshop
    part: Part
    asked: Sequence[Asked]
    folder: Path
    progress: Progress

    @classmethod
    def open(cls, tables: Tables, settings: Settings, name: str, cache: Path, progress: Progress) -> Bench:
        """Raises DataError."""
        surface = next((each for each, its in settings.surfaces.items() if name in its.sources), "home")
        by_itself = msgspec.structs.replace(settings.surfaces[surface], sources=(name,), rank="learned", weights={})
        settings = msgspec.structs.replace(settings, surfaces={surface: by_itself})
        shop = Workshop.open(tables, settings, cache, progress)
        parts = split(shop.interactions, settings.train, shop.now)
        asked = shop.requests(parts.validation).get(surface, []) if parts else []
        if parts is None or len(asked) < FEWEST_TO_JUDGE:
            few = f"only {len(asked)} requests to {surface} in the validation part"
            raise DataError(few, where="tables", expected=f"at least {FEWEST_TO_JUDGE}, to judge by")
        in_epochs = bool(getattr(recipes([name])[name], "in_epochs", False))
        folder = _folder(cache / "tune" / name, tables, shop, in_epochs=in_epochs)
        return cls(name, surface, shop, parts.validation, asked, folder, progress)

    def values(self, table: dict[str, Any], stage: str, hear: Hear) -> Values:
        """NDCG of each request, float64 [requests], answered by the model alone, under [models.NAME] as in `table`."""
        settings = self.shop.settings
        settings = msgspec.structs.replace(settings, models={**settings.models, self.name: table})
        shop = replace(self.shop, settings=settings, fitter=self.shop.fitter.under(settings, self.folder, hear))
        engine = shop.engine_of(self.part, {}, stage)
        answers = replay(engine, self.asked, {}, K, progress=self.progress, stage=f"{stage}, answer")[self.name]
        return metrics.ndcg(
            *metrics.gains_at(answers, [one.rows for one in self.asked], [one.gains for one in self.asked])
        )


def _folder(root: Path, tables: Tables, shop: Workshop, *, in_epochs: bool) -> Path:
    """For just these, with the budget where more of it learns more. What was tried for others stays, and is small; what
    their fits kept, in folders of its own, goes."""
    settings, encoder = shop.settings, shop.encoder and shop.encoder.digest
    budget_minutes = settings.train.budget_minutes if in_epochs else None
    terms = (
        __version__,
        encoder,
        settings.encoder,
        settings.models,
        settings.surfaces,
        settings.train.shaping,
        budget_minutes,
    )
    told = hashlib.sha256(msgspec.json.encode((tables.fingerprint(), *terms)))
    folder = root / told.hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    for kept in root.glob("*/*/"):
        if kept.parent != folder:
            shutil.rmtree(kept)
    return folder


class Study:
    """The trials: what was tried, and, by the number of the trial, the values of each request."""

    def __init__(self, optuna: Any, bench: Bench, space: Mapping[str, Dimension]) -> None:
        self._optuna, self._bench, self._space = optuna, bench, space
        self._seed, self._table = bench.shop.settings.train.seed, bench.shop.settings.models.get(bench.name, {})
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = optuna.create_study(
            study_name=bench.name,
            storage=f"sqlite:///{bench.folder / 'study.sqlite'}",
            pruner=optuna.pruners.MedianPruner(n_startup_trials=UNPRUNED, n_warmup_steps=FIRST_TO_JUDGE),
            direction="maximize",
            load_if_exists=True,
        )

    def run(self, trials: int, end: float, progress: Progress) -> None:
        """end: of the monotonic clock."""
        self._take_up()
        longest, stage = 0.0, f"tune {self._bench.name}"
        while (done := len(self._over())) < trials:
            started = time.monotonic()
            if longest and started + longest > end:
                break
            progress(stage, done, trials)
            # Anew for each trial, so that whoever was stopped draws what it would have drawn.
            self._study.sampler = self._optuna.samplers.TPESampler(seed=self._seed + done)
            self._try(self._study.ask(), f"trial {done + 1}")
            longest = max(longest, time.monotonic() - started)
        progress(stage, done, done)

    def outcome(self) -> Tuning:
        over = self._over()
        finished = [trial for trial in over if trial.state == self._optuna.trial.TrialState.COMPLETE]
        first = next(trial for trial in finished if AS_IS in trial.user_attrs)
        best = max(finished, key=lambda trial: (trial.value, -trial.number))
        values, before = (np.load(self._kept(trial)) for trial in (best, first))
        return Tuning(
            model=self._bench.name,
            surface=self._bench.surface,
            requests=len(values),
            trials=len(over),
            given_up=len(over) - len(finished),
            before=metrics.estimates(before[:, None], self._seed)[0],
            ndcg=metrics.estimates(values[:, None], self._seed)[0],
            gain=metrics.compare(values, before, self._seed),
            settings=self._tried(best),
        )

    def _take_up(self) -> None:
        """What was in the middle when a run was stopped is tried again, with the figures that were heard of it, as its
        fit goes on after those epochs; the first of all is what there is."""
        state = self._optuna.trial.TrialState
        for trial in self._study.get_trials(states=[state.RUNNING]):
            self._study.tell(trial.number, state=state.FAIL)
            given = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
            heard = {str(number): figure for number, figure in trial.intermediate_values.items()}
            heard = {**trial.user_attrs.get(HEARD, {}), **heard}
            self._study.enqueue_trial(given, user_attrs={**trial.user_attrs, HEARD: heard})
        if not self._study.trials:
            given = {name: dimension.nearest for name, dimension in self._space.items()}
            self._study.enqueue_trial(given, user_attrs={AS_IS: True})

    def _try(self, trial: Any, stage: str) -> None:
        for name, dimension in self._space.items():
            dimension.draw(trial, name)
        as_is, state = AS_IS in trial.user_attrs, self._optuna.trial.TrialState
        heard = trial.user_attrs.get(HEARD, {})
        for number, figure in heard.items():
            trial.report(figure, int(number))

        def hear(number: int, epoch: Epoch) -> None:
            if str(number) not in heard:  # what came after the checkpoint is learned again, to the same figure
                trial.report(epoch.figure, number)
            if not as_is and trial.should_prune():
                raise self._optuna.TrialPruned

        try:
            values = self._bench.values(self._tried(trial), stage, hear)
        except (self._optuna.TrialPruned, SettingsError):  # worse than others, or a rate at which nothing is learned
            if as_is:
                raise
            self._study.tell(trial, state=state.PRUNED)
        else:
            save_array(self._kept(trial), values)
            self._study.tell(trial, float(values.mean()))

    def _tried(self, trial: Any) -> dict[str, Any]:
        """All of [models.NAME]; fractions have three digits, so that what can be written is what was tried."""
        if AS_IS in trial.user_attrs:
            return self._table
        found = {
            name: value if isinstance(value, int) else float(f"{value:.3g}") for name, value in trial.params.items()
        }
        return {**self._table, **found}

    def _over(self) -> list[Any]:
        state = self._optuna.trial.TrialState
        return list(self._study.get_trials(deepcopy=False, states=[state.COMPLETE, state.PRUNED]))

    def _kept(self, trial: Any) -> Path:
        return self._bench.folder / f"{trial.number}.npy"
