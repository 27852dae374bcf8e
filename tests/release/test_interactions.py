"""Events become arrays by actor and time."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from shopkeeper.data.schema import EVENTS, ITEMS
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.release.interactions import Interactions
from shopkeeper.vocabulary import EventType, Ids

NOON = datetime(2026, 3, 1, 12)
VIEW, CART, PURCHASE = EventType.VIEW.code, EventType.CART.code, EventType.PURCHASE.code


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.build(pa.Table.from_pylist([{"item_id": id_} for id_ in "abc"], schema=ITEMS))


def events(*said: tuple[str, str, str, int | None], **more: list[Any]) -> pa.Table:
    """(type, actor, item_id, minute) of each event; `more` are columns."""
    rows = [
        {
            "event_id": f"e{number}",
            "type": kind,
            "actor": actor,
            "item_id": item,
            "time": None if minute is None else NOON.replace(minute=minute),
            "ordinal": number,
            **{name: column[number] for name, column in more.items()},
        }
        for number, (kind, actor, item, minute) in enumerate(said)
    ]
    return pa.Table.from_pylist(rows, schema=EVENTS)


def history(built: tuple[Interactions, Ids], actor: str) -> list[tuple[int, int]]:
    interactions, actors = built
    mine = interactions.of(actors.row(actor))
    return list(zip(interactions.codes[mine].tolist(), interactions.items[mine].tolist(), strict=True))


def test_events_lie_by_actor_and_time(catalogue: Catalogue) -> None:
    built = Interactions.build(
        events(
            ("purchase", "zoe", "a", 9),
            ("view", "ann", "c", 5),
            ("cart", "zoe", "a", 3),
            ("view", "zoe", "b", 1),
            ("view", "ann", "gone", 6),
        ),
        catalogue,
    )
    assert list(built[1]) == ["ann", "zoe"]
    assert history(built, "zoe") == [(VIEW, 1), (CART, 0), (PURCHASE, 0)]
    assert history(built, "ann") == [(VIEW, 2)]
    assert history(built, "nobody") == []
    assert built[0].times[0] == datetime.fromisoformat("2026-03-01T12:05:00+00:00").timestamp()
    assert {name: column.dtype for name, column in vars(built[0]).items()} == {
        "users": np.int32,
        "items": np.int32,
        "codes": np.int8,
        "times": np.float64,
        "sessions": np.int32,
        "quantities": np.float32,
        "starts": np.int64,
    }


def test_impressions_come_only_when_asked_for(catalogue: Catalogue) -> None:
    shown = events(("impression", "ann", "a", 1), ("view", "ann", "a", 2))
    assert len(Interactions.build(shown, catalogue)[0]) == 1
    assert len(Interactions.build(shown, catalogue, types=tuple(EventType))[0]) == 2


def test_events_of_one_moment_keep_their_ordinal(catalogue: Catalogue) -> None:
    built = Interactions.build(events(*(("view", "ann", item, 1) for item in "cab")), catalogue)
    assert [item for _, item in history(built, "ann")] == [2, 0, 1]


def test_a_shop_without_a_clock_goes_by_ordinal(catalogue: Catalogue) -> None:
    built = Interactions.build(events(*(("view", "ann", item, None) for item in "bca")), catalogue)
    assert [item for _, item in history(built, "ann")] == [1, 2, 0]
    assert np.isnan(built[0].times).all()
    assert not built[0].has_clock


def test_a_few_events_without_time_do_not_stop_the_clock(catalogue: Catalogue) -> None:
    built = Interactions.build(
        events(("view", "ann", "a", 1), ("view", "ann", "b", 2), ("view", "ann", "c", None)), catalogue
    )
    assert built[0].has_clock
    assert [item for _, item in history(built, "ann")] == [0, 1]


def test_sessions_are_numbered_over_the_shop(catalogue: Catalogue) -> None:
    table = events(
        *(("view", actor, "a", minute) for minute, actor in enumerate(["ann", "ann", "ann", "bob", "bob"])),
        session_id=["x", "y", None, "x", "z"],
        quantity=[2.0, None, None, None, None],
    )
    interactions, _ = Interactions.build(table, catalogue)
    assert interactions.sessions.tolist() == [0, 1, -1, 2, 3]
    assert interactions.quantities[0] == 2.0
    assert np.isnan(interactions.quantities[1:]).all()


def test_batches_give_what_the_table_gives(catalogue: Catalogue) -> None:
    table = events(*(("view", f"u{n % 3}", "abc"[n % 3], n) for n in range(20)))
    whole, _ = Interactions.build(table, catalogue)
    streamed, _ = Interactions.build(table.to_reader(max_chunksize=3), catalogue)
    for name, column in vars(whole).items():
        np.testing.assert_array_equal(getattr(streamed, name), column)


@pytest.mark.parametrize("said", [[], [("view", "ann", "a", 1)]], ids=["no events", "one event"])
def test_saved_equals_loaded(catalogue: Catalogue, said: list[tuple[str, str, str, int]], tmp_path: Path) -> None:
    interactions, actors = Interactions.build(events(*said), catalogue)
    interactions.save(tmp_path)
    loaded = Interactions.load(tmp_path)
    assert loaded.n_users == len(actors) == len(said)
    for name, column in vars(interactions).items():
        np.testing.assert_array_equal(getattr(loaded, name), column)


def test_before_knows_nothing_of_later(catalogue: Catalogue) -> None:
    interactions, _ = Interactions.build(events(*(("view", "ann", "a", n) for n in range(6))), catalogue)
    cut = float(interactions.times[3])
    assert len(interactions.before(cut)) == 3
    assert interactions.before(cut).times.max() < cut
