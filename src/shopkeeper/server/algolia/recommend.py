"""Algolia's Recommend models, answered by the shelves of this shop."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from shopkeeper.engine.conditions import Is
from shopkeeper.engine.filters import narrowed
from shopkeeper.errors import RequestError
from shopkeeper.server.algolia.answers import dressed, shown_facet
from shopkeeper.server.algolia.door import Asking, Door, read_text
from shopkeeper.server.algolia.highlight import Marks
from shopkeeper.server.algolia.params import Params, field_of, read_request
from shopkeeper.vocabulary import Request, Slate

# The shelves that answer a model, the first that shop.toml has; and whether it starts from an object.
MODELS: dict[str, tuple[tuple[str, ...], bool]] = {
    "related-products": (("similar",), True),
    "bought-together": (("cart",), True),
    "looking-similar": (("looks_similar", "similar"), True),
    "trending-items": (("trending", "popular"), False),
    "trending-facets": (("trending", "popular"), False),
}
MOST = 30  # recommendations, as Algolia has it
TRENDING = 200  # items by which facets are judged


def recommend(door: Door, by: Asking, said: Mapping[str, Any]) -> dict[str, Any]:
    """One shelf. Raises RequestError."""
    model, most = read_text(said, "model"), said.get("maxRecommendations") or MOST
    if model not in MODELS:
        expected = ", ".join(MODELS)
        raise RequestError(f"there is no model {model!r} here", where="model", expected=expected)
    if not isinstance(most, int) or not 0 < most <= 1_000:
        raise RequestError("the value does not fit", where="maxRecommendations", expected="a number up to 1,000")
    index = read_text(said, "indexName")
    asked = said.get("queryParameters") or {}
    if not isinstance(asked, dict):
        raise RequestError("the value does not fit", where="queryParameters", expected="an object")
    params = door.params(by, index, {**asked, "page": 0, "hitsPerPage": most, "query": ""})
    request = _request(door, by, model, said, params)
    if model == "trending-facets":
        return _trending_facets(door, by, read_text(said, "facetName"), params, request)
    slate = door.slate(by, request, log=params.analytics)
    records = [door.record(by, placement.item) for placement in slate.placements]
    marks = Marks({}, params.highlight_pre_tag, params.highlight_post_tag)
    hits = [{**hit, "_score": _score(at, len(records))} for at, hit in enumerate(dressed(params, records, marks))]
    answer = {"hits": hits, "nbHits": slate.total, "page": 0, "nbPages": 1, "hitsPerPage": most}
    return answer | {"processingTimeMS": _took(slate), **({"queryID": slate.id} if params.click_analytics else {})}


def _request(door: Door, by: Asking, model: str, said: Mapping[str, Any], params: Params) -> Request:
    surfaces, starts = MODELS[model]
    known = door.shop.engine().settings.surfaces
    surface = next((name for name in surfaces if name in known), None)
    if surface is None:
        raise RequestError(f"the shop has no surface {surfaces[-1]!r}", where="model", remedy="Add it to shop.toml.")
    catalogue = door.shop.engine().catalogue
    request = msgspec.structs.replace(read_request(params, catalogue, "", ()), surface=surface)
    if starts:
        object_id = read_text(said, "objectID")
        if not door.shop.passing([object_id], by.caller.filter):  # what the key hides is as if it were not there
            raise RequestError(f"there is no object {object_id!r}", where="objectID")
        return msgspec.structs.replace(request, items=(object_id,))
    name, value = read_text(said, "facetName"), read_text(said, "facetValue")
    field = field_of(catalogue, name) if name and value else None
    return msgspec.structs.replace(request, filter=narrowed(request.filter, str(Is(field, (value,))) if field else ""))


def _trending_facets(door: Door, by: Asking, name: str, params: Params, request: Request) -> dict[str, Any]:
    """The values of a facet that most of what is in demand has."""
    field = shown_facet(params, name, door.shop.engine().catalogue)
    facets, most = (field,) if field else (), params.hits_per_page
    slate = door.slate(by, msgspec.structs.replace(request, size=0, facets=facets, max_values=most), log=False)
    values = [each for facet in slate.facets for each in facet.values]
    hits = [
        {"facetName": name, "facetValue": each.value, "_score": _score(at, len(values))}
        for at, each in enumerate(values)
    ]
    return {"hits": hits, "processingTimeMS": _took(slate)}


def _score(at: int, n: int) -> float:
    """From 100 for the first down: an order, and no probability."""
    return round(100.0 * (n - at) / n, 2)


def _took(slate: Slate) -> int:
    return math.ceil(sum(slate.timings.values()))
