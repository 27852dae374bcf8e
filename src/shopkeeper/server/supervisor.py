"""The processes that answer: one here, or several that share a listening socket, looked after by this one.

A worker that dies gives its place to another. SIGTERM and SIGINT stop all: what was asked is still answered, for at
most DRAIN_S seconds. Workers whose supervisor is gone, however it went, stop as well, so that the port is free again.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess

import uvicorn
from prometheus_client.multiprocess import mark_process_dead
from starlette.types import ASGIApp

from shopkeeper.data.scratch import Scratch
from shopkeeper.errors import SettingsError
from shopkeeper.server import logs
from shopkeeper.server.protocol import Guarded

DRAIN_S = 10.0  # that requests in flight get to finish
LONGEST_PAUSE_S = 30.0  # before a place is filled again whose workers keep dying
STEADY_S = 60.0  # a worker that lived so long died by an accident of its own
TICK_S = 0.2
FILES = 65_536  # that a process that answers may have open, connections above all

Build = Callable[[], ASGIApp]  # makes what answers; a worker process finds it by its name

_log = logging.getLogger(__name__)
_spawn = multiprocessing.get_context("spawn")  # a forked child would inherit locks that other threads hold


def take(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any that is free. Raises SettingsError when it cannot be had."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise SettingsError(
            f"{host}:{port} cannot be taken ({error.strerror or error})",
            remedy="Choose another with --port, or --port 0 for any that is free.",
        ) from None


def address(listener: socket.socket) -> str:
    """Where a browser finds it: http://127.0.0.1:8000."""
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def serve(build: Build, listener: socket.socket, workers: int = 1) -> int:
    """Answer at `listener` until a signal says to stop, and return its number. One worker is this process itself.

    Several workers get PROMETHEUS_MULTIPROC_DIR, a directory where they keep their counts for one another.
    """
    logs.configure()
    _allow_connections()
    if workers == 1:
        return _answer(build(), listener)
    cores = os.cpu_count() or 1
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores // workers)))
    with Scratch() as metrics:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
        return _Supervisor(build, listener, workers).run()


def _allow_connections() -> None:
    """Each is an open file, and the usual limit of 1,024 is low; up to the hard one, a process may raise it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@dataclass
class _Place:
    """A place among the workers: the process in it, since when, and how many died young there one after the other."""

    process: BaseProcess
    since: float
    died_young: int = 0
    free_until: float | None = None  # when it is empty: the moment to fill it again


class _Supervisor:
    def __init__(self, build: Build, listener: socket.socket, workers: int) -> None:
        self._build, self._listener, self._workers = build, listener, workers

    def run(self) -> int:
        heard = _listen()
        places = [_Place(self._start(), time.monotonic()) for _ in range(self._workers)]
        try:
            while not heard:
                wait([place.process.sentinel for place in places if place.free_until is None], TICK_S)
                for place in places:
                    self._tend(place)
        finally:
            self._listener.close()
            _stop([place.process for place in places])
        return heard[0]

    def _start(self) -> BaseProcess:
        """A new worker. It does not hear the Ctrl-C of a terminal while it starts: stopping it is our affair."""
        process = _spawn.Process(target=_work, args=(self._build, self._listener), name="shopkeeper worker")
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            process.start()
        finally:
            signal.signal(signal.SIGINT, before)
        return process

    def _tend(self, place: _Place) -> None:
        now = time.monotonic()
        if place.free_until is None and not place.process.is_alive():
            place.died_young = place.died_young + 1 if now - place.since < STEADY_S else 0
            pause = min(2.0 ** (place.died_young - 1), LONGEST_PAUSE_S) if place.died_young > 1 else 0.0
            place.free_until = now + pause
            died, code = place.process.pid, place.process.exitcode
            mark_process_dead(died)  # type: ignore[no-untyped-call]
            _log.error(
                "The worker process %s ended with code %s; another takes its place in %.0f s.", died, code, pause
            )
        if place.free_until is not None and now >= place.free_until:
            try:
                place.process, place.since, place.free_until = self._start(), now, None
            except OSError as error:  # no memory, or too many processes; the other workers go on
                place.free_until = now + LONGEST_PAUSE_S
                _log.error("No worker process can be started; the next try is in %.0f s. %s", LONGEST_PAUSE_S, error)


def _stop(processes: list[BaseProcess]) -> None:
    """Ask all to finish, and end those that do not within twice DRAIN_S."""
    for process in processes:
        process.terminate()
    last = time.monotonic() + 2 * DRAIN_S
    for process in processes:
        process.join(max(0.0, last - time.monotonic()))
        if process.is_alive():
            _log.error("The worker process %s does not stop and is killed.", process.pid)
            process.kill()
            process.join()


def _work(build: Build, listener: socket.socket) -> None:
    """The life of a worker process."""
    logs.configure()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _answer(build(), listener)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _answer(app: ASGIApp, listener: socket.socket) -> int:
    config = uvicorn.Config(
        app,
        http=Guarded,
        ws="none",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=round(DRAIN_S),
    )
    server = uvicorn.Server(config)
    heard = _listen(server)
    server.run(sockets=[listener])
    return heard[0] if heard else 0


def _listen(server: uvicorn.Server | None = None) -> list[int]:
    """From now on, SIGINT and SIGTERM only add their number to this list. A server listens itself once it runs, and
    hands on what it heard; what comes before then ends it as well."""
    heard: list[int] = []

    def hear(number: int, _: object) -> None:
        heard.append(number)
        if server is not None:
            server.should_exit = True

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, hear)
    return heard
