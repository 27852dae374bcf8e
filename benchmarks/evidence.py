"""What a search's evidence is worth: the learned order with and without some of its features, on a simulated shop.

    python benchmarks/evidence.py [--products N] [--events N] [--seed N] [--requests N] [--work FOLDER]

The ranker learns from the searches of the validation part and is measured on those of the test part, each as of its
moment; without a group of features means that they are not known, in learning and in serving. Differences are in pairs,
with 95 % intervals, of all searches, of people with a history (5 events or more) and of newcomers. Clicks are rare and
hang on chance; what people like is known here, so that it is told, too, how much of the first ten each person truly
likes: 1 for the brand and 0.8 for the colour that they favour, the first places counting most (as DCG has it). Prints
Markdown.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import msgspec
import numpy as np

from shopkeeper.data.ingest import ingest
from shopkeeper.data.mapper import propose
from shopkeeper.data.readers import discover
from shopkeeper.data.simulate import Truth, simulate
from shopkeeper.data.tables import Tables
from shopkeeper.engine.context import Context
from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.query_clicks import CLICK_FEATURES
from shopkeeper.engine.ranking.features import PERSON_FEATURES
from shopkeeper.engine.ranking.fusion import Pool
from shopkeeper.engine.ranking.ranker import Ranker
from shopkeeper.engine.ranking.recipe import Examples
from shopkeeper.learn.evaluate import measure
from shopkeeper.learn.groups import REGULAR_FROM
from shopkeeper.learn.metrics import Ranks, Values, compare
from shopkeeper.learn.rankers.lambdamart import LambdaMart
from shopkeeper.learn.replay import Scorer, examples_of, replay
from shopkeeper.learn.requests import Asked
from shopkeeper.learn.split import split
from shopkeeper.learn.workshop import Workshop
from shopkeeper.settings import DEFAULT_SURFACES, DataSettings, EncoderSettings, Settings, TrainSettings
from shopkeeper.vocabulary import Mask, Scores, silent

GROUPS = {
    "the query's clicks": CLICK_FEATURES,
    "the person": PERSON_FEATURES,
    "the person's attributes": ("history_attributes",),
}
SETTINGS = Settings(
    encoder=EncoderSettings(model="none"),
    train=TrainSettings(threads=1, max_requests=4_000),
    surfaces={"search": DEFAULT_SURFACES["search"]},
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, default=2_000)
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--requests", type=int, default=4_000, help="searches of each part, at most")
    parser.add_argument("--work", type=Path, help="where the shop is kept")
    arguments = parser.parse_args()
    train = msgspec.structs.replace(SETTINGS.train, max_requests=arguments.requests)
    settings = msgspec.structs.replace(SETTINGS, train=train)
    with tempfile.TemporaryDirectory() as folder:
        work = arguments.work or Path(folder)
        contest(
            opened(work, arguments.products, arguments.events, arguments.seed), work / "cache", settings, arguments.seed
        )


def opened(work: Path, products: int, events: int, seed: int) -> Tables:
    """The tables of a simulated shop, made where there are none yet."""
    shop = work / "shop"
    if not Tables(shop).has("items"):
        truth: Truth = simulate(work, products=products, events=events, seed=seed, end=date(2026, 4, 5))
        ingest(propose(discover(truth.exports)), [truth.exports], shop, DataSettings(), silent)
    return Tables(shop)


def contest(tables: Tables, cache: Path, settings: Settings, seed: int) -> None:
    shop = Workshop.open(tables, settings, cache, silent)
    parts = split(shop.interactions, settings.train, shop.now)
    assert parts is not None
    engine = shop.engine_of(parts.validation, {}, "validation")
    names = engine.feature_names("search")
    asked = shop.requests(parts.validation)["search"]
    learn = round(0.8 * len(asked))
    examples, watched = (examples_of(engine, some, seed=seed) for some in (asked[:learn], asked[learn:]))
    rankers = {"": fitted(examples, watched, names, ())}
    rankers |= {group: fitted(examples, watched, names, hidden) for group, hidden in GROUPS.items()}
    engine = shop.engine_of(parts.test, {}, "test")
    later = shop.requests(parts.test)["search"]
    scorers = {group: scorer(engine, ranker, names, GROUPS.get(group, ())) for group, ranker in rankers.items()}
    answers = replay(engine, later, scorers, 10)
    values = {group: measure(engine, answers[group], later)["ndcg"] for group in scorers}
    history = np.array([len(engine.context(one.request).history) for one in later])
    print(f"{len(later):,} searches, learned from {len(examples):,}; NDCG@10 with everything {values[''].mean():.4f}\n")
    known = history >= REGULAR_FROM
    report("NDCG@10", values, known, seed)
    truth = Truth.load(tables.folder.parent.parent)
    liked = {group: likings(truth, engine, later, answers[group]) for group in scorers}
    print(f"\nLiking of the first ten with everything {liked[''].mean():.4f}\n")
    report("liking", liked, known, seed)


def report(measured: str, values: Mapping[str, Values], known: Mask, seed: int) -> None:
    print(f"| {measured}, without | all searches | people with a history | newcomers |\n|---|---|---|---|")
    for group in GROUPS:
        cells = [gain(values[""], values[group], some, seed) for some in (np.ones_like(known), known, ~known)]
        print(f"| {group} | {' | '.join(cells)} |")


def likings(truth: Truth, engine: Engine, asked: Sequence[Asked], answers: Ranks) -> Values:
    """float64 [requests]: the taste of each person for what they were answered, int32 [requests, 10], of which nothing
    is better than 1.8."""
    items, users = (truth.table(name) for name in ("items", "users"))
    places = {item: at for at, item in enumerate(items.column("product_id").to_pylist())}
    owners = {user: at for at, user in enumerate(users.column("customer_id").to_pylist())}
    item = np.array([places[id_] for id_ in engine.catalogue.ids])
    user = np.array([owners.get(one.request.user or "", -1) for one in asked])
    discounts = (answers >= 0) / np.log2(np.arange(2, answers.shape[1] + 2))
    likes = np.zeros(answers.shape)
    for facet, weight in (("brand", 1.0), ("colour", 0.8)):
        theirs, own = users.column(facet).to_numpy()[user], items.column(facet).to_numpy()[item]
        likes += weight * ((own[answers] == theirs[:, None]) & (user >= 0)[:, None])
    return (likes * discounts).sum(axis=1) / np.maximum(discounts.sum(axis=1), 1e-9)


def gain(ours: Values, theirs: Values, some: Mask, seed: int) -> str:
    """How much everything is better than without a group, over some of the searches."""
    difference = compare(ours[some], theirs[some], seed).difference
    return f"{difference.value:+.4f} ({difference.low:+.4f} to {difference.high:+.4f}), {some.sum():,}"


def without(features: Scores, names: Sequence[str], hidden: Sequence[str]) -> Scores:
    features = features.copy()
    features[:, [at for at, name in enumerate(names) if name in hidden]] = np.nan
    return features


def fitted(examples: Examples, watched: Examples, names: Sequence[str], hidden: Sequence[str]) -> Ranker:
    some, more = (replace(each, features=without(each.features, names, hidden)) for each in (examples, watched))
    return LambdaMart().fit(some, more, names, SETTINGS)


def scorer(engine: Engine, ranker: Ranker, names: Sequence[str], hidden: Sequence[str]) -> Scorer:
    def score(context: Context, pool: Pool) -> Scores:
        return ranker.score(without(engine.features(context, pool), names, hidden))

    return score


if __name__ == "__main__":
    main()
