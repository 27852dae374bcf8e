"""How a request is turned away: a status, and {"error": {what, where, expected, remedy}, "request": its id}; at
Algolia's addresses {"message": all of it in a sentence, "status": again}."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shopkeeper.data.curation import Conflict
from shopkeeper.errors import RequestError, ShopkeeperError, did_you_mean
from shopkeeper.server.openapi import Mistake, Refusal

HUNG_UP = 499  # for the log alone: nobody is there to read it

_log = logging.getLogger(__name__)


class Refused(ShopkeeperError):
    """Turned away with a status of its own. `reason` is a word for the metrics, one of a few."""

    def __init__(
        self, status: int, reason: str, what: str, *, headers: Mapping[str, str] | None = None, **parts: str | None
    ) -> None:
        super().__init__(what, **parts)
        self.status, self.reason, self.headers = status, reason, dict(headers or {})


class Json(Response):
    """A struct as msgspec bytes."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return msgspec.json.encode(content)


class Faults:
    """Answers what nobody foresaw with 500 and a sentence; the log has the rest."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception:
            if scope["type"] != "http":
                raise
            _log.exception("the answer failed")
            if not started:
                mistake = Mistake("something went wrong here, and the log of the server says what")
                await refusal(HttpRequest(scope), 500, "fault", mistake)(scope, receive, send)


def refuse_in_words(app: FastAPI) -> None:
    """Give every error its status and its sentence."""

    @app.exception_handler(Refused)
    def turned_away(http: HttpRequest, error: Refused) -> Response:
        return refusal(http, error.status, error.reason, _mistake(error), error.headers)

    @app.exception_handler(RequestError)
    def misfit(http: HttpRequest, error: RequestError) -> Response:
        return refusal(http, 400, "request", _mistake(error))

    @app.exception_handler(Conflict)
    def overtaken(http: HttpRequest, error: Conflict) -> Response:
        return refusal(http, 409, "conflict", _mistake(error))

    @app.exception_handler(ShopkeeperError)
    def not_ready(http: HttpRequest, error: ShopkeeperError) -> Response:
        """Where it went wrong is a place on our disk: for the log alone."""
        _log.error("%s", error)
        return refusal(http, 503, "not ready", msgspec.structs.replace(_mistake(error), where=None))

    @app.exception_handler(RequestValidationError)
    def parameters(http: HttpRequest, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        return refusal(http, 400, "request", Mistake(str(first["msg"]).lower(), where=".".join(map(str, first["loc"]))))

    @app.exception_handler(HTTPException)
    def lost(http: HttpRequest, error: HTTPException) -> Response:
        if error.status_code == 404 and error.detail == "Not Found":
            paths = [path for route in app.routes if (path := getattr(route, "path", "")).startswith("/v1/")]
            remedy = did_you_mean(http.url.path, paths) or "The routes are listed at /openapi.json."
            mistake = Mistake("there is nothing at this address", where=http.url.path, remedy=remedy)
        else:
            where, remedy = f"{http.method} {http.url.path}", "The routes are listed at /openapi.json."
            mistake = Mistake(str(error.detail), where=where, remedy=remedy)
        return refusal(http, error.status_code, "address", mistake, error.headers)

    @app.exception_handler(ClientDisconnect)
    def hung_up(_: HttpRequest, __: ClientDisconnect) -> Response:
        return Response(status_code=HUNG_UP)


def refusal(
    http: HttpRequest,
    status: int,
    reason: str,
    mistake: Mistake,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer that turns a request away. `reason` is a word for the metrics, one of a few."""
    http.state.refused = reason
    if is_algolia(http):
        return Json({"message": str(_error(mistake)), "status": status}, status, headers)
    return Json(Refusal(mistake, getattr(http.state, "request_id", "")), status, headers)


def is_algolia(http: HttpRequest) -> bool:
    """Whether the address is one of Algolia's, whose clients read a refusal in their own form."""
    return str(http.scope["path"]).removeprefix(http.scope.get("root_path", "")).startswith("/1/")


def _error(mistake: Mistake) -> ShopkeeperError:
    return ShopkeeperError(mistake.what, where=mistake.where, expected=mistake.expected, remedy=mistake.remedy)


def _mistake(error: ShopkeeperError) -> Mistake:
    return Mistake(error.what, where=error.where, expected=error.expected, remedy=error.remedy)
