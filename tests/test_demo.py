"""What `make demo` promises: a simulated shop of 5,000 products, from its exports to a page that answers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from shopkeeper.console import mount
from shopkeeper.server.app import create_app
from shopkeeper.shop import Shop

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "demo-shop"
    command = [str(Path(sys.executable).parent / "shopkeeper"), "demo", str(folder), "--no-serve"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1500)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_page_opens_and_both_languages_are_answered(demo: Path) -> None:
    app = create_app(Shop(demo))
    mount(app)
    with TestClient(app) as client:
        assert "text/html" in client.get("/").headers["content-type"]
        for query in ("red mug", "红色马克杯"):
            found = client.post("/v1/search", json={"query": query, "size": 4}).json()["placements"]
            items = [placement["item"] for placement in found]
            assert "Drinkware" in items[0]["categories"]
            assert any(item["categories"][-1] == "Mugs" and item["attributes"]["colour"] == "red" for item in items)
        for shelf in ("home", "new", "popular"):
            assert len(client.post(f"/v1/shelves/{shelf}", json={"size": 6}).json()["placements"]) == 6


def test_what_is_served_beats_popularity_on_every_day_held_out(demo: Path) -> None:
    surfaces = Shop(demo).evaluate()["surfaces"]
    for name in ("search", "home", "similar", "cart"):
        systems = surfaces[name]["systems"]
        assert systems["served"]["ndcg@10"]["low"] > systems["popularity"]["ndcg@10"]["high"], name


def test_a_second_run_uses_what_is_there(demo: Path) -> None:
    releases = {path.name for path in (demo / "releases").iterdir()}
    command = [str(Path(sys.executable).parent / "shopkeeper"), "demo", str(demo), "--no-serve"]
    assert subprocess.run(command, capture_output=True, timeout=300).returncode == 0
    assert {path.name for path in (demo / "releases").iterdir()} == releases
