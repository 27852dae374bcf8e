"""Connections that say nothing, clients that take nothing or hang up, a key that floods: others are answered."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import logging
import resource
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import small_shop
import uvicorn
from processes import Server, answering, ask, serving, until
from starlette.types import Receive, Scope, Send

from shopkeeper.keys import KeyStore, Role
from shopkeeper.server import protocol
from shopkeeper.server.app import create_app
from shopkeeper.server.protocol import Guarded
from shopkeeper.shop import Shop

IDLE = 10_000
SPARE = 1_000  # files that the test itself, and the server, may need besides
USUAL = 1_024  # files that a process may open, unless it asks for more
LARGE = b"GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n"
SEARCH = {"query": "red mug"}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return small_shop.open_shop(tmp_path / "shop")


def guarding(shop: Shop) -> AbstractContextManager[tuple[uvicorn.Server, tuple[str, int]]]:
    return answering(create_app(shop), http=Guarded, ws="none")


def asking_much(address: tuple[str, int]) -> socket.socket:
    """A connection that has asked for far more than the system holds for who does not take it."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.connect(address)
    client.sendall(LARGE * 500)
    return client


def test_who_takes_nothing_is_let_go(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "STALLED_S", 0.2)
    with guarding(shop) as (server, address), asking_much(address) as client:
        assert client.recv(9) == b"HTTP/1.1 "
        until(lambda: not server.server_state.connections)
        with socket.create_connection(address) as other:
            other.sendall(LARGE)
            assert other.recv(12) == b"HTTP/1.1 200"


def test_who_takes_it_slowly_gets_it_all(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "STALLED_S", 0.5)
    with guarding(shop) as (_, address), asking_much(address) as client:
        for _ in range(15):  # for longer than one may stall
            assert client.recv(400_000)
            time.sleep(0.1)


def test_who_hangs_up_in_the_midst_of_an_answer_is_forgotten(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    with guarding(shop) as (server, address), caplog.at_level(logging.WARNING):
        for _ in range(20):
            client = asking_much(address)
            assert client.recv(9) == b"HTTP/1.1 "
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closes without a word
            client.close()
        until(lambda: not server.server_state.connections)
        with socket.create_connection(address) as other:
            other.sendall(LARGE)
            assert other.recv(12) == b"HTTP/1.1 200"
    assert not caplog.records


def test_who_hangs_up_is_missed_by_a_request_that_others_followed() -> None:
    """A second request on the same connection, which waits for the answer to the first."""
    began, heard = threading.Event(), list[str]()

    async def waiting(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
        assert (await receive())["type"] == "http.request"
        began.set()
        with contextlib.suppress(TimeoutError):
            heard.append((await asyncio.wait_for(receive(), 5.0))["type"])

    with answering(waiting, http=Guarded, ws="none", lifespan="off") as (server, address):
        with socket.create_connection(address) as client:
            client.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n" * 2)
            assert began.wait(5.0)
        until(lambda: not (server.server_state.connections or server.server_state.tasks))
    assert heard == ["http.disconnect"]


REFUSED = b"POST /v1/nothing HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\n\r\n"


def test_who_goes_on_with_a_body_that_was_refused_is_let_go(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "REST_S", 0.3)
    with guarding(shop) as (server, address), socket.create_connection(address) as client:
        client.sendall(REFUSED)
        assert client.recv(12) == b"HTTP/1.1 404"

        def trickled() -> bool:
            with contextlib.suppress(ConnectionError):
                client.sendall(b" ")  # oftener than a silent connection is closed
            return not server.server_state.connections

        until(trickled)


def test_who_ends_a_body_that_was_refused_may_go_on(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "REST_S", 1.0)
    with guarding(shop) as (_, address), contextlib.closing(http.client.HTTPConnection(*address)) as client:
        client.connect()
        client.auto_open = 0  # so that it stays the same connection
        client.send(REFUSED)
        answer = client.response_class(client.sock)
        answer.begin()
        assert (answer.status, answer.read()[:9]) == (404, b'{"error":')
        client.send(b" " * 1_000_000)
        for _ in range(4):  # for longer than the rest of a body may take
            time.sleep(0.4)
            assert ask(client, "/v1/health")[0] == 200


@pytest.fixture
def many_files() -> Iterator[int]:
    """How many files this process may open now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.slow
def test_ten_thousand_idle_connections_keep_nobody_out(shop: Shop, many_files: int) -> None:
    limited = ("prlimit", f"--nofile={USUAL}:{many_files}")
    with serving("--shop", shop.directory, through=limited) as server, contextlib.ExitStack() as stack:
        assert server.post("/v1/search", SEARCH)[0] == 200
        before, count = _memory(server), min(IDLE, many_files - SPARE)
        silent = [stack.enter_context(socket.create_connection((server.host, server.port))) for _ in range(count)]
        for asked in silent[::100]:
            asked.sendall(b"GET /v1/health HTTP/1.1\r\nhost: localhost\r\n\r\n")
            assert asked.recv(12) == b"HTTP/1.1 200"
        assert server.post("/v1/search", SEARCH)[0] == 200
        each = (_memory(server) - before) / count
        print(f"{count:,} idle connections: {each / 1e3:.1f} kB each")
        assert each < 50_000
        assert silent[1].recv(20) == b"HTTP/1.1 408 Request"  # it was given its time
        until(lambda: _open_files(server) < SPARE)
        assert server.post("/v1/search", SEARCH)[0] == 200


@pytest.mark.slow
def test_more_connections_than_the_system_allows_are_turned_away_until_others_end(shop: Shop) -> None:
    with serving("--shop", shop.directory) as server, contextlib.ExitStack() as stack:
        assert server.post("/v1/search", SEARCH)[0] == 200
        most = _open_files(server) + 50  # a release holds many
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (most, most))
        for _ in range(300):
            stack.enter_context(socket.create_connection((server.host, server.port)))
        until(lambda: _answers(server))


@pytest.mark.slow
def test_a_flood_of_one_key_leaves_room_for_another(shop: Shop) -> None:
    store = KeyStore(shop.directory)
    (_, flood), (_, other) = store.create([Role.SEARCH], rate=1.0), store.create([Role.SEARCH], rate=1_000.0)
    stopped, refused = threading.Event(), []

    def flooding() -> None:
        while not stopped.is_set():
            refused.append(server.post("/v1/search", SEARCH, flood)[0] == 429)

    with serving("--shop", shop.directory, "--workers", 2) as server:
        until(lambda: server.get("/v1/health")[0] == 200)
        threads = [threading.Thread(target=flooding) for _ in range(4)]
        for thread in threads:
            thread.start()
        statuses = [server.post("/v1/search", SEARCH, other)[0] for _ in range(100)]
        stopped.set()
        for thread in threads:
            thread.join()
    assert statuses == [200] * 100
    assert sum(refused) > len(refused) / 2


def _answers(server: Server) -> bool:
    """Within some seconds: a connection for which the system had no room is tried again by whoever asks."""
    try:
        with contextlib.closing(http.client.HTTPConnection(server.host, server.port, timeout=5.0)) as connection:
            return ask(connection, "/v1/search", SEARCH)[0] == 200
    except OSError:
        return False


def _memory(server: Server) -> int:
    """Of the process that answers, in bytes."""
    pages = int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def _open_files(server: Server) -> int:
    return len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))
