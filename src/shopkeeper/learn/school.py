"""What the rankers of a surface learn from: what people did after its requests, their judgements, or both."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial

from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.ranking.query_features import FUSED
from shopkeeper.engine.ranking.ranker import Ranker
from shopkeeper.engine.ranking.recipe import Examples, RankerRecipe, ranker_recipes
from shopkeeper.errors import DivergedError
from shopkeeper.learn.judged import FEWEST_JUDGED_TO_LEARN, Fit, InFolds, Judgements
from shopkeeper.learn.rankers.beside import beside_fusion
from shopkeeper.learn.replay import Scorer, examples_of, learned
from shopkeeper.learn.requests import Asked
from shopkeeper.vocabulary import Progress

LEARNED = "learned"  # as `Surface.rank` has it
FEWEST_TO_LEARN = 100  # requests
WITH_JUDGEMENTS, BESIDE_FUSION = "{}, with judgements", "{}, beside the fusion"
MOST_OF_JUDGED = 5.0  # requests that one judged query may count as, beside clicks

School = Callable[[Engine], "Taught"]


@dataclass(frozen=True)
class Taught:
    """The rankers of a surface. fit_s: the seconds that each took; dropped: which learned nothing, each with why;
    unlearned: why there are none, where some were to be learned, to follow why the winner won; in_folds: of those that
    learned from judgements, the same in folds; in_turn: whether these compete, as judgements decide."""

    rankers: Mapping[str, Ranker] = field(default_factory=dict)
    fit_s: Mapping[str, float] = field(default_factory=dict)
    dropped: Mapping[str, str] = field(default_factory=dict)
    unlearned: str = ""
    in_folds: Mapping[str, Callable[[], InFolds]] = field(default_factory=dict)
    in_turn: bool = False

    def scorers(self, engine: Engine) -> dict[str, Scorer]:
        """What competes, by ranker."""
        return {
            name: self.in_folds[name]().scorer(engine) if self.in_turn else learned(engine, ranker)
            for name, ranker in self.rankers.items()
        }


@dataclass(frozen=True)
class ByClicks:
    """Learn from the older requests to the surface `name`, watched by later ones; and, beside those rankers, some that
    learn from judged queries as well."""

    name: str
    learning: Sequence[Asked]
    watching: Sequence[Asked]
    judged: Sequence[Asked]
    seed: int
    progress: Progress

    def __call__(self, engine: Engine) -> Taught:
        """None where too few requests found what was wanted."""
        recipes = _recipes(engine, self.name)
        if not recipes:
            return Taught()
        replayed = partial(examples_of, engine, seed=self.seed, progress=self.progress)
        examples = replayed(self.learning, stage=f"replay {self.name}")
        watched = replayed(self.watching, stage=f"replay {self.name} (to stop by)")
        if len(examples) < FEWEST_TO_LEARN or not len(watched):
            found = f"{len(examples):,} of {len(self.learning):,}"
            to_stop_by = f"{len(watched):,} of {len(self.watching):,} to stop by"
            why = "too few requests had a wanted item among the candidates to learn a ranker from"
            return Taught(unlearned=f"; {why}: {found}, and {to_stop_by}")
        fits: dict[str, tuple[Fit, Callable[[Fit], Ranker]]] = {
            name: (_fit(engine, self.name, recipe), lambda fit: fit(examples, watched))
            for name, recipe in recipes.items()
        }
        judgements = Judgements.of(engine, self.judged, seed=self.seed, progress=self.progress) if self.judged else None
        if judgements is None or len(judgements) < FEWEST_JUDGED_TO_LEARN:
            return _taught(fits, self.name, self.progress)
        weight = min(float(examples.weights.sum()) / len(judgements), MOST_OF_JUDGED)

        def beside_clicks(fit: Fit, some: Examples, more: Examples) -> Ranker:
            graded = some.followed_by(more)
            graded = replace(graded, weights=graded.weights * weight)
            return fit(examples.followed_by(graded), watched)

        mixed = {WITH_JUDGEMENTS.format(name): partial(beside_clicks, fit) for name, (fit, _) in fits.items()}
        fits |= {name: (fit, judgements.fitted) for name, fit in mixed.items()}
        taught = _taught(fits, self.name, self.progress)
        return replace(taught, in_folds={name: cache(partial(judgements.in_folds, fit)) for name, fit in mixed.items()})


@dataclass(frozen=True)
class ByJudgements:
    """Learn from judged queries alone; each order competes by itself, and beside the fusion."""

    name: str
    judged: Sequence[Asked]
    seed: int
    progress: Progress

    def __call__(self, engine: Engine) -> Taught:
        recipes = _recipes(engine, self.name)
        if not recipes:
            return Taught()
        judgements = Judgements.of(engine, self.judged, seed=self.seed, progress=self.progress)
        if len(judgements) < FEWEST_JUDGED_TO_LEARN or not all(map(len, judgements.examples)):
            found = f"{len(judgements):,} of {len(self.judged):,}"
            return Taught(unlearned=f"; too few judged queries had a wanted item among the candidates: {found}")
        fits = {name: _fit(engine, self.name, recipe) for name, recipe in recipes.items()}
        if FUSED in engine.feature_names(self.name):
            fits |= {BESIDE_FUSION.format(name): partial(_beside, fit) for name, fit in fits.items()}
        taught = _taught({name: (fit, judgements.fitted) for name, fit in fits.items()}, self.name, self.progress)
        in_folds = {name: cache(partial(judgements.in_folds, fits[name])) for name in taught.rankers}
        return replace(taught, in_folds=in_folds, in_turn=True)


def _recipes(engine: Engine, name: str) -> dict[str, RankerRecipe]:
    surface = engine.settings.surfaces[name]
    return ranker_recipes(surface.rankers) if surface.rank == LEARNED else {}


def _fit(engine: Engine, name: str, recipe: RankerRecipe) -> Fit:
    names, settings = engine.feature_names(name), engine.settings
    return lambda examples, watched: recipe.fit(examples, watched, names, settings)


def _beside(fit: Fit, examples: Examples, watched: Examples) -> Ranker:
    return beside_fusion(fit(examples, watched), examples)


def _taught(fits: Mapping[str, tuple[Fit, Callable[[Fit], Ranker]]], surface: str, progress: Progress) -> Taught:
    """By ranker: what fits it, and from what."""
    rankers, fit_s, dropped = dict[str, Ranker](), dict[str, float](), dict[str, str]()
    for done, (ranker, (fit, teach)) in enumerate(fits.items()):
        progress(f"learn {surface}", done, len(fits))
        begin = time.perf_counter()
        try:
            rankers[ranker] = teach(fit)
        except DivergedError as error:
            dropped[ranker] = error.why
            continue
        fit_s[ranker] = time.perf_counter() - begin
    progress(f"learn {surface}", len(fits), len(fits))
    return Taught(rankers, fit_s, dropped)
