"""A cross-encoder serves where it is surely better and quick enough, by requests that it has not learned from."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from zlib import crc32

import msgspec
import numpy as np
import pytest
from small_reader import write_bert, write_counting
from worlds import COLOURS, THINGS, catalogue, write_shop

from shopkeeper.engine.cross_encoder import CrossEncoder
from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.ranking.reranker import Reranker
from shopkeeper.learn import reranking
from shopkeeper.learn.judged import CROSS_ENCODER, parted
from shopkeeper.learn.requests import Asked, judgements_of
from shopkeeper.learn.reranking import Lessons, earned
from shopkeeper.learn.stages import READER, stages_of
from shopkeeper.learn.train import JUDGED, train
from shopkeeper.learn.workshop import Workshop
from shopkeeper.release.store import ReleaseStore
from shopkeeper.settings import DEFAULT_SURFACES, CrossEncoderSettings, EncoderSettings, Settings, Surface
from shopkeeper.vocabulary import Request, Scores, silent

ITEMS = 240
SEARCH = msgspec.structs.replace(DEFAULT_SURFACES["search"], sources=("lexical",), rank="fused", budget_ms=0.0)
QUERIES = [f"{colour} {thing} brand {brand}" for colour in COLOURS for thing in THINGS for brand in range(6)]


class Graded(NamedTuple):
    query: str
    texts: Sequence[str]
    gains: Scores
    weight: float


def number(text: str) -> int:
    return int(text.split(".")[0].split()[-1])


class Reader:
    def __init__(self, worth: Callable[[str], float]) -> None:
        self.worth = worth

    def score(self, query: str, texts: Sequence[str]) -> Scores:  # noqa: ARG002
        return np.array([self.worth(text) for text in texts], np.float32)

    def unknown_shares(self, texts: Sequence[str]) -> Scores:
        return np.array([not text.isascii() for text in texts], np.float32)

    def save(self, directory: Path) -> None:
        raise NotImplementedError


def settings(surface: Surface = SEARCH, model: str = "planted") -> Settings:
    return Settings(
        encoder=EncoderSettings(model="none"),
        cross_encoder=CrossEncoderSettings(model=model, max_tokens=16, depth=10),
        surfaces={"search": surface},
    )


def judgements() -> list[dict[str, Any]]:
    """Of what is of the colour and the kind, the higher the number the better."""
    items = catalogue(ITEMS)
    return [
        {"query": query, "item_id": item["item_id"], "grade": float(number(item["title"]))}
        for query in QUERIES
        for item in items
        if set(query.split()[:2]) <= set(item["title"].split())
    ]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    folder = tmp_path_factory.mktemp("shop")
    return Workshop.open(write_shop(folder, catalogue(ITEMS)), settings(), folder / "cache", silent)


@pytest.fixture
def taught(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the planted network was given; its reader is the one called "reader"."""
    told: dict[str, Any] = {"reader": Reader(number)}

    def learned(lists: Sequence[Graded], watched: Sequence[Graded], *_: object) -> Reader:
        told.update(lists=lists, watched=watched)
        reader: Reader = told["reader"]
        return reader

    monkeypatch.setattr(reranking, "library", lambda *_, **__: SimpleNamespace(Graded=Graded, learned=learned))
    return told


def clicks(engine: Engine, n: int = 240, choose: Callable[[list[int]], int] = max) -> list[Asked]:
    """Each wants the highest number of its kind, which no source prefers, later than the one before."""
    names = engine.catalogue.names(np.arange(ITEMS, dtype=np.int32))
    asked = []
    for at, (colour, thing) in enumerate(itertools.islice(itertools.cycle(itertools.product(COLOURS, THINGS)), n)):
        best = choose([row for row in range(ITEMS) if {colour, thing} <= set(names[row].split())])
        request = Request(surface="search", query=f"{colour} {thing}", time=float(at))
        asked.append(Asked(request, np.array([best], np.int32), np.ones(1, np.float32)))
    return asked


def by_clicks(asked: Sequence[Asked], readers: Sequence[Asked] = ()) -> Lessons:
    return Lessons.by_clicks(asked, readers)


def test_what_reads_well_is_kept_and_told(shop: Workshop, taught: dict[str, Any], tmp_path: Path) -> None:
    engine = shop.engine({})
    reranker, told = earned(engine, "search", by_clicks(clicks(engine)), tmp_path, silent)
    assert reranker is not None
    assert (reranker.surface, reranker.depth) == ("search", 10)
    assert isinstance(reranker.reader, Reader)
    assert told.startswith("kept: NDCG@10 is ")
    assert "95 of 100 answers come within " in told
    assert len(taught["lists"]) == 144
    stages = stages_of(engine.rereading(reranker), clicks(engine, 60), seed=0)
    brings = stages[READER].brings
    assert brings is not None
    assert brings.difference.low > 0.1


@pytest.mark.usefixtures("taught")
def test_the_usual_spread_is_that_of_what_is_watched(shop: Workshop, tmp_path: Path) -> None:
    engine = shop.engine({})
    lessons = by_clicks(clicks(engine))
    reranker, _ = earned(engine, "search", lessons, tmp_path, silent)
    spreads = [
        np.std([number(name) for name in engine.catalogue.names(engine.rank(engine.context(one.request)).rows[:10])])
        for one in {one.request.query: one for one in lessons.watching}.values()
    ]
    assert reranker is not None
    assert reranker.spread == pytest.approx(np.median(spreads), rel=1e-3)


def test_noise_is_not_kept(shop: Workshop, taught: dict[str, Any], tmp_path: Path) -> None:
    taught["reader"] = Reader(lambda text: float(crc32(text.encode()) % 97))
    engine = shop.engine({})
    reranker, told = earned(engine, "search", by_clicks(clicks(engine, choose=min)), tmp_path, silent)
    assert reranker is None
    assert told.startswith("not kept, as it is not surely better: NDCG@10 is ")


def test_what_is_too_slow_is_not_kept(taught: dict[str, Any], tmp_path: Path) -> None:
    quick = msgspec.structs.replace(SEARCH, budget_ms=1e-6)
    shop = Workshop.open(write_shop(tmp_path, catalogue(ITEMS)), settings(quick), tmp_path / "cache", silent)
    engine = shop.engine({})
    reranker, told = earned(engine, "search", by_clicks(clicks(engine)), tmp_path, silent)
    assert taught["lists"]
    assert reranker is None
    assert told.startswith("not kept, as it takes more than the 1e-06 ms of the surface")


@pytest.mark.parametrize(("wanted", "stays"), [(max, True), (min, False)])
def test_what_stands_stays_unless_it_is_surely_beaten(
    shop: Workshop, taught: dict[str, Any], tmp_path: Path, wanted: Callable[[list[int]], int], stays: bool
) -> None:
    """What is learned anew is noise. What stands puts the highest numbers first, and nothing the lowest."""
    taught["reader"] = Reader(lambda text: float(crc32(text.encode()) % 97))
    engine, standing = shop.engine({}), Reranker(Reader(number), "search", 10, 4.0)
    lessons = by_clicks(clicks(engine, choose=wanted))
    reranker, told = earned(engine, "search", lessons, tmp_path, silent, standing)
    assert reranker is (standing if stays else None)
    assert ("with that of the current release" in told) == stays


def test_what_stands_stays_where_too_few_requests_judge(shop: Workshop, tmp_path: Path) -> None:
    engine, standing = shop.engine({}), Reranker(Reader(number), "search", 10, 1.0)
    reranker, told = earned(engine, "search", by_clicks(clicks(engine, 40)), tmp_path, silent, standing)
    assert reranker is standing
    assert told.endswith("; that of the current release stays")


def test_too_few_requests_judge_nothing(shop: Workshop, taught: dict[str, Any], tmp_path: Path) -> None:
    engine = shop.engine({})
    assert earned(engine, "search", by_clicks(clicks(engine, 40)), tmp_path, silent) == (
        None,
        "too few requests to stop it by (6), or to judge it (10)",
    )
    assert "lists" not in taught


def test_nothing_that_watches_or_judges_is_learned_from(shop: Workshop) -> None:
    lessons = by_clicks(clicks(shop.engine({})))
    learned, watched, judged = (
        [one.request.time or 0.0 for one in part] for part in (lessons.learning, lessons.watching, lessons.judging)
    )
    assert max(learned) < min(watched)
    assert max(watched) < min(judged)


def test_of_judged_queries_one_half_teaches_and_the_other_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Lessons] = []
    monkeypatch.setattr(Lessons, "by_judgements", _kept(Lessons.by_judgements, given))
    tables = write_shop(tmp_path, catalogue(ITEMS), [], judgements())
    model = str(write_bert(tmp_path / "bert"))
    release = train(tables, settings(model=model), ReleaseStore(tmp_path / "releases"))
    metrics = release.manifest.metrics
    assert (release.path / "reranker").exists() == metrics["cross_encoder"].startswith("kept: ")
    nothing = np.empty(0, np.int32)
    asked = [Asked(Request(query=query), nothing, nothing.astype(np.float32)) for query in QUERIES]
    measured = [one.request.query for one in parted(asked, [CROSS_ENCODER])[0]]
    assert metrics["surfaces"][JUDGED]["requests"] == len(measured)
    (lessons,) = given
    assert sorted(one.request.query for one in lessons.judging) == sorted(measured)
    taught = [one.request.query for part in (lessons.learning, lessons.watching) for one in part]
    assert sorted(taught) == sorted(set(QUERIES) - set(measured))


def test_what_is_kept_is_released_and_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The longer an item's text the better; a planted cross-encoder counts words."""
    counting = CrossEncoder.load(write_counting(tmp_path / "counting", 64, sorted({*" ".join(QUERIES).split()})))
    taught = SimpleNamespace(Graded=Graded, learned=lambda *_: counting, opened=lambda _: None)
    monkeypatch.setattr(reranking, "library", lambda *_, **__: taught)
    items = [{**item, "description": "word " * (number(item["title"]) // 24)} for item in catalogue(ITEMS)]
    tables = write_shop(tmp_path, items, [], judgements())
    release = train(tables, settings(), ReleaseStore(tmp_path / "releases"))
    metrics = release.manifest.metrics
    assert metrics["cross_encoder"].startswith("kept: ")
    assert "kept: " in (release.path / "evaluation" / "report.html").read_text(encoding="utf-8")
    placements = Engine.open(release.path).answer(Request(query="red mug", size=3)).placements
    assert [number(placement.item.title) for placement in placements] == [216, 192, 168]

    counting.score = lambda _, texts: np.zeros(len(texts), np.float32)  # type: ignore[method-assign]
    again = train(tables, settings(), ReleaseStore(tmp_path / "releases"), if_better=True)
    assert again.manifest.metrics["cross_encoder"].startswith("not kept, as it is not surely better: ")
    assert (again.path / "reranker").is_dir()
    others = msgspec.structs.replace(settings(), cross_encoder=CrossEncoderSettings())
    without = train(tables, others, ReleaseStore(tmp_path / "releases"), if_better=True)
    assert without.manifest.metrics["cross_encoder"] == ""
    assert not (without.path / "reranker").exists()


def _kept(make: Callable[..., Lessons], given: list[Lessons]) -> Callable[..., Lessons]:
    def of(*told: Any) -> Lessons:
        given.append(make(*told))
        return given[-1]

    return of


def test_a_shop_in_which_nobody_searched_is_told_so(tmp_path: Path) -> None:
    tables = write_shop(tmp_path, catalogue(ITEMS))
    release = train(tables, settings(model=str(write_bert(tmp_path / "bert"))), ReleaseStore(tmp_path / "releases"))
    assert "nothing that anybody searched for" in release.manifest.metrics["cross_encoder"]
    assert "nothing that anybody searched for" in (release.path / "evaluation" / "report.html").read_text("utf-8")


def test_graded_items_alone_teach(shop: Workshop, taught: dict[str, Any], tmp_path: Path) -> None:
    tables = write_shop(tmp_path, catalogue(ITEMS), [], judgements()[:40])
    readers = judgements_of(tables.table("judgements"), shop.catalogue.ids)
    engine = shop.engine({})
    earned(engine, "search", by_clicks(clicks(engine), readers), tmp_path, silent)
    graded = taught["lists"][-len(readers) :]
    assert [one.query for one in graded] == [one.request.query for one in readers]
    assert all(text.startswith(" ".join(one.query.split()[:2])) for one in graded for text in one.texts)
