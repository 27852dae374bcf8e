"""How fast ingest is, next to DuckDB merely reading the same files, and reading and writing them sorted by time.

    python benchmarks/ingest.py [EVENTS…]        (default: 1000000)

Prints a markdown table: rows per second, how many times longer than reading and than rewriting it takes, and the peak
of resident memory. Each measurement runs in a process of its own. Times are wall / CPU seconds, without imports.
"""

from __future__ import annotations

import multiprocessing
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from shopkeeper.data.derive import PARQUET
from shopkeeper.data.duck import connect, literal
from shopkeeper.data.ingest import ingest
from shopkeeper.data.mapping import ColumnMapping, FileMapping, Mapping
from shopkeeper.settings import DataSettings

COLUMNS = {
    "event_time": "time", "event_type": "event_type", "product_id": "item_id", "price": "price", "user_id": "user_id",
    "session": "session_id", "store": "attribute",
}  # fmt: skip
MEMORY_LIMIT_MB = 1024


def generate(folder: Path, rows: int, suffix: str) -> Path:
    """A year of events of 100,000 users and 50,000 products, in no order of time."""
    path = folder / f"events.{suffix}"
    with connect() as connection:
        connection.execute(
            f"""COPY (
                SELECT
                    TIMESTAMP '2024-01-01' + TO_SECONDS((HASH(i) % 31536000)::BIGINT) AS event_time,
                    CASE HASH(i, 1) % 10 WHEN 0 THEN 'cart' WHEN 1 THEN 'purchase' ELSE 'view' END AS event_type,
                    'P' || (HASH(i, 2) % 50000) AS product_id,
                    round((HASH(i, 3) % 10000) / 100.0, 2) AS price,
                    'U' || (HASH(i, 4) % 100000) AS user_id,
                    'S' || (HASH(i, 5) % 1000000) AS session,
                    'store ' || (HASH(i, 6) % 20) AS store
                FROM range({rows}) AS numbers(i)
            ) TO {literal(path)}"""
        )
    return path


def scan_of(path: Path) -> str:
    return (
        f"read_csv({literal(path)}, all_varchar = true)" if path.suffix == ".csv" else f"read_parquet({literal(path)})"
    )


def read(path: Path) -> None:
    """Every value of every column, summed into nothing."""
    with connect() as connection:
        sums = ", ".join(
            f"SUM(LENGTH(CAST({name} AS TEXT)))" if path.suffix == ".csv" else f"MAX({name})" for name in COLUMNS
        )
        connection.execute(f"SELECT COUNT(*), {sums} FROM {scan_of(path)}").fetchall()


def rewrite(path: Path) -> None:
    """The bare sum of what ingest must do at least: read, sort by time, write Parquet."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder, connect(Path(folder), MEMORY_LIMIT_MB) as connection:
        connection.execute(
            f"COPY (SELECT * FROM {scan_of(path)} ORDER BY event_time) TO {literal(Path(folder) / 'sorted.parquet')}"
            f" ({PARQUET})"
        )


def take_in(path: Path) -> None:
    columns = {name: ColumnMapping(field) for name, field in COLUMNS.items()}
    mapping = Mapping([FileMapping(path.name, "events", columns=columns)])
    with tempfile.TemporaryDirectory(dir=path.parent) as shop:
        report = ingest(mapping, [path], Path(shop), DataSettings(memory_limit_mb=MEMORY_LIMIT_MB))
    assert next(table.rows for table in report.tables if table.name == "events") > 0


@dataclass(frozen=True)
class Cost:
    """Wall and CPU seconds, and the peak of resident memory in MiB."""

    seconds: float
    cpu: float
    peak: float

    def __str__(self) -> str:
        return f"{self.seconds:.2f} / {self.cpu:.2f}"


def measured(work: Callable[[Path], None], path: Path) -> Cost:
    """What the work costs, alone in a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measure, (work, path))


def _measure(work: Callable[[Path], None], path: Path) -> Cost:
    started, used = time.perf_counter(), time.process_time()
    work(path)
    seconds, cpu = time.perf_counter() - started, time.process_time() - used
    return Cost(seconds, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main() -> None:
    sizes = [int(size) for size in sys.argv[1:]] or [1_000_000]
    print(f"DuckDB's memory limit: {MEMORY_LIMIT_MB} MiB\n")
    print("| events | file | MB | read s | rewrite s | ingest s | rows/s | × read | × rewrite | peak MiB |")
    print("|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for rows in sizes:
        for suffix in ("parquet", "csv"):
            folder = Path(tempfile.mkdtemp())
            try:
                path = generate(folder, rows, suffix)
                reading, rewriting, ingesting = (measured(work, path) for work in (read, rewrite, take_in))
                print(
                    f"| {rows:,} | {suffix} | {path.stat().st_size / 1e6:.0f} | {reading} | {rewriting} | "
                    f"{ingesting} | {rows / ingesting.seconds:,.0f} | {ingesting.seconds / reading.seconds:.1f} | "
                    f"{ingesting.seconds / rewriting.seconds:.1f} | {ingesting.peak:.0f} |",
                    flush=True,
                )
            finally:
                shutil.rmtree(folder)


if __name__ == "__main__":
    main()
