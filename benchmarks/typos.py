"""How much of the quality of search is left when queries are misspelt.

    python benchmarks/typos.py [--shop DIR] [--data ../shared/data] [--seeds 10]

Every judged query that has a word of at least four letters is damaged by rule: one or two edits, each a letter left
out, put in, put in another's place, or exchanged with its neighbour, anywhere in such a word. NDCG@10 of the damaged
queries is held against that of the same queries as they were, for the words alone and for what is served, over several
seeds. Takes a trained shop with judgements, or makes one of icecat-electronics-search. Prints Markdown.
"""

from __future__ import annotations

import argparse
import random
import re
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from string import ascii_lowercase

import msgspec
import numpy as np

from shopkeeper.data.tables import Tables
from shopkeeper.engine.pipeline import Engine
from shopkeeper.learn.evaluate import evaluate
from shopkeeper.learn.requests import Asked, judgements_of
from shopkeeper.learn.train import train
from shopkeeper.shop import Shop

WORD = re.compile(r"[A-Za-z]{4,}")
FIRST_SEED = 1_000  # below are the seeds to develop with


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shop", type=Path, help="a trained shop with judgements, instead of a new one")
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--seeds", type=int, default=10, help="damages of each query")
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop(arguments.shop) if arguments.shop else trained(arguments.data, Path(folder) / "shop")
        engine = shop.engine()
        asked = judgements_of(Tables(shop.directory).table("judgements"), engine.catalogue.ids)
        asked = [one for one in asked if WORD.search(one.request.query)]
        print(f"{len(asked)} judged queries, {arguments.seeds} damages of each.\n")
        print("| system | edits | NDCG@10 as written | NDCG@10 damaged | kept |\n|---|---:|---:|---:|---:|")
        seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
        for name, one in (("words alone", engine.asking("search", ["lexical"])), ("served", engine)):
            whole = ndcg(one, asked)
            for edits in (1, 2):
                found = [ndcg(one, damaged(asked, edits, seed)) for seed in seeds]
                left = float(np.mean(found))
                print(f"| {name} | {edits} | {whole:.4f} | {left:.4f} | {left / whole:.1%} |", flush=True)


def trained(data: Path, directory: Path) -> Shop:
    shop = Shop.new(directory, [data / "icecat-electronics-search"])
    shop.ingest()
    settings = msgspec.structs.replace(shop.settings, surfaces={"search": shop.settings.surfaces["search"]})
    train(Tables(directory), settings, shop.releases)
    return shop


def ndcg(engine: Engine, asked: Sequence[Asked]) -> float:
    return evaluate(engine, asked).systems["served"]["ndcg@10"].value


def damaged(asked: Sequence[Asked], edits: int, seed: int) -> list[Asked]:
    chance = random.Random(seed)
    return [
        replace(one, request=msgspec.structs.replace(one.request, query=misspelt(one.request.query, edits, chance)))
        for one in asked
    ]


def misspelt(query: str, edits: int, chance: random.Random) -> str:
    """With so many edits in words that had four letters or more; each changes the query."""
    spans = [match.span() for match in WORD.finditer(query)]
    words = {span: query[slice(*span)] for span in spans}
    for _ in range(edits):
        span = chance.choice(spans)
        words[span] = edited(words[span], chance)
    for start, end in reversed(spans):
        query = query[:start] + words[start, end] + query[end:]
    return query


def edited(word: str, chance: random.Random) -> str:
    at, letter = chance.randrange(len(word)), chance.choice(ascii_lowercase)
    changed = {
        "deletion": word[:at] + word[at + 1 :],
        "insertion": word[:at] + letter + word[at:],
        "substitution": word[:at] + letter + word[at + 1 :],
        "transposition": word[:at] + word[at + 1 : at + 2] + word[at] + word[at + 2 :],
    }[chance.choice(("deletion", "insertion", "substitution", "transposition"))]
    return edited(word, chance) if changed.lower() == word.lower() else changed


if __name__ == "__main__":
    main()
