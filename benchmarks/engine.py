"""How long an answer takes: searches and shelves, in-process and over HTTP, beside the bare parts they are made of.

    python benchmarks/engine.py [--products 5000] [--shop DIR]

Makes a simulated shop and trains it, or takes a trained one. One thread answers one request at a time. Prints Markdown.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command sets it

import argparse
import http.client
import platform
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import big_shop
import msgspec
import numpy as np
import uvicorn

from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.sources.lexical import LexicalSource
from shopkeeper.engine.sources.similar import SimilarSource
from shopkeeper.server.app import create_app
from shopkeeper.shop import Shop
from shopkeeper.vocabulary import Request

Deed = Callable[[], object]

REPLAYED = 300  # requests that train the rankers: enough to have some, quickly
EVENTS_PER_PRODUCT = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, default=5_000)
    parser.add_argument("--shop", type=Path, help="a trained shop, instead of a simulated one")
    parser.add_argument("--requests", type=int, default=200, help="of each kind")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop(arguments.shop) if arguments.shop else simulated(Path(folder), arguments.products)
        engine = shop.engine()
        print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}; ", end="")
        print(f"{len(engine.catalogue):,} products, {len(engine.interactions):,} events of interest.\n")
        print("| what | p50, ms | p99, ms | p50 over HTTP, ms | p99 over HTTP, ms |\n|---|---:|---:|---:|---:|")
        with served(shop) as port:
            for kind, requests in kinds_of(engine, arguments.requests).items():
                answers = times([partial(engine.answer, one) for one in requests])
                print_row(kind, answers, times(list(posts(port, requests))))
        for part, deeds in bare_parts(engine, arguments.requests).items():
            print_row(part, times(deeds))


def simulated(folder: Path, products: int) -> Shop:
    return big_shop.trained(folder, products, EVENTS_PER_PRODUCT * products, requests=REPLAYED)


def kinds_of(engine: Engine, n: int) -> dict[str, list[Request]]:
    """Requests of each kind, about items and people drawn with a fixed seed, a moment after the last event."""
    generator = np.random.default_rng(0)
    rows = generator.integers(0, len(engine.catalogue), n)
    ids, titles = engine.catalogue.ids.ids(rows.tolist()), [engine.catalogue.name(row) for row in rows.tolist()]
    latin = [[word for word in title.split() if word.isascii() and word.isalpha()] or ["mug"] for title in titles]
    chinese = ["".join(char for char in title if "\u4e00" <= char <= "\u9fff")[:4] or "杯" for title in titles]
    eventful = np.flatnonzero(np.diff(engine.interactions.starts) >= 20)
    users = [engine.actors.id(int(row)) for row in generator.choice(eventful, n)]
    one = [words[-1] for words in latin]
    times_known = engine.interactions.times
    now = float(np.nanmax(times_known)) + 1.0 if engine.interactions.has_clock else None
    return {
        "search, one word": [Request(query=word, time=now) for word in one],
        "search, three words": [Request(query=" ".join(words[-3:]), time=now) for words in latin],
        "search, Chinese": [Request(query=text, time=now) for text in chinese],
        "search, misspelt": [Request(query=word[:2] + word[3:], time=now) for word in one],
        "search, known person": [Request(query=w, user=u, time=now) for w, u in zip(one, users, strict=True)],
        "search, price < 50": [Request(query=word, filter="price < 50", time=now) for word in one],
        "search, all facets": [Request(query=word, facets=("*",), time=now) for word in one],
        "home, known person": [Request(surface="home", user=user, time=now) for user in users],
        "home, newcomer": [Request(surface="home", time=now) for _ in users],
        "similar": [
            Request(surface="similar", items=(id_,), user=u, time=now) for id_, u in zip(ids, users, strict=True)
        ],
        "cart, three items": [Request(surface="cart", items=tuple(ids[at : at + 3]), time=now) for at in range(n)],
    }


def bare_parts(engine: Engine, n: int) -> dict[str, list[Deed]]:
    """What a request cannot do without, alone: each on the inputs it has in an answer."""
    kinds = kinds_of(engine, n)
    words, homes = kinds["search, three words"], kinds["home, known person"]
    parts: dict[str, list[Deed]] = {}
    lexical, similar, encoder = engine.sources.get("lexical"), engine.sources.get("similar"), engine.encoder
    if isinstance(lexical, LexicalSource):
        searches = [engine.context(one) for one in words]
        parts["words alone (tantivy), three words"] = [partial(lexical.retrieve, each, 500) for each in searches]
    if encoder is not None:
        parts["encoder alone, three words"] = [partial(encoder.encode, [one.query]) for one in words]
    if isinstance(similar, SimilarSource):
        vectors = similar.vectors
        some = vectors.of(np.arange(min(n, len(engine.catalogue)), dtype=np.int32))
        parts[f"nearest neighbours alone, {vectors.dimension} numbers"] = [
            partial(vectors.search, each, 200) for each in some
        ]
    if ranker := engine.rankers.get("home"):
        contexts = [engine.context(one) for one in homes]
        tables = [engine.features(context, engine.candidates(context)) for context in contexts]
        size = int(np.median([len(table) for table in tables]))
        parts[f"ranker alone, {size} candidates"] = [partial(ranker.score, table) for table in tables]
    return parts


def times(deeds: Sequence[Deed]) -> Sequence[float]:
    """Milliseconds each; the first ten are done once before, so that what is read lazily is there."""
    for deed in deeds[:10]:
        deed()
    spent = []
    for deed in deeds:
        begin = time.perf_counter()
        deed()
        spent.append(1000.0 * (time.perf_counter() - begin))
    return spent


@contextmanager
def served(shop: Shop) -> Iterator[int]:
    """The port on loopback where the shop answers, in a thread of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    server = uvicorn.Server(uvicorn.Config(create_app(shop), host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join()


def posts(port: int, requests: Sequence[Request]) -> Iterator[Deed]:
    """Each request as a POST over one connection that stays open."""
    connection = http.client.HTTPConnection("127.0.0.1", port)

    def post(path: str, body: bytes) -> None:
        connection.request("POST", path, body, {"content-type": "application/json"})
        response = connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise SystemExit(f"{path} answered {response.status}: {answer.decode()}")

    for one in requests:
        said = {name: value for name, value in msgspec.to_builtins(one).items() if name != "surface"}
        path = "/v1/search" if one.surface == "search" else f"/v1/shelves/{one.surface}"
        yield partial(post, path, msgspec.json.encode(said))


def print_row(what: str, *measured: Sequence[float]) -> None:
    figures = [f"{np.quantile(each, share):.2f}" for each in measured for share in (0.5, 0.99)]
    print("| " + " | ".join([what, *figures, *["–"] * (4 - len(figures))]) + " |", flush=True)


if __name__ == "__main__":
    main()
