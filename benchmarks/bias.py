"""Position bias as it is estimated, held against a simulated shop, where it is known; and what its correction brings.

    python benchmarks/bias.py [--products N] [--events N] [--seed N] [--work FOLDER]

The same shop as that of benchmarks/evidence.py, which exchanges the first place of some lists with another by chance.
A ranker learns from the same searches with clicks weighed by the curve and with all clicks alike, and both orders are
held against what truly answers queries, which only the simulation knows. Prints Markdown.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from evidence import SETTINGS, opened

from shopkeeper.data.simulate import Truth
from shopkeeper.data.tables import Tables
from shopkeeper.learn.evaluate import measure
from shopkeeper.learn.examination import Chances, estimate_examination, examination_of, weigh
from shopkeeper.learn.metrics import compare
from shopkeeper.learn.rankers.lambdamart import LambdaMart
from shopkeeper.learn.replay import examples_of, learned, replay
from shopkeeper.learn.requests import Asked
from shopkeeper.learn.searches import with_events
from shopkeeper.learn.split import split
from shopkeeper.learn.workshop import Workshop
from shopkeeper.vocabulary import Ids, Request, silent

QUERIES = 400
SWAPS = """
WITH lists AS (
    SELECT slate_id, concat(count(*), ' ', min(query) IS NULL) AS kind,
        coalesce(min(cast(substr(attributes ->> '$.list_test', 6) AS INTEGER)), 0) AS other
    FROM events WHERE type = 'impression' GROUP BY slate_id
), acted AS (SELECT DISTINCT slate_id, item_id FROM events WHERE type = 'view' AND slate_id IS NOT NULL)
SELECT dense_rank() OVER (ORDER BY kind, by_score) - 1 AS pair, position, count(*) AS shown, count(acted) AS acted
FROM (
    SELECT kind, position, acted.item_id AS acted,
        CASE WHEN other > 0 AND position = 1 THEN other WHEN position = other THEN 1 ELSE position END AS by_score
    FROM events JOIN lists USING (slate_id) LEFT JOIN acted USING (slate_id, item_id)
    WHERE type = 'impression'
) GROUP BY kind, by_score, position
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, default=2_000)
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--work", type=Path, help="where the shop is kept")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = arguments.work or Path(folder)
        tables = opened(work, arguments.products, arguments.events, arguments.seed)
        truth = Truth.load(work)
        swaps = curves(tables, truth)
        contest(tables, truth, work / "cache", swaps, arguments.seed)


def curves(tables: Tables, truth: Truth) -> Chances:
    """Prints the curves; gives that of the swaps."""
    with with_events(tables.folder) as database:
        swaps = estimate_examination(database.sql(SWAPS).to_arrow_table())
    harvested = examination_of(tables.folder)
    assert swaps is not None
    assert harvested is not None
    true = np.array(truth.examination) / truth.examination[0]
    print("| curve | " + " | ".join(f"{place}" for place in range(1, len(true) + 1)) + " | mean error | worst |")
    print("|---|" + "---:|" * (len(true) + 2))
    for name, curve in {"true": true, "by swaps": swaps, "by what stood at several places": harvested.looked}.items():
        errors = np.abs(curve - true[: len(curve)])
        cells = [*(f"{value:.2f}" for value in curve), *["–"] * (len(true) - len(curve))]
        print(f"| {name} | {' | '.join(cells)} | {errors.mean():.3f} | {errors.max():.3f} |")
    return swaps


def contest(tables: Tables, truth: Truth, cache: Path, swaps: Chances, seed: int) -> None:
    shop = replace(Workshop.open(tables, SETTINGS, cache, silent), examination=None)
    parts = split(shop.interactions, SETTINGS.train, shop.now)
    assert parts is not None
    engine = shop.engine_of(parts.validation, {}, "validation")
    names = engine.feature_names("search")
    asked = shop.requests(parts.validation)["search"]
    learn = round(0.8 * len(asked))
    examples, watched = (examples_of(engine, some, seed=seed) for some in (asked[:learn], asked[learn:]))
    judged = graded(truth, shop.catalogue.ids)
    scorers = {"all clicks alike": learned(engine, LambdaMart().fit(examples, watched, names, SETTINGS))}
    harvested = examination_of(tables.folder)
    assert harvested is not None
    for name, curve in {"weighed by swaps": swaps, "weighed by several places": harvested.looked}.items():
        weighed = weigh(asked, curve, tables.folder, shop.catalogue.ids)
        taught, stop = (examples_of(engine, some, seed=seed) for some in (weighed[:learn], weighed[learn:]))
        scorers[name] = learned(engine, LambdaMart().fit(taught, stop, names, SETTINGS))
    answers = replay(engine, judged, scorers, 10)
    values = {name: measure(engine, answers[name], judged)["ndcg"] for name in scorers}
    print(f"\n{len(judged)} queries held against the truth, learned from {len(examples):,} searches\n")
    print("| clicks | NDCG@10 against the truth | better than all alike |\n|---|---:|---|")
    for name, column in values.items():
        ahead = compare(column, values["all clicks alike"], seed).difference
        print(f"| {name} | {column.mean():.4f} | {ahead.value:+.4f} ({ahead.low:+.4f} to {ahead.high:+.4f}) |")


def graded(truth: Truth, items: Ids) -> list[Asked]:
    """Some queries as they are rightly spelt, each with the items that truly answer it."""
    texts = sorted({query["query"] for query in truth.table("queries").to_pylist() if not query["misspelt"]})
    asked: list[Asked] = []
    for at in np.random.default_rng(0).permutation(len(texts)):
        found = truth.grades(texts[at])
        rows = items.rows(found.column("product_id").to_pylist())
        if len(rows) and len(asked) < QUERIES:
            order = np.argsort(rows)
            gains = found.column("grade").to_numpy().astype(np.float32)[order]
            asked.append(Asked(Request(surface="search", query=texts[at]), rows[order].astype(np.int32), gains))
    return asked


if __name__ == "__main__":
    main()
