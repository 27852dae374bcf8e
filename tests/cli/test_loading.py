"""A catalogue that is streamed into an open shop: all of it, once, whatever the shop says meanwhile."""

from __future__ import annotations

import csv
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import msgspec
import pytest
import small_shop
from processes import answering, until
from typer.testing import CliRunner, Result

from shopkeeper.cli import loading
from shopkeeper.cli.commands import app
from shopkeeper.cli.loading import Door
from shopkeeper.errors import RequestError
from shopkeeper.keys import KeyStore, Role
from shopkeeper.server.app import create_app
from shopkeeper.vocabulary import Item


def catalogue(folder: Path, rows: int) -> Path:
    path = folder / "products.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(["product_id", "title", "brand", "category", "price", "stock"])
        lines.writerows(
            [f"n{n}", f"沙发 sofa number {n}", "Acme", "Home > Sofas", f"{n % 90}.50", n % 3] for n in range(rows)
        )
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_catalogue_of_several_batches_is_found_in_the_open_shop(tmp_path: Path) -> None:
    shop = small_shop.open_shop(tmp_path / "shop")
    _, key = KeyStore(shop.directory).create([Role.ADMIN])
    path = catalogue(tmp_path, 2_500)
    with answering(create_app(shop), log_level="error") as (_, (host, port)):
        address = f"http://{host}:{port}"
        refused = run("load", path, "--to", address)
        assert (refused.exit_code, "a key is needed" in refused.output) == (2, True)
        for _ in range(2):  # sent again, it changes nothing
            taken = run("load", path, "--to", address, "--key", key)
            assert "2,500 items are taken." in taken.output, taken.output
        until(lambda: shop.search("沙发").total == 1_666)  # the others are out of stock
        assert shop.search("sofa number 2498", size=1).placements[0].item.id == "n2498"


class Busy(BaseHTTPRequestHandler):
    """Takes every second request."""

    taken: list[Item]
    asked = 0

    def do_POST(self) -> None:
        type(self).asked += 1
        body = self.rfile.read(int(self.headers["Content-Length"]))
        busy = self.asked % 2 == 1
        self.send_response(503 if busy else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()
        if not busy:
            self.taken += msgspec.json.decode(body, type=list[Item])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(loading, "PAUSE_S", 0.0)
    Busy.taken, Busy.asked = [], 0
    server = HTTPServer(("127.0.0.1", 0), Busy)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/shops/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_busy_shop_is_asked_again(busy: str, tmp_path: Path) -> None:
    assert run("load", catalogue(tmp_path, 1_500), "--to", busy).exit_code == 0
    assert sorted(item.id for item in Busy.taken) == sorted(f"n{n}" for n in range(1_500))
    assert Busy.asked == 4


def test_a_shop_that_is_not_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "PAUSE_S", 0.0)
    with pytest.raises(RequestError, match="does not answer"):
        Door("http://127.0.0.1:9", None).tell([Item(id="a")])
    with pytest.raises(RequestError, match="is no address"):
        Door("localhost:8000", None)
