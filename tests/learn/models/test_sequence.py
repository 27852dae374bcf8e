"""Every network that reads histories: planted sequences, its graph against it, one like many, items that nobody met."""

from __future__ import annotations

import dataclasses
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pytest
import small_encoder
import torch
from chains import chains, small, small_config
from source_contract import NOW, SourceContract, context_of, interactions_of, items_table, material_of, parts_of

from shopkeeper.engine.context import Material, SourceRecipe, updated
from shopkeeper.engine.graph import Graph
from shopkeeper.engine.sources.sequence import Network
from shopkeeper.errors import SettingsError
from shopkeeper.learn.models.histories import PADDING, Batch, Histories
from shopkeeper.learn.models.network import NextItem, Reader, buckets_of, graph_of
from shopkeeper.learn.models.next_item import fitted
from shopkeeper.learn.models.sequence import Bert4Rec, Gru4Rec, Hstu, SasRec, SequenceRecipe
from shopkeeper.settings import EncoderSettings, Settings
from shopkeeper.shop_toml import parse_settings
from shopkeeper.vocabulary import EventType

RECIPES = (SasRec, Gru4Rec, Bert4Rec, Hstu)
named = pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)


def network_of(recipe: type[SequenceRecipe]) -> type[Reader]:
    module, name = recipe.network.split(":")
    kind: type[Reader] = getattr(import_module(module), name)
    return kind


class TestSasRec(SourceContract):
    recipe: ClassVar[SourceRecipe] = small(SasRec, epochs=2)


class TestSasRecWithTimes(SourceContract):
    recipe: ClassVar[SourceRecipe] = small(SasRec, epochs=2, times=True)


class TestGru4Rec(SourceContract):
    recipe: ClassVar[SourceRecipe] = small(Gru4Rec, epochs=2)


class TestBert4Rec(SourceContract):
    recipe: ClassVar[SourceRecipe] = small(Bert4Rec, epochs=2)


class TestHstu(SourceContract):
    recipe: ClassVar[SourceRecipe] = small(Hstu, epochs=2)


class TestByText(SourceContract):
    recipe: ClassVar[SourceRecipe] = small(SasRec, epochs=2, text=True)

    @pytest.fixture(scope="class")
    @classmethod
    def encoder(cls, tmp_path_factory: pytest.TempPathFactory) -> Any:
        return small_encoder.make_encoder(tmp_path_factory.mktemp("encoder"))


LOSSES: tuple[dict[str, Any], ...] = ({}, {"all_items_below": 1, "negatives": 64}, {"loss": "gbce", "negatives": 8})


@named
@pytest.mark.parametrize("more", LOSSES, ids=["all items", "drawn items", "yes and no"])
def test_what_follows_stands_first(recipe: type[SequenceRecipe], more: dict[str, Any]) -> None:
    shop = chains(people=300)
    source = small(recipe, **{"epochs": 60 if recipe is Bert4Rec else 20, "batch": 400, **more}).fit(shop)
    walks = [context_of(shop, user=-1, items=(f"i{row - 1}", f"i{row}")) for row in range(1, 11)]
    hits = sum(source.retrieve(walk, 3).rows[0] == walk.anchors[-1] + 1 for walk in walks)
    assert hits >= 8


@named
def test_the_same_seed_gives_the_same(recipe: type[SequenceRecipe]) -> None:
    shop = chains()
    once, again = (small(recipe, epochs=3, dropout=0.2).fit(shop) for _ in range(2))
    for user in range(5):
        first, second = (source.retrieve(context_of(shop, user=user), 12) for source in (once, again))
        np.testing.assert_array_equal(first.rows, second.rows)
        np.testing.assert_array_equal(first.scores, second.scores)


@pytest.mark.parametrize("clock", [True, False], ids=["clock", "no clock"])
@named
def test_the_graph_says_what_the_network_says_of_one_and_of_many(recipe: type[SequenceRecipe], clock: bool) -> None:
    torch.manual_seed(0)
    timed = {"times": True} if recipe is SasRec else {}
    config = small_config(recipe.config_type, dropout=0.1, length=20, **timed)
    reader = network_of(recipe)(config, clock)
    for weight in reader.parameters():  # what begins as zeros would agree with anything
        weight.data += 0.3 * torch.randn_like(weight)
    model = NextItem(50, reader, 16).eval()
    network = Network(Graph(graph_of(reader, 16)), 20)
    chance = np.random.default_rng(0)
    items, codes = chance.integers(0, 50, (4, 9)), chance.integers(0, 5, (4, 9))
    times = np.cumsum(chance.lognormal(8.0, 4.0, (4, 9)), axis=1) if clock else np.full((4, 9), np.nan)
    with torch.inference_mode():
        vectors = model.vectors()
        for length in (1, 5, 9):
            shown = Batch(items[:, :length], codes[:, :length], times[:, :length])
            told = model.answers(shown, vectors).numpy()
            served = network(vectors[shown.items].numpy(), shown.codes, shown.times)
            np.testing.assert_allclose(served, told, atol=1e-5)
            padded = model.answers(Batch(*_padded(shown, 9)), vectors).numpy()  # what is not there changes nothing
            np.testing.assert_allclose(padded, told, atol=1e-5)
            for one in range(4):
                alone = network(
                    vectors[shown.items[one : one + 1]].numpy(), *(part[one : one + 1] for part in shown[1:])
                )
                np.testing.assert_allclose(alone[0], served[one], atol=1e-5)


def _padded(batch: Batch, length: int) -> list[npt.NDArray[Any]]:
    fillings = (PADDING, 0, np.nan)
    more = ((0, 0), (0, length - batch.items.shape[1]))
    return [np.pad(part, more, constant_values=filling) for part, filling in zip(batch, fillings, strict=True)]


@named
def test_served_is_what_was_fitted(recipe: type[SequenceRecipe]) -> None:
    shop = chains()
    config, histories = small_config(recipe.config_type, epochs=3), Histories.of(shop.interactions)
    source = recipe(config).fit(shop)
    model = fitted(recipe.name, network_of(recipe), histories, config, shop.settings.train).model
    people = np.arange(len(histories))
    with torch.inference_mode():
        vectors = model.vectors()
        scores = (model.answers(histories.last(people, config.length), vectors) @ vectors.T).numpy()
    for person in people:
        found = source.retrieve(context_of(shop, user=person), 12)
        np.testing.assert_allclose(found.scores, scores[person][found.rows], atol=1e-5)


@pytest.mark.parametrize("recipe", [small(SasRec, times=True), small(Hstu)], ids=lambda recipe: recipe.name)
def test_how_long_ago_something_was_is_read(recipe: SequenceRecipe) -> None:
    """After a short while the next item follows, after a long one the first."""
    chance, events = np.random.default_rng(0), []
    for person in range(300):
        start, gap = int(chance.integers(1, 10)), (10.0, 1e4)[person % 2]
        for item, time in zip((start, start + 1, 0 if person % 2 else start + 2), (0.0, gap, gap + 9.0), strict=True):
            events.append((person, item, EventType.VIEW, NOW - 1e5 + time, person))
    shop = material_of(items_table([{"item_id": f"i{row}"} for row in range(12)]), interactions_of(events))
    source, hits = recipe.fit(shop), 0
    for row in range(1, 10):
        for gap, wanted in ((10.0, row + 2), (1e4, 0)):
            history = {"history": np.array([row, row + 1], np.int32), "history_times": np.array([NOW - gap, NOW])}
            codes = np.full(2, EventType.VIEW.code, np.int8)
            context = dataclasses.replace(context_of(shop, user=-1), history_codes=codes, **history)
            hits += source.retrieve(context, 12).rows[0] == wanted
    assert hits >= 15


def test_times_fall_into_buckets_that_grow_and_unknown_ones_into_the_first() -> None:
    times = torch.tensor([[0.0, 1.0, 4.0, 3e9, torch.nan]], dtype=torch.double)
    found = buckets_of(times)[0]
    assert found[0].tolist() == [0, 2, 4, 62, 0]
    assert torch.equal(found, found.T)


def with_unmet(tmp_path: Path) -> Material:
    return chains(unmet=("Red mug", "Blue teapot"), encoder=small_encoder.make_encoder(tmp_path))


def test_an_item_that_nobody_met_is_proposed_by_its_text(tmp_path: Path) -> None:
    shop = with_unmet(tmp_path)
    assert {12, 13} <= set(small(SasRec, epochs=2, text=True).fit(shop).retrieve(context_of(shop), 14).rows.tolist())
    assert not {12, 13} & set(small(SasRec, epochs=2).fit(shop).retrieve(context_of(shop), 14).rows.tolist())


def test_an_item_that_comes_later_is_what_it_would_have_been_and_others_stay(tmp_path: Path) -> None:
    shop = with_unmet(tmp_path)
    source = small(SasRec, epochs=2, text=True).fit(shop)
    items = items_table([{"item_id": "i3", "title": "Beaker"}, {"item_id": "late", "title": "Red mug"}])
    later = chains(unmet=("Red mug", "Blue teapot", "Red mug"), encoder=shop.encoder)
    rows = np.array([3, 14], np.int32)
    newer = updated(source, dataclasses.replace(later, items=items), rows, 14)
    before, after = (one.retrieve(context_of(later), 15) for one in (source, newer))
    scores = dict(zip(after.rows.tolist(), after.scores.tolist(), strict=True))
    assert scores[14] == pytest.approx(scores[12], abs=1e-6)
    assert {row: scores[row] for row in before.rows.tolist()} == pytest.approx(
        dict(zip(before.rows.tolist(), before.scores.tolist(), strict=True)), abs=1e-6
    )
    assert len(newer.retrieve(context_of(later, user=-1, items=("i14",)), 5).rows) == 5


def test_without_texts_it_is_asked_about_released_items_alone() -> None:
    shop = chains(unmet=("Red mug",))
    newer = updated(small(SasRec, epochs=2).fit(chains()), shop, np.array([12], np.int32), 12)
    found = newer.retrieve(context_of(shop, allowed=np.ones(13, np.bool_)), 13).rows
    assert set(found.tolist()) <= set(range(12))


def test_what_is_saved_says_the_same_of_items_that_nobody_met(tmp_path: Path) -> None:
    shop = with_unmet(tmp_path)
    source = small(SasRec, epochs=2, text=True).fit(shop)
    source.save(tmp_path / "saved")
    loaded = SasRec().load(tmp_path / "saved", parts_of(shop))
    later = chains(unmet=("Red mug", "Blue teapot", "Red mug"), encoder=shop.encoder)
    changed = dataclasses.replace(later, items=later.items.slice(14, 1))
    rows = np.array([14], np.int32)
    for one in (source, loaded):
        assert 14 in updated(one, changed, rows, 14).retrieve(context_of(later), 15).rows


def test_texts_need_an_encoder() -> None:
    with pytest.raises(SettingsError, match="encoder"):
        small(SasRec, text=True).fit(chains())
    with pytest.raises(SettingsError, match="encoder"):
        small(SasRec, text=True).check(Settings(encoder=EncoderSettings(model="none")))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[models.sasrec]\nwidht = 3", "unknown key 'models.sasrec.widht'"),
        ("[models.sasrec]\nwidth = 'wide'", 'models.sasrec.width is "wide"'),
        ("[models.sasrec]\nwidth = 30\nheads = 4", "a multiple of 8"),
        ("[models.sasrec]\nloss = 'hinge'", 'models.sasrec.loss is "hinge"'),
        ("[models.sasrec]\ntext = 'yes'", 'models.sasrec.text is "yes"'),
        ("[models.sasrec]\npretrained = '/nowhere'", "/nowhere cannot be read"),
    ],
)
def test_a_config_that_does_not_fit_is_a_sentence(text: str, sentence: str) -> None:
    settings = parse_settings(text)
    for refuse in (SasRec().check, lambda told: SasRec().fit(dataclasses.replace(chains(), settings=told))):
        with pytest.raises(SettingsError) as caught:
            refuse(settings)
        assert sentence in str(caught.value)
