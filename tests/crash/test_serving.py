"""Kill -9 to a server's worker processes and to its first process, while it is asked and releases come and go."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import shutil
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
from invariants import left_behind, require_serving
from processes import Server, ask, serving, until

from shopkeeper.data.eventlog import EventLog
from shopkeeper.data.scratch import PREFIX
from shopkeeper.release.store import ReleaseStore
from shopkeeper.settings import Settings, ShopSettings

pytestmark = pytest.mark.slow

WORKERS, ASKERS = 2, 3
KILLS_A_SERVER = 3  # of its workers, before it is killed itself: one that keeps dying is replaced more slowly
SPREAD_S = 1.0
BRANDS = ("Before", "After")


class Asker(threading.Thread):
    """Asks a server again and again, over a new connection where the old one broke. `kept` are the ids of the events
    that it was told are on the disk; `mixed` are answers that no release gives."""

    def __init__(self, server: Server, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._server, self._stopped = server, threading.Event()
        self.kept: list[str] = []
        self.answers, self.mixed = 0, list[object]()

    def run(self) -> None:
        while not self._stopped.is_set():
            with contextlib.suppress(OSError, http.client.HTTPException):  # it was killed in the midst of an answer
                connection = self._server.connect()
                while not self._stopped.is_set():
                    self._ask(connection)

    def stop(self) -> None:
        self._stopped.set()
        self.join()

    def _ask(self, connection: http.client.HTTPConnection) -> None:
        id_ = f"{self.name} {self.answers}"
        status, said = ask(connection, "/v1/events", {"id": id_, "type": "view", "user": "u1", "item": "mug-red"})
        if status == 200:
            self.kept.append(id_)
        status, found = ask(connection, "/v1/search", {"query": "mug"})
        if status != 200 or not _is_whole(found):
            self.mixed.append((status, found))
        self.answers += 1


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


def test_workers_and_their_first_process(stage: Callable[[str], Stage], shop: Path, tmp_path: Path) -> None:
    killing, temporary = stage("serving"), tmp_path / "temporary"
    temporary.mkdir()
    port, kept, answers = 0, list[str](), 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(temporary))
        for number in killing.shares(0.06):
            if number % (KILLS_A_SERVER + 1) == 0:
                ...
