"""How long simulated shops take to write, and how much memory: one row for each size, each in its own process.

    python benchmarks/simulate.py [--full]

Without --full the largest shop, one million products and ten million events, is left out.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

from shopkeeper.data.simulate import simulate

SIZES = ((5_000, 300_000), (100_000, 3_000_000), (1_000_000, 10_000_000))


def measure(products: int, events: int, answer: multiprocessing.SimpleQueue[tuple[float, float, float]]) -> None:
    """Put seconds, peak memory in MiB, and the size of the exports in MiB."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        truth = simulate(Path(folder), products=products, events=events)
        seconds = time.perf_counter() - began
        size = sum(path.stat().st_size for path in truth.exports.rglob("*") if path.is_file())
    answer.put((seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, size / 2**20))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="also one million products and ten million events")
    sizes = SIZES if parser.parse_args().full else SIZES[:-1]
    spawn = multiprocessing.get_context("spawn")
    print("| products | events | seconds | rows per second | peak memory, MiB | exports, MiB |")
    print("|---:|---:|---:|---:|---:|---:|")
    for products, events in sizes:
        answer = spawn.SimpleQueue()
        worker = spawn.Process(target=measure, args=(products, events, answer))
        worker.start()
        worker.join()
        if worker.exitcode:
            raise SystemExit(f"simulate failed for {products} products and {events} events")
        seconds, memory, size = answer.get()
        rate = (products + events) / seconds
        print(f"| {products:,} | {events:,} | {seconds:.1f} | {rate:,.0f} | {memory:,.0f} | {size:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
