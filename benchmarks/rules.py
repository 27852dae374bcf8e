"""What rules cost a search: mean milliseconds with 0, 10 and 1,000 of them, of every kind that is looked up.

    python benchmarks/rules.py

The shop is invented: so many products, and queries of the words of their titles. Each round answers all queries under
every number of rules in turn, and what counts is the time of the processor, so that what else the machine does touches
all alike.
"""

from __future__ import annotations

import argparse
import random
import time

import numpy as np
import pyarrow as pa

from shopkeeper.data.schema import EVENTS, ITEMS
from shopkeeper.engine.context import Material
from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.ranking.statistics import Statistics
from shopkeeper.engine.sources import recipes
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.release.interactions import Interactions
from shopkeeper.settings import Rule, Settings
from shopkeeper.vocabulary import Request

SYLLABLES = [first + last for first in "bdfgklmnprst" for last in ("a", "el", "in", "o", "ur")]
CHINESE = "红蓝绿黑白大小手机壳马克杯台灯椅子茶壶"
NUMBERS = (0, 10, 1_000)


def words(dice: random.Random, many: int) -> list[str]:
    spaced = ["".join(dice.choices(SYLLABLES, k=3)) for _ in range(many)]
    return [*spaced, *("".join(dice.sample(CHINESE, 3)) for _ in range(many // 10))]


def shop(dice: random.Random, vocabulary: list[str], products: int) -> Engine:
    rows = [
        {"item_id": str(number), "title": " ".join(dice.choices(vocabulary, k=5)), "brand": f"brand{number % 50}"}
        for number in range(products)
    ]
    table = pa.Table.from_pylist(rows, schema=ITEMS)
    catalogue, settings = Catalogue.build(table), Settings()
    interactions, actors = Interactions.build(EVENTS.empty_table(), catalogue)
    material = Material(catalogue, table, interactions, 0.0, settings)
    return Engine(
        catalogue=catalogue,
        interactions=interactions,
        actors=actors,
        sources={"lexical": recipes(["lexical"])["lexical"].fit(material)},
        statistics=Statistics.fit(catalogue, interactions, 0.0),
        settings=settings,
    )


def rule(dice: random.Random, vocabulary: list[str], number: int, products: int) -> Rule:
    """Of ten rules, six speak of two words, two of a beginning, one of a whole query, and one is a pattern."""
    match = ("contains",) * 6 + ("starts",) * 2 + ("is", "pattern")
    chosen = match[number % 10]
    query = dice.choice(vocabulary) if chosen != "contains" else " ".join(dice.sample(vocabulary, 2))
    return Rule(
        id=str(number),
        query=f"*{query}" if chosen == "pattern" else query,
        match=chosen,  # type: ignore[arg-type]
        pin=(str(dice.randrange(products)),),
        boost=f"brand = brand{number % 50}",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    dice = random.Random(1)
    vocabulary = words(dice, 2_000)
    engine = shop(dice, vocabulary, given.products)
    rules = [rule(dice, vocabulary, number, given.products) for number in range(max(NUMBERS))]
    began = time.thread_time()
    engines = {number: engine.curated(rules[:number], ()) for number in NUMBERS}
    print(f"{sum(NUMBERS):,} rules read in {1000 * (time.thread_time() - began):.0f} ms")
    requests = [Request(query=" ".join(dice.choices(vocabulary, k=2))) for _ in range(given.queries)]
    took = {number: list[float]() for number in NUMBERS}
    looked = {number: list[float]() for number in NUMBERS}
    held = dict.fromkeys(NUMBERS, 0)
    for turn in range(given.rounds + 1):  # the first warms what is remembered of queries and filters
        for request in requests:
            for number, each in engines.items():
                began = time.thread_time()
                slate = each.answer(request)
                done = time.thread_time()
                context = each.context(request)
                looking = time.thread_time()
                each.policies.rules.book.holding(context)
                if turn:
                    took[number].append(done - began)
                    looked[number].append(time.thread_time() - looking)
                    held[number] += bool(slate.rules)
    print("| rules | a search, mean ms | p99 ms | of it, the look at the rules, mean µs | searches that one held for |")
    print("|---|---|---|---|---|")
    for number in NUMBERS:
        each, share = 1000 * np.array(took[number]), held[number] / len(took[number])
        look = 1e6 * float(np.mean(looked[number]))
        print(f"| {number:,} | {each.mean():.2f} | {np.percentile(each, 99):.2f} | {look:.0f} | {share:.0%} |")


if __name__ == "__main__":
    main()
