"""A disk that is full or may only be read: what serves goes on, the rest is told, nothing acknowledged is lost."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import small_shop
from disks import Disk, small_disk
from small_exports import write_exports
from starlette.testclient import TestClient
from typer.testing import CliRunner

from shopkeeper.cli.commands import app
from shopkeeper.data.tables import Tables
from shopkeeper.errors import DataError
from shopkeeper.server.app import create_app
from shopkeeper.shop import Shop
from shopkeeper.vocabulary import Change, Event, EventType, Item, Request

NO_ROOM = "No space left on device"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with small_disk(tmp_path / "disk") as disk:
        yield disk


def event(number: int, size: int = 0) -> dict[str, object]:
    return {"id": f"e{number}", "type": "view", "user": "u1", "item": "mug-red", "attributes": {"text": "x" * size}}


def test_events_on_a_full_disk_are_refused_and_those_acknowledged_are_kept(disk: Disk) -> None:
    shop = small_shop.open_shop(disk.root / "shop")
    with TestClient(create_app(shop)) as client:
        kept = []
        disk.fill(free=300_000)
        for number in range(100):
            answer = client.post("/v1/events", json=event(number, size=20_000))
            if answer.status_code != 200:
                break
            kept.append(f"e{number}")
        assert answer.status_code == 503
        mistake = answer.json()["error"]
        assert mistake["what"] == "the events could not be kept (database or disk is full)"
        assert mistake["remedy"] == "Send them again later."
        assert client.post("/v1/stock", json=[{"id": "mug-red", "stock": 0}] * 1_000).status_code == 503
        for path, body in (("/v1/search", {"query": "mug"}), ("/v1/shelves/home", {"user": "u1"})):
            assert client.post(path, json=body).json()["placements"]
        assert client.get("/v1/ready").status_code == 503
        disk.empty()
        assert client.post("/v1/events", json=event(1_000)).json() == {"accepted": 1, "known": 0}
        assert client.post("/v1/events", json=event(number)).json()["accepted"] == 1
    log = Shop(disk.root / "shop").log
    found = [event.id for _, batch in log.events_after() for event in batch]
    assert kept
    assert sorted(found) == sorted([*kept, "e1000", f"e{number}"])


def test_a_disk_that_may_only_be_read(disk: Disk, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shop = small_shop.open_shop(disk.root / "shop")
    shop.record([Event(id="before", type=EventType.VIEW, user="u1", item="mug-red")])
    shop.close()
    disk.read_only()
    with TestClient(create_app(Shop(disk.root / "shop"))) as client:
        for path, body in (("/v1/search", {"query": "mug"}), ("/v1/shelves/home", {}), ("/v1/shelves/new", {})):
            assert client.post(path, json=body).json()["placements"]
        for path, body in (
            ("/v1/events", event(1)),
            ("/v1/stock", {"id": "mug-red", "stock": 1}),
            ("/v1/items", {"id": "x"}),
        ):
            answer = client.post(path, json=body)
            assert (answer.status_code, "the event log cannot be opened" in answer.text) == (503, True)
        assert client.get("/v1/health").status_code == 200
        assert {"name": "release", "passed": True, "found": "the current one"} in client.get("/v1/ready").json()[
            "findings"
        ]
    assert "Check that the directory may be written" in caplog.text
    write_exports(tmp_path / "exports")
    for command in ("ingest", "train"):
        said = CliRunner().invoke(app, [command, "--shop", str(disk.root / "shop")])
        assert (said.exit_code, "Read-only file system" in said.output) == (2, True)


def test_a_log_that_can_be_opened_again_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_shop.open_shop(tmp_path).record([Event(id="one", type=EventType.VIEW, user="new", item="mug-red")])
    shop, asked = Shop(tmp_path), Request(surface="home", user="new")
    with monkeypatch.context() as patch:
        patch.setattr("shopkeeper.data.eventlog.lazy.EventLog", _unopenable)
        assert not len(shop.engine().context(asked).history)
    monkeypatch.setattr("shopkeeper.engine.live.LOG_RESTS_S", 0.0)
    monkeypatch.setattr(shop._live, "_log_rests_until", 0.0)
    assert len(shop.engine().context(asked).history) == 1


def _unopenable(path: Path) -> None:
    raise DataError("it cannot be opened", where=str(path))


def test_no_room_for_temporary_files(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(disk.root))
    shop = small_shop.open_shop(tmp_path / "shop")
    shop.engine()
    disk.fill()
    with caplog.at_level(logging.ERROR):
        for stock in range(3):
            shop.change([Change(id="new", time=0.0, item=Item(id="new", title="New mug", stock=stock))])
            assert len(shop.search("mug").placements) == 3
    assert caplog.text.count(f"the text index cannot be written ({NO_ROOM})") == 1
    with pytest.raises(DataError, match=NO_ROOM):
        Shop(tmp_path / "shop").search("mug")  # it cannot even be opened
    with pytest.raises(DataError, match=NO_ROOM):
        small_shop.publish(tmp_path / "shop", shop.settings)
    disk.empty()
    assert len(shop.search("mug").placements) == 4


@pytest.mark.slow
def test_ingest_and_training_on_a_full_disk(disk: Disk, tmp_path: Path) -> None:
    """However much room is left, it is enough, or there is a sentence; and what was there before is there."""
    exports, directory = tmp_path / "exports", disk.root / "shop"
    write_exports(exports)
    Shop.new(directory, [exports])
    (directory / "shop.toml").write_text(f'[encoder]\nmodel = "none"\n[data]\nsources = ["{exports}"]\n')
    for command in ("ingest", "train"):
        assert CliRunner().invoke(app, [command, "--shop", str(directory)]).exit_code == 0
    refused = {"ingest": 0, "train": 0}
    for command, rooms in (("ingest", (0, 4, 8, 16, 24, 1_000)), ("train", (0, 8, 16, 64, 150, 300, 4_000))):
        for room in rooms:
            rows, serves = Tables(directory).count("events"), Shop(directory).releases.current().id
            write_exports(exports, days=8 + room % 5)
            shutil.rmtree(directory / "cache", ignore_errors=True)
            disk.fill(free=room * 1_024)
            said = CliRunner().invoke(app, [command, "--shop", str(directory)])
            disk.empty()
            shop = Shop(directory)
            shop.releases.verify(shop.releases.current())
            assert shop.search("red mug").placements
            if said.exit_code:
                refused[command] += 1
                assert (said.exit_code, NO_ROOM in said.output) == (2, True), said.output
                assert Tables(directory).count("events") == rows
                assert shop.releases.current().id == serves
        assert said.exit_code == 0
        assert refused[command] >= 3
    assert sorted(path.name for path in (directory / "releases" / ".drafts").iterdir()) == []
