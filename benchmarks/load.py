"""How long a large catalogue takes to be loaded into a shop that is open, and what that shop then holds.

    python benchmarks/load.py [--products 1000000] [--known 5000] [--cache DIR]

A simulated shop is trained and served by one process, and `shopkeeper load` sends it a file of so many new products:
those of the shop again and again, each with an id and a model's name of its own. Meanwhile a client searches, once a
second. Prints Markdown.
"""

from __future__ import annotations

import argparse
import http.client
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from engine import simulated
from swap import resident, served

AT_ONCE = 50_000  # products written at a time


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, default=1_000_000)
    parser.add_argument("--known", type=int, default=5_000, help="that the shop was trained with")
    parser.add_argument("--cache", type=Path, default=Path("benchmark-shops"))
    arguments = parser.parse_args()
    folder = arguments.cache / f"load-{arguments.known}"
    shop = simulated(folder, arguments.known)
    catalogue = arguments.cache / f"catalogue-{arguments.products}.parquet"
    products = pq.read_table(folder / "world" / "exports" / "products.parquet").drop_columns(["image"])
    write(products, arguments.products, catalogue)
    with served(shop, 1) as (port, process):
        before, done, spent = resident(process.pid), threading.Event(), list[float]()
        asking = threading.Thread(target=ask, args=(port, done, spent))
        asking.start()
        began = time.monotonic()
        command = [sys.executable, "-m", "shopkeeper", "load", str(catalogue), "--to", f"http://127.0.0.1:{port}"]
        subprocess.run(command, check=True)
        sent = time.monotonic() - began
        found = known(port, arguments.products - 1)
        seen = time.monotonic() - began
        done.set()
        asking.join()
        held = resident(process.pid) - before
    sender = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024  # of the children that have ended
    size, n, ms = catalogue.stat().st_size / 2**20, arguments.products, 1e3 * np.array(spent)
    print(f"{n:,} products, {size:,.0f} MiB as Parquet: taken in {sent:,.0f} s ({n / sent:,.0f} a second),")
    print(f"the last one {'found' if found else 'not found'} after {seen:,.0f} s.")
    print(f"The shop holds {held / 2**30:.1f} GiB more; the sender held {sender:,.0f} MiB at most.")
    print(f"{len(ms):,} searches meanwhile: median {np.median(ms):.0f} ms, p99 {np.quantile(ms, 0.99):.0f} ms.")


def write(products: pa.Table, n: int, path: Path) -> None:
    if path.exists():
        return
    with pq.ParquetWriter(path, products.schema) as file:
        for first in range(0, n, AT_ONCE):
            numbers = np.arange(first, min(first + AT_ONCE, n))
            names = pa.array([f"new-{number}" for number in numbers.tolist()])
            some = products.take(pa.array(numbers % len(products)))
            title = some.schema.get_field_index("title")
            some = some.set_column(0, products.schema.field(0), names.cast(products.schema.field(0).type))
            titled = pc.binary_join_element_wise(some.column(title), names, " ")
            file.write_table(some.set_column(title, products.schema.field(title), titled))


def ask(port: int, done: threading.Event, spent: list[float]) -> None:
    while not done.wait(1.0):
        began = time.monotonic()
        search(port, "red mug")
        spent.append(time.monotonic() - began)


def known(port: int, number: int) -> bool:
    """Whether the shop finds the product of this number, for which it is given ten minutes."""
    until = time.monotonic() + 600
    while time.monotonic() < until:
        if search(port, f"new-{number}"):
            return True
        time.sleep(1.0)
    return False


def search(port: int, query: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    body = msgspec.json.encode({"query": query, "verbatim": True})
    connection.request("POST", "/v1/search", body, {"Content-Type": "application/json"})
    found = msgspec.json.decode(connection.getresponse().read())
    connection.close()
    return any(each["item"]["id"] == query for each in found.get("placements", []))


if __name__ == "__main__":
    main()
