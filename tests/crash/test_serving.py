"""Kill -9 to a server's worker processes and to its first process, while it is asked and releases come and go."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import small_shop
from harness import Process, Say, Stage
from invariants import left_behind, require_kept, require_serving
from processes import Server, alive, ask, serving, until

from shopkeeper.data.eventlog import EventLog
from shopkeeper.release.store import ReleaseStore
from shopkeeper.server.supervisor import take
from shopkeeper.settings import Settings, ShopSettings

pytestmark = pytest.mark.slow

WORKERS, ASKERS = 2, 3
KILLS_A_SERVER = 3  # of its workers, before it is killed itself: one that keeps dying is replaced more slowly
SPREAD_S = 1.0
BRANDS = ("Before", "After")


class Asker(threading.Thread):
    """Asks a server again and again, over a new connection where the old one broke. `kept` are the ids of the events
    that it was told are on the disk; `wrong` are refusals, and answers that no release gives."""

    def __init__(self, server: Server, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._server, self._stopped = server, threading.Event()
        self.kept: list[str] = []
        self.wrong: list[object] = []
        self._asked = 0

    def run(self) -> None:
        while not self._stopped.is_set():
            with contextlib.suppress(OSError, http.client.HTTPException):  # it was killed in the midst of an answer
                connection = self._server.connect()
                while not self._stopped.is_set():
                    self._ask(connection)
            self._stopped.wait(0.05)

    def stop(self) -> None:
        self._stopped.set()
        self.join()

    def _ask(self, connection: http.client.HTTPConnection) -> None:
        self._asked += 1
        event = {"id": f"{self.name} {self._asked}", "type": "view", "user": "u1", "item": "mug-red"}
        status, said = ask(connection, "/v1/events", event)
        if status == 200:
            self.kept.append(event["id"])
        else:
            self.wrong.append(said)
        status, said = ask(connection, "/v1/search", {"query": "mug"})
        if status != 200 or not _is_whole(said):
            self.wrong.append(said)


def _is_whole(found: dict[str, Any]) -> bool:
    brands = {placement["item"]["brand"] for placement in found["placements"]}
    return len(found["placements"]) == 3 and len(brands) == 1 and brands <= set(BRANDS)


def swap(say: Say, shop: Path) -> None:
    """Releases come and go: with each rollback all brands change."""
    store = ReleaseStore(shop / "releases")
    ids = [release.id for release in store.list()][-2:]
    dice = random.Random()
    while True:
        say((store.rollback(dice.choice(ids)).id,))
        time.sleep(dice.uniform(0.0, 0.5))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    directory, items = tmp_path / "shop", small_shop.items()
    small_shop.open_shop(directory).close()
    for brand in BRANDS:
        at = items.schema.get_field_index("brand")
        table = items.set_column(at, items.schema.field(at), pa.array([brand] * items.num_rows))
        small_shop.publish(directory, Settings(shop=ShopSettings(name=brand)), table)
    return directory


def test_workers_and_their_first_process(stage: Callable[[str], Stage], shop: Path, temporary: Path) -> None:
    killing, kept = stage("serving"), list[str]()
    swapping = Process(swap, shop)
    for number in killing.shares(0.06):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TMPDIR", str(temporary))
            kept += live_and_die(killing, shop, f"server {number}")
        log = EventLog(shop / "events.sqlite")
        require_kept(log, [("events", kept)])
        log.close()
        require_serving(shop)
        assert not left_behind(temporary)
    assert kept
    assert swapping.kill(0.0)


def live_and_die(killing: Stage, shop: Path, name: str) -> list[str]:
    """A server's life: its workers are killed, and others take their places; then it is killed itself, and its workers
    end. The ids of the events that it acknowledged."""
    with serving("--shop", shop, "--workers", WORKERS) as server:
        until(lambda: server.get("/v1/health")[0] == 200)
        askers = [Asker(server, f"{name} {number}") for number in range(ASKERS)]
        for asker in askers:
            asker.start()
        for _ in range(KILLS_A_SERVER):
            time.sleep(killing.dice.uniform(0.0, SPREAD_S))
            victim = killing.dice.choice(server.workers())
            os.kill(victim, signal.SIGKILL)
            killing.hit("a worker")
            until(lambda gone=victim: gone not in server.workers() and len(server.workers()) == WORKERS)
        time.sleep(killing.dice.uniform(0.0, SPREAD_S))
        workers = server.workers()
        server.process.kill()
        killing.hit("the first process")
        until(lambda: not any(alive(worker) for worker in workers))
        for asker in askers:
            asker.stop()
        take(server.host, server.port).close()
    assert not [wrong for asker in askers for wrong in asker.wrong]
    return [id_ for asker in askers for id_ in asker.kept]
