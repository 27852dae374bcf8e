"""Which queries of planted logs are suggested to others, and which never."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import settings as run
from hypothesis import strategies as st
from small_shop import NOW, items

from shopkeeper.data.schema import EVENTS, ITEMS
from shopkeeper.data.tables import Tables
from shopkeeper.engine.ranking.statistics import Statistics
from shopkeeper.engine.suggestions import Suggestions, typed_key
from shopkeeper.learn.searches import load_searches
from shopkeeper.learn.suggestions import learn_suggestions, queries_learned
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.release.interactions import Interactions
from shopkeeper.settings import Settings, SuggestSettings
from shopkeeper.shop import Shop
from shopkeeper.vocabulary import Event, EventType

DAY = 86_400.0


def search(
    query: str, user: str | None, session: str, item: str | None = "mug-red", ago: float = DAY
) -> list[dict[str, Any]]:
    """A search and, unless `item` is None, the click that it led to."""
    actor = user or f"session:{session}"
    told = [("search", None), *([("view", item)] if item else [])]
    return [
        {
            "type": kind,
            "time": datetime.fromtimestamp(NOW - ago + step, UTC).replace(tzinfo=None),
            "actor": actor,
            "user_id": user,
            "session_id": session,
            "query": query,
            "item_id": its,
        }
        for step, (kind, its) in enumerate(told)
    ]


def by(people: int, query: str, **said: Any) -> list[dict[str, Any]]:
    """The same search of as many people."""
    return [row for at in range(people) for row in search(query, f"u{at}", f"s{at} {query}", **said)]


def learn(folder: Path, *rows: Sequence[dict[str, Any]], table: pa.Table | None = None, **said: Any) -> Suggestions:
    place = folder / "tables" / "events" / "month=2023-11"
    place.mkdir(parents=True, exist_ok=True)
    events = [{"event_id": f"e{at}", "ordinal": at, **row} for at, row in enumerate(chain.from_iterable(rows))]
    pq.write_table(pa.Table.from_pylist(events, EVENTS), place / "part-0.parquet")
    table = items() if table is None else table
    pq.write_table(table, folder / "tables" / "items.parquet")
    tables, catalogue = Tables(folder), Catalogue.build(table)
    interactions, _ = Interactions.build(tables.events(), catalogue)
    statistics, settings = Statistics.fit(catalogue, interactions, NOW), Settings(**said)
    return learn_suggestions(tables, load_searches(tables.folder), catalogue, statistics, settings, NOW)


def learned(suggestions: Suggestions) -> list[str]:
    """The texts that come from searches, the best first."""
    queries = suggestions.queries
    ranked = sorted(zip((-queries.scores).tolist(), queries.texts.to_pylist(), strict=True))
    return [text for score, text in ranked if score < 0.0]


def test_a_query_is_suggested_when_five_people_typed_it_and_never_when_four_did(tmp_path: Path) -> None:
    assert learned(learn(tmp_path, by(5, "red mug"), by(4, "secret mug"))) == ["red mug"]


def test_one_person_a_hundred_times_is_one_person(tmp_path: Path) -> None:
    visits = [row for at in range(100) for row in search("my own mug", "ann", f"v{at}")]
    assert learned(learn(tmp_path, visits)) == []


def test_a_person_who_signs_in_during_many_visits_is_one(tmp_path: Path) -> None:
    nameless = [row for at in range(9) for row in search("my own mug", None, f"v{at}")]
    signed_in = [row for at in range(9) for row in search("something else", "ann", f"v{at}", ago=DAY - 100)]
    assert learned(learn(tmp_path, nameless, signed_in)) == []


def test_people_whose_visits_are_numbered_alike_are_as_many_as_they_are(tmp_path: Path) -> None:
    visits = [row for at in range(5) for row in search("red mug", f"u{at}", "1")]
    assert learned(learn(tmp_path, visits)) == ["red mug"]


def test_nameless_visits_are_one_person_unless_the_shop_counts_them(tmp_path: Path) -> None:
    visits = [search("red mug", None, f"v{at}") for at in range(5)]
    assert learned(learn(tmp_path, *visits)) == []
    assert learned(learn(tmp_path, *visits, by(3, "red mug"))) == []
    assert learned(learn(tmp_path, *visits, by(4, "red mug"))) == ["red mug"]
    assert learned(learn(tmp_path, *visits, suggest=SuggestSettings(count_visits=True))) == ["red mug"]


def test_the_queries_to_refine_are_those_that_may_be_told(tmp_path: Path) -> None:
    rows = by(9, "blue mug", item="mug-blue"), by(6, "red mug"), by(4, "secret mug"), by(9, "ann@example.com")
    suggestions = learn(tmp_path, *rows)
    assert queries_learned(suggestions, 10) == ["blue mug", "red mug"]
    assert queries_learned(suggestions, 1) == ["blue mug"]


def test_a_query_that_led_to_nothing_or_to_what_is_sold_out_is_not_suggested(tmp_path: Path) -> None:
    gone = items().to_pylist()
    gone[1]["available"] = False  # mug-blue
    table = pa.Table.from_pylist(gone, ITEMS)
    rows = by(6, "unicorn", item=None), by(6, "blue mug", item="mug-blue"), by(6, "old mug", item="no-longer-sold")
    assert learned(learn(tmp_path, *rows, table=table)) == []


def test_the_usual_spelling_is_shown_and_misspellings_go_to_what_was_meant(tmp_path: Path) -> None:
    rows = by(6, "Red Mug"), by(5, "red  mug"), by(20, "teapot", item="teapot-red"), by(6, "teapto", item="teapot-red")
    suggestions = learn(tmp_path, *rows, by(5, "tea pot", item="teapot-red"))
    assert learned(suggestions) == ["teapot", "Red Mug"]
    merged = suggestions.queries.scores[suggestions.queries.texts.to_pylist().index("teapot")]
    alone = learn(tmp_path, by(20, "teapot", item="teapot-red")).queries.scores.max()
    assert merged == pytest.approx(alone * 31 / 20)


def test_what_is_a_word_of_the_catalogue_is_no_misspelling(tmp_path: Path) -> None:
    assert learned(learn(tmp_path, by(30, "lamps", item="lamp/red"), by(5, "lamp", item="lamp/red"))) == [
        "lamps",
        "lamp",
    ]


@pytest.mark.parametrize(
    "query",
    [
        "ann@example.com",
        "mug for ann@example.com please",
        "+49 170 123 45 67",
        "(555) 123-4567",
        "１３８００１３８０００",
        "4111 1111 1111 1111",
        "https://example.com/x",
        "a8f5f167f44f4964e6c998de",
        "mug\x07",
        "x" * 500,
    ],
)
def test_what_may_tell_of_a_person_is_never_suggested(tmp_path: Path, query: str) -> None:
    assert learned(learn(tmp_path, by(50, query), by(5, "mug 250 ml"))) == ["mug 250 ml"]


def test_a_product_code_is_no_telephone_number(tmp_path: Path) -> None:
    table = items().to_pylist()
    table[0]["attributes"] = '{"ean": "4006381333931"}'
    assert learned(learn(tmp_path, by(5, "4006381333931"), table=pa.Table.from_pylist(table, ITEMS))) == [
        "4006381333931"
    ]


def test_a_cart_counts_more_than_a_click_and_today_more_than_last_year(tmp_path: Path) -> None:
    cart = [{**row, "type": "cart"} if row["type"] == "view" else row for row in by(5, "red mug")]
    assert learned(learn(tmp_path, cart, by(5, "blue mug"), by(8, "old mug", ago=365 * DAY))) == [
        "red mug",
        "blue mug",
        "old mug",
    ]


def test_a_new_shop_suggests_what_its_catalogue_says(tmp_path: Path) -> None:
    suggestions = learn(tmp_path, [])
    assert {"Home", "Mugs"} <= set(suggestions.categories.texts.to_pylist())
    assert suggestions.brands.texts.to_pylist() == ["Acme", "Bolt & <b>Co</b>"]
    assert suggestions.queries.scores.max(initial=-1.0) < 0.0
    assert "马克杯" in suggestions.queries.texts.to_pylist()


def test_a_shop_without_items_or_events_suggests_nothing(tmp_path: Path) -> None:
    suggestions = learn(tmp_path, [], table=ITEMS.empty_table())
    assert not any(map(len, (suggestions.queries, suggestions.categories, suggestions.brands)))


def test_people_find_their_own_searches_again(tmp_path: Path) -> None:
    suggestions = learn(
        tmp_path, search("my own mug", "ann", "v"), search("red mug", None, "w"), search("blu", "ann", "v", None)
    )
    assert suggestions.past.of("ann") == ["my own mug"]
    assert suggestions.past.of("session:w") == ["red mug"]
    assert suggestions.past.of("bob") == []


WORDS = ("mug", "Mug", "mugg", "red mug", "redmug", "teapot", "tea pot", "茶壶", "ann@x.de", "5551234567")
VISITS = st.lists(
    st.tuples(st.sampled_from(WORDS), st.sampled_from("abcdef"), st.booleans(), st.integers(0, 9)), max_size=60
)


@run(max_examples=12)
@given(visits=VISITS, people=st.integers(1, 6))
def test_nothing_that_fewer_people_typed_is_ever_suggested(
    tmp_path_factory: pytest.TempPathFactory, visits: list[tuple[str, str, bool, int]], people: int
) -> None:
    rows = [
        search(query, user, f"{user} {number}", "mug-red" if clicked else None, ago=number * 3_600.0)
        for query, user, clicked, number in visits
    ]
    shown = learned(learn(tmp_path_factory.mktemp("log"), *rows, suggest=SuggestSettings(people=people)))
    for text in shown:
        typists = {user for query, user, _, _ in visits if typed_key(query) == typed_key(text)}
        assert len(typists) >= people
        assert any(query == text for query, *_ in visits)


def test_what_was_forgotten_while_the_shop_was_open_is_not_learned_again(tmp_path: Path) -> None:
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "items.csv").write_text(
        "item_id,title,price\nm1,Red mug,5\nm2,Blue mug,6\n", encoding="utf-8"
    )
    shop = Shop.new(tmp_path / "shop", [tmp_path / "exports"])
    shop.record(
        [
            Event(id=f"{at} {kind}", type=kind, time=NOW + at, user="ann", session="s", query=query, item=item)
            for at, query in enumerate(("red mug", "my secret"))
            for kind, item in ((EventType.SEARCH, None), (EventType.VIEW, "m1"))
        ]
    )
    shop.forget_searches("My Secret", user="ann")
    shop.close()
    shop.ingest()
    tables = Tables(shop.directory)
    searches, catalogue = load_searches(tables.folder), Catalogue.build(tables.items())
    assert sorted(searches.column("query").to_pylist()) == ["my secret", "red mug"]
    interactions, _ = Interactions.build(tables.events(), catalogue)
    statistics = Statistics.fit(catalogue, interactions, NOW)
    assert learn_suggestions(tables, searches, catalogue, statistics, Settings(), NOW).past.of("ann") == ["red mug"]
