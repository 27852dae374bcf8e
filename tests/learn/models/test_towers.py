"""Towers: items that nobody met among those that are like them, new ones as if they had been there, and what is served
against what was fitted."""

from __future__ import annotations

import dataclasses
import itertools
import sys
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import numpy as np
import pytest
import small_encoder
import torch
from source_contract import (
    DAY,
    NOW,
    SourceContract,
    context_of,
    interactions_of,
    items_table,
    material_of,
    small_items,
)
from torch.nn import functional as F

from shopkeeper.data.schema import items_table as table_of
from shopkeeper.engine.context import Candidates, Context, Material, SourceRecipe
from shopkeeper.engine.encoder import Encoder
from shopkeeper.engine.graph import Graph
from shopkeeper.engine.item_features import ItemFeatures
from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.ranking.statistics import Statistics
from shopkeeper.errors import MissingExtraError, SettingsError
from shopkeeper.learn.models.config import HybridConfig, NeuMfConfig, TwoTowerConfig
from shopkeeper.learn.models.histories import Histories
from shopkeeper.learn.models.neumf import NeuMf as NeuMfNetwork
from shopkeeper.learn.models.tower_lessons import Kin, Teacher, fitted
from shopkeeper.learn.models.towers import Hybrid, NeuMf, TowerRecipe, TwoTower
from shopkeeper.learn.models.two_tower import TwoTower as TwoTowerNetwork
from shopkeeper.settings import Settings, Surface
from shopkeeper.shop_toml import parse_settings
from shopkeeper.vocabulary import Change, Event, EventType, Ids, Item, Request

VIEW = EventType.VIEW
DRAWN: dict[str, Any] = {"length": 8, "batch": 200, "uniform": 16, "near": 8, "rate": 1e-2, "epochs": 12}
TWO_TOWER = TwoTowerConfig(width=16, hidden=8, **DRAWN)
HYBRID = HybridConfig(width=16, **DRAWN)
NEUMF = NeuMfConfig(width=8, from_batch=32, **DRAWN)

KINDS, EACH = ("mug", "lamp", "chair", "teapot"), 8  # the last of each kind is met by nobody
ALL = [TwoTower(TWO_TOWER), Hybrid(HYBRID), NeuMf(NEUMF)]
every = pytest.mark.parametrize("recipe", ALL, ids=lambda recipe: recipe.name)


class TestTwoTower(SourceContract):
    recipe: ClassVar[SourceRecipe] = TwoTower(msgspec.structs.replace(TWO_TOWER, epochs=2))

    @pytest.fixture(scope="class")
    @classmethod
    def encoder(cls, tmp_path_factory: pytest.TempPathFactory) -> Encoder:
        return small_encoder.make_encoder(tmp_path_factory.mktemp("encoder"))


class TestHybrid(SourceContract):
    recipe: ClassVar[SourceRecipe] = Hybrid(msgspec.structs.replace(HYBRID, epochs=2))


class TestNeuMf(SourceContract):
    recipe: ClassVar[SourceRecipe] = NeuMf(msgspec.structs.replace(NEUMF, epochs=2))


def rows_of(kind: int) -> list[int]:
    return list(range(kind * EACH, kind * EACH + EACH))


def kinds() -> Material:
    """Everybody looks at four of the first seven items of one kind. Titles are unlike, categories are alike."""
    items = [
        {"item_id": f"i{row}", "title": f"No{row}", "categories": [KINDS[row // EACH]], "price": 10.0 * 2**kind}
        for kind in range(len(KINDS))
        for row in rows_of(kind)
    ]
    events = [
        (
            person,
            rows_of(person % len(KINDS))[(person // len(KINDS) + 2 * step) % (EACH - 1)],
            VIEW,
            NOW - DAY + step,
            0,
        )
        for person in range(120)
        for step in range(4)
    ]
    return material_of(items_table(items), interactions_of(events))


def asked(material: Material, *rows: int, user: int = -1) -> Context:
    """Of somebody who looked at these rows, one after the other."""
    context = context_of(material, user=user)
    times = np.array([NOW - 60.0 * (len(rows) - at) for at in range(len(rows))])
    codes = np.full(len(rows), VIEW.code, np.int8)
    return dataclasses.replace(
        context, history=np.array(rows, np.int32), history_codes=codes, history_times=times, session=context.history[:0]
    )


def arrived(material: Material, row: int) -> Material:
    """What a source is told when the item of a row comes."""
    items = table_of(material.catalogue.items([row]))
    return dataclasses.replace(material, items=items, interactions=interactions_of([]), times=np.array([NOW]))


def same(one: Candidates, other: Candidates) -> None:
    np.testing.assert_array_equal(one.rows, other.rows)
    np.testing.assert_allclose(one.scores, other.scores, atol=1e-5)


@every
def test_an_item_that_nobody_met_stands_among_its_kind(recipe: TowerRecipe) -> None:
    shop = kinds()
    source = recipe.fit(shop)
    for kind in range(len(KINDS)):
        found = source.retrieve(asked(shop, *rows_of(kind)[:2]), 2 * EACH).rows.tolist()
        assert set(found[:EACH]) == set(rows_of(kind))  # the last one has no event
    assert len(source.retrieve(asked(shop, rows_of(1)[-1]), 5).rows)  # and says something of who looks at it


def test_what_is_left_out_of_most_items_in_training_is_hardly_learned() -> None:
    shop, lengths = kinds(), []
    for share in (0.0, 0.99):
        source = Hybrid(msgspec.structs.replace(HYBRID, without_own=share)).fit(shop)
        lengths.append(np.linalg.norm(source.tower.own, axis=1).mean())
    assert lengths[1] < 0.3 * lengths[0]


@every
def test_a_new_item_is_as_one_that_was_there_at_the_fit(recipe: TowerRecipe) -> None:
    """The twin of one that was there and that nobody met comes later: both stand at one height, whoever asks."""
    shop, there, new = kinds(), len(KINDS) * EACH - 1, len(KINDS) * EACH
    items = [*shop.items.to_pylist(), shop.items.to_pylist()[there] | {"item_id": "twin", "title": "No99"}]
    more = material_of(items_table(items), shop.interactions)
    source = recipe.fit(shop).updated(arrived(more, new), np.array([new], np.int32))
    for rows in ((24, 25), (0,), (3, 26)):
        found = source.retrieve(asked(more, *rows), 40)
        heights = dict(zip(found.rows.tolist(), found.scores.tolist(), strict=True))
        assert len(heights) == new + 1
        assert heights[new] == pytest.approx(heights[there], rel=1e-4)
        assert source.reason(asked(more, *rows), new) == source.reason(asked(more, *rows), there)
    assert new in source.retrieve(asked(more, 24, 25), EACH + 1).rows
    by_new, by_other = (source.retrieve(asked(more, row), EACH + 1) for row in (new, there))  # who met it alone
    assert set(by_new.rows.tolist()) == {*rows_of(3), new}
    np.testing.assert_allclose(by_new.scores, by_other.scores, rtol=1e-4)


@every
def test_what_was_learned_of_an_item_stays_when_its_price_changes(recipe: TowerRecipe) -> None:
    shop = kinds()
    source, context = recipe.fit(shop), asked(shop, 3, 5)
    told_again = source.updated(arrived(shop, 5), np.array([5], np.int32))
    same(told_again.retrieve(context, 40), source.retrieve(context, 40))
    items = shop.items.to_pylist()
    items[5]["price"] = 80.0  # as of another kind
    dearer = material_of(items_table(items), shop.interactions)
    after = source.updated(arrived(dearer, 5), np.array([5], np.int32))
    before, now = (each.vectors.of(np.array([5], np.int32))[0] for each in (source, after))
    assert 0.3 < before @ now < 0.9999


@every
def test_a_newcomer_is_understood_after_one_click_and_before_that_nothing_is_said(recipe: TowerRecipe) -> None:
    shop = kinds()
    source = recipe.fit(shop)
    assert len(source.retrieve(asked(shop), 10).rows) == 0
    for kind in range(len(KINDS)):
        found = source.retrieve(asked(shop, rows_of(kind)[0]), 4).rows
        assert set(found.tolist()) <= set(rows_of(kind))


@every
def test_the_same_seed_gives_the_same(recipe: TowerRecipe) -> None:
    shop = kinds()
    once, again = recipe.fit(shop), recipe.fit(shop)
    other = recipe.fit(dataclasses.replace(shop, settings=parse_settings("[train]\nseed = 5")))
    for user in range(5):
        first, second, third = (each.retrieve(context_of(shop, user=user), 40) for each in (once, again, other))
        np.testing.assert_array_equal(first.rows, second.rows)
        np.testing.assert_array_equal(first.scores, second.scores)
        assert not np.array_equal(first.scores, third.scores)


@pytest.mark.parametrize(
    ("recipe", "network"),
    [(ALL[0], TwoTowerNetwork), (ALL[1], TwoTowerNetwork), (ALL[2], NeuMfNetwork)],
    ids=[recipe.name for recipe in ALL],
)
def test_served_is_what_was_fitted(recipe: TowerRecipe, network: Any) -> None:
    shop = kinds()
    source, histories, features = recipe.fit(shop), Histories.of(shop.interactions), ItemFeatures.fit(shop.items)
    described = features.of(shop.items, None).of(histories.known)
    assert recipe.config is not None
    model = fitted(recipe.name, network, histories, described, len(features), recipe.config, shop.settings.train)
    people = np.arange(len(histories))
    batch = histories.last(people, recipe.config.length)
    items = torch.from_numpy(batch.items)
    with torch.inference_mode():
        vectors = model.vectors()
        history = F.embedding(items.clamp(min=0), vectors)
        wanted = model.wanted(history, torch.from_numpy(batch.codes))[people, (items >= 0).sum(1) - 1]
        scores = model.scores(wanted, vectors).numpy()
    for person in people.tolist():
        found = source.retrieve(context_of(shop, user=person), 40)
        at = np.searchsorted(histories.known, found.rows)
        met = np.isin(found.rows, histories.known)
        np.testing.assert_allclose(found.scores[met], scores[person, at[met]], rtol=1e-4, atol=1e-4)


def untaught(network: Any, config: Any) -> Any:
    torch.manual_seed(0)
    described = ItemFeatures.fit(small_items()).of(small_items(), None)
    return network(described, 100, config).eval()


def test_the_graph_of_a_user_tower_says_what_the_network_says_of_one_and_of_many() -> None:
    for config in (TWO_TOWER, HYBRID):
        model = untaught(TwoTowerNetwork, config)
        torch.nn.init.normal_(model.user.pool.kinds)
        graph = Graph(model.graph())
        history, codes = F.normalize(torch.randn(4, 7, 16), dim=-1), torch.randint(0, 5, (4, 7))
        with torch.inference_mode():
            offline = model.wanted(history, codes).numpy()
        served = graph(history=history.numpy(), codes=codes.numpy())
        np.testing.assert_allclose(served, offline, atol=1e-5)
        for one, length in itertools.product(range(4), (1, 4, 7)):  # what comes behind changes nothing
            alone = graph(history=history[one : one + 1, :length].numpy(), codes=codes[one : one + 1, :length].numpy())
            np.testing.assert_allclose(alone[0], served[one, :length], atol=1e-5)


def test_the_graph_of_neumf_says_what_the_network_says_of_one_item_and_of_many() -> None:
    model = untaught(NeuMfNetwork, NEUMF)
    graph = Graph(model.graph())
    history, codes, items = torch.randn(6, 16), torch.randint(0, 5, (6,)), torch.randn(9, 16)
    with torch.inference_mode():
        offline = model(history, codes, items).numpy()
    told = {"history": history.numpy(), "codes": codes.numpy()}
    np.testing.assert_allclose(graph(**told, items=items.numpy()), offline, atol=1e-5)
    for one in range(9):
        np.testing.assert_allclose(graph(**told, items=items[one : one + 1].numpy()), offline[one : one + 1], atol=1e-5)


def test_blocks_of_items_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = kinds()
    source, context = ALL[2].fit(shop), asked(shop, 9, 12)
    at_once = source.retrieve(context, 40)
    monkeypatch.setattr("shopkeeper.engine.sources.towers.AT_ONCE", 5)
    same(source.retrieve(context, 40), at_once)


def test_of_many_items_those_with_the_most_events_take_part() -> None:
    shop = kinds()
    source = NeuMf(msgspec.structs.replace(NEUMF, items=7)).fit(shop)
    counts = np.bincount(shop.interactions.items)
    rows = source.vectors.rows
    assert len(rows) == 7
    assert counts[rows].min() >= np.sort(counts)[-7]


def test_texts_alone_say_what_an_item_is_like(tmp_path: Path) -> None:
    """Cups and mugs share no word, but a meaning; the meaning may come later than the item."""
    encoder = small_encoder.make_encoder(tmp_path)
    words = ("mug", "mug", "mug", "mug", "cup", "lamp", "lamp", "lamp", "lamp", "light")
    titles = [
        f"{word} {colour}" for word, colour in zip(words, ("blue", "green", "hand", "day", "made") * 2, strict=True)
    ]
    table = items_table([{"item_id": f"i{row}", "title": title} for row, title in enumerate(titles)])
    events = [(person, 5 * (person % 2) + (person // 2 + step) % 4, VIEW, NOW - DAY + step, 0)
              for person in range(80) for step in range(3)]  # fmt: skip
    shop = material_of(table, interactions_of(events), encoder)
    source = TwoTower(TWO_TOWER).fit(shop)
    for rows, new, other in (((0, 1), 4, 9), ((5, 6), 9, 4)):
        found = source.retrieve(asked(shop, *rows), 10).rows.tolist()
        assert found.index(new) < found.index(other)
    unread = dataclasses.replace(arrived(shop, 4), encoder=None)
    by_word = source.updated(unread, np.array([4], np.int32))
    assert source.reads_meaning
    read = by_word.updated(arrived(shop, 4), np.array([4], np.int32))
    same(read.retrieve(asked(shop, 0, 1), 10), source.retrieve(asked(shop, 0, 1), 10))


def test_a_new_item_stands_on_the_shelf_of_whoever_likes_its_kind() -> None:
    shop = kinds()
    settings = msgspec.structs.replace(Settings(), surfaces={"home": Surface(sources=("two_tower",))})
    engine = Engine(
        catalogue=shop.catalogue,
        interactions=shop.interactions,
        actors=Ids([f"u{row}" for row in range(shop.interactions.n_users)]),
        sources={"two_tower": ALL[0].fit(shop)},
        statistics=Statistics.fit(shop.catalogue, shop.interactions, NOW),
        settings=settings,
    )
    new = Item(id="new", title="Something else", categories=("lamp",), price=20.0)
    engine = engine.updated([Change(id="new", time=NOW, item=new)])

    def found(**request: Any) -> list[str]:
        return [each.item.id for each in engine.answer(Request(surface="home", size=EACH + 1, **request)).placements]

    assert "new" in found(user="u1")
    assert "new" not in found(user="u0")
    engine.record([Event(id="e", type=VIEW, session="s", item="new")])  # and whoever met it alone is understood
    assert set(found(session="s")[:4]) <= {"new", *(f"i{row}" for row in rows_of(1))}


def test_what_was_learned_is_kept_for_whoever_asks_for_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, recipe = dataclasses.replace(kinds(), work=tmp_path), TwoTower(msgspec.structs.replace(TWO_TOWER, epochs=2))
    once = recipe.fit(shop)
    monkeypatch.setattr(Teacher, "batches", lambda *_: pytest.fail("it is learned again"))
    same(recipe.fit(shop).retrieve(asked(shop, 3), 40), once.retrieve(asked(shop, 3), 40))


def test_the_source_before_a_change_goes_on_as_it_was() -> None:
    shop = kinds()
    source, context = ALL[0].fit(shop), asked(shop, 3)
    before = source.retrieve(context, 9)
    items = shop.items.to_pylist()
    items[7] |= {"categories": ["lamp"], "price": 20.0}
    moved = source.updated(arrived(material_of(items_table(items), shop.interactions), 7), np.array([7], np.int32))
    same(source.retrieve(context, 9), before)
    assert 7 in before.rows[:EACH]
    assert 7 not in moved.retrieve(context, EACH).rows


def test_kin_share_a_term_and_come_as_often_as_expected() -> None:
    items = items_table(
        [{"item_id": str(row), "title": title} for row, title in enumerate(("a b", "a", "b c", "c", "c a", "z", ""))]
    )
    features = ItemFeatures.fit(items)
    described = features.of(items, None)
    kin, generator = Kin(described, len(features)), np.random.default_rng(0)
    shares = np.array([0.3, 0.1, 0.1, 0.2, 0.1, 0.1, 0.1])
    asked_for = generator.choice(7, 40_000, p=shares)
    drawn = kin.drawn(asked_for, generator)
    np.testing.assert_allclose(np.bincount(drawn, minlength=7) / 40_000, kin.expected(shares), atol=0.01)
    terms = [set(described.places[described.starts[row] : described.starts[row + 1]].tolist()) for row in range(7)]
    for one, other in set(zip(asked_for.tolist(), drawn.tolist(), strict=True)):
        assert terms[one] & terms[other] or one == other >= 5


def test_without_pytorch_a_sentence_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shopkeeper.learn.models.tower_lessons", None)
    with pytest.raises(MissingExtraError, match="train"):
        ALL[0].fit(kinds())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[models.two_tower]\nwidht = 3", "unknown key 'models.two_tower.widht'"),
        ("[models.hybrid]\nloss = 'hinge'", 'models.hybrid.loss is "hinge"'),
        ("[models.neumf]\nitems = 0", "models.neumf.items is 0"),
    ],
)
def test_a_config_that_does_not_fit_is_a_sentence(text: str, sentence: str) -> None:
    shop = dataclasses.replace(kinds(), settings=parse_settings(text))
    with pytest.raises(SettingsError) as caught:
        next(kind() for kind in (TwoTower, Hybrid, NeuMf) if kind.name in text).fit(shop)
    assert sentence in str(caught.value)
