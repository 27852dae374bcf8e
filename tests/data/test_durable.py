"""One writer at a time, tables that survive a killed swap, and damage told in a sentence."""

from __future__ import annotations

import random
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
from shopkeeper.shop import Shop

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


INGEST = (
    "import resource, sys; from shopkeeper.cli import main\n"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)), resource.RLIM_INFINITY)); main()"
)


@pytest.fixture
def large_shop(tmp_path: Path) -> Path:
    """A shop whose 20,000 events were not read yet."""
    dice = random.Random(0)
    (tmp_path / "exports").mkdir()
    rows = (f"u{n},{dice.randbytes(8).hex()},view,2026-0{1 + n % 2}-01 10:00:{n % 60:02}\n" for n in range(20_000))
    (tmp_path / "exports" / "events.csv").write_text("user,item,event,time\n" + "".join(rows))
    (tmp_path / "shop.toml").write_text('[data]\nsources = ["exports"]\n')
    return tmp_path


@pytest.mark.parametrize("room", [20_000, 260_000])  # bytes: for the files as they are read, and for the tables
def test_a_full_disk_is_told_and_the_next_run_goes_on(large_shop: Path, room: int) -> None:
    command = [sys.executable, "-c", INGEST, str(room), "ingest", "--shop", str(large_shop)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert not Tables(large_shop).has("events")
    Shop(large_shop).ingest()
    assert Tables(large_shop).count("events") == 20_000


def test_too_little_memory_is_told(large_shop: Path) -> None:
    with (large_shop / "shop.toml").open("a") as settings:
        settings.write("memory_limit_mb = 1\n")
    with pytest.raises(DataError, match=r"Raise data\.memory_limit_mb"):
        Shop(large_shop).ingest()
