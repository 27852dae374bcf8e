"""Who drops out when time is short: planted curves, of which each gives the figure that it has reached by a time; and
two networks, one of which learns next to nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import msgspec
import pytest
from chains import chains, small_config

from shopkeeper.engine.context import Reached
from shopkeeper.errors import DivergedError
from shopkeeper.learn.fit import Fitter
from shopkeeper.learn.halving import halve
from shopkeeper.learn.models.config import SasRecConfig
from shopkeeper.learn.models.sequence import SasRec
from shopkeeper.settings import Settings, TrainSettings

BUDGET = 160.0
Curve = Callable[[float], float]


class Contest:
    """Contestants by their curves; one whose seconds are in `done` has learned all that it can by then."""

    def __init__(self, curves: dict[str, Curve], done: dict[str, float] | None = None, among: str = "people") -> None:
        self.curves, self.done, self.among = curves, done or {}, dict.fromkeys(curves, among)
        self.fits: list[tuple[str, float]] = []

    def fit(self, name: str, seconds: float) -> Reached:
        self.fits.append((name, seconds))
        finished = seconds >= self.done.get(name, BUDGET)
        return Reached(self.curves[name](min(seconds, self.done.get(name, BUDGET))), finished, self.among[name])

    def out(self, *, spared: Collection[str] = (), shelves: Sequence[Collection[str]] = ()) -> dict[str, str]:
        return halve([*self.curves], self.fit, BUDGET, spared=spared, shelves=shelves)

    @property
    def spent(self) -> dict[str, float]:
        return dict(self.fits)


def flat(value: float) -> Curve:
    return lambda _: value


FOUR = {"a": flat(0.1), "b": flat(0.4), "c": flat(0.2), "d": flat(0.3)}


def test_the_worse_half_drops_out_and_the_rest_have_twice_the_time() -> None:
    contest = Contest(FOUR)
    assert set(contest.out()) == {"a", "c", "d"}
    assert contest.spent == {"a": 40.0, "b": 160.0, "c": 40.0, "d": 80.0}


def test_why_is_said_in_words() -> None:
    why = Contest({"a": flat(0.01234), "b": flat(0.2)}).out()["a"]
    assert why.startswith("after 1.3 minutes its figure was 0.0123, that of b 0.2000")


@pytest.mark.parametrize(("n", "parts"), [(1, [160.0]), (2, [80.0, 160.0]), (3, [40.0, 80.0, 160.0])])
def test_the_last_has_the_whole_budget(n: int, parts: list[float]) -> None:
    contest = Contest({f"model {at}": flat(at) for at in range(n)})
    assert len(contest.out()) == n - 1
    assert [seconds for name, seconds in contest.fits if name == f"model {n - 1}"] == parts


def test_it_is_judged_by_what_has_been_reached_and_not_by_what_would_be() -> None:
    assert set(Contest({"late": lambda seconds: seconds / BUDGET, "early": flat(0.6)}).out()) == {"late"}
    assert set(Contest({"late": lambda seconds: seconds / BUDGET, "early": flat(0.4)}).out()) == {"early"}


def test_nobody_drops_out_where_all_learn_what_they_can_in_time() -> None:
    contest = Contest(FOUR, done=dict.fromkeys(FOUR, 30.0))
    assert contest.out() == {}
    assert contest.fits == [(name, 40.0) for name in FOUR]


def test_who_is_finished_stays_and_is_not_fitted_again() -> None:
    contest = Contest(FOUR, done={"a": 10.0})
    assert set(contest.out()) == {"c"}
    assert [name for name, _ in contest.fits].count("a") == 1


def test_only_what_is_alike_is_compared() -> None:
    contest = Contest(FOUR)
    contest.among |= {"a": "other people", "c": ""}
    assert set(contest.out()) == {"d"}
    assert contest.spent == {"a": 160.0, "b": 160.0, "c": 160.0, "d": 40.0}


def test_who_has_to_defend_itself_stays() -> None:
    contest = Contest(FOUR)
    assert set(contest.out(spared={"a"})) == {"c"}
    assert contest.spent["a"] == BUDGET


def test_no_shelf_is_left_without_a_source() -> None:
    assert set(Contest(FOUR).out(shelves=[("a", "popular"), ("b", "c")])) == {"a", "c", "d"}
    assert set(Contest(FOUR).out(shelves=[("a",), ("a", "c")])) == {"c"}
    assert set(Contest(FOUR).out(shelves=[("a", "c")])) == {"a"}


def test_who_learns_nothing_drops_out_unless_it_is_needed() -> None:
    def diverging(_: float) -> float:
        raise DivergedError("no number", remedy="Lower its rate.")

    three = {"a": diverging, "b": flat(0.4), "c": flat(0.2)}
    contest = Contest(three)
    assert contest.out()["a"] == "no number. Lower its rate"
    assert contest.spent == {"a": 40.0, "b": 160.0, "c": 40.0}
    assert set(Contest(three).out(shelves=[("a", "c")])) == {"a"}
    for needed in ({"shelves": [("b",), ("a",)]}, {"spared": {"a"}}):
        with pytest.raises(DivergedError):
            Contest(three).out(**needed)


def test_equals_drop_out_by_their_names() -> None:
    assert set(Contest(dict.fromkeys("cab", flat(0.2))).out()) == {"b", "c"}


class Dull(SasRec):
    name = "dull"


def test_networks_go_on_from_where_they_paused(tmp_path: Path) -> None:
    shop, epochs = chains(people=300), dict[str, list[int]]()
    endless = small_config(SasRecConfig, epochs=10_000, patience=10_000)

    def progress(stage: str, done: int, _: int) -> None:
        what, _, said = stage.partition(": ")
        if said:
            epochs.setdefault(what, []).append(done)

    recipes = {"sasrec": SasRec(endless), "dull": Dull(msgspec.structs.replace(endless, rate=1e-9))}
    settings = Settings(train=TrainSettings(threads=1, budget_minutes=0.05, tracker="none"))
    fitter = Fitter(recipes, shop.catalogue, shop.items, settings, None, tmp_path, progress)
    assert set(fitter.fit(shop.interactions, shop.now, "fit")) == {"sasrec"} == recipes.keys() - fitter.dropped.keys()
    assert all(numbers == [*range(1, len(numbers) + 1)] for numbers in epochs.values())
    assert epochs.keys() == {"fit, sasrec", "fit, dull"}
