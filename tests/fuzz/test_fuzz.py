"""The fuzz targets: quickly with what hypothesis makes up, and for longer with atheris, in a process of its own."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

HERE = Path(__file__).parent
# Runs of atheris: a target that opens files is a thousand times slower than a parser.
RUNS = {
    "bodies": 100_000, "filters": 100_000, "toml": 20_000, "mapper": 5_000, "queries": 5_000, "delimited": 1_000,
    "jsonlines": 1_000, "containers": 2_000,
}  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
def test_seeds_and_their_relatives(name: str) -> None:
    target = importlib.import_module(name)

    @settings(max_examples=50, suppress_health_check=list(HealthCheck))
    @given(st.binary(max_size=300) | st.builds(_crossed, *[st.sampled_from(target.SEEDS)] * 2, st.integers(0, 300)))
    def holds(data: bytes) -> None:
        target.check(data)

    for seed in target.SEEDS:
        holds = example(seed)(holds)
    holds()


def _crossed(one: bytes, other: bytes, at: int) -> bytes:
    return one[:at] + other[at // 2 :]


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_atheris_finds_nothing(name: str, tmp_path: Path) -> None:
    paths = os.pathsep.join([str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, HERE / "run.py", name, f"-runs={RUNS[name]}", "-max_total_time=20", "-seed=1"]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
