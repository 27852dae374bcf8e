"""Search learned from people's judgements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from worlds import COLOURS, THINGS, catalogue, searches, write_shop

from shopkeeper.data.tables import Tables
from shopkeeper.engine.pipeline import Engine
from shopkeeper.learn import judged as judging
from shopkeeper.learn.judged import CROSS_ENCODER, ENCODER, FOLDS, Judgements, folds_of, parted
from shopkeeper.learn.rankers import trees
from shopkeeper.learn.requests import Asked, judgements_of
from shopkeeper.learn.tournament import compete, compete_judged
from shopkeeper.learn.train import JUDGED, JUDGED_ALONE, _judged, train
from shopkeeper.learn.workshop import Workshop
from shopkeeper.release.store import ReleaseStore
from shopkeeper.settings import DEFAULT_SURFACES, CrossEncoderSettings, EncoderSettings, Settings, Surface
from shopkeeper.vocabulary import Request, silent

ITEMS = 240
SEARCH = msgspec.structs.replace(
    DEFAULT_SURFACES["search"], sources=("lexical",), rankers=("lambdamart",), budget_ms=0.0
)
QUERIES = [
    *(f"{one} {other}" for colour in COLOURS for thing in THINGS for one, other in ((colour, thing), (thing, colour))),
    *COLOURS,
    *THINGS,
]
Grade = Callable[[dict[str, Any]], float]


def by_price(item: dict[str, Any]) -> float:
    return float(item["price"] - 5.0)  # of which the words say nothing


def judged(grade: Grade) -> list[dict[str, Any]]:
    items = catalogue(ITEMS)
    return [
        {"query": query, "item_id": item["item_id"], "grade": grade(item)}
        for query in QUERIES
        for item in items[: ITEMS // 2]
        if set(query.split()) <= set(item["title"].split())
    ]


def shop_of(folder: Path, grade: Grade, events: Sequence[dict[str, Any]] = ()) -> Tables:
    return write_shop(folder, catalogue(ITEMS), list(events), judged(grade))


def settings(surface: Surface = SEARCH) -> Settings:
    return Settings(encoder=EncoderSettings(model="none"), surfaces={"search": surface})


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is planted is found in a few rounds."""
    monkeypatch.setattr(trees, "ROUNDS", 30)
    monkeypatch.setattr(trees, "BAGS", 2)


def test_folds_are_of_like_size_and_keep_one_query_together() -> None:
    queries = [f"query {at}" for at in range(53)]
    folds = folds_of([*queries, "QUERY  7 "])
    assert folds[7] == folds[-1]
    assert np.ptp(np.bincount(folds[:-1], minlength=FOLDS)) <= 1
    assert folds_of(queries[::-1]).tolist() == folds[:-1][::-1].tolist()


def test_queries_that_are_read_alike_are_in_one_fold(tmp_path: Path) -> None:
    """A price is understood, and taken out of the query."""
    told = [{**row, "query": f"{row['query']} under {price}"} for price in (16, 17, 18) for row in judged(by_price)]
    tables = write_shop(tmp_path, catalogue(ITEMS), [], told)
    shop = Workshop.open(tables, settings(), tmp_path / "cache", silent)
    asked = judgements_of(tables.table("judgements"), shop.catalogue.ids)
    judgements = Judgements.of(shop.engine({}), asked, seed=0, progress=silent)
    folds: dict[str, set[int]] = {}
    for one, fold in zip(asked, judgements.folds.tolist(), strict=True):
        folds.setdefault(one.request.query.split(" under ")[0], set()).add(fold)
    assert len(folds) == len(QUERIES)
    assert all(len(own) == 1 for own in folds.values())


def named(queries: int) -> list[Asked]:
    nothing = np.empty(0, np.int32)
    return [Asked(Request(query=f"query {at}"), nothing, nothing.astype(np.float32)) for at in range(queries)]


@pytest.mark.parametrize("readers", [(ENCODER,), (CROSS_ENCODER,), (ENCODER, CROSS_ENCODER)])
def test_half_of_the_queries_are_parted_among_what_reads(readers: tuple[str, ...]) -> None:
    asked = named(800)
    rankers, parts = parted(asked, readers)
    told = [one.request.query for part in (rankers, *parts.values()) for one in part]
    assert sorted(told) == sorted(one.request.query for one in asked)
    assert tuple(parts) == readers
    assert len(rankers) == pytest.approx(400, abs=50)
    assert all(len(part) == pytest.approx(400 / len(readers), abs=50) for part in parts.values())


@pytest.mark.parametrize(("queries", "readers"), [(70, (ENCODER,)), (150, (ENCODER, CROSS_ENCODER)), (800, ())])
def test_none_are_given_away_where_a_part_is_too_small_to_learn_from(queries: int, readers: tuple[str, ...]) -> None:
    rankers, parts = parted(named(queries), readers)
    assert len(rankers) == queries
    assert not any(parts.values())


def test_only_judged_items_are_learned_from(tmp_path: Path) -> None:
    """Half of the catalogue was shown to nobody."""
    tables = shop_of(tmp_path, by_price)
    shop = Workshop.open(tables, settings(), tmp_path / "cache", silent)
    asked = judgements_of(tables.table("judgements"), shop.catalogue.ids)
    judgements = Judgements.of(shop.engine({}), asked, seed=0, progress=silent)
    graded = sum(len(one.judged) for one in asked if one.judged is not None)
    assert sum(len(each.labels) for each in judgements.examples) == graded
    assert len(judgements) == len(asked) == len(judgements.together())


def test_what_people_prefer_is_learned_and_told_of_queries_not_learned_from(tmp_path: Path) -> None:
    release = train(shop_of(tmp_path, by_price), settings(), ReleaseStore(tmp_path / "releases"))
    metrics = release.manifest.metrics
    choice = metrics["choices"]["search"]
    assert choice["by_judgements"]
    assert choice["from_judgements"]
    assert choice["winner"].startswith("lambdamart")
    served, fused = (metrics["surfaces"][JUDGED_ALONE]["systems"][name]["ndcg@10"] for name in ("served", "fused"))
    assert served["low"] > fused["high"]
    assert metrics["surfaces"][JUDGED]["requests"] == len(QUERIES)
    engine = Engine.open(release.path)
    placements = engine.answer(Request(query="brand 3", size=10)).placements  # which nobody judged
    assert np.mean([placement.item.price for placement in placements if placement.item.price is not None]) > 7.5


def test_grades_by_chance_are_not_learned(tmp_path: Path) -> None:
    """A figure of queries that were learned from would be near 1."""
    generator = np.random.default_rng(0)
    tables = shop_of(tmp_path, lambda _: float(generator.integers(4)))
    shop = Workshop.open(tables, settings(), tmp_path / "cache", silent)
    asked = judgements_of(tables.table("judgements"), shop.catalogue.ids)
    winner = compete_judged(shop.engine({}), "search", asked, seed=0, progress=silent)
    assert winner.choice.figures is not None
    figures = {name: told["ndcg@10"].value for name, told in winner.choice.figures.systems.items()}
    assert figures["lambdamart"] < figures["fused"] + 0.1


def test_clicks_decide_where_there_are_clicks_and_judgements_help_them(tmp_path: Path) -> None:
    tables = shop_of(tmp_path, by_price, searches(ITEMS, 400, hours=200))
    shop = Workshop.open(tables, settings(), tmp_path / "cache", silent)
    judged_queries = judgements_of(tables.table("judgements"), shop.catalogue.ids)
    asked = [replaced(one, at) for at, one in enumerate(judged_queries * 6)]
    winner = compete(shop.engine({}), "search", asked, seed=0, progress=silent, judged=judged_queries)
    assert winner.choice.figures is not None
    assert {"lambdamart", "lambdamart, with judgements"} <= set(winner.choice.figures.systems)
    assert not winner.choice.by_judgements


def replaced(one: Asked, at: int) -> Asked:
    """As if somebody had clicked what is graded best."""
    best = one.rows[np.argmax(one.gains)][None]
    return Asked(msgspec.structs.replace(one.request, time=float(at)), best, np.ones(1, np.float32))


def test_queries_that_taught_the_encoder_are_neither_learned_from_nor_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "FEWEST_JUDGED_TO_LEARN", 20)
    tables = shop_of(tmp_path, by_price)
    asks_for_it = msgspec.structs.replace(settings(), encoder=EncoderSettings(model="none", fine_tune=True))
    shop = replace(Workshop.open(tables, settings(), tmp_path / "cache", silent), settings=asks_for_it)
    tuned = replace(shop, made=shop.made._replace(tuned=True))
    told = parted(judgements_of(tables.table("judgements"), shop.catalogue.ids), [ENCODER])
    rankers, encoder = ({one.request.query for one in part} for part in (told[0], told[1][ENCODER]))
    asked = [{one.request.query for one in _judged(tables, each)[0]} for each in (shop, tuned)]
    assert encoder
    assert asked == [rankers | encoder, rankers]


@pytest.mark.parametrize("tuned", [False, True])
def test_a_cross_encoder_learns_from_what_has_taught_no_encoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tuned: bool
) -> None:
    monkeypatch.setattr(judging, "FEWEST_JUDGED_TO_LEARN", 5)
    tables = shop_of(tmp_path, by_price)
    both = msgspec.structs.replace(
        settings(),
        encoder=EncoderSettings(model="none", fine_tune=True),
        cross_encoder=CrossEncoderSettings(model="bundled"),
    )
    shop = replace(Workshop.open(tables, settings(), tmp_path / "cache", silent), settings=both)
    shop = replace(shop, made=shop.made._replace(tuned=tuned))
    rankers, parts = parted(judgements_of(tables.table("judgements"), shop.catalogue.ids), [ENCODER, CROSS_ENCODER])
    expected = {one.request.query for name, part in parts.items() if not tuned or name != ENCODER for one in part}
    judged, readers = _judged(tables, shop)
    assert len(judged) == len(rankers)
    assert {one.request.query for one in readers} == expected


@pytest.mark.parametrize("queries", [0, 3])
def test_few_judgements_decide_nothing(tmp_path: Path, queries: int) -> None:
    told = [row for row in judged(by_price) if row["query"] in QUERIES[:queries]]
    release = train(write_shop(tmp_path, catalogue(ITEMS), [], told), settings(), ReleaseStore(tmp_path / "releases"))
    assert not (release.path / "rankers").exists()
