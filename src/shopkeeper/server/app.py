"""The shop over HTTP: search, shelves, events, explanations, pictures."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from fastapi import Depends, FastAPI, Query
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from shopkeeper import __version__
from shopkeeper.errors import ReleaseError, RequestError, ShopkeeperError, did_you_mean
from shopkeeper.server import openapi
from shopkeeper.server.bodies import EventBody, SearchBody, decode_events, decode_search, read_body
from shopkeeper.server.openapi import Health, Mistake, Receipt, Refusal, answers
from shopkeeper.shop import Shop, Shopper
from shopkeeper.vocabulary import Explanation, Item, Request, Slate

_log = logging.getLogger(__name__)

Body = Annotated[bytes, Depends(read_body)]


class Json(Response):
    """A struct as msgspec bytes."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return msgspec.json.encode(content)


def create_app(shop: Shop) -> FastAPI:
    """The HTTP interface of one shop. Requests are answered in a pool of threads; none waits for a new release."""

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        with contextlib.suppress(ReleaseError):  # before the first training: /v1/health says so
            shop.engine()
        yield

    app = FastAPI(
        title=f"{shop.settings.shop.name}: search and shelves",
        description="Every body is JSON. A request that does not fit is answered with what, where, expected, remedy.",
        version=__version__,
        lifespan=lifespan,
        default_response_class=Json,
        docs_url=None,  # FastAPI's pages load their script from another host; /openapi.json holds all they show
        redoc_url=None,
    )
    _refuse_in_words(app)
    _answer_requests(app, shop)
    _take_events(app, shop)
    _show_items(app, shop)
    openapi.describe(app)
    return app


def _answer_requests(app: FastAPI, shop: Shop) -> None:
    example = openapi.SLATE

    @app.post("/v1/search", responses=answers(Slate, example), openapi_extra=openapi.body(SearchBody, openapi.SEARCH))
    def search(body: Body) -> Response:
        """Find items: ranked matches with reasons, facets, and how many match."""
        return Json(_answer(shop, decode_search(body), "search"))

    @app.post(
        "/v1/shelves/{surface}",
        responses=answers(Slate, example),
        openapi_extra=openapi.body(SearchBody, openapi.SHELF),
    )
    def shelf(surface: str, body: Body) -> Response:
        """Fill a shelf: home, similar, cart, new, popular, recent, or any other surface of shop.toml."""
        return Json(_answer(shop, decode_search(body), surface))

    @app.get("/v1/explain", responses=answers(Explanation, openapi.EXPLANATION))
    def explain(
        item: str,
        query: str = "",
        surface: str = "",
        user: str | None = None,
        session: str | None = None,
        items: Annotated[list[str], Query()] = [],  # noqa: B006 - never changed, and FastAPI wants it written so
        filter: str = "",  # noqa: A002 - the name in the address
        size: int = 24,
        offset: int = 0,
    ) -> Response:
        """Why an item stands where it stands, or why it is absent. The surface is search where there is a query."""
        surface = surface or ("search" if query else "similar" if items else "home")
        request = Request(
            surface=surface,
            query=query,
            user=user,
            session=session,
            items=tuple(items),
            filter=filter,
            size=size,
            offset=offset,
        )
        return Json(shop.explain(item, request))


def _answer(shop: Shop, asked: SearchBody, surface: str) -> Slate:
    slate = shop.answer(msgspec.structs.replace(asked, surface=surface))
    placements = (msgspec.structs.replace(each, item=_pictured(each.item)) for each in slate.placements)
    return msgspec.structs.replace(slate, placements=tuple(placements))


def _take_events(app: FastAPI, shop: Shop) -> None:
    @app.post(
        "/v1/events",
        responses=answers(Receipt, Receipt(accepted=1, known=0)),
        openapi_extra=openapi.body(EventBody, openapi.EVENT, many=True),
    )
    def events(body: Body) -> Response:
        """Take in what people did, one event or a list. When this answers, they are on the disk; an id counts once."""
        sent = decode_events(body)
        fresh = shop.record(sent)
        return Json(Receipt(accepted=fresh, known=len(sent) - fresh))


def _show_items(app: FastAPI, shop: Shop) -> None:
    @app.get("/v1/health", responses=answers(Health, Health("ok", "Mugs", "20260101-120000-000000", 5000)))
    def health() -> Response:
        """Whether the shop can answer, and from which release; 503 before the first one."""
        try:
            engine = shop.engine()
        except ReleaseError:
            return Json(Health("no release", shop.settings.shop.name, "", 0), status_code=503)
        return Json(Health("ok", shop.settings.shop.name, engine.release, len(engine.catalogue)))

    @app.get("/v1/shoppers", responses=answers(list[Shopper], [Shopper(user="u42", likes=("Mugs",), events=31)]))
    def shoppers() -> Response:
        """A few people of the shop, to try it as."""
        return Json(shop.shoppers())

    @app.get("/v1/items/{item:path}", responses=answers(Item, openapi.MUG, refusals=(404, 503)))
    def item(item: str) -> Response:
        """One item, whole."""
        return Json(_pictured(_found(shop.item, item)))

    @app.get(
        "/v1/images/{item:path}",
        response_class=Response,
        responses={200: {"content": {"image/*": {}}, "description": "The picture"}, 404: {"description": "None here"}},
    )
    def image(item: str) -> Response:
        """An item's own picture, where the release holds one."""
        picture = _found(shop.image, item)
        if picture is None:
            raise HTTPException(404, f"the item {item!r} has no picture here")
        headers = {
            "Cache-Control": "public, max-age=3600",
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",  # an SVG runs no script
            "X-Content-Type-Options": "nosniff",
        }
        return Response(picture[0], media_type=picture[1], headers=headers)


def _found(read: Any, item: str) -> Any:
    try:
        return read(item)
    except RequestError as error:
        raise HTTPException(404, error.what) from None


def _pictured(item: Item) -> Item:
    """Pictures that lie in the release have an address here."""
    if item.image != "table:images":
        return item
    return msgspec.structs.replace(item, image=f"/v1/images/{quote(item.id, safe='')}")


def _refuse_in_words(app: FastAPI) -> None:
    """Every refusal is {"error": {what, where, expected, remedy}}."""

    def refusal(status: int, what: str, **parts: str | None) -> Response:
        return Json(Refusal(Mistake(what, **parts)), status_code=status)

    @app.exception_handler(ShopkeeperError)
    def told(_: HttpRequest, error: ShopkeeperError) -> Response:
        status = 400 if isinstance(error, RequestError) else 503
        return refusal(status, error.what, where=error.where, expected=error.expected, remedy=error.remedy)

    @app.exception_handler(RequestValidationError)
    def misfit(_: HttpRequest, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        return refusal(400, str(first["msg"]).lower(), where=".".join(map(str, first["loc"])))

    @app.exception_handler(HTTPException)
    def http(http: HttpRequest, error: HTTPException) -> Response:
        if error.status_code == 404 and error.detail == "Not Found":
            paths = [path for route in app.routes if (path := getattr(route, "path", "")).startswith("/v1/")]
            remedy = did_you_mean(http.url.path, paths) or "The routes are listed at /docs."
            return refusal(404, "there is nothing at this address", where=http.url.path, remedy=remedy)
        answer = refusal(error.status_code, str(error.detail), where=f"{http.method} {http.url.path}")
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(Exception)
    def unforeseen(http: HttpRequest, error: Exception) -> Response:
        _log.error("%s %s failed", http.method, http.url.path, exc_info=error)
        return refusal(500, "something went wrong here, and the log of the server says what")
