"""mapping.toml: written for people, read back the same, and clear about what is wrong."""

from __future__ import annotations

from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given

from shopkeeper.data.mapping import (
    ColumnMapping,
    FileMapping,
    Mapping,
    format_mapping,
    parse_mapping,
    read_mapping,
    write_mapping,
)  # fmt: skip
from shopkeeper.data.schema import FIELDS, ROLES
from shopkeeper.errors import MappingError
from shopkeeper.vocabulary import EVENT_TYPES

texts = st.text(st.characters(blacklist_categories=["Cs"]), max_size=12)
columns = st.builds(ColumnMapping, st.sampled_from(list(FIELDS)), texts, st.floats(0, 1), texts)
file_mappings = st.builds(
    FileMapping, texts, st.sampled_from(list(ROLES)), st.floats(0, 1), texts, st.sampled_from(["", "view"]),
    st.dictionaries(texts, st.sampled_from([str(kind) for kind in EVENT_TYPES]), max_size=3), texts,
    st.dictionaries(texts, columns, max_size=4),
)  # fmt: skip


@given(st.builds(Mapping, st.lists(file_mappings, max_size=3)))
def test_round_trip(mapping: Mapping) -> None:
    assert parse_mapping(format_mapping(mapping)) == mapping


def test_file_round_trip_is_one_line_a_column(tmp_path: Path) -> None:
    mapping = Mapping(
        [FileMapping("商品.csv", "items", columns={"商品编号": ColumnMapping("item_id", evidence='reads "id"')})]
    )
    write_mapping(mapping, tmp_path / "mapping.toml")
    assert read_mapping(tmp_path / "mapping.toml") == mapping
    assert '"商品编号" = { field = "item_id", ' in (tmp_path / "mapping.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '[[files]]\npath="a"\nrole="itms"',
            "file 'a': there is no role 'itms'; expected one of items, .* Did you mean 'items'",
        ),
        ('[[files]]\npath="a"\nrolle="items"', "unknown key 'rolle'. Did you mean 'role'"),
        ('[[files]]\npath="a"\nrole=1', "file 'a', role: this is int; expected str"),
        (
            '[[files]]\npath="a"\nrole="items"\n[files.columns]\nx={field="titel"}',
            "column 'x': .* Did you mean 'title'",
        ),
        (
            '[[files]]\npath="a"\nrole="items"\n[files.columns]\nx={feld="title"}',
            "unknown key 'feld'. Did you mean 'field'",
        ),
        ('[[files]]\npath="a"\nrole="events"\nevent_types={pv="veiw"}', "event_types 'pv': .* Did you mean 'view'"),
        ('[[files]]\npath="a"', "missing required field 'role'"),
        ("files = 3", "files: this is int; expected array"),
        ("files = " + "[" * 1_000, "nested too deeply"),
        ("x=", "not valid TOML: .*line 1|not valid TOML"),
    ],
)
def test_errors_say_what_and_where(text: str, expected: str) -> None:
    with pytest.raises(MappingError, match=expected):
        parse_mapping(text)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match=r"there is no mapping\.toml"):
        read_mapping(tmp_path / "mapping.toml")
