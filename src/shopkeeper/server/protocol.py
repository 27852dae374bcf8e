"""HTTP on the wire: uvicorn's, with an end to what comes before a request is known."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 64_000  # far above what a request may have (see access), so that only abuse is cut off here
HEAD_S = 20.0  # in which the head of a request must have come, and with it the first word of a connection


class Guarded(HttpToolsProtocol):
    """Closes a connection that stays silent at its beginning, or whose request has a head without end."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting: asyncio.TimerHandle | None = None  # for the end of a head
        self._head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._done()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._waiting is None:
            return
        self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD_BYTES:
            self._cut(b"431 Request Header Fields Too Large", b"the headers are too long")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._wait()

    def on_headers_complete(self) -> None:
        self._done()
        super().on_headers_complete()

    def _wait(self) -> None:
        self._done()
        late = (b"408 Request Timeout", b"the request took too long to come")
        self._waiting = self.loop.call_later(HEAD_S, self._cut, *late)

    def _done(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
        self._waiting, self._head_bytes = None, 0

    def _cut(self, status: bytes, what: bytes) -> None:
        self._done()
        body = b'{"error":{"what":"%s"}}' % what
        head = b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        if not self.transport.is_closing():
            self.transport.write(head % (status, len(body)) + body)
            self.transport.close()
