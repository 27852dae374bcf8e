"""What every request passes on its way in and out: an id, limits of size, safe headers, a line in the log, a count."""

from __future__ import annotations

import logging
import re
import time
from secrets import token_hex
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request as HttpRequest
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from shopkeeper.server.metrics import ShopMetrics
from shopkeeper.server.openapi import Mistake
from shopkeeper.server.refusals import HUNG_UP, refusal
from shopkeeper.shop import Shop

MAX_ADDRESS_BYTES, MAX_HEADER_BYTES = 8_000, 16_000
SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")
UNKNOWN_ROUTE = "none"

# Of every answer that does not say otherwise: it is data, and no browser runs, frames or guesses anything from it.
SAFE_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
HTTPS_ONLY = "max-age=31536000"  # a year

_log = logging.getLogger(__name__)


class Access:
    """The outermost door. The log names the route and the id of the key, never the address or the key itself."""

    def __init__(self, app: ASGIApp, *, shop: Shop, metrics: ShopMetrics) -> None:
        self.app, self.shop, self.metrics = app, shop, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        headers = Headers(scope=scope)
        sent_id = headers.get("x-request-id", "")
        request_id = sent_id if SANE_ID.fullmatch(sent_id) else token_hex(8)
        state: dict[str, Any] = scope.setdefault("state", {})
        state["request_id"] = request_id
        status = HUNG_UP  # unless an answer begins

        async def dressed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _dress(MutableHeaders(scope=message), request_id, https=scope["scheme"] == "https")
            await send(message)

        with bound_contextvars(request=request_id):
            try:
                await (_too_long(scope, headers) or self.app)(scope, receive, dressed)
            finally:
                self._note(scope, state, status, time.perf_counter() - began)

    def _note(self, scope: Scope, state: dict[str, Any], status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", UNKNOWN_ROUTE)
        refused = state.get("refused", "")
        method = scope["method"] if scope["method"] in METHODS else "other"
        self.metrics.answered(method, route, status, seconds)
        if refused:
            self.metrics.refused(refused)
        if not self.shop.settings.server.access_log:
            return
        caller = state.get("caller")
        said = {
            "method": scope["method"],
            "route": route,
            "status": status,
            "ms": round(seconds * 1000.0, 2),
            "key": caller.key if caller else None,
            "client": scope["client"][0] if scope.get("client") else None,
            "refused": refused or None,
        }
        _log.info("request", extra={name: value for name, value in said.items() if value is not None})


def _dress(headers: MutableHeaders, request_id: str, *, https: bool) -> None:
    headers["X-Request-ID"] = request_id
    for name, value in SAFE_HEADERS.items():
        headers.setdefault(name, value)
    if https:
        headers.setdefault("Strict-Transport-Security", HTTPS_ONLY)


def _too_long(scope: Scope, headers: Headers) -> ASGIApp | None:
    """The refusal of an address or headers that are too long."""
    http, close = HttpRequest(scope), {"Connection": "close"}
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > MAX_ADDRESS_BYTES:
        mistake = Mistake("the address is too long", expected=f"at most {MAX_ADDRESS_BYTES:,} bytes")
        return refusal(http, 414, "size", mistake, close)
    if sum(len(name) + len(value) for name, value in headers.raw) > MAX_HEADER_BYTES:
        mistake = Mistake("the headers are too long", expected=f"at most {MAX_HEADER_BYTES:,} bytes")
        return refusal(http, 431, "size", mistake, close)
    return None
