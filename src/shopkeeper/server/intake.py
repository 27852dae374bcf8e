"""How a body is read: so much of it, for so long, and no further."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, NoReturn

from fastapi import Depends
from starlette.requests import Request as HttpRequest

from shopkeeper.server.refusals import Refused

MAX_SEARCH_BYTES, MAX_EVENTS_BYTES, MAX_ITEMS_BYTES = 512_000, 4_000_000, 16_000_000
MAX_PICTURE_BYTES = 14_000_000  # the largest picture (engine/looks.py) as base64, and what is asked besides
_CLOSE = {"Connection": "close"}  # what is still on its way is not waited for


def _up_to(limit: int) -> Callable[[HttpRequest], Awaitable[bytes]]:
    async def read(http: HttpRequest) -> bytes:
        if int(http.headers.get("content-length", "0")) > limit:  # the server took it for a number already
            _too_long(limit)
        seconds = http.app.state.doors.settings.body_timeout_s
        try:
            async with asyncio.timeout(seconds):
                return await _read(http, limit)
        except TimeoutError:
            expected = f"within {seconds:g} seconds"
            raise Refused(
                408, "slow", "the body took too long to come", where="body", expected=expected, headers=_CLOSE
            ) from None

    return read


async def _read(http: HttpRequest, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in http.stream():
        size += len(part)
        if size > limit:
            _too_long(limit)
        parts.append(part)
    return b"".join(parts)


def _too_long(limit: int) -> NoReturn:
    what = "the body is too long"
    raise Refused(413, "size", what, where="body", expected=f"at most {limit:,} bytes", headers=_CLOSE)


# The body of a route. Raises Refused: 413 when it is too long, 408 when it comes too slowly.
SearchBytes = Annotated[bytes, Depends(_up_to(MAX_SEARCH_BYTES))]
PictureBytes = Annotated[bytes, Depends(_up_to(MAX_PICTURE_BYTES))]
EventBytes = Annotated[bytes, Depends(_up_to(MAX_EVENTS_BYTES))]
ItemBytes = Annotated[bytes, Depends(_up_to(MAX_ITEMS_BYTES))]
