"""Releases change under load: no request fails, no answer mixes two of them, and what is old leaves the memory."""

from __future__ import annotations

import contextlib
import gc
import http.client
import itertools
import os
import re
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest
import small_shop
from processes import Server, ask, serving, until

from shopkeeper.engine.opening import open_release
from shopkeeper.release.store import Release
from shopkeeper.shop import Shop
from shopkeeper.vocabulary import Request

SWAPS = 10


def publish(shop: Shop, word: str) -> Release:
    """A release of the same items, whose titles all begin with this word."""
    items = small_shop.items()
    titles = pa.array([f"{word} {title}" for title in items.column("title").to_pylist()])
    table = items.set_column(items.schema.get_field_index("title"), "title", titles)
    return small_shop.publish(shop.directory, shop.settings, table)


class Shopper(threading.Thread):
    """Searches, looks at the home shelf and clicks, without a pause, until told to stop; keeps what went wrong, and
    which words its answers held by the release that they name."""

    def __init__(self, server: Server, name: str) -> None:
        super().__init__(name=name)
        self.server = server
        self.done = threading.Event()
        self.wrong: list[str] = []
        self.words: dict[str, set[str]] = {}

    def run(self) -> None:
        with contextlib.closing(self.server.connect()) as connection:
            try:
                for number in itertools.count():
                    if self.done.is_set():
                        return
                    self.step(connection, number)
            except (OSError, http.client.HTTPException) as error:
                self.wrong.append(repr(error))

    def step(self, connection: http.client.HTTPConnection, number: int) -> None:
        event = {"id": f"{self.name}-{number}", "type": "view", "item": "mug-red", "user": self.name}
        asked = {"query": "mug", "user": self.name, "facets": ["brand"]}
        for path, body in (("search", asked), ("shelves/home", {"user": self.name}), ("events", event)):
            status, said = ask(connection, f"/v1/{path}", body)
            if status != 200 or (path == "events" and said != {"accepted": 1, "known": 0}):
                self.wrong.append(f"{path}: {status} {said}")
            elif path != "events":
                titles = [placement["item"]["title"] for placement in said["placements"]]
                self.words.setdefault(said["release"], set()).update(
                    title.split()[0] for title in titles or ["nothing"]
                )


@contextlib.contextmanager
def shopping(server: Server, n: int = 3) -> Iterator[list[Shopper]]:
    shoppers = [Shopper(server, f"shopper-{number}") for number in range(n)]
    for shopper in shoppers:
        shopper.start()
    try:
        yield shoppers
    finally:
        for shopper in shoppers:
            shopper.done.set()
        for shopper in shoppers:
            shopper.join()


def swapped(server: Server, release: str) -> None:
    """Wait until every worker serves this release: eight connections reach them all."""
    with contextlib.ExitStack() as stack:
        watchers = [stack.enter_context(contextlib.closing(server.connect())) for _ in range(8)]
        until(lambda: {ask(each, "/v1/ready")[1]["release"] for each in watchers} == {release})


def mapped(pid: int) -> set[str]:
    """The releases of which a process has files mapped."""
    return set(re.findall(r"/releases/([^/]+)/", Path(f"/proc/{pid}/maps").read_text()))


def held(pid: int) -> int:
    """Bytes that a process holds in memory for itself, without the files that it maps."""
    _, resident, shared, *_ = map(int, Path(f"/proc/{pid}/statm").read_text().split())
    return (resident - shared) * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def no_cycles_looked_for() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_cycles_looked_for")
def test_an_engine_that_is_let_go_frees_its_files(tmp_path: Path) -> None:
    shop = small_shop.open_shop(tmp_path)
    engine = open_release(shop.releases.current(), shop.settings)
    for request in (Request(query="mug", facets=("brand",)), Request(surface="home"), Request(query="red lamp")):
        engine.answer(request)
    engine.explain(Request(query="mug"), "mug-red")
    assert engine.release in mapped(os.getpid())
    del engine
    assert shop.releases.current().id not in mapped(os.getpid())


@pytest.mark.usefixtures("no_cycles_looked_for")
def test_a_shop_that_is_let_go_frees_its_files(tmp_path: Path) -> None:
    shop = small_shop.open_shop(tmp_path)
    release = shop.search("mug").release
    assert release in mapped(os.getpid())
    del shop
    assert release not in mapped(os.getpid())


def _asked_of(release: str, shoppers: list[Shopper]) -> bool:
    """Whether each of them was answered from this release, or cannot go on."""
    return all(release in shopper.words or not shopper.is_alive() for shopper in shoppers)


@pytest.mark.slow
def test_swaps_under_load_fail_nothing_and_mix_nothing(tmp_path: Path) -> None:
    shop = small_shop.open_shop(tmp_path)
    words = {publish(shop, "First").id: {"First"}}
    with serving("--shop", tmp_path, "--workers", 2) as server:
        swapped(server, shop.releases.current().id)
        with shopping(server) as shoppers:
            for number in range(SWAPS):
                if number % 3 == 2:
                    release = shop.rollback()
                else:
                    release = publish(shop, f"Number{number}")
                    words[release.id] = {f"Number{number}"}
                swapped(server, release.id)
                until(partial(_asked_of, release.id, shoppers))
    assert [shopper.wrong for shopper in shoppers] == [[], [], []]
    assert [shopper.words for shopper in shoppers] == [words, words, words]


@pytest.mark.slow
def test_what_is_swapped_out_leaves_the_memory(tmp_path: Path) -> None:
    shop = small_shop.open_shop(tmp_path)
    releases = [publish(shop, word).id for word in ("This", "That")]
    with serving("--shop", tmp_path, "--workers", 2) as server, shopping(server, 1):
        memory = []
        for number in range(2 * SWAPS):
            shop.rollback(releases[number % 2])
            swapped(server, releases[number % 2])
            until(lambda: all(mapped(pid) == {shop.releases.current().id} for pid in server.workers()))
            memory.append(sum(map(held, server.workers())))
    assert memory[-1] - memory[SWAPS // 2] < 20_000_000
