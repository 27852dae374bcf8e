"""Simulated shops that the tests share: each is made once."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from shopkeeper.data.simulate import Truth, simulate

END = date(2026, 4, 5)


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    """A shop in which tastes and likeness decide, with enough events to measure what is true."""
    return simulate(tmp_path_factory.mktemp("shop"), products=400, events=350_000, seed=3, end=END)


@pytest.fixture(scope="session")
def random_shop(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return simulate(
        tmp_path_factory.mktemp("random"), products=400, events=120_000, seed=3, end=END, predictability=0.0
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "shop"
