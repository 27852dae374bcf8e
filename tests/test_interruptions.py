"""Ctrl-C and SIGTERM, as real signals to real processes, end with a sentence wherever they come; and two trainings
never run at once."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from processes import until
from small_exports import write_exports

from shopkeeper.server import daily
from shopkeeper.shop import Shop

WHILE_DUCKDB_RUNS = """
import signal

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have a background job ignore it

from shopkeeper.cli import commands, main
from shopkeeper.data.duck import connect

def ingest(*_):
    connection = connect()
    connection.execute("SET threads = 1")
    print("ready", flush=True)
    connection.execute("SELECT COUNT(*) FROM range(10000000000) t(n) WHERE n % 7 = 3")

class Shop:
    def __init__(self, _): pass
    ingest = ingest

commands.Shop = Shop
main()
"""
WHILE_IT_STARTS = """
import signal, sys, time

signal.signal(signal.SIGINT, signal.default_int_handler)
from shopkeeper.cli import main

class Slow:
    def find_spec(self, name, *_):
        if name == "shopkeeper.cli.commands":
            print("ready", flush=True)
            time.sleep(60)

sys.meta_path.insert(0, Slow())
main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("program", [WHILE_DUCKDB_RUNS, WHILE_IT_STARTS], ids=["while DuckDB runs", "at the start"])
def test_a_signal_ends_with_a_sentence(program: str, number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", program, "ingest"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(1)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert "run it again to go on" in said
    assert "Traceback" not in said
    assert process.returncode == 130


@pytest.mark.slow
def test_a_second_training_is_told_of_the_first_and_a_stopped_one_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_exports(tmp_path / "exports")
    shop = Shop.new(tmp_path / "shop", [tmp_path / "exports"])
    toml = shop.directory / "shop.toml"
    toml.write_text(toml.read_text().replace('# model = "auto"', 'model = "none"'))
    shop.ingest()
    train = [sys.executable, "-m", "shopkeeper", "train", "--shop", str(shop.directory)]
    with subprocess.Popen(train, stderr=subprocess.PIPE, text=True) as first:
        try:
            until(lambda: list(shop.directory.glob("releases/.drafts/*")))
            first.send_signal(signal.SIGSTOP)
            told = f"another training is running (process {first.pid})"
            second = subprocess.run(train, capture_output=True, text=True, timeout=60)
            assert (second.returncode, told in second.stderr) == (2, True)
            assert told in said_by_the_daily_loop(shop.directory, monkeypatch)
            first.send_signal(signal.SIGTERM)
            first.send_signal(signal.SIGCONT)
            _, said = first.communicate(timeout=60)
        finally:
            first.kill()
    assert (as_a_shell_tells_it(first.returncode), "run it again to go on" in said) == (130, True)
    assert not list(shop.directory.glob("releases/.drafts/*"))
    assert shop.releases.list() == ()
    assert subprocess.run(train, capture_output=True, timeout=60).returncode == 0
    assert Shop(shop.directory).search("red mug").placements


def as_a_shell_tells_it(code: int) -> int:
    """Python ends by SIGINT itself where the interruption came within an `exec` of text, as dataclasses are made by."""
    return 128 - code if code < 0 else code


def said_by_the_daily_loop(shop: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """After a run of its training alone."""
    monkeypatch.setattr(daily, "JOBS", daily.JOBS[1:])
    last = shop / "reports" / "daily.json"
    last.write_bytes(msgspec.json.encode(daily.Run(began=0, ended=0, succeeded=True, said="")))
    with daily.DailyLoop({shop: (datetime.now() - timedelta(minutes=1)).time()}):
        until(lambda: msgspec.json.decode(last.read_bytes(), type=daily.Run).ended)
    return msgspec.json.decode(last.read_bytes(), type=daily.Run).said
