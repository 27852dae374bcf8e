"""The pages people look at: for now one, at `/`, to try the shop with."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

STATIC = Path(__file__).with_name("static")
# Only our own script runs; pictures may come from where the catalogue says they lie.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: http: https:"
)


def mount(app: FastAPI) -> None:
    """Serve the page at `/` and its script and style below `/console`."""
    headers = {
        "Content-Security-Policy": f"{POLICY}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        "Cache-Control": "no-cache",
        "X-Content-Type-Options": "nosniff",
    }

    @app.get("/", include_in_schema=False)
    def page(_: Request) -> Response:
        return FileResponse(STATIC / "index.html", headers=headers)

    app.mount("/console", StaticFiles(directory=STATIC), name="console")
