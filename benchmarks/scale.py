"""How long search and the home shelf take in shops of up to millions of products, beside the bare sum of their parts.

    python benchmarks/scale.py [--products 20000] [--words] [--catalogue DIR] [--cache DIR]
    python benchmarks/scale.py --products 20000 1000000 --words 2200000

Shops are made once and kept in the cache: the first run takes as long as that takes (see big_shop.py for what in them
is not as in a real shop). With --catalogue, a folder of exports, the smallest shop has its products and simulated
shoppers. Of the sizes named by --words the text search is measured alone. Every shop is measured in processes of its
own. CPU time counts all threads: it says more than wall time on a machine that has other work. Prints Markdown.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command sets it

import argparse
import multiprocessing
import platform
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import big_shop
import msgspec
import numpy as np
from engine import kinds_of, posts

from shopkeeper.data.tables import Tables
from shopkeeper.engine.pipeline import Engine
from shopkeeper.engine.sources.lexical import Lexical, LexicalSource
from shopkeeper.engine.sources.similar import SimilarSource, _at_hand
from shopkeeper.shop import Shop
from shopkeeper.vocabulary import Request

CLI = (sys.executable, "-c", "from shopkeeper.cli import main; main()")
KINDS = ("search, three words", "home, known person")
WORKERS, CONNECTIONS, SECONDS = 2, 4, 10
LIMIT = 500  # candidates of the surface search


@dataclass
class Times:
    """Milliseconds of each of some deeds: wall, and CPU of all threads."""

    wall: np.ndarray
    cpu: np.ndarray

    @classmethod
    def of(cls, deeds: Sequence[Callable[[], object]]) -> Times:
        wall, cpu = [], []
        for deed in deeds:
            began = time.perf_counter(), time.process_time()
            deed()
            wall.append(time.perf_counter() - began[0])
            cpu.append(time.process_time() - began[1])
        return cls(1000.0 * np.array(wall), 1000.0 * np.array(cpu))

    def row(self, what: str) -> str:
        return f"| {what} | {np.median(self.wall):.2f} | {np.quantile(self.wall, 0.99):.2f} | {self.cpu.mean():.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, nargs="*", default=[20_000])
    parser.add_argument("--words", type=int, nargs="*", default=[])
    parser.add_argument("--catalogue", type=Path, help="exports whose products the smallest shop has")
    parser.add_argument("--cache", type=Path, default=Path("benchmark-shops"))
    parser.add_argument("--requests", type=int, default=200, help="of each kind")
    arguments = parser.parse_args()
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()};", end=" ")
    print(f"load average {os.getloadavg()[0]:.1f}.")
    small = big_shop.trained(arguments.cache / "small", big_shop.SMALL, big_shop.SMALL_EVENTS)
    for products in arguments.products:
        adopted = arguments.catalogue if products == min(arguments.products) else None
        shop = shop_of(arguments.cache, products, adopted, small)
        alone(inside, shop.directory, arguments.requests)
        over_http(shop, arguments.requests)
    for products in arguments.words:
        source = big_shop.words_alone(arguments.cache / f"words-{products}", products)
        alone(words_alone, source, arguments.requests)


def shop_of(cache: Path, products: int, adopted: Path | None, small: Shop) -> Shop:
    if adopted is None:
        return big_shop.assembled(cache / str(products), products, small)
    plain = cache / "plain"
    if not (plain / "tables").exists():
        Shop.new(plain, [adopted]).ingest()
    return big_shop.trained(cache / adopted.name, products, 20 * products, catalogue=Tables(plain).items())


def alone(measure: Callable[..., None], *arguments: object) -> None:
    """In a process of its own, so that nothing else is counted in its memory."""
    process = multiprocessing.get_context("spawn").Process(target=measure, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{measure.__name__} failed")


def inside(directory: Path, n: int) -> None:
    """The engine's answers in-process, beside the bare parts."""
    engine = Shop(directory).engine()
    at_rest = memory(os.getpid())
    print(f"\n{len(engine.catalogue):,} products, {len(engine.interactions):,} events of interest.\n")
    print("| in-process | p50, ms | p99, ms | mean CPU, ms |\n|---|---:|---:|---:|", flush=True)
    asked = {kind: kinds_of(engine, n + 20)[kind] for kind in KINDS}
    for requests in asked.values():  # what is read lazily, read
        for request in requests[n:]:
            engine.answer(request)
    searches, homes = ([partial(engine.answer, one) for one in asked[kind][:n]] for kind in KINDS)
    measured = {"search, a new query": Times.of(searches), "search, asked before": Times.of(searches)}
    measured["home, known person"] = Times.of(homes)
    parts = {part: Times.of(deeds) for part, deeds in bare_parts(engine, asked, n).items()}
    for what, times in (*measured.items(), *parts.items()):
        print(times.row(what))
    for what, names in {
        "search, a new query": ("tantivy", "encoder", "neighbours of the query", "ranker of search"),
        "search, asked before": ("tantivy", "neighbours of the query", "ranker of search"),
        "home, known person": ("neighbours of the history", "ranker of home"),
    }.items():
        bare = sum(parts[name].cpu.mean() for name in names if name in parts)
        print(f"| {what} ÷ its parts | | | {measured[what].cpu.mean() / bare:.2f} × |")
    print(f"\nMemory, opened: {at_rest}; after the requests: {memory(os.getpid())}.", flush=True)


def bare_parts(engine: Engine, asked: dict[str, list[Request]], n: int) -> dict[str, list[Callable[[], object]]]:
    """What an answer cannot do without, each on the inputs that it has in these answers."""
    searches, homes = ([engine.context(one) for one in asked[kind][:n]] for kind in KINDS)
    lexical, semantic, similar = (engine.sources.get(name) for name in ("lexical", "semantic", "similar"))
    parts: dict[str, list[Callable[[], object]]] = {}
    if isinstance(lexical, LexicalSource):
        searcher = lexical._index._searcher
        queries = [next(lexical._queries(one.request.query)) for one in searches]
        parts["tantivy"] = [partial(searcher.search, query, LIMIT) for query in queries]
    if engine.encoder:
        parts["encoder"] = [partial(engine.encoder.encode, [one.request.query]) for one in searches]
    if engine.encoder and semantic:
        vectors = engine.encoder.encode([one.request.query for one in searches])
        parts["neighbours of the query"] = [
            partial(semantic.vectors.search, vector, LIMIT, one.allowed)
            for vector, one in zip(vectors, searches, strict=True)
        ]
    if isinstance(similar, SimilarSource):
        centres = [weights @ similar.vectors.of(rows) for rows, weights in map(_at_hand, homes)]
        parts["neighbours of the history"] = [
            partial(similar.vectors.search, (centre / np.linalg.norm(centre)).astype(np.float32), 210, one.allowed)
            for centre, one in zip(centres, homes, strict=True)
        ]
    for surface, contexts in (("search", searches), ("home", homes)):
        if ranker := engine.rankers.get(surface):
            tables = [engine.features(one, engine.candidates(one)) for one in contexts]
            parts[f"ranker of {surface}"] = [partial(ranker.score, table) for table in tables]
    return parts


def words_alone(source: Path, n: int) -> None:
    """The text search of a shop that has nothing else: the best matches, and how many there are."""
    began = time.perf_counter()
    lexical = Lexical().load(source, None)  # type: ignore[arg-type]
    began_to_search = time.perf_counter()
    queries = msgspec.json.decode((source / "queries.json").read_bytes(), type=list[str])[:n]
    allowed = np.random.default_rng(0).random(len(lexical._terms)) < 0.97
    nobody = np.empty(0, np.int32)
    context = big_shop.context.Context(Request(), 0.0, -1, nobody, nobody, nobody, nobody, nobody, allowed)

    def search(query: str) -> None:
        lexical.retrieve(replace(context, request=Request(query=query)), LIMIT)
        lexical.matches(query, allowed, 10_000)

    search(queries[0])
    first = time.perf_counter() - began
    times = Times.of([partial(search, query) for query in queries])
    bare = Times.of([partial(lexical._index._searcher.search, next(lexical._queries(one)), LIMIT) for one in queries])
    print(f"\n{len(allowed):,} products, words alone.\n")
    print("| in-process | p50, ms | p99, ms | mean CPU, ms |\n|---|---:|---:|---:|")
    print(times.row("search and count, three words"))
    print(bare.row("tantivy"))
    print(f"| search ÷ tantivy | | | {times.cpu.mean() / bare.cpu.mean():.2f} × |")
    print(f"\nMean {times.wall.mean():.2f} ms, {1000 / times.cpu.mean():.0f} searches/s of one core; ", end="")
    print(f"opened in {began_to_search - began:.2f} s, first answer after {first:.2f} s; {memory(os.getpid())}.")


def over_http(shop: Shop, n: int) -> None:
    """What a client sees of a server of WORKERS processes: one request at a time, then as many as it can take."""
    asked = kinds_of(shop.engine(), n)
    with served(shop) as (port, ready, workers):
        print(f"\nFirst answer over HTTP {ready:.1f} s after the start of {WORKERS} processes.\n")
        print("| over HTTP | p50, ms | p99, ms | requests/s |\n|---|---:|---:|---:|", flush=True)
        for kind in KINDS:
            deeds = list(posts(port, asked[kind]))
            times = Times.of([*deeds[:20], *deeds])
            wall = times.wall[20:]
            print(f"| {kind}, one at a time | {np.median(wall):.2f} | {np.quantile(wall, 0.99):.2f} | |")
        for kind in KINDS:
            print(f"| {kind}, {CONNECTIONS} at a time | {' | '.join(hammered(port, asked[kind]))} |", flush=True)
        print(f"\nMemory of the workers: {'; '.join(str(memory(pid)) for pid in workers)}.", flush=True)


@contextmanager
def served(shop: Shop) -> Iterator[tuple[int, float, list[int]]]:
    """The port, the seconds until the first answer, and the processes that answer."""
    command = (*CLI, "serve", "--shop", str(shop.directory), "--workers", str(WORKERS), "--port", "0")
    began = time.perf_counter()
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert server.stdout is not None
        port = next(int(found[1]) for line in server.stdout if (found := re.search(r":(\d+)\b", line)))
        connection = HTTPConnection("127.0.0.1", port, timeout=120)
        connection.request("POST", "/v1/search", b'{"query": "mug"}', {"content-type": "application/json"})
        if (answer := connection.getresponse()).status != 200:
            raise SystemExit(answer.read().decode())
        ready = time.perf_counter() - began
        time.sleep(5.0)  # until every worker is up
        children = subprocess.run(["pgrep", "-P", str(server.pid)], capture_output=True, text=True, check=False).stdout
        yield port, ready, [pid for pid in map(int, children.split()) if memory(pid).resident > 100]
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


def hammered(port: int, requests: Sequence[Request]) -> tuple[str, str, str]:
    """p50, p99 (milliseconds) and requests a second, by wrk, which takes its share of the same cores."""
    if not shutil.which("wrk"):
        return "–", "–", "wrk is not installed"
    bodies = [
        msgspec.json.encode({k: v for k, v in msgspec.to_builtins(one).items() if k != "surface"}) for one in requests
    ]
    path = "/v1/search" if requests[0].surface == "search" else f"/v1/shelves/{requests[0].surface}"
    script = Path(f"/tmp/shopkeeper-wrk-{os.getpid()}.lua")
    listed = ",".join(f"[==[{body.decode()}]==]" for body in bodies)
    script.write_text(
        f'local bodies = {{{listed}}}\nlocal at = 0\nlocal headers = {{["content-type"] = "application/json"}}\n'
        f'request = function() at = at % #bodies + 1; return wrk.format("POST", "{path}", headers, bodies[at]) end\n'
        "done = function(summary, latency, requests) io.write(string.format("
        '"FIGURES %.2f %.2f %.1f %d\\n", latency:percentile(50) / 1000, latency:percentile(99) / 1000, '
        "summary.requests / (summary.duration / 1e6), summary.errors.status + summary.errors.timeout)) end\n"
    )
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-s", str(script), f"http://127.0.0.1:{port}"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    script.unlink()
    p50, p99, rate, failed = re.search(r"FIGURES (\S+) (\S+) (\S+) (\d+)", said).groups()  # type: ignore[union-attr]
    if int(failed):
        raise SystemExit(f"{failed} requests failed")
    return p50, p99, rate


class Memory(msgspec.Struct):
    """MiB of a process: resident, of which its own (not of mapped files, which processes share)."""

    resident: float
    own: float

    def __str__(self) -> str:
        return f"{self.resident:,.0f} MiB resident, of which {self.own:,.0f} its own"


def memory(pid: int) -> Memory:
    said: dict[str, Any] = dict(re.findall(r"(\w+):\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text()))
    return Memory(int(said["Rss"]) / 1024, int(said["Anonymous"]) / 1024)


if __name__ == "__main__":
    main()
