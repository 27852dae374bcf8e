"""HTTP on the wire: uvicorn's, with an end to waiting for clients that say nothing, or take nothing."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

MAX_HEAD_BYTES = 64_000  # far above what a request may have (see access), so that only abuse is cut off here
HEAD_S = 20.0  # in which the head of a request must have come, and with it the first word of a connection
STALLED_S = 30.0  # in which some of an answer must be taken
REST_S = 10.0  # in which the rest of a body must have come that was answered before its end


class Guarded(HttpToolsProtocol):
    """Closes a connection that stays silent at its beginning, whose request has a head without end, whose answer nobody
    takes, or whose body goes on when it is answered."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting: asyncio.TimerHandle | None = None  # for the end of a head
        self._head_bytes = 0
        self._unsent: asyncio.TimerHandle | None = None  # the next look at what is not taken yet
        self._in_body = False
        self._rest: asyncio.TimerHandle | None = None  # for the end of a body that is answered
        self._unanswered: list[RequestResponseCycle] = []  # of which uvicorn tells the last alone that nobody listens

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._done()
        self._ended()
        if self._unsent is not None:
            self._unsent.cancel()
        for cycle in self._unanswered:
            cycle.disconnected = True
            cycle.message_event.set()
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
        self._in_body = True
        super().on_headers_complete()
        if self.cycle is not None:  # an upgrade to another protocol has none
            self._unanswered.append(self.cycle)

    def on_message_complete(self) -> None:
        self._ended()
        super().on_message_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._unanswered = [cycle for cycle in self._unanswered if not cycle.response_complete]
        self._watch()
        if self._in_body and self.cycle.response_complete:  # else, another request than the answered one
            self._rest = self.loop.call_later(REST_S, self.transport.close)

    def _watch(self) -> None:
        if self._unsent is None and (size := self.transport.get_write_buffer_size()):
            self._unsent = self.loop.call_later(STALLED_S, self._look, size)

    def _look(self, before: int) -> None:
        self._unsent = None
        if self.transport.get_write_buffer_size() == before:
            self.transport.abort()
        else:
            self._watch()

    def _wait(self) -> None:
        self._done()
        late = (b"408 Request Timeout", b"the request took too long to come")
        self._waiting = self.loop.call_later(HEAD_S, self._cut, *late)

    def _done(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
        self._waiting, self._head_bytes = None, 0

    def _ended(self) -> None:
        if self._rest is not None:
            self._rest.cancel()
        self._in_body, self._rest = False, None

    def _cut(self, status: bytes, what: bytes) -> None:
        self._done()
        body = b'{"error":{"what":"%s"}}' % what
        head = b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        if not self.transport.is_closing():
            self.transport.write(head % (status, len(body)) + body)
            self.transport.close()
