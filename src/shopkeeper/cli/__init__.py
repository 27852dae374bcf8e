"""The shop's jobs as commands."""

from __future__ import annotations

import os
import signal
import sys

# Read once, when an OpenMP library is first loaded: threads that spin while they wait starve each other on few cores.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # our matrices are small: a second thread costs more than it saves
os.environ.setdefault("MALLOC_ARENA_MAX", "2")  # of workers: an arena for each of forty threads holds what is freed

WRONG, INTERRUPTED = 2, 130  # exit codes
STOPPED = "Stopped. The shop's directory is as it was after the last finished step; run it again to go on."


def main() -> None:
    """The command `shopkeeper`."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever stops it so gets the same orderly end
    try:
        from shopkeeper.cli.commands import app  # takes seconds, in which one may think better of it

        app()
    except KeyboardInterrupt:
        print(STOPPED, file=sys.stderr)
        sys.exit(INTERRUPTED)
