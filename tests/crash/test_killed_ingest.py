"""Kill -9 during ingest: the tables are those before or those after, and the next ingest needs no hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from harness import Say, Stage
from invariants import files, left_behind, rows
from small_exports import write_exports

from shopkeeper.shop import Shop
from shopkeeper.vocabulary import Event, EventType

pytestmark = pytest.mark.slow


def ingest(say: Say, shop: Path) -> None:
    opened = Shop(shop)
    opened.ingest(lambda moment, _, __: say(moment))
    opened.close()


def test_tables_are_those_before_or_those_after(stage: Callable[[str], Stage], tmp_path: Path, temporary: Path) -> None:
    ingesting, exports, shop = stage("ingest"), tmp_path / "exports", tmp_path / "shop"
    write_exports(exports)
    opened = Shop.new(shop, [exports])
    opened.record([Event(id=f"live {n}", type=EventType.VIEW, user="U1", item="P003") for n in range(3)])
    opened.close()
    states = {}
    for days in (11, 10):
        write_exports(exports, days)
        ingesting.run(ingest, shop)
        states[days], untroubled = rows(shop), files(shop)
    assert states[10] != states[11]
    before, after = 10, 11
    write_exports(exports, after)
    for number in ingesting.shares(0.1):
        ingesting.kill(ingest, shop)
        assert rows(shop) in (states[before], states[after])
        if number % 3 == 2:
            ingesting.run(ingest, shop)
            assert rows(shop) == states[after]
            assert files(shop) == untroubled
            assert not left_behind(temporary)
            before, after = after, before
            write_exports(exports, after)
