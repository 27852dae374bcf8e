"""OpenAPI from the vocabulary: the answers are msgspec bytes, and this is how the documentation knows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from shopkeeper.data.curation import Line, RuleEntry, SynonymEntry
from shopkeeper.data.eventlog.unanswered import Unanswered
from shopkeeper.engine.looks import KINDS
from shopkeeper.engine.preview import Move, Preview
from shopkeeper.server.analytics.segment import CALLS
from shopkeeper.server.bodies import (
    MAX_EVENTS,
    EventBody,
    ItemBody,
    PreviewBody,
    PublishBody,
    RevertBody,
    SearchBody,
    StockBody,
)
from shopkeeper.settings import Rule, Synonym
from shopkeeper.shop import Shopper
from shopkeeper.vocabulary import (
    Banner,
    Chip,
    Explanation,
    Facet,
    FacetRange,
    FacetValue,
    Item,
    Placement,
    Reason,
    Slate,
    Suggested,
    Suggestion,
)

# Why a request is turned away.
MEANINGS = {
    400: "The request does not fit",
    401: "A key is missing, unknown or no longer valid",
    403: "The key does not reach so far",
    404: "Not known",
    409: "Somebody else has changed it meanwhile",
    408: "The body came too slowly",
    413: "The body is too long",
    414: "The address is too long",
    429: "The key asks too often; Retry-After says when to come again",
    431: "The headers are too long",
    503: "The shop is not ready",
}
ANYWHERE = (414, 431)  # which no route needs to name
REFUSALS = tuple(code for code in MEANINGS if code not in (404, 409, *ANYWHERE))

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
        Facet(name="brand", values=(FacetValue("Kiln & Co", 12), FacetValue("Tasse", 9)), n_values=2),
        Facet(
            name="price",
            minimum=4.0,
            maximum=39.0,
            ranges=(
                FacetRange(value="..<15", count=18, maximum=15.0),
                FacetRange(value="15..", count=13, minimum=15.0),
            ),
        ),
    ),
    next="AZ3c1PLr…",
    understood=(
        Chip(
            id="colour = red",
            field="colour",
            value="red",
            text="red",
            start=0,
            end=3,
            confidence=0.9,
            applied="boost",
            filter="colour = red",
        ),
    ),
    release="20260101T000000-1a2b",
    timings={"total": 4.1},
)
UNANSWERED = Unanswered("purple mug", times=7, people=5, last=1_767_225_600.0, dropped=("purple",))
EXPLANATION = Explanation(
    item="mug-17",
    surface="search",
    verdict="filtered",
    text="filtered: price < 10, its price is 12.5",
)
SUGGESTED = Suggested(
    query="red m",
    queries=(
        Suggestion(text="red mug", end=5),
        Suggestion(text="red mug", end=5, category="Mugs"),
        Suggestion(text="small red mugs", start=6, end=11),
    ),
    products=(msgspec.structs.replace(MUG, attributes={}),),
    recent=(Suggestion(text="red mug", end=5),),
    release="20260101T000000-1a2b",
)
SEARCH = {
    "query": "red mug",
    "user": "u42",
    "filter": "price < 50 and brand in ['Kiln & Co', 'Tasse']",
    "facets": ["*"],
    "refinements": {"colour": ["red", "blue"], "price": ["10..30"]},
}
SHELF = {"user": "u42", "session": "s7", "items": ["mug-17"], "size": 12}
STOCK = [{"id": "mug-17", "stock": 0}, {"id": "mug-18", "price": 11.9}]
_PASSED_OVER = "As it sends them; what is in them and not known here is passed over."
ANALYTICS = (
    {
        "title": "GA4 Measurement Protocol",
        "description": _PASSED_OVER,
        "type": "object",
        "required": ["events"],
        "properties": {"events": {"type": "array", "maxItems": MAX_EVENTS}},
    },
    {
        "title": "Segment call",
        "description": _PASSED_OVER,
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"enum": list(CALLS)}},
    },
    {
        "title": "Segment batch",
        "description": _PASSED_OVER,
        "type": "object",
        "required": ["batch"],
        "properties": {"batch": {"type": "array", "maxItems": MAX_EVENTS}},
    },
    {
        "title": "UBI event",
        "description": _PASSED_OVER,
        "type": "object",
        "required": ["action_name"],
        "properties": {"action_name": {}},
    },
    {
        "title": "UBI query",
        "description": _PASSED_OVER,
        "type": "object",
        "required": ["user_query"],
        "properties": {"user_query": {}},
    },
)
RULE = Rule(name="Gifts", query="gift", pin=("mug-17",), hide="price < 5", banner=Banner(text="Wrapped for you"))
RULE_ENTRY = RuleEntry(id="gifts", version=12, state="new", draft=msgspec.structs.replace(RULE, id="gifts"))
SYNONYM = Synonym(words=("mug", "cup"))
SYNONYM_ENTRY = SynonymEntry(id="mugs", version=13, state="published", published=SYNONYM)
PUBLISH = {"rules": ["gifts"], "comment": "for the season"}
REVERT = {"publication": 3, "comment": "too many gifts"}
LINE = Line(
    place=12,
    time=1_764_115_200.0,
    who="Ada (1f2e3d4c)",
    deed="draft",
    kind="rule",
    id="gifts",
)
TRY = {"query": "gift", "rules": [{"id": "gifts", "query": "gift", "pin": ["mug-17"]}]}
PREVIEW = Preview(now=Slate(id="0b5d", surface="search"), then=SLATE, moves=(Move(item="mug-17", after=1),))
EVENT = {"id": "e1", "type": "cart", "user": "u42", "session": "s7", "item": "mug-17", "slate": "0b5e", "position": 1}


class Mistake(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was wrong, where, what was expected, what to do."""

    what: str
    where: str | None = None
    expected: str | None = None
    remedy: str | None = None


class Refusal(msgspec.Struct, frozen=True):
    """The body of every answer that is not a success. `request` is the id under which the log speaks of it."""

    error: Mistake
    request: str = ""


class Receipt(msgspec.Struct, frozen=True, omit_defaults=True):
    """Events are durable when this is sent. `known` counts those whose id had come before; `passed_over` what an
    analytics tool told that is no event of a shop."""

    accepted: int
    known: int
    passed_over: int = 0


class Taken(msgspec.Struct, frozen=True):
    """Changes are durable when this is sent."""

    accepted: int


FORGOTTEN = Taken(1)


class Publication(msgspec.Struct, frozen=True):
    """What is in force now: the number of the publication, how many rules and synonyms."""

    publication: int
    rules: int
    synonyms: int


PUBLICATION = Publication(4, rules=31, synonyms=12)


class Health(msgspec.Struct, frozen=True):
    """That the process turns: `status` is "ok"."""

    status: str
    shop: str


class Finding(msgspec.Struct, frozen=True):
    """One thing that the shop needs in order to answer, and how it stands with it."""

    name: str
    passed: bool
    found: str


class Readiness(msgspec.Struct, frozen=True):
    """`status` is "ready", or "not ready" where a finding has not passed; `release` is the one that answers."""

    status: str
    shop: str
    release: str
    items: int
    findings: tuple[Finding, ...]


_STRUCTS = (
    *(SearchBody, EventBody, ItemBody, StockBody, Slate, Suggested, Explanation, Item),
    *(Refusal, Receipt, Taken, Shopper, Health, Readiness, Unanswered),
    *(Rule, RuleEntry, Synonym, SynonymEntry, PublishBody, RevertBody, Publication, Line, PreviewBody, Preview),
)


def body(
    kind: type[msgspec.Struct], example: Any, *, many: bool = False, also: Sequence[dict[str, Any]] = ()
) -> dict[str, Any]:
    """`openapi_extra` of a route that reads one `kind`, or a list of them as well, or what has one of the schemas
    `also`."""
    one = _reference(kind)
    schema = {"anyOf": [one, {"type": "array", "items": one, "maxItems": MAX_EVENTS}, *also]} if many else one
    content = {"application/json": {"schema": schema, "example": msgspec.to_builtins(example)}}
    return {"requestBody": {"required": True, "content": content}}


def picture_body() -> dict[str, Any]:
    """`openapi_extra` of a route that reads a picture as it is, or a SearchBody that holds one."""
    content: dict[str, Any] = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in KINDS}
    example = {"picture": "iVBORw0KGgo=", "query": "but red", "like": "shape"}
    content["application/json"] = {"schema": _reference(SearchBody), "example": example}
    return {"requestBody": {"required": True, "content": content}}


def answers(kind: Any, example: Any, *, refusals: tuple[int, ...] = REFUSALS) -> dict[int | str, dict[str, Any]]:
    """`responses` of a route that answers with `kind` (a struct, or `list[struct]`)."""
    schema = {"type": "array", "items": _reference(kind.__args__[0])} if hasattr(kind, "__args__") else _reference(kind)
    content = {"application/json": {"schema": schema, "example": msgspec.to_builtins(example)}}
    return {200: {"description": "Done", "content": content}, **turned_away(*refusals)}


def turned_away(*codes: int) -> dict[int | str, dict[str, Any]]:
    """`responses` for these refusals."""
    content = {"application/json": {"schema": _reference(Refusal)}}
    return {code: {"description": MEANINGS[code], "content": content} for code in codes}


def describe(app: FastAPI) -> None:
    """Make `app` speak of the vocabulary's structs in its OpenAPI document."""

    def openapi() -> dict[str, Any]:
        if not app.openapi_schema:
            document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            _, components = msgspec.json.schema_components(_STRUCTS, ref_template=_TEMPLATE)
            document.setdefault("components", {}).setdefault("schemas", {}).update(components)
            for operations in document["paths"].values():
                for operation in operations.values():
                    _say_what_comes(operation["responses"])
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _say_what_comes(responses: dict[str, Any]) -> None:
    """Put right what FastAPI supposes: that parameters which do not fit are answered with 422, and structs as text."""
    codes = [400, *ANYWHERE] if responses.pop("422", None) else ANYWHERE
    for code, answer in turned_away(*codes).items():
        responses.setdefault(str(code), answer)
    for answer in responses.values():
        for content in answer.get("content", {}).values():
            if "$ref" in content.get("schema", {}):
                content["schema"] = {"$ref": content["schema"]["$ref"]}
            elif "items" in content.get("schema", {}):
                content["schema"]["type"] = "array"


def _reference(kind: type[msgspec.Struct]) -> dict[str, str]:
    return {"$ref": _TEMPLATE.format(name=kind.__name__)}
