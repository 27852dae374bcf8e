"""A language model that refines readings: a small server that speaks the API, well and badly."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from source_contract import interactions_of, material_of, small_items

from shopkeeper.engine.sources.lexical import Lexical
from shopkeeper.engine.understanding import Refined, Understanding
from shopkeeper.errors import SettingsError
from shopkeeper.learn.refinement import refine
from shopkeeper.learn.understanding import refined
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.settings import UnderstandingSettings

CATALOGUE = Catalogue.build(small_items())
Model = Callable[[dict[str, Any]], bytes]


def chat(content: str) -> bytes:
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": content}}]}).encode()


@contextmanager
def model(answer: Model) -> Iterator[tuple[str, list[tuple[str, str, dict[str, Any]]]]]:
    """Its address, and what it was asked: path, key, body."""
    asked: list[tuple[str, str, dict[str, Any]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append((self.path, self.headers.get("Authorization", ""), body))
            said = answer(body)
            self.send_response(200 if said else 500)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def settings(url: str, **fields: Any) -> UnderstandingSettings:
    return UnderstandingSettings(url=url, model="m", **fields)


def test_only_what_the_catalogue_has_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_KEY", "secret")
    content = '{"Colour": "RED", "brand": "Nobody", "shape": "round", "category": ["home"], "available": "true"}'
    with model(lambda _: chat(content)) as (url, asked):
        said = refine(["Scarlet  things"], CATALOGUE, settings(url, key_env="MODEL_KEY"), tmp_path / "refined.json")
    assert said == {"scarlet things": Refined({"colour": "red"})}
    ((path, key, body),) = asked
    assert (path, key, body["model"]) == ("/v1/chat/completions", "Bearer secret", "m")
    assert '"colour": ["' in body["messages"][0]["content"]
    assert body["messages"][1] == {"role": "user", "content": "Scarlet  things"}


def test_an_answer_is_kept_for_the_next_training(tmp_path: Path) -> None:
    with model(lambda _: chat('{"colour": "red"}')) as (url, asked):
        for _ in range(2):
            said = refine(["scarlet"], CATALOGUE, settings(url), tmp_path / "refined.json")
        refine(["scarlet", "azure"], CATALOGUE, settings(url), tmp_path / "refined.json")
    assert said == {"scarlet": Refined({"colour": "red"})}
    assert [body["messages"][1]["content"] for _, _, body in asked] == ["scarlet", "azure"]


def test_an_interruption_loses_no_answer_and_what_is_asked_no_more_is_not_kept(tmp_path: Path) -> None:
    def interrupted(body: dict[str, Any]) -> bytes:
        if body["messages"][1]["content"] == "azure":
            assert "scarlet" in (tmp_path / "refined.json").read_text()
        return chat('{"colour": "red"}')

    with model(interrupted) as (url, asked):
        assert len(refine(["scarlet", "azure"], CATALOGUE, settings(url), tmp_path / "refined.json")) == 2
        assert list(refine(["azure"], CATALOGUE, settings(url), tmp_path / "refined.json")) == ["azure"]
    assert len(asked) == 2
    assert "scarlet" not in (tmp_path / "refined.json").read_text()


def test_no_query_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with model(lambda _: b"") as (url, _):
        refine(["a secret"], CATALOGUE, settings(url), tmp_path / "refined.json")
    assert len(caplog.records) == 1
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    "answer", [b"", b"no json", b"[]", b'{"choices": []}', chat("no json"), chat("[1]"), b"\xff", chat('"red"')]
)
def test_whatever_fails_leaves_things_as_they_were(answer: bytes, tmp_path: Path) -> None:
    with model(lambda _: answer) as (url, asked):
        assert refine([*"abcdef"], CATALOGUE, settings(url), tmp_path / "refined.json") == {}
    assert len(asked) == 3  # and then it is not asked any more


def test_nobody_there_and_nobody_asked(tmp_path: Path) -> None:
    assert refine(["a"], CATALOGUE, settings("http://127.0.0.1:9/v1", timeout_ms=200), tmp_path / "a.json") == {}
    assert refine(["a"], CATALOGUE, UnderstandingSettings(), tmp_path / "b.json") == {}
    assert not (tmp_path / "b.json").exists()


def test_a_wrong_address_and_a_missing_key_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MODEL_KEY", raising=False)
    with pytest.raises(SettingsError, match="no address"):
        refine(["a"], CATALOGUE, settings("file:///etc/passwd"), tmp_path / "a.json")
    with pytest.raises(SettingsError, match="MODEL_KEY"):
        refine(["a"], CATALOGUE, settings("http://127.0.0.1:9", key_env="MODEL_KEY"), tmp_path / "a.json")


def test_what_the_model_read_is_read_in_that_query_alone() -> None:
    material = material_of(small_items(), interactions_of([]))
    plain = Understanding.mine(material.catalogue, Lexical().fit(material).terms)
    taught = refined(plain, {"scarlet things": Refined({"colour": "red"})})
    assert [each.id for each in taught.read("Scarlet  THINGS")][:1] == ["colour = red"]
    assert not [each for each in taught.read("azure things") if each.field == "colour"]
