"""OpenAPI from the vocabulary: the answers are msgspec bytes, and this is how the documentation knows them."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from shopkeeper.server.bodies import MAX_EVENTS, EventBody, SearchBody
from shopkeeper.shop import Shopper
from shopkeeper.vocabulary import Explanation, Facet, FacetValue, Item, Placement, Reason, Slate

_TEMPLATE = "#/components/schemas/{name}"

MUG = Item(
    id="mug-17",
    title="Red stoneware mug",
    brand="Kiln & Co",
    categories=("Kitchen", "Mugs"),
    price=12.5,
    currency="EUR",
    image="/v1/images/mug-17",
    attributes={"colour": "red"},
)
SLATE = Slate(
    id="0b5e",
    surface="search",
    placements=(Placement(item=MUG, position=1, score=7.3, reasons=(Reason("lexical", "matches “red mug”", 1),)),),
    total=31,
    facets=(
        Facet(name="brand", values=(FacetValue("Kiln & Co", 12), FacetValue("Tasse", 9))),
        Facet(name="price", minimum=4.0, maximum=39.0),
    ),
    release="20260101T000000-1a2b",
    timings={"total": 4.1},
)
EXPLANATION = Explanation(
    item="mug-17",
    surface="search",
    verdict="filtered",
    text="filtered: price < 10, its price is 12.5",
)
SEARCH = {
    "query": "red mug",
    "user": "u42",
    "filter": "price < 50 and brand in ['Kiln & Co', 'Tasse']",
    "facets": ["*"],
}
SHELF = {"user": "u42", "session": "s7", "items": ["mug-17"], "size": 12}
EVENT = {"id": "e1", "type": "cart", "user": "u42", "session": "s7", "item": "mug-17", "slate": "0b5e", "position": 1}


class Mistake(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was wrong, where, what was expected, what to do."""

    what: str
    where: str | None = None
    expected: str | None = None
    remedy: str | None = None


class Refusal(msgspec.Struct, frozen=True):
    """The body of every answer that is not a success."""

    error: Mistake


class Receipt(msgspec.Struct, frozen=True):
    """Events are durable when this is sent. `known` counts those whose id had come before."""

    accepted: int
    known: int


class Health(msgspec.Struct, frozen=True):
    """`status` is "ok", or "no release" before the first training."""

    status: str
    shop: str
    release: str
    items: int


_STRUCTS = (SearchBody, EventBody, Slate, Explanation, Item, Refusal, Receipt, Shopper, Health)


def body(kind: type[msgspec.Struct], example: Any, *, many: bool = False) -> dict[str, Any]:
    """`openapi_extra` of a route that reads one `kind`, or a list of them as well."""
    one = _reference(kind)
    schema = {"oneOf": [one, {"type": "array", "items": one, "maxItems": MAX_EVENTS}]} if many else one
    content = {"application/json": {"schema": schema, "example": example}}
    return {"requestBody": {"required": True, "content": content}}


def answers(kind: Any, example: Any, *, refusals: tuple[int, ...] = (400, 503)) -> dict[int | str, dict[str, Any]]:
    """`responses` of a route that answers with `kind` (a struct, or `list[struct]`)."""
    schema = {"type": "array", "items": _reference(kind.__args__[0])} if hasattr(kind, "__args__") else _reference(kind)
    content = {"application/json": {"schema": schema, "example": msgspec.to_builtins(example)}}
    meanings = {400: "The request does not fit", 404: "Not known", 503: "The shop is not ready"}
    refused = {"application/json": {"schema": _reference(Refusal)}}
    return {
        200: {"description": "Done", "content": content},
        **{code: {"description": meanings[code], "content": refused} for code in refusals},
    }


def describe(app: FastAPI) -> None:
    """Make `app` speak of the vocabulary's structs in its OpenAPI document."""

    def openapi() -> dict[str, Any]:
        if not app.openapi_schema:
            document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            _, components = msgspec.json.schema_components(_STRUCTS, ref_template=_TEMPLATE)
            document.setdefault("components", {}).setdefault("schemas", {}).update(components)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _reference(kind: type[msgspec.Struct]) -> dict[str, str]:
    return {"$ref": _TEMPLATE.format(name=kind.__name__)}
