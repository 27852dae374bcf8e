"""How the log is written, on standard error: JSON lines, or plain lines where a person watches a terminal.

Rooms write with `logging`, as any Python library does; here is decided how it looks, for a program that serves.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, MutableMapping
from typing import Any

import structlog

Processor = Callable[[Any, str, MutableMapping[str, Any]], Any]


def configure() -> None:
    """Write every log line of this process, with its time, level, logger and the id of the request it belongs to."""
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(terminal=sys.stderr.isatty()))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("shopkeeper").setLevel(logging.INFO)


def formatter(*, terminal: bool) -> logging.Formatter:
    """Of lines as key=value for a terminal, or else as JSON."""
    last: list[Processor] = (
        [structlog.dev.ConsoleRenderer(colors=False)]
        if terminal
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )
