"""How the shop is: alive, ready, and in figures."""

from __future__ import annotations

import contextlib
import logging
import shutil
import time
from datetime import datetime

from fastapi import FastAPI
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from shopkeeper.data.durable import ROOM_BYTES
from shopkeeper.errors import DataError, ReleaseError, ShopkeeperError
from shopkeeper.server.doors import Scraper
from shopkeeper.server.metrics import ShopMetrics
from shopkeeper.server.openapi import Finding, Health, Readiness, answers, turned_away
from shopkeeper.server.refusals import Json
from shopkeeper.shop import Shop

PROBE_S = 5.0  # for which a look at the log and the disk is good

_READY = Readiness(
    "ready", "Mugs", "20260101-120000-000000", 5000, (Finding("release", passed=True, found="the current one"),)
)

_log = logging.getLogger(__name__)


def add_routes(app: FastAPI, shop: Shop, metrics: ShopMetrics) -> None:
    findings = _Findings(shop)

    @app.head("/v1/health", include_in_schema=False)  # as many monitors ask
    @app.get("/v1/health", responses=answers(Health, Health("ok", "Mugs"), refusals=()))
    async def health() -> Response:
        """That the process turns, and no more: it waits for nothing. Open to all, as whoever watches holds no key."""
        return Json(Health("ok", shop.settings.shop.name))

    described = answers(Readiness, _READY, refusals=())

    @app.head("/v1/ready", include_in_schema=False)
    @app.get("/v1/ready", responses=described | {503: {**described[200], "description": "Not ready"}})
    def ready() -> Response:
        """Whether to send requests here: 503 with what is amiss, when a release, the log or the disk is not as needed.

        Open to all, as a load balancer holds no key.
        """
        stand = findings.now()
        return Json(stand, status_code=200 if stand.status == "ready" else 503)

    @app.get(
        "/metrics",
        response_class=Response,
        responses={
            200: {"content": {"text/plain": {}}, "description": "As Prometheus reads it"},
            **turned_away(401, 403, 429),
        },
    )
    def scrape(_: Scraper) -> Response:
        """Figures for Prometheus: to an admin, or to a program on this machine. They tell how business goes."""
        with contextlib.suppress(ShopkeeperError):  # what cannot be told is left out
            metrics.follows(shop.lag())
            metrics.lost_slates(shop.slates_lost)
        with contextlib.suppress(ShopkeeperError):
            engine = shop.engine()
            made = datetime.fromisoformat(shop.releases.get(engine.release).manifest.created)
            metrics.serves(items=len(engine.catalogue), made=made.timestamp())
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)


class _Findings:
    """What the shop needs, looked at when asked, but the log and the disk at most every PROBE_S."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._probed: tuple[Finding, ...] = ()
        self._probe_at = 0.0

    def now(self) -> Readiness:
        if time.monotonic() >= self._probe_at:
            self._probed = (self._log(), self._disk())
            self._probe_at = time.monotonic() + PROBE_S
        name = self._shop.settings.shop.name
        try:
            engine = self._shop.engine()
        except ShopkeeperError as error:
            findings = (Finding("release", passed=False, found=error.what), *self._probed)
            return Readiness("not ready", name, "", 0, findings)
        findings = (Finding("release", passed=True, found=self._standing(engine.release)), *self._probed)
        status = "ready" if all(finding.passed for finding in findings) else "not ready"
        return Readiness(status, name, engine.release, len(engine.catalogue), findings)

    def _standing(self, serves: str) -> str:
        try:
            current = self._shop.releases.current().id
        except ReleaseError as error:
            return f"an earlier one, as of the current one is said: {error.what}"
        return "the current one" if current == serves else f"an earlier one, as {current} is not open, or not yet"

    def _log(self) -> Finding:
        try:
            self._shop.log.check()
        except DataError as error:
            _log.error("%s", error)
            return Finding("log", passed=False, found=error.what)
        return Finding("log", passed=True, found="it can be written")

    def _disk(self) -> Finding:
        try:
            free = shutil.disk_usage(self._shop.directory).free
        except OSError as error:
            _log.error("The disk of %s cannot be looked at: %s", self._shop.directory, error)
            return Finding("disk", passed=False, found=f"it cannot be looked at ({error.strerror})")
        return Finding("disk", passed=free >= ROOM_BYTES, found=f"{free / 1e9:.1f} GB are free")
