"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# How long an example takes is the machine's affair. CI tries the same examples each time, so that it fails by what
# changed and not by chance; new ones are tried wherever people work.
settings.register_profile("untimed", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("untimed")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """The folder of a real data set by name; the test is skipped where the data is absent, and fails in CI."""

    def find(name: str) -> Path:
        folder = SHARED_DATA / name
        if not folder.is_dir():
            message = f"the real data set {name} is not beside the project (looked for {folder})"
            if os.environ.get("CI"):
                pytest.fail(message)
            pytest.skip(message)
        return folder

    return find


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One for all, as a process may start but one Playwright."""
    from chromium import launched  # few tests need it

    with launched() as browser:
        yield browser
