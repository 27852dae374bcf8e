"""Scratch directories go with their process, or soon after it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from shopkeeper.data.scratch import Scratch
from shopkeeper.errors import ShopkeeperError

MAKE_ONE = (
    "import sys, time; from pathlib import Path; from shopkeeper.data.scratch import Scratch\n"
    "one = Scratch(Path(sys.argv[1])); print(one.path, flush=True); time.sleep(60)"
)


def test_the_dead_are_told_from_the_living(tmp_path: Path) -> None:
    mine = Scratch(tmp_path)
    with subprocess.Popen([sys.executable, "-c", MAKE_ONE, tmp_path], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        theirs = Path(other.stdout.readline().strip())
        Scratch(tmp_path).close()
        assert set(tmp_path.iterdir()) == {mine.path, theirs}
        other.kill()
    assert theirs.exists()
    with Scratch(tmp_path) as here:
        assert set(tmp_path.iterdir()) == {mine.path, here}
    del mine
    assert not list(tmp_path.iterdir())


def test_what_others_keep_there_is_left_alone(tmp_path: Path) -> None:
    for name in ("shopkeeper-scratch", "shopkeeper-scratch-of-a-person", "shopkeeper-demo"):
        (tmp_path / name).mkdir()
    (tmp_path / "shopkeeper-scratch-12345678").symlink_to(tmp_path / "shopkeeper-demo")
    Scratch(tmp_path).close()
    assert len(list(tmp_path.iterdir())) == 4


def test_no_room_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ShopkeeperError, match=r"no temporary directory can be made .* TMPDIR"):
        Scratch(tmp_path / "missing")
