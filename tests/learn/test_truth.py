"""What is learned from a simulated shop's exports, held against the truth that only the simulation knows."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from shopkeeper.data.ingest import ingest
from shopkeeper.data.mapper import propose
from shopkeeper.data.readers import discover
from shopkeeper.data.simulate import Truth, simulate
from shopkeeper.data.tables import Tables
from shopkeeper.engine.pipeline import Engine
from shopkeeper.learn.evaluate import evaluate
from shopkeeper.learn.examination import examination_of
from shopkeeper.learn.requests import Asked
from shopkeeper.learn.train import train
from shopkeeper.release.store import ReleaseStore
from shopkeeper.settings import DEFAULT_SURFACES, DataSettings, EncoderSettings, Settings, TrainSettings
from shopkeeper.vocabulary import Ids, Request, silent

SETTINGS = Settings(
    encoder=EncoderSettings(model="none"),
    train=TrainSettings(threads=1, max_requests=800),
    surfaces={"search": DEFAULT_SURFACES["search"]},
)
QUERIES = 150

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return simulate(tmp_path_factory.mktemp("world"), products=300, events=60_000, seed=5, end=date(2026, 4, 5))


@pytest.fixture(scope="module")
def tables(truth: Truth) -> Tables:
    shop = truth.folder / "shop"
    ingest(propose(discover(truth.exports)), [truth.exports], shop, DataSettings(), silent)
    return Tables(shop)


def graded(truth: Truth, items: Ids) -> list[Asked]:
    """Some queries as they are rightly spelt, each with the items that truly answer it."""
    known = truth.table("queries").to_pylist()
    texts = sorted({query["query"] for query in known if not query["misspelt"]})
    chosen = np.random.default_rng(0).permutation(len(texts))
    asked = []
    for at in chosen:
        grades = truth.grades(texts[at])
        rows = items.rows(grades.column("product_id").to_pylist())
        if len(rows) and len(asked) < QUERIES:
            order = np.argsort(rows)
            gains = grades.column("grade").to_numpy().astype(np.float32)
            asked.append(Asked(Request(surface="search", query=texts[at]), rows[order].astype(np.int32), gains[order]))
    return asked


def test_search_finds_what_truly_answers(truth: Truth, tables: Tables, tmp_path: Path) -> None:
    release = train(tables, SETTINGS, ReleaseStore(tmp_path / "releases"))
    engine = Engine.open(release.path)
    asked = graded(truth, engine.catalogue.ids)
    assert len(asked) == QUERIES
    figures = evaluate(engine, asked)
    served, popularity = (figures.systems[name]["ndcg@10"].value for name in ("served", "popularity"))
    assert served > popularity + 0.3
    assert figures.against["popularity"].difference.low > 0.2


def test_the_places_that_people_look_at_are_found(truth: Truth, tables: Tables) -> None:
    found = examination_of(tables.folder)
    assert found is not None
    places = min(len(found.looked), 5)
    np.testing.assert_allclose(found.looked[:places], truth.examination[:places], atol=0.15)
