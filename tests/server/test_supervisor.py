"""Several worker processes at one address: they die, stop and drain as they should."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import small_shop
from processes import Server, alive, ask, serving, until

from shopkeeper.errors import SettingsError
from shopkeeper.server import supervisor
from shopkeeper.server.supervisor import address, take


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("shops") / "small"
    small_shop.open_shop(directory)
    return directory


@pytest.fixture
def server(shop: Path) -> Iterator[Server]:
    with serving("--shop", shop, "--workers", 2) as server:
        until(lambda: server.get("/v1/health")[0] == 200)
        yield server


def test_a_taken_port_is_a_sentence() -> None:
    with take("127.0.0.1", 0) as taken:
        assert address(taken) == f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(SettingsError, match=r"cannot be taken .* Choose another with --port"):
            take("127.0.0.1", taken.getsockname()[1])


STOPPED_WHILE_IT_STARTS = """
import signal, uvicorn
from shopkeeper.server import supervisor

def run(server, sockets, run=uvicorn.Server.run):
    signal.raise_signal(signal.SIGTERM)  # before uvicorn listens to signals
    run(server, sockets)

async def app(scope, receive, send):
    raise NotImplementedError

uvicorn.Server.run = run
print(supervisor.serve(lambda: app, supervisor.take("127.0.0.1", 0)))
"""


def test_a_signal_is_heard_while_the_server_starts() -> None:
    done = subprocess.run([sys.executable, "-c", STOPPED_WHILE_IT_STARTS], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == [str(signal.SIGTERM.value)], done.stderr


def test_a_worker_that_cannot_be_started_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    dead, living = (cast(BaseProcess, SimpleNamespace(is_alive=bool, pid=1, exitcode=-9)) for _ in range(2))
    starts = iter([OSError("no room for a process"), living])

    def start(_: object) -> BaseProcess:
        started = next(starts)
        if isinstance(started, OSError):
            raise started
        return started

    monkeypatch.setattr(supervisor, "mark_process_dead", lambda _: None)
    monkeypatch.setattr(supervisor, "LONGEST_PAUSE_S", 0.0)
    monkeypatch.setattr(supervisor._Supervisor, "_start", start)
    with take("127.0.0.1", 0) as listener:
        watching, place = supervisor._Supervisor(lambda: None, listener, 1), supervisor._Place(dead, 0.0)  # type: ignore[arg-type, return-value]
        watching._tend(place)
        assert place.process is dead
        watching._tend(place)
    assert place.process is living


@pytest.mark.slow
def test_a_worker_that_dies_is_replaced_and_said(server: Server) -> None:
    before = server.workers()
    assert len(before) == 2
    os.kill(before[0], signal.SIGKILL)
    until(lambda: len(server.workers()) == 2 and before[0] not in server.workers())
    assert server.get("/v1/health")[0] == 200
    server.process.terminate()
    _, said = server.process.communicate(timeout=60)
    assert f"The worker process {before[0]} ended with code -9" in said


@pytest.mark.slow
@pytest.mark.parametrize(("sign", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_to_the_supervisor_drains_the_workers(server: Server, sign: signal.Signals, code: int) -> None:
    workers, body = server.workers(), b'{"query": "red mug"}'
    with socket.create_connection((server.host, server.port)) as half_asked:
        head = f"POST /v1/search HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: {len(body)}\r\n\r\n"
        half_asked.sendall(head.encode())
        assert half_asked.recv(65536).startswith(b"HTTP/1.1 100")  # it is being answered
        server.process.send_signal(sign)
        until(lambda: not _accepts(server))
        half_asked.sendall(body)
        answer = b"".join(iter(lambda: half_asked.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"mug-red" in answer
    said, complaints = server.process.communicate(timeout=60)
    assert (server.process.returncode, said, complaints) == (code, "Closed.\n", "")
    assert not any(alive(worker) for worker in workers)


@pytest.mark.slow
def test_the_port_is_free_again_when_the_supervisor_is_killed(server: Server) -> None:
    workers = server.workers()
    server.process.kill()
    until(lambda: not any(alive(worker) for worker in workers))
    take(server.host, server.port).close()


@pytest.mark.slow
def test_workers_share_one_address_and_the_event_log(server: Server) -> None:
    connections = [server.connect() for _ in range(8)]  # so that both workers have some
    for number, connection in enumerate(connections):
        event = {"id": f"shared-{number}", "type": "view", "item": "mug-red", "user": "u1"}
        assert ask(connection, "/v1/events", event) == (200, {"accepted": 1, "known": 0})
        assert ask(connections[-1 - number], "/v1/events", event) == (200, {"accepted": 0, "known": 1})
    for connection in connections:
        connection.close()


def _accepts(server: Server) -> bool:
    try:
        socket.create_connection((server.host, server.port), timeout=5).close()
    except OSError:
        return False
    return True
