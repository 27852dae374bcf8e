"""Feed a target with bytes that atheris makes up, guided by which lines of the package they reach.

    PYTHONPATH=src:tests:tests/fuzz python tests/fuzz/run.py delimited -max_total_time=600

A target is a file beside this one with `check(data)`, which raises where the package does wrong, and `SEEDS`. Further
options are libFuzzer's. What was found lies in crash-…: the same command with its name for an option shows it again.
"""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import atheris

with atheris.instrument_imports(include=["shopkeeper"]):
    target = importlib.import_module(sys.argv[1])

with tempfile.TemporaryDirectory() as corpus:
    for number, seed in enumerate(target.SEEDS):
        (Path(corpus) / str(number)).write_bytes(seed)
    given = sys.argv[2:]
    again = any(not argument.startswith("-") for argument in given)
    usual = [] if again else [corpus, "-max_len=4096", "-timeout=60", "-rss_limit_mb=6000"]
    atheris.Setup([sys.argv[0], *usual, *given], target.check)
    atheris.Fuzz()
