"""The shop over HTTP: search, shelves, events, items, explanations, pictures, health."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from shopkeeper import __version__
from shopkeeper.errors import ShopkeeperError
from shopkeeper.server import answers, curation, events, health, items, openapi, suggest
from shopkeeper.server.access import Access
from shopkeeper.server.algolia import routes as algolia
from shopkeeper.server.doors import ALGOLIA_HEADERS, Doors
from shopkeeper.server.metrics import ShopMetrics
from shopkeeper.server.refusals import Faults, Json, refuse_in_words
from shopkeeper.shop import Shop


def create_app(shop: Shop, *, workers: int = 1) -> FastAPI:
    """The HTTP interface of one shop, in one of `workers` processes, each of which grants its part of a key's rate.

    Requests are answered in a pool of threads; none waits for a new release.
    """

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        with contextlib.suppress(ShopkeeperError):  # no release, or a rule that cannot be followed: /v1/ready says so
            shop.engine()
        shop.follow()
        yield
        shop.close()

    metrics = ShopMetrics(shop.directory.resolve().name)
    app = FastAPI(
        title=f"{shop.settings.shop.name}: search and shelves",
        description="Every body is JSON. A request that does not fit is answered with what, where, expected, remedy.",
        version=__version__,
        lifespan=lifespan,
        default_response_class=Json,
        docs_url=None,  # FastAPI's pages load their script from another host; /openapi.json holds all they show
        redoc_url=None,
        middleware=_middleware(shop, metrics),
    )
    app.state.doors, app.state.metrics = Doors(shop, workers), metrics
    refuse_in_words(app)
    answers.add_routes(app, shop)
    suggest.add_routes(app, shop)
    events.add_routes(app, shop)
    items.add_routes(app, shop)
    curation.add_routes(app, shop)
    health.add_routes(app, shop, metrics)
    algolia.add_routes(app, shop)
    openapi.describe(app)
    return app


def _middleware(shop: Shop, metrics: ShopMetrics) -> list[Middleware]:
    """From the outside in."""
    access = Middleware(Access, shop=shop, metrics=metrics)
    origins = shop.settings.server.cors_origins
    cross_origin = Middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=("GET", "POST", "PUT", "DELETE"),
        allow_headers=("Authorization", "Content-Type", "X-API-Key", "X-Request-ID", *ALGOLIA_HEADERS),
        expose_headers=("Retry-After", "X-Request-ID"),
        max_age=3_600,
    )
    return [access, *([cross_origin] if origins else []), Middleware(Faults)]
