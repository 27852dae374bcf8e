"""Items: to look at, and, for an admin, to change."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from fastapi import FastAPI
from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from shopkeeper.errors import RequestError
from shopkeeper.server import openapi
from shopkeeper.server.bodies import ItemBody, StockBody, decode_items, decode_stock
from shopkeeper.server.callers import Caller
from shopkeeper.server.doors import Admin, Doors, Searcher, SentKey
from shopkeeper.server.intake import ItemBytes
from shopkeeper.server.openapi import Taken, answers
from shopkeeper.server.pictures import pictured, unpictured
from shopkeeper.server.refusals import Json
from shopkeeper.shop import Shop
from shopkeeper.vocabulary import Change, Item

# An SVG runs no script.
_PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


class _Id(Convertor[str]):
    """Any id at the end of an address, whatever slashes and line ends are in it."""

    regex = "(?s:.*)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("id", _Id())


def add_routes(app: FastAPI, shop: Shop) -> None:
    _show(app, shop)
    _change(app, shop)


def _show(app: FastAPI, shop: Shop) -> None:
    @app.get("/v1/items/{item:id}", responses=answers(Item, openapi.MUG, refusals=(401, 403, 404, 429, 503)))
    def item(http: HttpRequest, caller: Searcher, item: str) -> Response:
        """One item, whole."""
        return Json(pictured(http, caller, _found(shop, caller, shop.item, item)))

    @app.get(
        "/v1/images/{item:id}",
        response_class=Response,
        responses={
            200: {"content": {"image/*": {}}, "description": "The picture"},
            **openapi.turned_away(401, 403, 404, 429, 503),
        },
    )
    def image(http: HttpRequest, key: SentKey, item: str, by: str = "") -> Response:
        """An item's own picture, where the release holds one. Answers name its address with a signature, `by`."""
        doors: Doors = http.app.state.doors
        caller = doors.admit_picture(http, key, by, item)
        picture = _found(shop, caller, shop.image, item)
        if picture is None:
            raise HTTPException(404, f"the item {item!r} has no picture here")
        seen_by = "public" if by or not caller.key else "private"
        headers = {"Cache-Control": f"{seen_by}, max-age=3600", "Content-Security-Policy": _PICTURE_POLICY}
        return Response(picture[0], media_type=picture[1], headers=headers)


def _change(app: FastAPI, shop: Shop) -> None:
    @app.post(
        "/v1/items",
        responses=answers(Taken, Taken(accepted=1)),
        openapi_extra=openapi.body(ItemBody, openapi.MUG, many=True),
    )
    def items(http: HttpRequest, _: Admin, body: ItemBytes) -> Response:
        """Add items, replace them whole, or take them out; one or a list. Every answer knows it within a second."""
        now = time.time()
        changes = [
            Change(id=each.id, time=now, deleted=True)
            if each.deleted
            else Change(id=each.id, time=now, item=unpictured(http, _item(each)))
            for each in decode_items(body)
        ]
        return _take(http, shop, changes)

    @app.delete("/v1/items/{item:id}", responses=answers(Taken, Taken(accepted=1)))
    def delete(http: HttpRequest, _: Admin, item: str) -> Response:
        """Take an item out, whether or not it is there."""
        if not item:
            raise RequestError("there is no id", where="item", expected="the id of an item")
        return _take(http, shop, [Change(id=item, time=time.time(), deleted=True)])

    @app.post(
        "/v1/stock",
        responses=answers(Taken, Taken(accepted=1)),
        openapi_extra=openapi.body(StockBody, openapi.STOCK, many=True),
    )
    def stock(http: HttpRequest, _: Admin, body: ItemBytes) -> Response:
        """Tell stock, price or availability of items, one or a list. Every answer knows it within a second."""
        now = time.time()
        changes = [
            Change(id=each.id, time=now, stock=each.stock, price=each.price, available=each.available)
            for each in decode_stock(body)
        ]
        return _take(http, shop, changes)


def _take(http: HttpRequest, shop: Shop, changes: Sequence[Change]) -> Response:
    taken = shop.change(changes)
    http.app.state.metrics.took_changes(taken)
    return Json(Taken(taken))


def _item(body: ItemBody) -> Item:
    fields = {name: getattr(body, name) for name in Item.__struct_fields__}
    if body.available is None:
        fields["available"] = body.stock is None or body.stock > 0
    return Item(**fields)


def _found(shop: Shop, caller: Caller, read: Callable[[str], Any], item: str) -> Any:
    """What `read` says of an item that the caller may see; else 404."""
    try:
        if caller.filter and not shop.passing([item], caller.filter):
            raise RequestError(f"there is no item {item!r}")
        return read(item)
    except RequestError as error:
        raise HTTPException(404, error.what) from None
