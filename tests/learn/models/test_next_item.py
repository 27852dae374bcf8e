"""How networks learn: what is kept, where a fit starts, who is watched, and how."""

from __future__ import annotations

import dataclasses
import itertools
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from chains import chains, small, small_config
from source_contract import DAY, NOW, context_of, interactions_of, items_table, material_of

from shopkeeper.engine.context import Course, Material
from shopkeeper.engine.graph import Graph
from shopkeeper.engine.sources.sequence import Network
from shopkeeper.errors import MissingExtraError
from shopkeeper.learn.models import next_item
from shopkeeper.learn.models.config import SasRecConfig
from shopkeeper.learn.models.histories import Batch, Histories
from shopkeeper.learn.models.lessons import KEPT
from shopkeeper.learn.models.next_item import Teacher, fitted, learned
from shopkeeper.learn.models.sasrec import SasRec as SasRecNetwork
from shopkeeper.learn.models.sequence import SasRec, SequenceRecipe
from shopkeeper.learn.models.watch import Watch, watched_of
from shopkeeper.settings import Settings, TrainSettings
from shopkeeper.vocabulary import EventType

VIEW = EventType.VIEW
QUICK = small_config(SasRecConfig, epochs=12, batch=400)


def test_what_was_learned_is_kept_for_whoever_asks_for_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, config = dataclasses.replace(chains(), work=tmp_path / "models"), small_config(SasRecConfig, epochs=3)
    once = SasRec(config).fit(shop)
    with monkeypatch.context() as patch:
        patch.setattr(Teacher, "batches", lambda *_: pytest.fail("it is learned again"))
        again = SasRec(config).fit(shop)
    for user in range(5):
        first, second = (source.retrieve(context_of(shop, user=user), 12) for source in (once, again))
        np.testing.assert_array_equal(first.scores, second.scores)
        np.testing.assert_array_equal(first.rows, second.rows)
    for seed in range(5):  # something else is learned anew, and what is old goes by and by
        settings = Settings(train=TrainSettings(seed=seed + 1))
        SasRec(msgspec.structs.replace(config, epochs=1)).fit(dataclasses.replace(shop, settings=settings))
    assert len(list((tmp_path / "models" / "sasrec").iterdir())) <= KEPT


def starts_of(monkeypatch: pytest.MonkeyPatch, recipe: SequenceRecipe, *materials: Material) -> list[bool]:
    """Whether each fit, one after the other, starts where an earlier one ended."""
    given: list[bool] = []

    def noting(*arguments: Any, **named: Any) -> Any:
        given.append(arguments[-1] is not None)
        return learned(*arguments, **named)

    monkeypatch.setattr(next_item, "learned", noting)
    for material in materials:
        recipe.fit(material)
    return given


def test_a_fit_starts_where_one_of_an_earlier_moment_ended_and_knows_nothing_of_a_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = chains()
    moments = [
        dataclasses.replace(whole, now=now, interactions=whole.interactions.before(now)) for now in (NOW - DAY + 4, NOW)
    ]
    early, late = moments
    twin = dataclasses.replace(late, catalogue=chains().catalogue)
    other = dataclasses.replace(late, settings=Settings(train=TrainSettings(seed=3)))
    timeless = dataclasses.replace(whole.interactions, times=np.full(len(whole.interactions), np.nan))
    unclocked = [dataclasses.replace(each, interactions=timeless) for each in moments]
    for materials, expected in (
        ((early, late), [False, True]),
        ((late, early), [False, False]),
        ((late, late), [False, False]),
        ((early, twin), [False, False]),
        ((early, other), [False, False]),
        (unclocked, [False, False]),
    ):
        recipe = small(SasRec, epochs=2)
        with monkeypatch.context() as patch:
            assert starts_of(patch, recipe, *materials) == expected


def test_what_was_learned_before_is_where_it_goes_on() -> None:
    shop = chains(people=300)
    histories = Histories.of(shop.interactions)
    shorter = histories.without_last(np.arange(len(histories)))
    before = learned("sasrec", SasRecNetwork, shorter, shop, QUICK)
    shares = []
    for start in (before.end, None):
        found = learned("sasrec", SasRecNetwork, histories, shop, msgspec.structs.replace(QUICK, epochs=1), None, start)
        network, codes = Network(Graph(found.graph), QUICK.length), np.full((12, 1), VIEW.code, np.int64)
        wanted = network(found.vectors[:, None], codes, np.full((12, 1), NOW))
        first = np.argmax(wanted @ found.vectors.T, axis=1)
        shares.append(np.mean(first[:11] == np.arange(1, 12)))
    assert shares[0] >= 0.8 > shares[1]


def test_who_is_watched_stays_unlearned() -> None:
    """Of people whom a fit of less knew, one of more watches none that it did not."""
    events = [(person, item, VIEW, NOW - DAY + item, 0) for person in range(900) for item in range(2 + person % 2)]
    more = Histories.of(
        interactions_of([*events, *((900 + n, item, VIEW, NOW, 0) for n in range(300) for item in (0, 1))])
    )
    less = Histories.of(interactions_of(events))
    watched = {int(less.people[at]) for at in watched_of(less, 5)}
    then = {int(more.people[at]) for at in watched_of(more, 5)}
    assert 60 < len(watched) < 120
    assert {person for person in then if person < 900} <= watched


def test_nobody_is_watched_who_did_nothing_since() -> None:
    events = [(person, item, VIEW, NOW - person, 0) for person in range(600) for item in (0, 1)]
    histories = Histories.of(interactions_of(events))
    watched = watched_of(histories, 5, since=NOW - 299.0)
    assert len(watched) >= 20
    assert histories.people[watched].max() < 300


def test_where_nobody_is_watched_a_fit_that_was_stopped_comes_to_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, told = itertools.count(), list[int]()
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    histories, settings = Histories.of(chains().interactions), TrainSettings(device="cpu", threads=1)
    config = small_config(SasRecConfig, epochs=6, batch=400)
    assert not len(watched_of(histories, settings.seed))
    expected = fitted("sasrec", SasRecNetwork, histories, config, settings).model
    pausing = Course(12.0, lambda number, _: told.append(number))
    fitted("sasrec", SasRecNetwork, histories, config, settings, work=tmp_path, course=pausing)
    assert told in ([1, 2, 3], [1, 2, 3, 4])
    resumed = fitted("sasrec", SasRecNetwork, histories, config, settings, work=tmp_path).model
    assert torch.equal(resumed.items, expected.items)


def test_who_was_learned_from_to_the_last_is_not_watched_by_a_fit_that_starts_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of few nobody is watched; when more come, only these, and in fits after that too."""
    came = {range(100): NOW - 9 * DAY, range(100, 500): NOW - 5 * DAY, range(500, 900): NOW - DAY}
    events = [
        (person, (person + step) % 9, VIEW, time + step, 0)
        for people, time in came.items()
        for person in people
        for step in (0, 1)
    ]
    shop = material_of(items_table([{"item_id": f"i{row}"} for row in range(9)]), interactions_of(events))
    watched = list[np.ndarray]()

    def noting(histories: Histories, *more: float) -> np.ndarray:
        found = watched_of(histories, *more)
        watched.append(histories.people[found])
        return found

    monkeypatch.setattr(next_item, "watched_of", noting)
    start, once = None, msgspec.structs.replace(QUICK, epochs=1)
    for now in (NOW - 8 * DAY, NOW - 4 * DAY, NOW):
        then = dataclasses.replace(shop, now=now, interactions=shop.interactions.before(now))
        start = learned("sasrec", SasRecNetwork, Histories.of(then.interactions), then, once, None, start).end
    first, second, third = ({*people.tolist()} for people in watched)
    assert not first
    assert len(second) >= 20
    assert min(second) >= 100
    assert {person for person in third if person < 500} <= second


class Compared:
    def scores(self, wanted: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
        return wanted @ vectors.T


def test_what_is_watched_is_the_place_among_what_was_not_met() -> None:
    histories = Histories.of(chains().interactions)
    people = np.arange(10)
    watch = Watch(histories.without_last(people), people, histories, length=8)

    class Fixed(Compared):
        """Wants the items in the order of their numbers."""

        def vectors(self) -> torch.Tensor:
            return torch.eye(12)

        def answers(self, batch: Batch, _: torch.Tensor) -> torch.Tensor:
            return torch.arange(12.0, 0.0, -1.0).expand(len(batch.items), 12)

    gains = []
    for person in people:
        *met, target = histories.items[histories.starts[person] : histories.starts[person + 1]].tolist()
        place = sum(item not in met for item in range(target))
        gains.append(1.0 / np.log2(place + 2.0) if place < 10 else 0.0)
    assert watch(Fixed()) == pytest.approx(np.mean(gains), abs=1e-6)


@pytest.mark.parametrize("value", [0.5, torch.nan])
def test_a_model_that_says_the_same_of_all_items_is_worth_nothing(value: float) -> None:
    histories = Histories.of(chains(n_items=40).interactions)
    people = np.arange(10)

    class Dull(Compared):
        def vectors(self) -> torch.Tensor:
            return torch.full((len(histories.known), 3), value)

        def answers(self, batch: Batch, _: torch.Tensor) -> torch.Tensor:
            return torch.ones(len(batch.items), 3)

    assert Watch(histories.without_last(people), people, histories, length=8)(Dull()) == 0.0


def test_what_only_passers_by_met_is_not_spoken_of() -> None:
    """Who met one item teaches nothing of it."""
    events = [
        (person, (person + step) % 4, VIEW, NOW - DAY + step, person) for person in range(20) for step in range(3)
    ]
    shop = material_of(
        items_table([{"item_id": f"i{row}"} for row in range(6)]),
        interactions_of([*events, (20, 5, VIEW, NOW - DAY, 20)]),
    )
    source = small(SasRec).fit(shop)
    assert len(source.retrieve(context_of(shop, user=-1, items=("i5",)), 6).rows) == 0
    assert 5 not in source.retrieve(context_of(shop, user=0), 6).rows


def test_without_pytorch_a_sentence_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shopkeeper.learn.models.next_item", None)
    with pytest.raises(MissingExtraError, match="train"):
        small(SasRec).fit(chains())


def test_more_time_goes_on_where_less_ended(tmp_path: Path) -> None:
    """And what started where a shorter fit had ended starts anew."""
    shop, config = chains(people=300), small_config(SasRecConfig, epochs=4)
    early = dataclasses.replace(shop, now=NOW - DAY + 4, interactions=shop.interactions.before(NOW - DAY + 4))
    told = list[list[int]]()

    def fits(minutes: float, pause: float | None) -> None:
        recipe, settings = SasRec(config), Settings(train=TrainSettings(budget_minutes=minutes, device="cpu"))
        for material, seconds in ((early, pause), (shop, None)):
            numbers = list[int]()
            told.append(numbers)
            course = Course(seconds, lambda number, _, numbers=numbers: numbers.append(number))
            material = dataclasses.replace(
                material, catalogue=shop.catalogue, settings=settings, work=tmp_path, course=lambda _, its=course: its
            )
            recipe.fit(material)

    fits(10.0, 0.0)
    fits(20.0, None)
    fits(30.0, None)
    assert told == [[1], [1, 2, 3, 4], [2, 3, 4], [1, 2, 3, 4], [], []]
