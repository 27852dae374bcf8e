"""Ctrl-C, as a real signal to a real process, ends with a sentence wherever it comes."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

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


@pytest.mark.parametrize("program", [WHILE_DUCKDB_RUNS, WHILE_IT_STARTS], ids=["while DuckDB runs", "at the start"])
def test_a_signal_ends_with_a_sentence(program: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", program, "ingest"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert "run it again to go on" in said
    assert "Traceback" not in said
    assert process.returncode == 130
