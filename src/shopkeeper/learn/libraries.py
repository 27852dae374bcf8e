"""The libraries of the extra `train`, imported when a job needs them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from shopkeeper.errors import MissingExtraError


def library(module: str, job: str, needs: str | None = None) -> Any:
    """A module. Raises MissingExtraError, which says that `job` needs the library `needs`, else that of the module."""
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError(job, "train", needs or module.split(".")[0].replace("_", "-")) from error
