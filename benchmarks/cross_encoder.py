"""Judged items put in order by a cross-encoder that learned from other queries, beside the order of the engine.

    python benchmarks/cross_encoder.py [--data ../shared/data] [--work FOLDER] [--encoder-tokens N] [--max-tokens N]
        [--terms SHARE] [--minutes N] [SET]

The shop, its halves of queries and the measure are those of benchmarks/judged.py; of the half that teaches, a tenth (by
the MD5 of the text) stops the fit and chooses the weight. Prints Markdown, and what it takes to read 20 pairs at once.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from judged import SETS, K, Set, estimate, fraction, opened

from shopkeeper.data.tables import Tables
from shopkeeper.engine.cross_encoder import CrossEncoder
from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.ranking.reranker import Reranker
from shopkeeper.engine.rereading import texts_of
from shopkeeper.learn import metrics
from shopkeeper.learn.models.cross_encoder import Graded, learned
from shopkeeper.learn.requests import Asked, judgements_of
from shopkeeper.learn.reranking import WEIGHTS, Once
from shopkeeper.learn.workshop import Workshop
from shopkeeper.settings import CrossEncoderSettings
from shopkeeper.vocabulary import Rows, Scores, silent

WATCHED = 0.1  # of the half that teaches
DEPTH, TIMED = 20, 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--work", type=Path, help="where the shop is kept, and what was learned")
    parser.add_argument("--encoder-tokens", type=int, default=32, help="of a text that the encoder reads")
    parser.add_argument("--max-tokens", type=int, default=40, help="of a query and a text that are read together")
    parser.add_argument("--terms", type=float, default=0.33, help="the share of the queries, by MD5, with their items")
    parser.add_argument("--minutes", type=float, default=10.0, help="for the fit")
    parser.add_argument("set", nargs="?", default="home-depot-search", choices=list(SETS))
    arguments = parser.parse_args()
    logging.basicConfig()
    logging.getLogger("shopkeeper").setLevel(logging.INFO)
    with tempfile.TemporaryDirectory() as folder:
        contest(arguments, (arguments.work or Path(folder)) / arguments.set)


def contest(arguments: argparse.Namespace, work: Path) -> None:
    told, begin = SETS[arguments.set], time.perf_counter()
    shop = opened(told, arguments.data / arguments.set, work, arguments.terms)
    tables, settings = Tables(shop.directory), shop.settings
    settings = msgspec.structs.replace(
        settings,
        encoder=msgspec.structs.replace(settings.encoder, max_tokens=arguments.encoder_tokens),
        cross_encoder=CrossEncoderSettings(model="bundled", max_tokens=arguments.max_tokens, depth=DEPTH),
        train=msgspec.structs.replace(settings.train, threads=1, budget_minutes=arguments.minutes),
        surfaces={"search": msgspec.structs.replace(settings.surfaces["search"], budget_ms=0.0)},
    )
    engine = Workshop.open(tables, settings, shop.directory / "cache", silent).engine({})
    asked = [
        one
        for one in judgements_of(tables.table("judgements"), engine.catalogue.ids)
        if one.judged is not None and len(one.judged) >= told.fewest
    ]
    teaching = [one for one in asked if fraction(one.request.query) < 0.5]
    watching = [one for one in teaching if fraction(one.request.query) < 0.5 * WATCHED]
    learning = [one for one in teaching if fraction(one.request.query) >= 0.5 * WATCHED]
    testing = [one for one in asked if fraction(one.request.query) >= 0.5]
    lists = [[in_order(engine, one) for one in some] for some in (learning, watching, testing)]
    encoder = learned(
        *([read_of(engine, each) for each in some] for some in lists[:2]),
        settings.cross_encoder,
        settings.train,
        work / "cross_encoder",
        work / "models",
    )
    fitted = time.perf_counter() - begin
    chosen = weighed(engine, encoder, lists[1], told)
    systems = {
        "untrained fusion": replace(chosen, weight=0.0),
        "the cross-encoder alone": replace(chosen, weight=1e6),
        f"both, the cross-encoder weighing {chosen.weight:g}": chosen,
    }
    values = {system: ndcg(engine, each, lists[2], told) for system, each in systems.items()}
    print("| system | NDCG@10, judged items | 95 % | above the fusion |")
    print("|---|---:|---|---|")
    for system, each in values.items():
        gained = metrics.compare(each, values["untrained fusion"], 0).difference
        print(f"| {system} | {estimate(each)} | {gained.value:+.4f} ({gained.low:+.4f} to {gained.high:+.4f}) |")
    print(
        f"\n{len(engine.catalogue):,} items; {len(learning):,} queries to learn from, {len(watching):,} to stop by,"
        f" {len(testing):,} measured, gain {told.told}; learned in {fitted:.0f} s. {timed(engine, encoder, testing)}"
    )


class Judged(NamedTuple):
    """The judged items of a query in the order of the engine, int32 [n], with its scores and their grades, float32
    [n]; those that it does not find stand last, in the order of the catalogue."""

    query: str
    rows: Rows
    scores: Scores
    grades: Scores


def in_order(engine: Engine, one: Asked) -> Judged:
    context, judged = engine.context(one.request), one.judged if one.judged is not None else one.rows
    pool = engine.candidates(context)
    ranking = engine.arrange(context, pool, engine.fused(context, pool, "reciprocal_rank"))
    found = np.isin(ranking.rows, judged)
    missed = judged[~np.isin(judged, ranking.rows)]
    rows = np.concatenate((ranking.rows[found], missed))
    scores = np.concatenate((ranking.scores[found], np.full(len(missed), ranking.scores.min(initial=0.0), np.float32)))
    grades = np.zeros(len(rows), np.float32)
    at = np.argsort(rows)
    grades[at[np.searchsorted(rows, one.rows, sorter=at)]] = one.gains
    return Judged(context.request.query, rows, scores, grades)


def read_of(engine: Engine, one: Judged) -> Graded:
    return Graded(one.query, texts_of(engine.catalogue, one.rows), one.grades)


def weighed(engine: Engine, encoder: CrossEncoder, watched: Sequence[Judged], told: Set) -> Reranker:
    """As `weighed` of learn/reranking.py, of judged items."""
    once = Once(encoder)
    for one in watched:
        once.score(one.query, texts_of(engine.catalogue, one.rows))
    rerankers = [Reranker(once, "search", DEPTH, weight, once.spread) for weight in WEIGHTS]
    return max(rerankers, key=lambda each: ndcg(engine, each, watched, told).mean())


def ndcg(engine: Engine, reranker: Reranker, lists: Sequence[Judged], told: Set) -> metrics.Values:
    """float64 [queries]: NDCG@K of the judged items."""
    values = np.empty(len(lists))
    for at, one in enumerate(lists):
        read = reranker.reader.score(one.query, texts_of(engine.catalogue, one.rows))
        again = reranker.again(one.scores, read, one.scores[:0])
        order = np.argsort(-again, kind="stable") if reranker.weight else slice(None)
        gains = told.gain(one.grades) * (one.grades > 0)
        values[at] = metrics.ndcg(gains[order][None, :K], np.sort(gains)[None, ::-1])[0]
    return values


def timed(engine: Engine, encoder: CrossEncoder, asked: Sequence[Asked]) -> str:
    """What it takes to read the first DEPTH of an answer, on one thread."""
    took = []
    for one in asked[:TIMED]:
        rows = engine.rank(engine.context(one.request)).rows[:DEPTH]
        begin = time.perf_counter()
        encoder.score(one.request.query, texts_of(engine.catalogue, rows))
        took.append(1e3 * (time.perf_counter() - begin))
    return f"{DEPTH} pairs are read in {np.median(took):.1f} ms (median; 95 of 100 in {np.quantile(took, 0.95):.1f})."


if __name__ == "__main__":
    main()
