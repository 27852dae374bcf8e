"""What a server shows: one shop at `/`, or several, each under its name, and at `/` a page that lists them."""

from __future__ import annotations

import contextlib
import html
import logging
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from urllib.parse import quote

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from shopkeeper.console import mount
from shopkeeper.errors import SettingsError, ShopkeeperError
from shopkeeper.server.access import SAFE_HEADERS
from shopkeeper.server.app import create_app
from shopkeeper.server.doors import require_keys
from shopkeeper.server.openapi import Mistake, Refusal
from shopkeeper.server.refusals import Json
from shopkeeper.shop import Shop

_log = logging.getLogger(__name__)


def site(directories: Sequence[Path], workers: int = 1, host: str = "127.0.0.1") -> ASGIApp:
    """The shops in these directories, as one of `workers` processes answers for them at `host`. Each has its own
    interface, pages, keys and data, and knows of no other.

    Of several, one that cannot be opened answers with the reason and keeps none from serving. Raises SettingsError
    when two have the same name, for a single shop that has no valid shop.toml, and for one without keys where
    strangers can reach it.
    """
    for directory in directories:
        require_keys(directory, host)  # again in every new worker: they may be gone since the server started
    if len(directories) == 1:
        return storefront(Shop(directories[0]), workers)
    return _several({name: _opened(directory, workers) for name, directory in named(directories).items()})


def storefront(shop: Shop, workers: int = 1) -> FastAPI:
    """A shop's HTTP interface with its pages."""
    app = create_app(shop, workers=workers)
    mount(app)
    return app


def named(directories: Sequence[Path]) -> dict[str, Path]:
    """Each directory by its own name, under which it stands in an address. Raises SettingsError for a name that two
    have, or that cannot stand there."""
    shops: dict[str, Path] = {}
    for directory in directories:
        name = directory.resolve().name
        if not name or {"{", "}"} & set(name):
            raise SettingsError(
                f"{name!r} cannot stand in an address", where=str(directory), remedy="Rename the directory."
            )
        if name in shops:
            remedy = "Rename one directory: a shop's address is its directory's name."
            raise SettingsError(f"the shop {str(shops[name])!r} has the same name", where=str(directory), remedy=remedy)
        shops[name] = directory
    return shops


def _opened(directory: Path, workers: int) -> ASGIApp:
    try:
        return storefront(Shop(directory), workers)
    except ShopkeeperError as error:
        _log.error("The shop stays closed until it is mended and the server started again. %s", error)
        mistake = Mistake(error.what, expected=error.expected, remedy=error.remedy)  # where is a place on our disk
        return Json(Refusal(mistake), 503, SAFE_HEADERS)


def _several(shops: dict[str, ASGIApp]) -> Starlette:
    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            for app in shops.values():
                if isinstance(app, FastAPI):  # what is mounted is not told of the start by itself
                    await stack.enter_async_context(app.router.lifespan_context(app))
            yield

    def listing(_: Request) -> Response:
        lines = "".join(f'<li><a href="{quote(name)}/">{html.escape(name)}</a></li>' for name in shops)
        page = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Shops</title><ul>{lines}</ul></html>'
        return HTMLResponse(page, headers=SAFE_HEADERS)

    def lost(http: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        mistake = Mistake("there is nothing at this address", where=http.url.path, remedy="The shops are listed at /.")
        return Json(Refusal(mistake), error.status_code, {**SAFE_HEADERS, **(error.headers or {})})

    routes = [Route("/", listing), *(Mount(f"/{name}", app) for name, app in shops.items())]
    return Starlette(routes=routes, lifespan=lifespan, exception_handlers={HTTPException: lost})
