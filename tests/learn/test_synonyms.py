"""A planted log: people who say sofa and people who say couch choose the same."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from shopkeeper.engine.wording import Analyser
from shopkeeper.learn.searches import SEARCHES
from shopkeeper.learn.synonyms import propose


def search(actor: str, query: str, *clicked: str, session: str = "") -> dict[str, Any]:
    lists = {"clicked": list(clicked), "carted": [], "bought": []}
    return {"actor": actor, "session_id": session or f"{actor} {query}", "query": query, **lists}


def proposed(*rows: dict[str, Any]) -> dict[tuple[str, str], tuple[float, int, int]]:
    table = pa.Table.from_pylist(list(rows), schema=SEARCHES)
    return {each.words: (each.likeness, each.queries, each.people) for each in propose(table, Analyser.of())}


def test_queries_that_lead_to_the_same_are_proposed() -> None:
    found = proposed(
        *(search(f"a{at}", "red sofa", "s1", "s2") for at in range(3)),
        *(search(f"b{at}", "Red couch", "s1", "s2", "s3") for at in range(3)),
        *(search(f"c{at}", "red table", "t1", "t2") for at in range(3)),
        *(search(f"d{at}", "sofas", "s1", "s2") for at in range(3)),
    )
    assert ("couch", "sofa") in found
    assert not any("table" in words for words in found)
    likeness, queries, people = found["couch", "sofa"]
    assert 0.8 < likeness < 0.83  # 2 / sqrt(2 · 3)
    assert (queries, people) == (1, 0)


def test_what_is_tried_next_and_found_is_proposed() -> None:
    visits = [
        row
        for at in range(3)
        for row in (
            search(f"a{at}", "settee", session=f"s{at}"),
            search(f"a{at}", "sofa", "s1", session=f"s{at}"),
        )
    ]
    assert proposed(*visits) == {("settee", "sofa"): (0.0, 1, 3)}
    assert proposed(*visits[:4]) == {}  # two people only


def test_what_one_person_does_often_proposes_nothing() -> None:
    rows = [search("a", query, "s1", "s2", session=f"{at}") for at in range(9) for query in ("sofa", "couch")]
    assert proposed(*rows) == {}
    assert proposed() == {}


def test_a_query_that_says_more_is_no_synonym() -> None:
    rows = [search(f"{query}{at}", query, "s1", "s2") for at in range(4) for query in ("sofa", "red sofa", "sofas")]
    assert proposed(*rows) == {}
