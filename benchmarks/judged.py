"""Search held against people's judgements: ours before and after it learns from them, beside BM25, dense retrieval, and
reciprocal rank fusion of both.

    python benchmarks/judged.py [--data ../shared/data] [--work FOLDER] [--max-tokens N] [--terms SHARE]
                                [--fine-tune LAYERS] [--budget MINUTES] SET…

A set goes the way of a user's shop: a folder with a catalogue and judgements, new, ingest, learn. With few queries
(icecat) ours is learned in five folds of queries, and every query is answered by what has not seen it; the others are
learned from one half of the queries (by the MD5 of their text) and measured on the other. With --fine-tune, the encoder
learns from the half that a training gives it, for MINUTES at most, and so does its student of so many layers (0: none);
ours is learned in folds and measured on the other half, beside the encoder as it came. Needs bm25s, which is no
dependency of the package: pip install bm25s. Prints Markdown.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
import tantivy

from shopkeeper.data.tables import Tables
from shopkeeper.engine.item_text import FIELDS, item_texts
from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.ranking.fusion import Pool
from shopkeeper.engine.text import words
from shopkeeper.learn import metrics
from shopkeeper.learn.judged import ENCODER, parted
from shopkeeper.learn.replay import Scorer, fused
from shopkeeper.learn.requests import Asked, judgements_of
from shopkeeper.learn.tournament import compete_judged
from shopkeeper.learn.workshop import Workshop
from shopkeeper.shop import Shop
from shopkeeper.vocabulary import Rows, Scores, silent

K, DEPTH, RRF_OFFSET = 10, 1_000, 60.0
DENSE = "dense alone"
Rank = Callable[[Asked], Rows]  # the rows of the catalogue, best first


class Set(NamedTuple):
    """fewest: judged items of a query that counts; gain: of a grade above the lowest; told: the same in words; full:
    whether the whole catalogue is ranked as well, and learned in folds; sql: of the tables, where the set is one."""

    fewest: int
    gain: Callable[[Scores], Scores]
    told: str
    full: bool = False
    sql: Mapping[str, str] = {}


def linear(grades: Scores) -> Scores:
    return grades


def exponential(grades: Scores) -> Scores:
    return 2.0**grades - 1.0


SETS = {
    "icecat-electronics-search": Set(1, linear, "rating 0 to 3", full=True),
    "home-depot-search": Set(
        5,
        exponential,
        "2^(relevance − 1) − 1",
        sql={
            "products": "SELECT product_uid AS product_id, any_value(product_title) AS title FROM told GROUP BY ALL",
            "judgements": "SELECT search_term AS query, product_uid AS product_id, relevance FROM told",
        },
    ),
    "qbqtc-chinese-relevance": Set(
        2,
        exponential,
        "2^label − 1",
        sql={
            "products": "SELECT md5(title) AS product_id, title FROM told GROUP BY title",
            "judgements": "SELECT query, md5(title) AS product_id, label::INTEGER AS relevance FROM told",
        },
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--work", type=Path, help="where the shops are kept, so that texts are encoded once")
    parser.add_argument("--max-tokens", type=int, default=128, help="of a text that the encoder reads")
    parser.add_argument("--terms", type=float, default=1.0, help="the share of the queries, by MD5, with their items")
    parser.add_argument("--fine-tune", type=int, metavar="LAYERS", help="tune the encoder; its student's layers")
    parser.add_argument("--budget", type=float, default=10.0, help="minutes that the encoder is tuned, at most")
    parser.add_argument("sets", nargs="*", default=list(SETS))
    arguments = parser.parse_args()
    print("| set | system | NDCG@10, whole catalogue | 95 % | NDCG@10, judged items | 95 % |")
    print("|---|---|---:|---|---:|---|")
    for name in arguments.sets:
        with tempfile.TemporaryDirectory() as folder:
            work = (arguments.work or Path(folder)) / name
            shop = opened(SETS[name], arguments.data / name, work, arguments.terms)
            contest(name, SETS[name], shop, arguments)


def opened(told: Set, source: Path, work: Path, share: float) -> Shop:
    if Tables(work / "shop").has("items"):
        return Shop(work / "shop")
    if told.sql:
        source = split_up(told, source, work / "source", share)
    shop = Shop.new(work / "shop", [source])
    shop.ingest()
    return shop


def split_up(told: Set, source: Path, folder: Path, share: float) -> Path:
    """A catalogue and judgements from one table of pairs, of the queries with enough judged items."""
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as database:
        database.execute(f"CREATE VIEW pairs AS FROM '{source}/*.parquet'")
        query = "search_term" if "search_term" in database.sql("FROM pairs").columns else "query"
        item = "product_uid" if query == "search_term" else "title"
        database.create_function("fraction", fraction, [str], float)  # type: ignore[arg-type]
        database.execute(
            f"""CREATE TABLE told AS FROM pairs SEMI JOIN (
                SELECT {query} FROM pairs GROUP BY {query}
                HAVING count(DISTINCT {item}) >= {told.fewest} AND fraction({query} || '/') < {share}
            ) USING ({query})"""
        )
        for name, statement in told.sql.items():
            database.sql(statement).write_parquet(str(folder / f"{name}.parquet"))
    return folder


def fraction(text: str) -> float:
    """Between 0 and 1, by the MD5 of a text."""
    return int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:12], 16) / 16**12


def engine_of(shop: Shop, max_tokens: int, budget: float, layers: int | None) -> Engine:
    """Without rankers. layers: of a tuned encoder's student."""
    tuning = {} if layers is None else {"fine_tune": True, "student_layers": layers}
    settings = msgspec.structs.replace(
        shop.settings,
        encoder=msgspec.structs.replace(shop.settings.encoder, max_tokens=max_tokens, **tuning),
        train=msgspec.structs.replace(shop.settings.train, threads=1, budget_minutes=budget),
        surfaces={"search": msgspec.structs.replace(shop.settings.surfaces["search"], budget_ms=0.0)},
    )
    return Workshop.open(Tables(shop.directory), settings, shop.directory / "cache", silent).engine({})


def contest(name: str, told: Set, shop: Shop, arguments: argparse.Namespace) -> None:
    begin, tables, fine_tune = time.perf_counter(), Tables(shop.directory), arguments.fine_tune
    engine = engine_of(shop, arguments.max_tokens, arguments.budget, fine_tune)
    asked = judgements_of(tables.table("judgements"), engine.catalogue.ids)
    asked = asked if fine_tune is None else parted(asked, [ENCODER])[0]
    asked = [one for one in asked if one.judged is not None and len(one.judged) >= told.fewest]
    in_folds = told.full or fine_tune is not None
    learning = asked if in_folds else [one for one in asked if fraction(one.request.query) < 0.5]
    testing = asked if in_folds else [one for one in asked if fraction(one.request.query) >= 0.5]
    winner = compete_judged(engine, "search", learning[: engine.settings.train.max_requests], seed=0, progress=silent)
    scorers: dict[str, Scorer] = {"ours, untrained": fused(engine, "reciprocal_rank")}
    taught = replace(winner.taught, in_turn=in_folds)  # in folds, or learned from all of the other half
    scorers |= {f"ours, {name}": scorer for name, scorer in taught.scorers(engine).items()}
    ours: dict[str, Rank] = {system: partial(ranked, engine, score) for system, score in scorers.items()}
    systems = {**ours, **peers(engine, tables.items())}
    against = dict.fromkeys(list(ours)[1:], next(iter(ours)))
    if fine_tune is not None:
        plain = engine_of(shop, arguments.max_tokens, arguments.budget, None)
        came = {"ours, untrained": partial(ranked, plain, fused(plain, "reciprocal_rank")), DENSE: dense_of(plain)}
        systems |= {f"{system}, encoder as it came": rank for system, rank in came.items()}
        against |= {system: f"{system}, encoder as it came" for system in came}
    testing = [replace(one, gains=told.gain(one.gains).astype(np.float32)) for one in testing]
    values = {system: measured(rank, testing) for system, rank in systems.items()}
    for system, pairs in values.items():
        whole, among = (estimate(pairs[:, at]) for at in range(2))
        print(f"| {name} | {system} | {whole if told.full else ' | '} | {among} |", flush=True)
    for system, other in against.items():
        for at, what in enumerate(("whole catalogue", "judged items")):
            gained = metrics.compare(values[system][:, at], values[other][:, at], 0).difference
            print(f"\n{system} above {other}, {what}: {gained.value:+.4f} ({gained.low:+.4f} to {gained.high:+.4f})")
    print(
        f"\n{name}: {len(engine.catalogue):,} items, {len(learning):,} queries to learn from,"
        f" {len(testing):,} measured, gain {told.told}; the tournament chose"
        f" {winner.choice.winner} ({winner.choice.why}); {time.perf_counter() - begin:.0f} s.\n"
    )


def ranked(engine: Engine, score: Scorer, one: Asked) -> Rows:
    """As the engine answers, with the judged items in the pool that its sources do not propose."""
    context = engine.context(one.request)
    proposals = {
        name: source.retrieve(context, engine.settings.surfaces["search"].candidates)
        for name, source in engine.sources_of("search").items()
    }
    pool = Pool.of(proposals, np.empty(0, np.int32))
    return engine.arrange(context, pool, score(context, pool)).rows


def measured(rank: Rank, asked: Sequence[Asked]) -> metrics.Values:
    """float64 [requests, 2]: NDCG@K over the whole catalogue, what nobody judged being wrong, and of the judged items
    alone, where those that a system does not find stand last, in the order of the catalogue."""
    values = np.empty((len(asked), 2))
    for at, one in enumerate(asked):
        rows, judged = rank(one), one.judged if one.judged is not None else one.rows
        kept = rows[np.isin(rows, judged)]
        lists = (rows[:K], np.concatenate((kept, judged[~np.isin(judged, kept)]))[:K])
        for column, shown in enumerate(lists):
            padded = np.full((1, K), -1, np.int32)
            padded[0, : len(shown)] = shown
            values[at, column] = metrics.ndcg(*metrics.gains_at(padded, [one.rows], [one.gains]))[0]
    return values


def estimate(values: metrics.Values) -> str:
    (mean,) = metrics.estimates(values[:, None], 0)
    return f"{mean.value:.4f} | {mean.low:.3f}–{mean.high:.3f}"


def peers(engine: Engine, items: pa.Table) -> dict[str, Rank]:
    """The systems to compare with."""
    texts = [{field: getattr(item, field) for field in FIELDS} for item in item_texts(items)]
    tantivy_title, tantivy_all = (Tantivy.of(texts, fields) for fields in (("title",), FIELDS))
    found: dict[str, Rank] = {
        "BM25 of titles, bm25s": bm25_titles(texts),
        "BM25 of titles, tantivy": tantivy_title.rank,
        "BM25 of all fields, tantivy": tantivy_all.rank,
    }
    semantic: Any = engine.sources.get("semantic")
    if semantic is None or not len(semantic.vectors):
        return found
    dense = dense_of(engine)

    def reciprocal_rank(one: Asked) -> Rows:
        lists = [tantivy_all.rank(one)[:DEPTH], dense(one)]
        rows = np.unique(np.concatenate(lists))
        scores = np.zeros(len(rows))
        for each in lists:
            scores[np.searchsorted(rows, each)] += 1.0 / (RRF_OFFSET + 1 + np.arange(len(each)))
        return rows[np.argsort(-scores, kind="stable")]

    return {**found, DENSE: dense, "reciprocal rank fusion (tantivy, dense)": reciprocal_rank}


def dense_of(engine: Engine) -> Rank:
    """By the cosine of meanings alone."""
    semantic: Any = engine.sources["semantic"]

    def dense(one: Asked) -> Rows:
        vector = semantic.vector(one.request.query)
        return np.empty(0, np.int32) if vector is None else semantic.vectors.search(vector, DEPTH)[0]

    return dense


def bm25_titles(texts: Sequence[Mapping[str, str]]) -> Rank:
    try:
        import bm25s
    except ImportError:
        sys.exit("benchmarks/judged.py compares with bm25s, which is not installed: pip install bm25s")
    index = bm25s.BM25()
    index.index([words(text["title"]) or ["?"] for text in texts], show_progress=False)

    def rank(one: Asked) -> Rows:
        scores = index.get_scores(words(one.request.query)) if words(one.request.query) else np.zeros(len(texts))
        order = np.argsort(-scores, kind="stable")[:DEPTH].astype(np.int32)
        return order[scores[order] > 0]

    return rank


@dataclass(frozen=True)
class Tantivy:
    index: tantivy.Index
    fields: tuple[str, ...]

    @classmethod
    def of(cls, texts: Sequence[Mapping[str, str]], fields: tuple[str, ...]) -> Tantivy:
        builder = tantivy.SchemaBuilder().add_unsigned_field("row", stored=True)
        for field in fields:
            builder.add_text_field(field, tokenizer_name="en_stem")
        index = tantivy.Index(builder.build())
        writer = index.writer(128_000_000, num_threads=1)
        for row, text in enumerate(texts):
            writer.add_document(tantivy.Document(row=row, **{field: " ".join(words(text[field])) for field in fields}))
        writer.commit()
        index.reload()
        return cls(index, fields)

    def rank(self, one: Asked) -> Rows:
        asked = " ".join(words(one.request.query))
        if not asked:
            return np.empty(0, np.int32)
        searcher = self.index.searcher()
        hits = searcher.search(self.index.parse_query(asked, list(self.fields)), DEPTH).hits
        return np.fromiter(self._rows(searcher, hits), np.int32)

    @staticmethod
    def _rows(searcher: Any, hits: Sequence[tuple[float, Any]]) -> Iterator[int]:
        return (searcher.doc(address)["row"][0] for _, address in hits)


if __name__ == "__main__":
    main()
