"""The pages people look at: at `/` a shop front to search, browse and buy in, which says why; at `/merchandise` the
rules, to be written, tried out and published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

STATIC = Path(__file__).with_name("static")
# Only our own script runs; pictures may come from where the catalogue says they lie.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: http: https:"
)
FRESH = {"Cache-Control": "no-cache"}  # parts of two versions never meet


class Parts(StaticFiles):
    """The page's scripts and styles."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers.update(FRESH)
        return response


def mount(app: FastAPI) -> None:
    """Serve the pages, and their scripts and styles below `/console`."""
    headers = {"Content-Security-Policy": f"{POLICY}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}

    @app.head("/", include_in_schema=False)
    @app.get("/", include_in_schema=False)
    def page(_: Request) -> Response:
        return FileResponse(STATIC / "index.html", headers=headers | FRESH)

    @app.head("/merchandise", include_in_schema=False)
    @app.get("/merchandise", include_in_schema=False)
    def merchandise(_: Request) -> Response:
        return FileResponse(STATIC / "merchandise.html", headers=headers | FRESH)

    app.mount("/console", Parts(directory=STATIC), name="console")
