"""Group commit: the writes of many threads reach the disk together."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

Result = TypeVar("Result")
Work = Callable[[sqlite3.Connection], Result]


class GroupCommit:
    """Runs pieces of work on one connection. While a transaction is on its way to the disk, what comes waits, and goes
    all in the next: so the disk is waited for once for many."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._waiting: list[_Job] = []
        self._writing = False
        self._turn = threading.Condition()

    def run(self, work: Work[Result]) -> Result:
        """Do the work in a transaction, and return its result when the disk has it.

        Raises what the work, or its transaction, raised; the work of others is not touched by it.
        """
        job = _Job(work)
        with self._turn:
            self._waiting.append(job)
            while self._writing and not job.done:
                self._turn.wait()
            if not job.done:  # the first to come while nobody writes takes along all who wait
                jobs, self._waiting, self._writing = self._waiting, [], True
        if not job.done:
            self._write_all(jobs)
        if job.error is not None:
            raise job.error
        result: Result = job.result
        return result

    def close(self) -> None:
        with self._turn:
            while self._writing:
                self._turn.wait()
            self._connection.close()

    def _write_all(self, jobs: Sequence[_Job]) -> None:
        try:
            self._write(jobs)
        finally:
            with self._turn:
                # Where the thread that writes was told to stop, the others go on without it.
                self._waiting[:0] = [job for job in jobs if not job.done]
                self._writing = False
                self._turn.notify_all()

    def _write(self, jobs: Sequence[_Job]) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except Exception as error:  # another process keeps the file, or there is none: no fault of any of them
            for job in jobs:
                job.error, job.done = error, True
            return
        try:
            results = self._transact(jobs)
        except Exception as error:
            if len(jobs) > 1:  # one of them is at fault, or the disk: each for itself
                for job in jobs:
                    self._write([job])
            else:
                jobs[0].error, jobs[0].done = error, True
        else:
            for job, result in zip(jobs, results, strict=True):
                job.result, job.done = result, True

    def _transact(self, jobs: Sequence[_Job]) -> list[Any]:
        try:
            results = [job.work(self._connection) for job in jobs]
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.rollback()
            raise
        return results


class _Job:
    """One piece of work, and what became of it."""

    def __init__(self, work: Work[Any]) -> None:
        self.work = work
        self.done = False
        self.result: Any = None
        self.error: Exception | None = None
