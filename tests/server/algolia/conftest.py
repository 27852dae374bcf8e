"""A small shop as Algolia's clients meet it, and the clients themselves, from npm."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import small_shop
from asked import Ask
from starlette.testclient import TestClient

from shopkeeper.server.app import create_app
from shopkeeper.shop import Shop

NPM = Path(__file__).parent / "npm"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return small_shop.open_shop(tmp_path_factory.mktemp("algolia") / "small")


@pytest.fixture(scope="module")
def client(shop: Shop) -> Iterator[TestClient]:
    with TestClient(create_app(shop), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def ask(client: TestClient) -> Ask:
    """`ask(path, body, method)`: what is answered, which must be a success or have the `status` that is named."""

    def ask(path: str, body: Any = None, method: str = "POST", status: int = 200) -> Any:
        answer = client.request(method, f"/1/{path}", content=msgspec.json.encode(body) if body is not None else b"")
        assert answer.status_code == status, answer.text
        return answer.json()

    return ask


@pytest.fixture
def search(ask: Ask) -> Ask:
    """`search(query, index=…, **parameters)`: the answer to one query."""

    def search(query: str = "", index: str = "products", status: int = 200, **params: Any) -> Any:
        return ask(f"indexes/{index}/query", {"query": query, **params}, status=status)

    return search


@pytest.fixture(scope="session")
def packages() -> Path:
    """A folder whose node_modules hold what package-lock.json names: fetched once for each state of it, beside the
    virtual environment. Skipped without npm or a registry, and failed in CI."""
    lock = (NPM / "package-lock.json").read_bytes()
    folder = Path(sys.prefix) / "npm" / hashlib.sha256(lock).hexdigest()[:16]
    if not (folder / "ready").exists():
        _fetch(folder)
    return Path(shutil.copytree(NPM, folder, dirs_exist_ok=True))


def _fetch(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        _without("there is no npm here (Debian: apt-get install npm)")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(NPM, folder)
    command = [str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    fetched = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    if fetched.returncode:
        _without(f"npm cannot fetch the clients: {fetched.stderr.strip()[-500:]}")
    (folder / "ready").touch()


def _without(message: str) -> None:
    pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
