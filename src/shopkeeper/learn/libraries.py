"""The libraries of the extras for learning, imported when a job needs them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from shopkeeper.errors import MissingExtraError


def library(module: str, job: str, needs: str | None = None, extra: str = "train") -> Any:
    """A module. Raises MissingExtraError, which says that `job` needs the library `needs`, else that of the module."""
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError(job, extra, needs or module.split(".")[0].replace("_", "-")) from error
