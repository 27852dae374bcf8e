"""A site that is served while a test looks at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from playwright.sync_api import Page
from processes import answering
from starlette.types import ASGIApp

Visit = Callable[..., AbstractContextManager[Page]]


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """The address at which an application answers."""
    with answering(app, log_level="error", access_log=False) as (_, (host, port)):
        yield f"http://{host}:{port}/"
