"""What the stages share: the tally of kills, and a place for temporary files that must be empty again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing import forkserver
from pathlib import Path

import pytest
from harness import SEED, Stage

TALLY = pytest.StashKey[Counter[tuple[str, str]]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TALLY] = Counter()


@pytest.fixture
def stage(request: pytest.FixtureRequest) -> Callable[[str], Stage]:
    return lambda name: Stage(name, request.config.stash[TALLY])


@pytest.fixture(scope="session", autouse=True)
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where all processes that are killed keep their temporary files."""
    folder = tmp_path_factory.mktemp("temporary")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))
        forkserver.ensure_running()
    yield folder
    forkserver._forkserver._stop()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    tally = config.stash[TALLY]
    if tally:
        terminalreporter.section(f"{sum(tally.values())} kills (SEED={SEED})")
    for (name, moment), count in sorted(tally.items()):
        terminalreporter.line(f"{count:6} {name}: {moment}")
