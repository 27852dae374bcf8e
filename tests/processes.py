"""A server as real processes, or in a thread of the test's own; always ended."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from starlette.types import ASGIApp

PATIENCE_S = 60.0  # only a broken server takes so long


class Server:
    """`shopkeeper serve` as a process: where it answers, and which worker processes it has now."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        said = process.stdout.readline()
        found = re.search(r"http://([\d.]+):(\d+)", said)
        assert found, said
        self.host, self.port = found[1], int(found[2])

    def workers(self) -> list[int]:
        return [pid for pid in children(self.process.pid) if "spawn_main" in _command(pid)]

    def get(self, path: str) -> tuple[int, Any]:
        with contextlib.closing(self.connect()) as connection:
            return ask(connection, path)

    def post(self, path: str, body: object, key: str = "") -> tuple[int, Any]:
        with contextlib.closing(self.connect()) as connection:
            return ask(connection, path, body, key)

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE_S)


def ask(connection: http.client.HTTPConnection, path: str, body: object = None, key: str = "") -> tuple[int, Any]:
    """GET, or POST a body as JSON: the status and what was said, JSON where it is that."""
    method, content = ("GET", None) if body is None else ("POST", msgspec.json.encode(body))
    headers = {"content-type": "application/json"} | ({"x-api-key": key} if key else {})
    connection.request(method, path, content, headers)
    answer = connection.getresponse()
    said = answer.read()
    return answer.status, msgspec.json.decode(said) if "json" in answer.getheader("content-type", "") else said


@contextlib.contextmanager
def serving(*arguments: object, through: Sequence[str] = ()) -> Iterator[Server]:
    """`shopkeeper serve` with these arguments on a free port; it and all its processes are gone afterwards.

    `through`: a command that becomes the server, as prlimit(1) does."""
    command = [*through, sys.executable, "-m", "shopkeeper", "serve", "--port", "0", *map(str, arguments)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        yield Server(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=PATIENCE_S)


@contextlib.contextmanager
def answering(app: ASGIApp, **configured: Any) -> Iterator[tuple[uvicorn.Server, tuple[str, int]]]:
    """An application on a free port, with a server as it is configured, and where that answers."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, **configured))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield server, listener.getsockname()
    finally:
        server.should_exit = True
        thread.join()


def until(true: Callable[[], object]) -> None:
    """Wait for something that happens soon."""
    last = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < last, "it did not happen"
        time.sleep(0.05)


def children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def alive(pid: int) -> bool:
    return _command(pid) != ""


def _command(pid: int) -> str:
    """Empty for a process that has ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    return ""
