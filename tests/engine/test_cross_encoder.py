"""A query and a text read together, and the first of an answer ordered by it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_engine import small_engine
from small_reader import Liking, write_counting
from source_contract import NOW, items_table

from shopkeeper.engine.cross_encoder import CrossEncoder
from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.ranking.reranker import Reranker
from shopkeeper.engine.rereading import reread
from shopkeeper.errors import ReleaseError
from shopkeeper.vocabulary import Request

DEPTH, FOUND = 5, 12
SAID = [
    {"item_id": f"i{row}", "title": f"mug {'zebra' if row in (3, 11) else 'plain'} {row}", "price": float(row)}
    for row in range(FOUND)
]
MUGS = Request(surface="search", query="mug", size=50, time=NOW)


@pytest.fixture(scope="module")
def plain() -> Engine:
    return small_engine(items=items_table(SAID))


def reading(plain: Engine, *, depth: int = DEPTH, weight: float = 10.0, word: str = "zebra") -> Engine:
    return plain.rereading(Reranker(Liking(word), "search", depth, weight))


def ids(engine: Engine, request: Request = MUGS) -> list[str]:
    return [placement.item.id for placement in engine.answer(request).placements]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_counting(tmp_path_factory.mktemp("cross-encoder"), most=8)


def test_query_and_text_are_told_apart(folder: Path) -> None:
    encoder = CrossEncoder.load(folder)
    scores = encoder.score("red mug", ["mug", "", "红色 马克杯 mug", "a mug " * 50])
    assert scores.dtype == np.float32
    assert scores[:3].tolist() == [1, 0, 3]
    assert scores[3] < 8  # the query is read as well, however long the text is
    assert encoder.score("mug", []).shape == (0,)
    assert encoder.score("", ["mug", "Ｍｕｇ mug"]).tolist() == [1, 2]


def test_it_tells_what_it_cannot_read(folder: Path) -> None:
    shares = CrossEncoder.load(folder).unknown_shares(["mug", "mug xyzzy", "Ｍｕｇ", "红色杯子", ""])
    assert shares.tolist() == [0, 0.5, 0, 1, 1]


def test_saved_with_its_weight_and_surface(folder: Path, tmp_path: Path) -> None:
    Reranker(CrossEncoder.load(folder), "search", 7, 0.5, 0.25).save(tmp_path)
    loaded = Reranker.load(tmp_path)
    assert (loaded.surface, loaded.depth, loaded.weight, loaded.spread) == ("search", 7, 0.5, 0.25)
    assert loaded.reader.score("mug", ["mug mug"]).tolist() == [2]
    (tmp_path / "model.onnx").unlink()
    with pytest.raises(ReleaseError, match=r"the cross-encoder lacks model\.onnx"):
        Reranker.load(tmp_path)


def test_a_release_keeps_it(plain: Engine, folder: Path, tmp_path: Path) -> None:
    engine = plain.rereading(Reranker(CrossEncoder.load(folder), "search", DEPTH, 1.0))
    engine.save(tmp_path)
    assert ids(Engine.open(tmp_path)) == ids(engine)
    plain.save(tmp_path / "without")
    assert Engine.open(tmp_path / "without").reranker is None


def test_the_first_are_ordered_anew_and_the_rest_stays(plain: Engine) -> None:
    before, after = ids(plain), ids(reading(plain))
    assert set(after[:DEPTH]) == set(before[:DEPTH])
    assert after[DEPTH:] == before[DEPTH:]
    (zebra,) = {"i3", "i11"} & set(before[:DEPTH])
    assert after[0] == zebra != before[0]


def test_a_depth_beyond_what_is_found_reads_all(plain: Engine) -> None:
    engine = reading(plain, depth=100)
    assert set(ids(engine)[:2]) == {"i3", "i11"}
    assert ids(engine, Request(surface="search", query="mug 7 zebra plain", filter="price = 7", time=NOW)) == ["i7"]
    assert ids(engine, Request(surface="search", query="sofa", time=NOW)) == []


def test_a_weight_of_nothing_changes_nothing(plain: Engine) -> None:
    assert ids(reading(plain, weight=0.0)) == ids(plain)


def test_what_hardly_tells_items_apart_changes_nothing() -> None:
    scores = np.linspace(1, 0, 20, dtype=np.float32)
    read = np.random.default_rng(0).normal(0, 1e-6, 20).astype(np.float32)

    def order(spread: float) -> list[int]:
        again = Reranker(Liking("zebra"), "search", 20, 2.0, spread).again(scores, read, scores[:0])
        return np.argsort(-again).tolist()

    assert order(spread=0.0) != list(range(20))
    assert order(spread=1.0) == list(range(20))
    assert order(spread=1e-8) == order(spread=0.0)  # what tells them apart as usual, or better, counts in full


@pytest.mark.parametrize(
    "request_",
    [
        Request(surface="search", query="mug", sort="-price", size=50, time=NOW),
        Request(surface="search", query="!?", size=50, time=NOW),
        Request(surface="search", query="mug 红色杯子", size=50, time=NOW),
        Request(surface="search", query="mug", filter="price = 7", size=50, time=NOW),
        Request(surface="popular", size=50, time=NOW),
    ],
)
def test_where_there_is_nothing_to_read_nothing_is_read(plain: Engine, request_: Request) -> None:
    liking = Liking("zebra")
    engine = plain.rereading(Reranker(liking, "search", DEPTH, 10.0))
    assert ids(engine, request_) == ids(plain, request_)
    engine.explain(request_, "i3")
    assert not liking.heard


def test_an_answer_that_shows_nothing_is_not_read(plain: Engine) -> None:
    liking = Liking("zebra")
    engine = plain.rereading(Reranker(liking, "search", DEPTH, 10.0))
    request = Request(surface="search", query="mug", size=0, facets=("price",), time=NOW)
    told, expected = engine.answer(request), plain.answer(request)
    assert (told.total, told.facets, told.next) == (expected.total, expected.facets, expected.next)
    assert not liking.heard
    assert engine.explain(request, "i3").reasons[-1].source == "cross-encoder"


def test_who_asks_for_an_item_by_its_id_gets_it_first() -> None:
    chargers = [{"item_id": f"i{row}", "title": f"x200 charger {row}", "price": 5.0} for row in range(FOUND)]
    plain = small_engine(items=items_table([{"item_id": "x200", "title": "hammer"}, *chargers]))
    engine = reading(plain, depth=FOUND, word="charger")
    for query in ("x200", "X 200"):
        request = Request(surface="search", query=query, size=50, time=NOW)
        assert ids(engine, request) == ids(plain, request)
        assert ids(engine, request)[0] == "x200"
        assert "cross-encoder" not in {reason.source for reason in engine.explain(request, "x200").reasons}
    without = Request(surface="search", query="x200", filter="price = 5", size=50, time=NOW)
    assert ids(engine, without) != ids(plain, without)


def test_what_is_read_is_the_query_and_what_is_said_of_each(plain: Engine) -> None:
    liking = Liking("zebra")
    plain.rereading(Reranker(liking, "search", DEPTH, 10.0)).answer(MUGS)
    ((query, texts),) = liking.heard
    assert query == "mug"
    assert list(texts) == [f"mug {'zebra' if id_ == 'i3' else 'plain'} {id_[1:]}" for id_ in ids(plain)[:DEPTH]]


def test_of_a_query_without_end_the_beginning_is_read(plain: Engine) -> None:
    liking = Liking("zebra")
    engine = plain.rereading(Reranker(liking, "search", DEPTH, 10.0))
    assert len(ids(engine, Request(surface="search", query="mug " * 10_000, time=NOW))) == FOUND
    assert [len(query) for query, _ in liking.heard] == [1_000]


@pytest.mark.parametrize("size", [2, 4, 7])
def test_pages_are_of_one_order(plain: Engine, size: int) -> None:
    engine = reading(plain)
    by_offset, by_token, after = list[str](), list[str](), ""
    for offset in range(0, FOUND, size):
        by_offset += ids(engine, Request(surface="search", query="mug", size=size, offset=offset, time=NOW))
        page = engine.answer(Request(surface="search", query="mug", size=size, after=after, time=NOW))
        by_token += [placement.item.id for placement in page.placements]
        after = page.next
    assert by_offset == by_token == ids(engine)


def test_what_is_replayed_is_what_is_served(plain: Engine) -> None:
    engine = reading(plain)
    context = engine.context(MUGS)
    pool = engine.candidates(context)
    replayed = engine.arrange(context, pool, engine.score(context, pool))
    assert list(engine.catalogue.ids.ids(replayed.rows)) == ids(engine)


def test_the_first_stand_above_the_rest_however_like_their_scores(plain: Engine) -> None:
    engine = reading(plain)
    context = engine.context(MUGS)
    pool = engine.candidates(context)
    scores = reread(engine, context, pool, np.zeros(len(pool.rows), np.float32))
    assert np.sort(scores)[::-1][DEPTH - 1] > np.sort(scores)[::-1][DEPTH] == 0


def test_explain_tells_what_reading_did(plain: Engine) -> None:
    engine = reading(plain)
    assert ids(plain).index("i3") == 3
    told = engine.explain(MUGS, "i3")
    assert (told.rank, told.reasons[-1].source) == (1, "cross-encoder")
    assert "read together with the query, moves it from 4th to 1st" in told.text
    assert "cross-encoder" not in {reason.source for reason in engine.explain(MUGS, ids(engine)[-1]).reasons}
    assert "cross-encoder" not in {reason.source for reason in plain.explain(MUGS, "i3").reasons}


def test_explain_tells_apart_what_is_as_good(plain: Engine) -> None:
    engine = reading(plain, weight=1e9)  # beside which what ordered them before comes to nothing
    scores = [placement.score for placement in engine.answer(MUGS).placements[:DEPTH]]
    assert len(set(scores)) < DEPTH
    for place, id_ in enumerate(ids(engine)[:DEPTH], start=1):
        told = engine.explain(MUGS, id_)
        assert told.rank == place
        assert "moved by variety or rules" not in told.text
