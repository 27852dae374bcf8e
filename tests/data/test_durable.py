"""One writer at a time, tables that survive a killed swap, and damage told in a sentence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from shopkeeper.data.durable import alone
from shopkeeper.data.ingest import ingest
from shopkeeper.data.mapping import Mapping, parse_mapping
from shopkeeper.data.tables import Tables
from shopkeeper.errors import DataError, MappingError
from shopkeeper.settings import DataSettings

HOLD = (
    "import sys, time; from pathlib import Path; from shopkeeper.data.durable import alone\n"
    "from shopkeeper.errors import DataError\n"
    "with alone(Path(sys.argv[1]), 'ingest', DataError): print('held', flush=True); time.sleep(60)"
)


def test_two_ingests_at_once_get_a_sentence_and_a_killed_one_lets_go(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, tmp_path / "staging"], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(DataError, match=f"another ingest is running \\(process {other.pid}\\)"):
            ingest(Mapping(), [], tmp_path, DataSettings())
        other.kill()
    with alone(tmp_path / "staging", "ingest", DataError):
        pass


def test_tables_of_a_swap_that_was_killed_are_still_there(tmp_path: Path) -> None:
    (tmp_path / "tables.old").mkdir()
    assert Tables(tmp_path).folder.name == "tables.old"
    (tmp_path / "tables").mkdir()
    assert Tables(tmp_path).folder.name == "tables"


def test_rubbish_in_place_of_a_table_is_told(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "items.parquet").write_bytes(b"\x00rubbish" * 100)
    for read in (Tables(tmp_path).items, lambda: Tables(tmp_path).count("items")):
        with pytest.raises(DataError, match="items: cannot be read as a table"):
            read()


def test_a_unit_is_a_number() -> None:
    text = (
        '[[files]]\npath = "a.csv"\nrole = "items"\n[files.columns]\nprice = { field = "price", format = "unit:abc" }'
    )
    with pytest.raises(MappingError, match=r"column 'price'.*'unit:abc' holds no number"):
        parse_mapping(text)
    assert parse_mapping(text.replace("abc", "0.01")).files[0].columns["price"].format == "unit:0.01"
