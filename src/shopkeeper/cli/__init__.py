"""The shop's jobs as commands."""

from __future__ import annotations

import os

# Read once, when an OpenMP library is first loaded: threads that spin while they wait starve each other on few cores.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from shopkeeper.cli.commands import app


def main() -> None:
    """The command `shopkeeper`."""
    app()
