"""Search, shelves, and why an item stands where it stands."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from fastapi import FastAPI, Query
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from shopkeeper.data.eventlog.unanswered import Unanswered
from shopkeeper.server import openapi
from shopkeeper.server.bodies import SearchBody, decode_search
from shopkeeper.server.callers import Caller
from shopkeeper.server.doors import Admin, Searcher
from shopkeeper.server.intake import PictureBytes, SearchBytes
from shopkeeper.server.metrics import ShopMetrics
from shopkeeper.server.openapi import answers
from shopkeeper.server.pictures import pictured
from shopkeeper.server.refusals import Json
from shopkeeper.shop import Shop, Shopper
from shopkeeper.vocabulary import Explanation, Request, Slate


def add_routes(app: FastAPI, shop: Shop) -> None:
    _answers(app, shop)
    _by_picture(app, shop)
    _explains(app, shop)
    _tells(app, shop)


def _answers(app: FastAPI, shop: Shop) -> None:
    @app.post(
        "/v1/search",
        responses=answers(Slate, openapi.SLATE),
        openapi_extra=openapi.body(SearchBody, openapi.SEARCH),
    )
    def search(http: HttpRequest, caller: Searcher, body: SearchBytes) -> Response:
        """Find items: ranked matches with reasons, facets, and how many match."""
        asked = decode_search(body)
        return Json(_answer(http, shop, caller, asked, "picture" if asked.picture else "search"))

    @app.post(
        "/v1/shelves/{surface}",
        responses=answers(Slate, openapi.SLATE),
        openapi_extra=openapi.body(SearchBody, openapi.SHELF),
    )
    def shelf(http: HttpRequest, caller: Searcher, surface: str, body: SearchBytes) -> Response:
        """Fill a shelf: home, similar, cart, new, popular, recent, or any other surface of shop.toml."""
        return Json(_answer(http, shop, caller, decode_search(body), surface))


def _by_picture(app: FastAPI, shop: Shop) -> None:
    @app.post(
        "/v1/search/picture",
        responses=answers(Slate, openapi.SLATE),
        openapi_extra=openapi.picture_body(),
    )
    def search_by_picture(
        http: HttpRequest,
        caller: Searcher,
        body: PictureBytes,
        query: str = "",
        user: str | None = None,
        session: str | None = None,
        items: Annotated[list[str], Query()] = [],  # noqa: B006 - as below
        filter: str = "",  # noqa: A002 - the name in the address
        sort: str = "",
        size: int = 24,
        offset: int = 0,
        facets: Annotated[list[str], Query()] = [],  # noqa: B006 - as below
        like: Literal["all", "colour", "shape"] = "all",
    ) -> Response:
        """Find what looks like a picture. The body is the picture, and the address says what is asked besides; or it is
        JSON, as of a search."""
        asked = SearchBody(
            query=query,
            user=user,
            session=session,
            items=tuple(items),
            filter=filter,
            sort=sort,
            size=size,
            offset=offset,
            facets=tuple(facets),
            picture=body,
            like=like,
        )
        if http.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json":
            asked = decode_search(body)
        return Json(_answer(http, shop, caller, asked, "picture"))


def _explains(app: FastAPI, shop: Shop) -> None:
    @app.get("/v1/explain", responses=answers(Explanation, openapi.EXPLANATION))
    def explain(
        caller: Searcher,
        item: str,
        query: str = "",
        surface: str = "",
        user: str | None = None,
        session: str | None = None,
        items: Annotated[list[str], Query()] = [],  # noqa: B006 - never changed, and FastAPI wants it written so
        filter: str = "",  # noqa: A002 - the name in the address
        sort: str = "",
        size: int = 24,
        offset: int = 0,
        verbatim: bool = False,
        without: Annotated[list[str], Query()] = [],  # noqa: B006 - as above
    ) -> Response:
        """Why an item stands where it stands, or why it is absent. The surface is search where there is a query."""
        asked = Request(
            surface=surface or ("search" if query else "similar" if items else "home"),
            query=query,
            user=user,
            session=session,
            items=tuple(items),
            filter=filter,
            sort=sort,
            size=size,
            offset=offset,
            verbatim=verbatim,
            without=tuple(without),
        )
        if caller.filter and not shop.passing([item], caller.filter):
            raise HTTPException(404, f"there is no item {item!r}")
        return Json(shop.explain(item, bound(shop, caller, asked), caller.filter))


def _tells(app: FastAPI, shop: Shop) -> None:
    @app.get("/v1/queries", responses=answers(list[Unanswered], [openapi.UNANSWERED]))
    def queries(
        _: Admin,
        days: Annotated[float, Query(gt=0.0, le=3_650.0)] = 30.0,
        size: Annotated[int, Query(ge=1, le=1_000)] = 100,
    ) -> Response:
        """What people searched for and was not found, or not with all of its words: newest first."""
        return Json(shop.unanswered(days, size))

    @app.get("/v1/shoppers", responses=answers(list[Shopper], [Shopper(user="u42", likes=("Mugs",), events=31)]))
    def shoppers(_: Admin) -> Response:
        """A few people of the shop, to try it as: for an admin alone, as it tells who they are."""
        return Json(shop.shoppers())


def _answer(http: HttpRequest, shop: Shop, caller: Caller, asked: SearchBody, surface: str) -> Slate:
    request = bound(shop, caller, msgspec.structs.replace(asked, surface=surface))
    slate = shop.answer(request, caller.filter)
    shop.show(request, slate)
    metrics: ShopMetrics = http.app.state.metrics
    metrics.showed(slate)
    metrics.looked_up(shop.engine)
    return depicted(http, caller, slate)


def depicted(http: HttpRequest, caller: Caller, slate: Slate) -> Slate:
    """The slate with pictures that the caller may show."""
    return msgspec.structs.replace(
        slate,
        placements=tuple(
            msgspec.structs.replace(each, item=pictured(http, caller, each.item)) for each in slate.placements
        ),
    )


def bound(shop: Shop, caller: Caller, asked: Request) -> Request:
    """As the caller may ask it: what its filter hides is no anchor either, so that no reason tells of it."""
    request = caller.bind(asked)
    if caller.filter and request.items:
        return msgspec.structs.replace(request, items=tuple(shop.passing(request.items, caller.filter)))
    return request
