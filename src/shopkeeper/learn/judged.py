"""Search learned from people's judgements: in folds of queries, so that what is told of a ranker is told of queries
that it has not learned from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from hashlib import md5

import numpy as np
import numpy.typing as npt

from shopkeeper.engine.context import Context
from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.ranking.fusion import Pool
from shopkeeper.engine.ranking.ranker import Ranker
from shopkeeper.engine.ranking.recipe import Examples
from shopkeeper.engine.rereading import reread
from shopkeeper.engine.text import folded_line
from shopkeeper.learn.evaluate import measure
from shopkeeper.learn.metrics import Ranks, Values
from shopkeeper.learn.replay import Scorer, examples_of
from shopkeeper.learn.requests import Asked
from shopkeeper.settings import Settings
from shopkeeper.vocabulary import Progress, Request, Scores

FOLDS = 5
RANKERS, ENCODER, CROSS_ENCODER = "rankers", "encoder", "cross_encoder"  # what judged queries teach
FEWEST_JUDGED_TO_LEARN = 50  # queries: each brings a dozen grades or more, where a click is one

Fit = Callable[[Examples, Examples], Ranker]  # of what is learned from, and what is watched


@dataclass(frozen=True)
class InFolds:
    """fold_of: the fold of each judged query; rankers: by fold, each learned from the other folds alone."""

    fold_of: Mapping[str, int]
    rankers: Sequence[Ranker]

    def scorer(self, engine: Engine) -> Scorer:
        """What orders candidates for the judged queries, none of which it has learned from."""
        as_read = {
            engine.context(Request(surface="search", query=query)).request.query: fold
            for query, fold in self.fold_of.items()
        }  # what is understood is taken out of a query

        def score(context: Context, pool: Pool) -> Scores:
            ranker = self.rankers[as_read[context.request.query]]
            return reread(engine, context, pool, ranker.score(engine.features(context, pool)))

        return score


@dataclass(frozen=True)
class Judgements:
    """The judged queries as examples, by fold. asked: of all folds."""

    asked: Sequence[Asked]
    folds: npt.NDArray[np.int64]
    examples: Sequence[Examples]

    @classmethod
    def of(cls, engine: Engine, asked: Sequence[Asked], *, seed: int, progress: Progress) -> Judgements:
        folds = folds_of([engine.context(one.request).request.query for one in asked])
        examples = [
            examples_of(
                engine,
                [one for one, own in zip(asked, folds.tolist(), strict=True) if own == held],
                seed=seed,
                progress=progress,
                stage=f"replay judged queries, part {held + 1} of {FOLDS}",
            )
            for held in range(FOLDS)
        ]
        return cls(asked, folds, examples)

    def __len__(self) -> int:
        return sum(map(len, self.examples))

    def together(self, without: int | None = None) -> Examples:
        """Of all folds, or all but one."""
        return reduce(Examples.followed_by, (each for own, each in enumerate(self.examples) if own != without))

    def fitted(self, fit: Fit) -> Ranker:
        """By all queries: one fold of them is watched."""
        return fit(self.together(without=0), self.examples[0])

    def in_folds(self, fit: Fit) -> InFolds:
        """The same for each fold without it. Another fold is watched."""
        rankers = []
        for held in range(FOLDS):
            watched = (held + 1) % FOLDS
            others = [each for own, each in enumerate(self.examples) if own not in (held, watched)]
            rankers.append(fit(reduce(Examples.followed_by, others), self.examples[watched]))
        queries = (one.request.query for one in self.asked)
        return InFolds(dict(zip(queries, self.folds.tolist(), strict=True)), rankers)


def folds_of(queries: Sequence[str]) -> npt.NDArray[np.int64]:
    """int64 [queries]: of like size, and the same whatever the order. What differs in case and blanks alone is one
    query, and in one fold; so are "mug under 6" and "mug under 8", where queries are given as they are read."""
    texts = [folded_line(query) for query in queries]
    order = sorted(set(texts), key=lambda text: md5(text.encode(), usedforsecurity=False).digest())
    places = {text: place % FOLDS for place, text in enumerate(order)}
    return np.array([places[text] for text in texts], np.int64)


def judged_ndcg(engine: Engine, answers: Ranks, among_judged: Ranks, asked: Sequence[Asked]) -> Values:
    """float64 [requests]: the mean of NDCG where what nobody judged is wrong, and where it is left out of the lists
    (condensed lists; Sakai, "Alternatives to Bpref", SIGIR 2007). The one punishes whoever finds what the judges were
    not shown, the other lets anything stand between: the truth lies between them."""
    return (measure(engine, answers, asked)["ndcg"] + measure(engine, among_judged, asked)["ndcg"]) / 2


def readers_of(settings: Settings) -> tuple[str, ...]:
    """The networks that read texts and may learn from judged queries."""
    wanted = {ENCODER: settings.encoder.fine_tune, CROSS_ENCODER: settings.cross_encoder.model != "none"}
    return tuple(name for name, asked_for in wanted.items() if asked_for)


def parted(asked: Sequence[Asked], readers: Sequence[str]) -> tuple[list[Asked], dict[str, list[Asked]]]:
    """The judged queries from which rankers learn, and by which all is measured; and, of the other half by MD5, those
    that teach each of the networks which read texts: one that had learned from a query would tell whoever orders by it
    the answer. All are the rankers' where any part would be too few to learn from."""
    parts: dict[str, list[Asked]] = {name: [] for name in (RANKERS, *readers)}
    for one in asked:
        parts[_taught_by(one.request.query, readers)].append(one)
    if min(map(len, parts.values())) < FEWEST_JUDGED_TO_LEARN:
        return [*asked], {name: [] for name in readers}
    return parts.pop(RANKERS), parts


def _taught_by(query: str, readers: Sequence[str]) -> str:
    digest = md5(folded_line(query).encode() + b"|reader", usedforsecurity=False).digest()
    return RANKERS if digest[0] >= 128 or not readers else readers[digest[0] * len(readers) // 128]
