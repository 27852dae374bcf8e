"""The libraries of the extras for learning, imported when a job needs them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from shopkeeper.errors import MissingExtraError
from shopkeeper.settings import TrainSettings


def library(module: str, job: str, needs: str | None = None, extra: str = "train") -> Any:
    """A module. Raises MissingExtraError, which says that `job` needs the library `needs`, else that of the module."""
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError(job, extra, needs or module.split(".")[0].replace("_", "-")) from error


def check_device(settings: TrainSettings, job: str) -> None:
    """Raises SettingsError where `train.device` is a graphics card that PyTorch does not find; MissingExtraError."""
    if settings.device == "cuda":  # the others are everywhere, and PyTorch takes seconds to import
        library("shopkeeper.learn.models.loop", job, needs="torch").device_of(settings.device)
