"""The shop's jobs as commands."""

from __future__ import annotations

from shopkeeper.cli.commands import app


def main() -> None:
    """The command `shopkeeper`."""
    app()
