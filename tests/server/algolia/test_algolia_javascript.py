"""The official JavaScript client, in node."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from asked import empty_shop
from processes import answering

from shopkeeper.keys import KeyStore, Role
from shopkeeper.server.app import create_app


@pytest.mark.slow
def test_the_javascript_client_fills_a_shop_and_searches_it(packages: Path, tmp_path: Path) -> None:
    shop = empty_shop(tmp_path / "shop")
    _, key = KeyStore(shop.directory).create([Role.ADMIN], rate=1_000.0)
    with answering(create_app(shop), log_level="error") as (_, (host, port)):
        command = [str(shutil.which("node")), "client.mjs", f"{host}:{port}", key]
        said = subprocess.run(command, cwd=packages, capture_output=True, text=True, timeout=120, check=False)
    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith("done")
