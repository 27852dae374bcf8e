"""Items come back as they were told, whatever is written in them."""

import shutil
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shopkeeper.data.schema import items_table
from shopkeeper.release.catalogue import Catalogue, _said
from shopkeeper.release.fields import write_table
from shopkeeper.release.shown import Shown
from shopkeeper.vocabulary import Item

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)
VALUES = st.one_of(TEXTS, st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False))


@given(st.lists(st.tuples(TEXTS, TEXTS, st.dictionaries(TEXTS, VALUES, max_size=3)), max_size=5))
def test_items_come_back_whole_in_the_order_asked_for(told: list[tuple[str, str, dict[str, object]]]) -> None:
    items = [
        Item(id=str(at), title=title, description=description, attributes=attributes)
        for at, (title, description, attributes) in enumerate(told)
    ]
    shown = Catalogue.build(items_table(items)).shown
    assert shown.items(reversed(range(len(items)))) == items[::-1]


def test_a_release_of_an_older_form_is_read(tmp_path: Path) -> None:
    table = items_table([Item(id="a", title="Red mug", attributes={"colour": "red"}), Item(id="b", price=2.5)])
    catalogue = Catalogue.build(table)
    catalogue.save(tmp_path)
    shutil.rmtree(tmp_path / "shown")
    write_table(_said(table), tmp_path / "shown.arrow")
    assert Catalogue.load(tmp_path).items([1, 0]) == catalogue.items([1, 0])


def test_an_item_is_called_by_its_title_on_one_line_or_else_by_its_id(tmp_path: Path) -> None:
    items = [Item(id="a", title=" Red\nmug "), Item(id="b"), Item(id="杯", title="红色 杯子")]
    Catalogue.build(items_table(items)).shown.save(tmp_path)
    loaded = Shown.load(tmp_path)
    assert loaded.names(np.array([2, 0, 1])) == ["红色 杯子", "Red mug", "b"]
    assert len(loaded) == 3
