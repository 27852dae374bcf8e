"""What the doors add to a request: the shop's app beside a bare route that gives the same answer, without a network."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import statistics
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jwt
from fastapi import FastAPI, Request
from starlette.responses import Response
from starlette.types import ASGIApp

from shopkeeper.keys import KeyStore, Role
from shopkeeper.server.app import create_app
from shopkeeper.server.logs import formatter
from shopkeeper.server.refusals import Json
from shopkeeper.shop import Shop
from shopkeeper.vocabulary import Item, Placement, Slate

ROUNDS, WARM_UP = 2_000, 200
STAGES = ("context", "sources", "ranking", "policies", "facets", "items")
ANSWER = Slate(
    id="0b5e",
    surface="search",
    placements=tuple(
        Placement(item=Item(id=f"mug-{n}", title="Red stoneware mug"), position=n + 1, score=1.0) for n in range(20)
    ),
    timings=dict.fromkeys(STAGES, 1.0),
    candidates={"lexical": 200, "semantic": 200},
)


class Quick(Shop):
    """A shop that knows its answer."""

    def engine(self) -> Any:
        return SimpleNamespace(cache_lookups=lambda: {"filters": (0, 0)})

    def answer(self, _: object) -> Slate:
        return ANSWER

    def show(self, *_: object) -> None:
        pass


def bare() -> FastAPI:
    app = FastAPI()

    @app.post("/v1/search")
    async def search(http: Request) -> Response:
        await http.body()
        return await asyncio.to_thread(Json, ANSWER)

    return app


def shop(folder: Path, settings: str = "") -> tuple[Quick, str]:
    """A shop with a key."""
    folder.mkdir()
    (folder / "shop.toml").write_text(settings)
    return Quick(folder), KeyStore(folder).create([Role.SEARCH], rate=1e6)[1]


def signed(key: str) -> str:
    claims = {"exp": int(time.time()) + 3_600, "user": "u42", "filter": "price < 50"}
    secret = hashlib.sha256(key.encode()).hexdigest()
    return jwt.encode(claims, secret, algorithm="HS256", headers={"kid": key.split("_")[1]})


async def ask(app: ASGIApp, key: str) -> float:
    """Milliseconds to the end of an answer."""
    body = b'{"query": "red mug"}'
    headers = [(b"host", b"localhost"), (b"content-length", str(len(body)).encode()), (b"x-api-key", key.encode())]
    scope = {
        **{"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http"},
        **{"path": "/v1/search", "raw_path": b"/v1/search", "query_string": b"", "root_path": "", "headers": headers},
        **{"client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2)},
    }
    statuses = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        statuses.append(message.get("status", 200))

    began = time.perf_counter()
    await app(scope, receive, send)
    assert set(statuses) == {200}, statuses
    return (time.perf_counter() - began) * 1_000.0


async def measure(folder: Path) -> None:
    keyed, key = shop(folder / "keyed")
    logged, logged_key = shop(folder / "logged", "[server]\naccess_log = true\n")
    app = create_app(keyed)
    contestants = {
        "bare": (bare(), key),
        "a key": (app, key),
        "a signed key with user and filter": (app, signed(key)),
        "a key, and a line in the log": (create_app(logged), logged_key),
    }
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(ROUNDS):
        for name, (asked, sent) in contestants.items():
            times[name].append(await ask(asked, sent))
    medians = {name: statistics.median(each[WARM_UP:]) for name, each in times.items()}
    for name, median in medians.items():
        print(f"{name:36}{median:.3f} ms, {median - medians['bare']:+.3f}")


if __name__ == "__main__":
    lines = logging.StreamHandler(open(os.devnull, "w"))  # noqa: SIM115 - for as long as the process
    lines.setFormatter(formatter(terminal=False))
    logging.getLogger("shopkeeper").addHandler(lines)
    logging.getLogger("shopkeeper").setLevel(logging.INFO)
    with tempfile.TemporaryDirectory() as scratch:
        asyncio.run(measure(Path(scratch)))
