"""A damaged release: a running server keeps the one before, and everyone else gets a sentence."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import small_shop
from starlette.testclient import TestClient
from typer.testing import CliRunner

from shopkeeper.cli.commands import app
from shopkeeper.errors import ReleaseError
from shopkeeper.release.manifest import entries, write_manifest
from shopkeeper.release.store import Release
from shopkeeper.server.app import create_app
from shopkeeper.settings import Settings
from shopkeeper.shop import Shop
from shopkeeper.vocabulary import Event, EventType


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _rubbish(path: Path) -> None:
    path.write_bytes(b"\xff\x00\x93" * (path.stat().st_size // 3 + 1))


def _unchanged_size(path: Path) -> None:
    path.write_bytes(b"\xff" * path.stat().st_size)


def _of(name: str, harm: Callable[[Path], None], *, signed: bool = False) -> Callable[[Release], None]:
    """Harm to a file of a release. signed: the manifest agrees with it, so that only who reads the file can tell."""

    def damage(release: Release) -> None:
        harm(release.path / name)
        if signed:
            write_manifest(msgspec.structs.replace(release.manifest, files=entries(release.path)), release.path)

    return damage


def _rubbish_encoder(release: Release) -> None:
    (release.path / "encoder").mkdir()
    for name in ("model.onnx", "tokenizer.json"):
        (release.path / "encoder" / name).write_bytes(b"\xff rubbish")


def _rubbish_current(release: Release) -> None:
    (release.path.parent / "current").write_bytes(b"\xff\xfe\x00\x93 rubbish")


DAMAGES: dict[str, Callable[[Release], None]] = {
    "current is rubbish": _rubbish_current,
    "the encoder is rubbish": _rubbish_encoder,
    "the manifest is rubbish": _of("manifest.json", _rubbish),
    "the manifest is cut": _of("manifest.json", _cut),
    "a picture is cut": _of("images/images.bin", _cut),
}
for part in ("catalogue/prices.npy", "sources/popular/interest.npy", "statistics/interest.npy", "actors/texts.arrow"):
    DAMAGES[f"{part} keeps its size"] = _of(part, _unchanged_size)
    for harm in (_cut, _empty, _rubbish):
        DAMAGES[f"{part}{harm.__name__}"] = _of(part, harm)
        DAMAGES[f"{part}{harm.__name__}, signed"] = _of(part, harm, signed=True)


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_release_is_a_sentence_and_stops_no_server(
    damage: Callable[[Release], None], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    running = small_shop.open_shop(tmp_path)
    client = TestClient(create_app(running))  # not started, so that it looks for releases when it is asked
    with caplog.at_level(logging.ERROR, "shopkeeper.engine.live"):
        first = client.get("/v1/ready").json()
        damage(small_shop.publish(tmp_path, Settings(), small_shop.items().slice(0, 6)))
        assert client.post("/v1/search", json={"query": "mug"}).status_code == 200
        assert client.get("/v1/ready").json()["release"] == first["release"]
        assert "the one before goes on serving" in caplog.text
    with pytest.raises(ReleaseError) as told:
        Shop(tmp_path).engine()
    assert "shopkeeper rollback" in (told.value.remedy or "")
    said = CliRunner().invoke(app, ["search", "mug", "--shop", str(tmp_path)])
    assert (said.exit_code, "shopkeeper rollback" in said.output) == (2, True)
    with TestClient(create_app(Shop(tmp_path))) as client:
        assert client.post("/v1/search", json={"query": "mug"}).status_code == 503
    assert CliRunner().invoke(app, ["rollback", "--to", first["release"], "--shop", str(tmp_path)]).exit_code == 0
    assert Shop(tmp_path).search("mug").placements


def test_a_release_that_is_gone_goes_on_serving_where_it_is_open(tmp_path: Path) -> None:
    running = small_shop.open_shop(tmp_path)
    with TestClient(create_app(running)) as client:
        assert client.get("/v1/images/mug-red").content == small_shop.PNG
        shutil.rmtree(running.releases.current().path)
        (tmp_path / "releases" / "current").unlink()
        for path in ("/v1/search", "/v1/shelves/home", "/v1/shelves/new"):
            assert client.post(path, json={"query": "mug"}).json()["placements"]
        assert client.get("/v1/images/mug-red").content == small_shop.PNG
        assert client.get("/v1/ready").json()["findings"][0]["found"].startswith("an earlier one")
    with TestClient(create_app(Shop(tmp_path))) as client:
        answer = client.post("/v1/search", json={"query": "mug"})
        assert (answer.status_code, answer.json()["error"]["what"]) == (503, "nothing is released yet")


@pytest.mark.parametrize("name", ["events.sqlite", "live/*/events-*.parquet"])
def test_a_damaged_log_is_told_and_the_release_answers(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("shopkeeper.data.eventlog.log.FEWEST", 1)
    shop = small_shop.open_shop(tmp_path)
    shop.record([Event(id="one", type=EventType.VIEW, user="u1", item="mug-red")])
    shop.log.compact(shop.log.newest())
    shop.close()
    (path,) = tmp_path.glob(name)
    _rubbish(path)
    with TestClient(create_app(Shop(tmp_path))) as client:
        assert client.post("/v1/search", json={"query": "mug"}).json()["placements"]
        assert client.post("/v1/shelves/home", json={"user": "u1"}).json()["placements"]
        status = client.post("/v1/events", json={"id": "two", "type": "view", "user": "u1"}).status_code
        assert status == (503 if name == "events.sqlite" else 200)
        assert client.get("/v1/health").status_code == 200
    assert str(path) in caplog.text
