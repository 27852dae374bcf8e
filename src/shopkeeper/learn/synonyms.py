"""Synonyms that the clicks propose: queries that lead to the same products, or that people try one after another.

A person decides: nothing here changes what a search finds.
"""

from __future__ import annotations

from collections import defaultdict
from importlib.resources import files

import msgspec
import numpy as np
import pyarrow as pa

from shopkeeper.data.duck import connect
from shopkeeper.engine.wording import Analyser

FEWEST_PEOPLE = 3  # who must have given each piece of evidence
LEAST_ALIKE, FEWEST_ITEMS = 0.3, 2  # the cosine of what people chose, and of how many items in common
MOST_WORDS, MOST_PROPOSALS = 3, 100


class Proposal(msgspec.Struct, frozen=True):
    """Two words, or runs of words, that may mean the same. likeness: from 0 to 1, of what people chose after queries
    that differ in them alone; queries: how many such pairs there are; people: who asked for one, chose nothing, then
    asked for the other and chose something (0: fewer than FEWEST_PEOPLE)."""

    words: tuple[str, str]
    likeness: float
    queries: int
    people: int


def propose(searches: pa.Table, analyser: Analyser, people: int = FEWEST_PEOPLE) -> tuple[Proposal, ...]:
    """From a table of schema SEARCHES; the best founded first. Every query of a proposal was asked, and every choice
    behind it made, by at least so many people."""
    found: defaultdict[tuple[str, str], list[tuple[float, int]]] = defaultdict(list)
    for query, other, likeness, items, reformulated in _pairs(searches, people):
        shared = likeness >= LEAST_ALIKE and items >= FEWEST_ITEMS
        if (shared or reformulated) and (words := _difference(query, other, analyser)):
            found[words].append((likeness if shared else 0.0, reformulated))
    proposals = [
        Proposal(words, round(max(told)[0], 3), len(told), sum(each for _, each in told))
        for words, told in found.items()
    ]
    return tuple(sorted(proposals, key=lambda each: (-each.likeness - each.people, each.words))[:MOST_PROPOSALS])


def _pairs(searches: pa.Table, people: int) -> list[tuple[str, str, float, int, int]]:
    statement = files("shopkeeper.learn").joinpath("synonyms.sql").read_text(encoding="utf-8")
    with connect() as database:
        database.register("searches", searches.append_column("number", pa.array(np.arange(len(searches)))))
        return database.execute(statement, {"people": people}).fetchall()


def _difference(query: str, other: str, analyser: Analyser) -> tuple[str, str] | None:
    """The words in which two queries differ; None where one merely says more, or they are long."""
    one, two = ({analyser.stem(word.text): word.text for word in analyser.query_words(each)} for each in (query, other))
    differing = [
        [text for stem, text in mine.items() if stem not in theirs] for mine, theirs in ((one, two), (two, one))
    ]
    if not all(1 <= len(words) <= MOST_WORDS for words in differing):
        return None
    first, second = sorted(" ".join(words) for words in differing)
    return first, second
