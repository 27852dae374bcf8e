"""What people do."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from shopkeeper.errors import RequestError
from shopkeeper.server import openapi
from shopkeeper.server.analytics import Told, translate
from shopkeeper.server.bodies import EventBody, decode_events
from shopkeeper.server.doors import Teller
from shopkeeper.server.intake import EventBytes
from shopkeeper.server.openapi import Receipt, answers
from shopkeeper.server.refusals import Json
from shopkeeper.shop import Shop


def add_routes(app: FastAPI, shop: Shop) -> None:
    @app.post(
        "/v1/events",
        responses=answers(Receipt, Receipt(accepted=1, known=0)),
        openapi_extra=openapi.body(EventBody, openapi.EVENT, many=True, also=openapi.ANALYTICS),
    )
    def events(http: HttpRequest, caller: Teller, body: EventBytes) -> Response:
        """Take in what people did, one event or a list, or what GA4, Segment or UBI tell of it. When this answers, they
        are on the disk; an id counts once."""
        told = _told(body)
        sent = [caller.bind_event(event) for event in told.events]
        fresh = shop.record(sent)
        http.app.state.metrics.took_events(fresh, len(sent) - fresh)
        return Json(Receipt(accepted=fresh, known=len(sent) - fresh, passed_over=told.passed_over))


def _told(body: bytes) -> Told:
    try:
        return Told(decode_events(body), 0)
    except RequestError:
        if told := translate(body):
            return told
        raise
