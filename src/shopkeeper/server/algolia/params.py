"""Search parameters, however a client sends them, and what they ask of this shop."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta

from shopkeeper.engine.conditions import Condition, Every
from shopkeeper.engine.facets import MAX_VALUES
from shopkeeper.engine.geography import Place
from shopkeeper.errors import RequestError, expected_in_words, read_misfit
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.release.facts import PATH
from shopkeeper.server.algolia.filters import (
    read_facet_filters,
    read_filters,
    read_numeric_filters,
    read_tag_filters,
)
from shopkeeper.server.algolia.places import nearest_first, read_around, read_boxes, read_centre
from shopkeeper.server.bodies import Text
from shopkeeper.vocabulary import Request

_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?")
ANONYMOUS = "anonymous-"  # how the tokens begin that InstantSearch makes up for people who have not signed in
# Attributes of records that are fields by another name.
ALIASES = {
    "categories": "category",
    "objectID": "id",
    "_geoloc.lat": "_geoloc.latitude",
    "_geoloc.lng": "_geoloc.longitude",
}
_LEVEL = re.compile(r"(?:\w*_)?(?:hierarchical_?)?categor(?:y|ies)\.lvl(\d)", re.IGNORECASE)

# To pass these over would give an answer to another question.
_UNANSWERED = {
    "aroundLatLngViaIP": "nobody's place is looked up here",
    "insidePolygon": "use insideBoundingBox, or aroundLatLng with aroundRadius",
    "similarQuery": "search with the parameter query, or ask for recommendations",
    "restrictSearchableAttributes": "a query reads every attribute here",
}

# What the shop says of an index, and whoever asks cannot say otherwise.
OF_INDEX = ("unretrievableAttributes", "paginationLimitedTo", "attributeForDistinct", "userData")

Size = Annotated[int, Meta(ge=0, le=1_000)]  # by browse; a search says itself how many it gives
Page = Annotated[int, Meta(ge=0, le=1_000_000)]
Names = tuple[str, ...]


class Params(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Those that are understood; the others change nothing here, or are refused by `read_params`."""

    query: Text = ""
    page: Page = 0
    hits_per_page: Size = 20
    offset: Page | None = None
    length: Size | None = None
    filters: Text = ""
    facet_filters: Any = None
    numeric_filters: Any = None
    tag_filters: Any = None
    inside_bounding_box: Any = None
    around_lat_lng: Text = ""
    around_radius: Any = None
    distinct: bool | Annotated[int, Meta(ge=0)] = False
    attribute_for_distinct: Text = ""
    typo_tolerance: Any = True
    facets: Names = ()
    max_values_per_facet: Annotated[int, Meta(ge=0, le=MAX_VALUES)] = 100
    sort_facet_values_by: str = "count"
    attributes_to_retrieve: Names = ("*",)
    attributes_to_highlight: Names = ("*",)
    attributes_to_snippet: Names = ()
    highlight_pre_tag: str = "<em>"
    highlight_post_tag: str = "</em>"
    snippet_ellipsis_text: str = "…"
    unretrievable_attributes: Names = ()
    response_fields: Names = ("*",)
    pagination_limited_to: Annotated[int, Meta(ge=1, le=10_000)] = 1_000
    user_token: str | None = None
    rule_contexts: Annotated[tuple[Text, ...], Meta(max_length=20)] = ()
    analytics: bool = True
    click_analytics: bool = False
    get_ranking_info: bool = False
    rendering_content: dict[str, Any] | None = None
    user_data: Any = None
    facet_query: Text = ""
    max_facet_hits: Annotated[int, Meta(ge=1, le=100)] = 10
    cursor: str = ""

    @property
    def centre(self) -> Place | None:
        """Raises RequestError for what is no place."""
        return read_centre(self.around_lat_lng)

    @property
    def verbatim(self) -> bool:
        return self.typo_tolerance in (False, "false")

    @property
    def size(self) -> int:
        return self.hits_per_page if self.length is None and self.offset is None else self.length or 0

    @property
    def start(self) -> int:
        return self.page * self.hits_per_page if self.offset is None else self.offset


_NAMES = {field.encode_name for field in msgspec.structs.fields(Params) if field.type == Names} | {"ruleContexts"}
_FILTERS = ("facetFilters", "tagFilters", "numericFilters", "insideBoundingBox")


def read_params(said: Mapping[str, Any], defaults: Mapping[str, Any] | None = None) -> Params:
    """`said` as a client sends it: names and values, or these in the text `params`, as an address would have them; over
    the `defaults` of an index, which alone say what is OF_INDEX. Raises RequestError for a value that does not fit, and
    for what cannot be answered."""
    named = {**said, **_in_address(said["params"])} if isinstance(said.get("params"), str) else said
    given = {name: value for name, value in named.items() if value is not None and name not in OF_INDEX}
    for name, why in _UNANSWERED.items():
        if given.get(name):
            raise RequestError(f"this shop cannot answer it: {why}", where=name)
    return convert({**(defaults or {}), **given})


def convert(given: Mapping[str, Any]) -> Params:
    """Raises RequestError for a value that does not fit."""
    listed = {name: _listed(name, value) for name, value in given.items()}
    try:
        return msgspec.convert(listed, Params, strict=False)
    except msgspec.ValidationError as error:
        keys, message = read_misfit(error)
        where = ".".join(keys) or "params"
        raise RequestError("the value does not fit", where=where, expected=expected_in_words(message)) from None


def read_request(
    params: Params, catalogue: Catalogue, sort: str, facets: Names, *, known_alone: bool = False
) -> Request:
    """What the parameters ask, sorted as the index is, then by the distance from a place; `facets` are the fields to
    count; `known_alone`: refuse a filter on what no item says. Raises RequestError for a filter that cannot be read,
    and for a place that is none."""
    user, session = who(params.user_token)
    beyond = params.start >= params.pagination_limited_to
    keys = [key for key in (sort, nearest_first(params.centre, catalogue)) if key]
    return Request(
        query=params.query,
        filter=str(_narrowed(params, catalogue, known_alone) or ""),
        user=user,
        session=session,
        sort=", ".join(keys),
        size=0 if beyond else params.size,
        offset=0 if beyond else params.start,
        facets=facets,
        max_values=params.max_values_per_facet,
        segments=params.rule_contexts,
        group_by=(params.distinct and field_of(catalogue, params.attribute_for_distinct)) or "",
        verbatim=params.verbatim,
    )


def who(token: str | None) -> tuple[str | None, str | None]:
    """The user, or the session of somebody who has not signed in, that a user token speaks of."""
    if not token:
        return None, None
    return (None, token) if token.startswith(ANONYMOUS) else (token, None)


def field_of(catalogue: Catalogue, attribute: str) -> str | None:
    """The field by which items are filtered that say this attribute; None where no item says it. A level of a hierarchy
    of categories that no item sends itself is read from the shop's own."""
    for name in (f"attributes.{attribute}", attribute, ALIASES.get(attribute, attribute)):
        if name == "id" or name in catalogue.labels or name in catalogue.numbers:
            return name
    return PATH if _LEVEL.fullmatch(attribute) and PATH in catalogue.labels else None


def facet_of(catalogue: Catalogue, attribute: str) -> str | None:
    """The facet that counts the values of this attribute; None where no item says it."""
    field, level = field_of(catalogue, attribute), _LEVEL.fullmatch(attribute)
    return f"{PATH}.{level[1]}" if field == PATH and level else field


def _narrowed(params: Params, catalogue: Catalogue, known_alone: bool) -> Condition | None:
    def field(attribute: str) -> str | None:
        found = field_of(catalogue, attribute)
        if found is None and known_alone:
            raise RequestError(f"no item says {attribute!r}", where="filters", expected="an attribute that items have")
        return found

    parts = [
        read_filters(params.filters, field),
        read_facet_filters(params.facet_filters, field),
        read_numeric_filters(params.numeric_filters, field),
        read_tag_filters(params.tag_filters, field),
        read_boxes(params.inside_bounding_box, catalogue),
        read_around(params.centre, params.around_radius, catalogue),
    ]
    said = tuple(part for part in parts if part is not None)
    return Every(said) if said else None


def _in_address(text: str) -> dict[str, Any]:
    return dict(parse_qsl(text, keep_blank_values=True))


def _listed(name: str, value: Any) -> Any:
    """What an address says of a parameter that is a list: JSON; or, but for filters whose values may hold a comma, what
    stands between commas."""
    if not isinstance(value, str) or name not in (*_NAMES, *_FILTERS):
        return value
    if value[:1] == "[":
        try:
            return msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            raise RequestError(f"{value[:60]!r} is no JSON", where=name, expected="a list") from None
    if name in ("facetFilters", "tagFilters"):
        return value
    parts = [part for each in value.split(",") if (part := each.strip())]
    return [float(part) for part in parts if _NUMBER.fullmatch(part)] if name == "insideBoundingBox" else parts
