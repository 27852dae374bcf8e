"""The daily loop: once a day, at a time of day, the shop takes in what happened and trains, while it goes on serving.

Both jobs are commands in processes of their own, at the lowest priority; what they say is in `reports/daily.log`, and
how the last run went in `reports/daily.json`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from datetime import time as TimeOfDay
from pathlib import Path

import msgspec

from shopkeeper.data.durable import write_whole

CATCH_UP_S = 4 * 3600.0  # a run that was missed by less is made up for
TICK_S = 2.0  # between looks at the clock, which may jump, and the machine may have slept
STOP_S = 20.0  # that a job gets to end in order
LOG_BYTES = 1_000_000  # of daily.log, before it becomes daily.log.1
COMMAND = (sys.executable, "-m", "shopkeeper")
JOBS = (("ingest",), ("train", "--if-better"))

_log = logging.getLogger(__name__)


class Run(msgspec.Struct, frozen=True):
    """daily.json. began, ended: seconds since the epoch; said: the last line of what the jobs said."""

    began: float
    ended: float
    succeeded: bool
    said: str


def next_run(now: float, at: TimeOfDay, last: float) -> float:
    """When to run next: `now`, where a run is due, or else the next time that it is `at` o'clock.

    now, last (when it last began): seconds since the epoch; at: local time. It runs once for each day: a run is due
    until CATCH_UP_S after its time. Where the clock is set forward over `at`, it is due an hour later by that clock;
    where it is set back, the first of the two counts. A `last` in the future was told by a wrong clock.
    """
    today = datetime.fromtimestamp(now).date()
    yesterday, here, tomorrow = (datetime.combine(today + timedelta(days=days), at).timestamp() for days in (-1, 0, 1))
    passed = here if here <= now else yesterday
    if now - passed < CATCH_UP_S and not passed <= last <= now:
        return now
    return here if here > now else tomorrow


class DailyLoop(contextlib.AbstractContextManager["DailyLoop"]):
    """Runs the jobs of some shops every day at `at`, one shop at a time, in a thread, for as long as the block lasts.

    A job that fails is logged and tried again the next day. At the end a job that runs is told to stop, which leaves
    the shop as it was.
    """

    def __init__(self, shops: Mapping[Path, TimeOfDay]) -> None:
        self._stop = threading.Event()
        self._one = threading.Lock()
        self._threads = [
            threading.Thread(target=self._follow, args=each, name=f"daily loop of {each[0]}") for each in shops.items()
        ]

    def __enter__(self) -> DailyLoop:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _follow(self, shop: Path, at: TimeOfDay) -> None:
        known = _last_began(shop)
        last = time.time() if known is None else known
        while not self._stop.wait(TICK_S):
            if next_run(now := time.time(), at, last) > now:
                continue
            with self._one:
                if self._stop.is_set():
                    return
                last = time.time()
                try:
                    self._run(shop)
                except OSError as error:
                    _log.error("The daily loop of %s failed, and will try again tomorrow: %s", shop, error)

    def _run(self, shop: Path) -> None:
        reports, began = shop / "reports", time.time()
        reports.mkdir(exist_ok=True)
        log = reports / "daily.log"
        if log.exists() and log.stat().st_size > LOG_BYTES:
            log.replace(log.with_name("daily.log.1"))
        succeeded = all(self._job(job, shop, log) for job in JOBS)  # no training on what was not taken in
        said = _last_line(log)
        if succeeded:
            _log.info("The daily loop of %s is done. %s", shop, said)
        else:
            _log.error("The daily loop of %s failed, and will try again tomorrow. %s", shop, said)
        run = Run(began, time.time(), succeeded, said)
        write_whole(reports / "daily.json", msgspec.json.format(msgspec.json.encode(run)))

    def _job(self, job: Sequence[str], shop: Path, log: Path) -> bool:
        """Whether the command ended well; False also where it was stopped."""
        cores = os.cpu_count() or 1
        environment = {**os.environ, "OMP_NUM_THREADS": str(max(1, cores // 2))}
        environment.pop("PROMETHEUS_MULTIPROC_DIR", None)  # what it counts is not the server's
        command = [*COMMAND, *job, "--shop", str(shop)]
        with log.open("ab") as output:
            output.write(f"--- {datetime.now():%Y-%m-%d %H:%M:%S} shopkeeper {' '.join(job)}\n".encode())
            output.flush()
            with subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, env=environment, start_new_session=True
            ) as process:
                os.setpriority(os.PRIO_PROCESS, process.pid, 19)
                while process.poll() is None:
                    if self._stop.wait(0.2):
                        _end(process)
        return process.returncode == 0


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()


def _last_began(shop: Path) -> float | None:
    try:
        return msgspec.json.decode((shop / "reports" / "daily.json").read_bytes(), type=Run).began
    except (OSError, msgspec.MsgspecError):
        return None


def _last_line(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 4096))
        lines = file.read().decode(errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
