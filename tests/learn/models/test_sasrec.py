"""The transformer: planted sequences, the graph against the network, and one like many."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import numpy as np
import pytest
import torch
from source_contract import DAY, NOW, SourceContract, context_of, interactions_of, items_table, material_of

from shopkeeper.engine.context import Material, SourceRecipe
from shopkeeper.engine.sources.sequence import Network
from shopkeeper.errors import MissingExtraError, SettingsError
from shopkeeper.learn.models import next_item
from shopkeeper.learn.models.config import SasRecConfig
from shopkeeper.learn.models.histories import Histories
from shopkeeper.learn.models.next_item import KEPT, Teacher, Watch, _watched, fitted, learned
from shopkeeper.learn.models.sasrec import SasRec
from shopkeeper.learn.models.transformer import Shape, Transformer, graph_of
from shopkeeper.settings import Settings, TrainSettings, parse_settings
from shopkeeper.vocabulary import EventType

VIEW = EventType.VIEW
SMALL = SasRecConfig(width=16, blocks=1, heads=2, length=8, batch=200, dropout=0.0, rate=1e-2, epochs=40, patience=40)

QUICK = msgspec.structs.replace(SMALL, epochs=12, batch=400)


class TestSasRec(SourceContract):
    recipe: ClassVar[SourceRecipe] = SasRec(msgspec.structs.replace(SMALL, epochs=2))


def chains(n_items: int = 12, people: int = 40) -> Material:
    """Everyone walks a circle of items, from where their number says, and sees now and then one out of turn."""
    events = []
    for person in range(people):
        for step in range(7):
            item = (person + step) % n_items if (person + step) % 5 else (7 * person) % n_items
            events.append((person, item, VIEW, NOW - DAY + step, person))
    return material_of(
        items_table([{"item_id": f"i{row}", "title": f"Item {row}"} for row in range(n_items)]), interactions_of(events)
    )


@pytest.mark.parametrize("more", [{}, {"all_items_below": 1, "negatives": 64}], ids=["all items", "drawn items"])
def test_what_follows_stands_first(more: dict[str, int]) -> None:
    shop = chains(people=300)
    source = SasRec(msgspec.structs.replace(QUICK, **more)).fit(shop)
    hits = sum(
        source.retrieve(context_of(shop, user=-1, items=(f"i{row}",)), 3).rows[0] == row + 1 for row in range(11)
    )
    assert hits >= 9


def test_the_same_seed_gives_the_same() -> None:
    shop = chains()
    once, again = (SasRec(msgspec.structs.replace(SMALL, epochs=3, dropout=0.2)).fit(shop) for _ in range(2))
    for user in range(5):
        first, second = (source.retrieve(context_of(shop, user=user), 12) for source in (once, again))
        np.testing.assert_array_equal(first.rows, second.rows)
        np.testing.assert_array_equal(first.scores, second.scores)


def test_what_was_learned_is_kept_for_whoever_asks_for_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, config = dataclasses.replace(chains(), work=tmp_path / "models"), msgspec.structs.replace(SMALL, epochs=3)
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
    assert len(list((tmp_path / "models").iterdir())) <= KEPT


def starts_of(monkeypatch: pytest.MonkeyPatch, recipe: SasRec, *materials: Material) -> list[bool]:
    """Whether each fit, one after the other, starts where an earlier one ended."""
    given: list[bool] = []

    def noting(*arguments: Any) -> Any:
        given.append(arguments[-1] is not None)
        return learned(*arguments)

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
        recipe = SasRec(msgspec.structs.replace(SMALL, epochs=2))
        with monkeypatch.context() as patch:
            assert starts_of(patch, recipe, *materials) == expected


def test_what_was_learned_before_is_where_it_goes_on() -> None:
    histories, settings = Histories.of(chains(people=300).interactions), TrainSettings()
    before = learned(histories.without_last(np.arange(len(histories))), QUICK, settings)
    shares = []
    for start in (before.start, None):
        found = learned(histories, msgspec.structs.replace(SMALL, epochs=1), settings, None, start)
        network, codes = Network(found.graph, SMALL.length), np.full((12, 1), VIEW.code, np.int64)
        wanted = network(found.vectors[:, None], codes)[:, 0]
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
    watched = {int(less.people[at]) for at in _watched(less, 5)}
    then = {int(more.people[at]) for at in _watched(more, 5)}
    assert 60 < len(watched) < 120
    assert {person for person in then if person < 900} <= watched


def test_the_graph_says_what_the_network_says_of_one_and_of_many() -> None:
    torch.manual_seed(0)
    model = Transformer(50, Shape(width=16, blocks=2, heads=2, dropout=0.1)).eval()
    network = Network(graph_of(model.reader, 16), 20)
    items, codes = torch.randint(0, 50, (4, 9)), torch.randint(0, 5, (4, 9))
    with torch.inference_mode():
        vectors = model.vectors()
        offline = model(items, codes, vectors).numpy()
    served = network(vectors[items].numpy(), codes.numpy())
    np.testing.assert_allclose(served, offline, atol=1e-5)
    for one in range(4):
        for length in (1, 5, 9):  # what comes behind changes nothing
            alone = network(vectors[items[one : one + 1, :length]].numpy(), codes[one : one + 1, :length].numpy())
            np.testing.assert_allclose(alone[0], served[one, :length], atol=1e-5)


def test_served_is_what_was_fitted() -> None:
    shop = chains()
    config, settings = msgspec.structs.replace(SMALL, epochs=3), shop.settings.train
    source = SasRec(config).fit(shop)
    histories = Histories.of(shop.interactions)
    model = fitted(histories, config, settings)
    people = np.arange(len(histories))
    batch = histories.last(people, config.length)
    items = torch.from_numpy(batch.items)
    with torch.inference_mode():
        vectors = model.vectors()
        wanted = model(items, torch.from_numpy(batch.codes), vectors)[people, (items >= 0).sum(1) - 1]
        scores = (wanted @ vectors.T).numpy()
    for person in people:
        found = source.retrieve(context_of(shop, user=person), 12)
        np.testing.assert_allclose(found.scores, scores[person][found.rows], atol=1e-5)


def test_what_is_watched_is_the_place_among_what_was_not_met() -> None:
    histories = Histories.of(chains().interactions)
    people = np.arange(10)
    watch = Watch(histories.without_last(people), people, histories, length=8)

    class Fixed:
        """Wants the items in the order of their numbers."""

        def vectors(self) -> torch.Tensor:
            return torch.eye(12)

        def __call__(self, items: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
            return torch.arange(12.0, 0.0, -1.0).expand(*items.shape, 12)

    gains = []
    for person in people:
        *met, target = histories.items[histories.starts[person] : histories.starts[person + 1]].tolist()
        place = sum(item not in met for item in range(target))
        gains.append(1.0 / np.log2(place + 2.0) if place < 10 else 0.0)
    assert watch(Fixed()) == pytest.approx(np.mean(gains), abs=1e-6)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0.5, torch.nan])
def test_a_model_that_says_the_same_of_all_items_is_worth_nothing(value: float) -> None:
    histories = Histories.of(chains(n_items=40).interactions)
    people = np.arange(10)

    class Dull:
        def vectors(self) -> torch.Tensor:
            return torch.full((len(histories.known), 3), value)

        def __call__(self, items: torch.Tensor, *_: torch.Tensor) -> torch.Tensor:
            return torch.ones(*items.shape, 3)

    assert Watch(histories.without_last(people), people, histories, length=8)(Dull()) == 0.0  # type: ignore[arg-type]


def test_what_only_passers_by_met_is_not_spoken_of() -> None:
    """Who met one item teaches nothing of it."""
    events = [
        (person, (person + step) % 4, VIEW, NOW - DAY + step, person) for person in range(20) for step in range(3)
    ]
    shop = material_of(
        items_table([{"item_id": f"i{row}"} for row in range(6)]),
        interactions_of([*events, (20, 5, VIEW, NOW - DAY, 20)]),
    )
    source = SasRec(SMALL).fit(shop)
    assert len(source.retrieve(context_of(shop, user=-1, items=("i5",)), 6).rows) == 0
    assert 5 not in source.retrieve(context_of(shop, user=0), 6).rows


def test_without_pytorch_a_sentence_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shopkeeper.learn.models.next_item", None)
    with pytest.raises(MissingExtraError, match="train"):
        SasRec(SMALL).fit(chains())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[models.sasrec]\nwidht = 3", "unknown key 'models.sasrec.widht'"),
        ("[models.sasrec]\nwidth = 'wide'", 'models.sasrec.width is "wide"'),
        ("[models.sasrec]\nwidth = 30\nheads = 4", "a multiple of 8"),
    ],
)
def test_a_config_that_does_not_fit_is_a_sentence(text: str, sentence: str) -> None:
    shop = dataclasses.replace(chains(), settings=parse_settings(text))
    with pytest.raises(SettingsError) as caught:
        SasRec().fit(shop)
    assert sentence in str(caught.value)
