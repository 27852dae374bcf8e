"""Who may take the place of the fusion, and who is quick enough to."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import msgspec
import numpy as np
import pytest
from histories import history
from planted import Hands, Planted, asked, engine_of
from small_engine import small_engine

from shopkeeper.engine.context import Context
from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.ranking.fusion import Pool
from shopkeeper.engine.ranking.ranker import Ranker
from shopkeeper.errors import DivergedError
from shopkeeper.learn import school
from shopkeeper.learn.metrics import Values, best_of_many, compare
from shopkeeper.learn.report import Evaluation
from shopkeeper.learn.split import Part
from shopkeeper.learn.tournament import (
    CONFIDENCE,
    EVERYTHING,
    FUSED,
    Choice,
    Winner,
    _other_fusions,
    _serving,
    compete,
    judge,
)
from shopkeeper.settings import Settings, Surface
from shopkeeper.vocabulary import Scores, silent

FUSION = np.full(400, 0.5)
ITEMS, REQUESTS = 40, 240


def test_the_best_of_those_that_surely_beat_the_fusion_wins() -> None:
    lucky = FUSION.copy()
    lucky[0] += 50.0  # one request makes the highest mean: nothing to be sure of
    lucky[1:] -= 0.1
    steady, better = FUSION + 0.01, FUSION + 0.02
    lead, winner, beats = judge({FUSED: FUSION, "lucky": lucky, "steady": steady, "better": better}, 0)
    assert (lead, winner) == ("lucky", "better")
    assert round(beats.difference.value, 6) == 0.02
    assert judge({FUSED: FUSION, "lucky": lucky}, 0)[:2] == ("lucky", FUSED)
    assert judge({FUSED: FUSION, "worse": FUSION - 0.1}, 0)[:2] == (FUSED, FUSED)
    assert judge({FUSED: FUSION, "same": FUSION.copy()}, 0)[1] == FUSED


def wanted(time: float) -> int:
    return int(time) % ITEMS


class World:
    """Each request wants one item. `good` has it first, `fair` at every second request, `quick` never."""

    def __init__(self, *, good: float, fair: float = 10.0, quick: float = 1.0, budget: float = 0.0) -> None:
        self.hands = Hands()
        self.sources = [
            Planted("good", lambda context: self.first(context, 1), self.hands, good),
            Planted("fair", lambda context: self.first(context, 2), self.hands, fair),
            Planted("quick", lambda context: self.others(context)[:12], self.hands, quick),
        ]
        self.surface = Surface(sources=("good", "fair", "quick"), rank="fused", budget_ms=budget)

    def first(self, context: Context, every: int) -> list[int]:
        others = self.others(context)[10:30]
        return [wanted(context.now), *others] if int(context.now) // ITEMS % every == 0 else others

    @staticmethod
    def others(context: Context) -> list[int]:
        return [row for row in range(ITEMS) if row != wanted(context.now)]

    @property
    def engine(self) -> Engine:
        events = history([(0, 0, 1.0, 0)], n_users=6)
        return engine_of(
            Part(events, events, events, np.zeros(1, bool), 2.0), ITEMS, self.sources, surface=self.surface
        )

    def winner(self, surface: Surface | None = None) -> Winner:
        self.surface = surface or self.surface
        query = "mug" if self.surface.needs == "query" else ""
        requests = [asked(at % 5 + 1, wanted(1_000 + at), time=1_000.0 + at, query=query) for at in range(REQUESTS)]
        return compete(self.engine, "home", requests, seed=0, progress=silent, clock=self.hands)


def test_within_its_budget_a_surface_asks_all_sources() -> None:
    winner = World(good=20, budget=50).winner()
    assert set(winner.surface.sources) == {"good", "fair", "quick"}
    together = dict.fromkeys((FUSED, "weighted_sum", "vote"), 31)
    assert winner.choice.pace.answer_ms == pytest.approx({**together, "good": 20, "fair": 10, "quick": 1})
    assert winner.choice.figures is not None
    assert EVERYTHING not in winner.choice.figures.systems
    assert "budget" not in winner.choice.why
    assert " ms" not in winner.choice.why


def test_what_is_too_slow_is_left_out_and_the_shop_is_told_what_that_costs() -> None:
    winner = World(good=60, budget=50).winner()
    assert set(winner.surface.sources) == {"fair", "quick"}
    choice = winner.choice
    assert choice.winner in {FUSED, "fair"}
    assert "good was best at 1.000 but takes 60 ms, above the 50 ms of the surface" in choice.why
    assert "together the sources take 71 ms, and good had to be left out" in choice.why
    assert choice.figures is not None
    assert {EVERYTHING, "good", "popularity"} <= set(choice.figures.systems)
    assert choice.pace.made_of[FUSED] == ("fair", "quick")
    assert choice.figures.chances["good"][FUSED] == 1


def test_a_source_that_is_quick_enough_alone_may_win_alone() -> None:
    winner = World(good=45, budget=50).winner()
    assert winner.choice.winner == "good"
    assert winner.surface.sources == ("good",)
    assert winner.surface.rank == FUSED
    assert "together the sources take 56 ms" in winner.choice.why


def test_where_nothing_fits_the_quickest_serves() -> None:
    winner = World(good=60, budget=0.5).winner()
    assert winner.surface.sources == ("quick",)
    assert "nothing is within the 0.5 ms of the surface, and the quickest serves, at 1 ms" in winner.choice.why


def test_any_time_will_do_without_a_budget() -> None:
    winner = World(good=6_000).winner()
    assert set(winner.surface.sources) == {"good", "fair", "quick"}
    assert " ms" not in winner.choice.why


def test_weights_that_a_person_wrote_leave_the_sources_no_chance_alone() -> None:
    world = World(good=45, budget=50)
    weighed = Surface(sources=("good", "fair", "quick"), rank="fused", budget_ms=50.0, weights={"fair": 2.0})
    winner = world.winner(weighed)
    assert winner.choice.winner == FUSED
    assert winner.surface.sources == ("fair", "quick")
    assert winner.surface.weights == {"fair": 2.0}


@pytest.mark.parametrize(("ponders_ms", "wins"), [(10.0, True), (30.0, False)])
def test_a_ranker_that_is_too_slow_does_not_win(monkeypatch: pytest.MonkeyPatch, ponders_ms: float, wins: bool) -> None:
    world = World(good=20, budget=50)

    def score(context: Context, pool: Pool) -> Scores:
        world.hands.now += ponders_ms / 1e3
        return (pool.rows == wanted(context.now)).astype(np.float32)

    class Thinker:
        importance: ClassVar[dict[str, float]] = {}
        size_mb = 1.0

    def taught(by: school.ByClicks, _: Engine) -> Any:
        assert len(by.learning)
        return school.Taught({"thinker": Thinker()}, {"thinker": 2.0})  # type: ignore[dict-item]

    monkeypatch.setattr(school.ByClicks, "__call__", taught)
    monkeypatch.setattr(school, "learned", lambda *_: score)
    world.sources[0] = Planted("good", lambda context: world.first(context, 1)[::-1], world.hands, 20)
    winner = world.winner(Surface(sources=("good", "fair", "quick"), budget_ms=50.0))
    assert (winner.choice.winner == "thinker") is wins
    assert (winner.ranker is not None) is wins
    assert winner.choice.pace.answer_ms["thinker"] == pytest.approx(31 + ponders_ms)
    told = "thinker was best at 1.000 but takes 61 ms, above the 50 ms of the surface: "
    assert winner.choice.why.startswith(told) is not wins


def test_a_ranker_that_learns_nothing_is_told_and_leaves_the_choice_to_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Diverging:
        name = "bold"

        def fit(self, *_: object) -> Ranker:
            raise DivergedError("no number", remedy="Lower its rate.")

    monkeypatch.setattr(school, "ranker_recipes", lambda _: {"bold": Diverging()})
    monkeypatch.setattr(school, "FEWEST_TO_LEARN", 1)
    surface = Surface(sources=("good", "fair", "quick"), rankers=("bold",))
    choice = World(good=20).winner(surface).choice
    assert choice.dropped == {"bold": "no number. Lower its rate"}
    assert "bold" not in choice.ndcg


@pytest.mark.parametrize(
    ("needs", "told"),
    [
        ("nothing", "its sources have nothing to say in this shop, and the most popular items stand in"),
        ("query", "its sources have nothing to say in this shop"),
    ],
)
def test_where_all_sources_are_silent_nothing_is_learned_or_won(needs: Literal["nothing", "query"], told: str) -> None:
    world = World(good=1)
    world.sources = [Planted("mute", lambda _: [], world.hands)]
    surface = Surface(sources=("mute",), needs=needs)
    winner = world.winner(surface)
    assert (winner.surface, winner.ranker) == (surface, None)
    assert winner.choice == Choice(FUSED, told, requests=60)


def test_one_answer_is_something_to_say() -> None:
    world = World(good=1)
    world.sources = [Planted("rare", lambda context: [3] if context.now == 1_000.0 + REQUESTS - 1 else [], world.hands)]
    assert world.winner(Surface(sources=("rare",), rank="fused")).choice.figures is not None


def test_too_few_requests_that_found_what_was_wanted_teach_nothing_and_are_counted() -> None:
    world = World(good=1)
    world.sources = [Planted("quick", lambda context: world.others(context)[:12], world.hands)]
    told = "had a wanted item among the candidates to learn a ranker from: 0 of 144, and 0 of 36 to stop by"
    assert world.winner(Surface(sources=("quick",))).choice.why.endswith(told)
    assert "learn" not in world.winner(Surface(sources=("quick",), rank="fused")).choice.why


def lucky_ones(n: int, generator: np.random.Generator) -> dict[str, Values]:
    """Challengers that are as good as the fusion, but for chance."""
    return {str(at): FUSION + generator.normal(0.0, 0.2, len(FUSION)) for at in range(n)}


def test_many_that_are_no_better_do_not_win_by_their_number() -> None:
    generator = np.random.default_rng(0)
    worlds = [lucky_ones(10, generator) for _ in range(40)]
    won = sum(judge({FUSED: FUSION, **world}, 0)[1] != FUSED for world in worlds)
    naive = sum(any(compare(one, FUSION, 0).chance_better >= CONFIDENCE for one in world.values()) for world in worlds)
    assert won <= 9  # a tenth, and nearly three standard errors of a binomial
    assert naive > 16


def test_one_challenger_is_judged_as_if_alone() -> None:
    generator = np.random.default_rng(1)
    for _ in range(10):
        (name, one), *_ = lucky_ones(1, generator).items()
        chance = best_of_many({name: one}, FUSION, 0)[name]
        assert chance == pytest.approx(compare(one, FUSION, 0).chance_better, abs=0.05)


def test_what_is_better_wins_among_many_that_are_not() -> None:
    generator = np.random.default_rng(2)
    better = FUSION + 0.05 + generator.normal(0.0, 0.2, len(FUSION))
    world = {**lucky_ones(10, generator), "better": better, "same": FUSION.copy()}
    assert judge({FUSED: FUSION, **world}, 0)[1] == "better"
    assert best_of_many(world, FUSION, 0)["same"] < CONFIDENCE


def test_whoever_wins_serves() -> None:
    surface = Surface(sources=("popular", "new"))
    assert _serving(surface, "vote", surface.sources).fusion == "vote"
    assert _serving(surface, "lambdamart", surface.sources) == _serving(surface, FUSED, surface.sources) == surface
    alone = _serving(surface, "new", surface.sources)
    assert (alone.weights, alone.rank) == ({"popular": 0.0, "new": 1.0}, "fused")


def test_the_other_fusions_compete_where_they_may_differ() -> None:
    two, one = ("popular", "new"), ("popular",)
    surfaces = {
        "two": Surface(sources=two),
        "voting": Surface(sources=two, fusion="vote"),
        "one": Surface(sources=one),
        "weighed": Surface(sources=two, weights={"new": 0.5}),
    }
    engine = small_engine(settings=Settings(surfaces=surfaces))
    ways = {name: _other_fusions(engine, name) for name in surfaces}
    assert ways == {
        "two": ["weighted_sum", "vote"],
        "voting": ["reciprocal_rank", "weighted_sum"],
        "one": [],
        "weighed": [],
    }


def test_what_an_older_release_tells_can_be_read() -> None:
    told: dict[str, Any] = {
        "items": 1,
        "events": 1,
        "surfaces": {},
        "choices": {"home": {"winner": "learned", "why": "it beat the fusion", "importance": {"price": 1.0}}},
    }
    assert msgspec.convert(told, Evaluation).choices["home"].winner == "learned"
