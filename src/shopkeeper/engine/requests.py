"""Whether a request can be answered as it was asked."""

from __future__ import annotations

from collections.abc import Mapping

from shopkeeper.engine.facets import check as check_facets
from shopkeeper.errors import RequestError, did_you_mean
from shopkeeper.settings import Surface
from shopkeeper.vocabulary import Request

MAX_SIZE, MAX_OFFSET, MAX_ITEMS = 500, 10_000, 1_000


def surface_of(request: Request, surfaces: Mapping[str, Surface]) -> Surface:
    """The surface that a request speaks to.

    Raises RequestError for an unknown surface, for a query, items or a picture that the surface needs and the
    request lacks, for a query that is no text, for a size or offset out of bounds, and for facets that there are not.
    """
    surface = asked_surface(request, surfaces)
    if surface.needs == "query" and not request.query.strip():
        raise RequestError(f"{request.surface} needs a query", where="query", expected="some words")
    if surface.needs == "items" and not request.items:
        raise RequestError(f"{request.surface} needs items", where="items", expected="at least one item id")
    if surface.needs == "picture" and not request.picture and not request.items:
        raise RequestError(
            f"{request.surface} needs a picture", where="picture", expected="one, or an item id in items"
        )
    return surface


def asked_surface(request: Request, surfaces: Mapping[str, Surface]) -> Surface:
    """`surface_of`, whatever the surface needs. Raises RequestError for everything else."""
    _text("query", request.query)
    surface = surfaces.get(request.surface)
    if surface is None:
        near = did_you_mean(request.surface, surfaces)
        raise RequestError(
            f"there is no surface {request.surface!r}",
            where="surface",
            expected=f"one of {', '.join(surfaces)}",
            remedy=near,
        )
    _within("size", request.size, 0, MAX_SIZE)
    _within("offset", request.offset, 0, MAX_OFFSET, "Narrow the search, or go on with `after`, page by page.")
    _within("items", len(request.items), 0, MAX_ITEMS)
    if request.after and request.offset:
        raise RequestError("`after` and `offset` both say where to begin", where="offset", expected="one of them")
    check_facets(request)
    return surface


def check_typed(request: Request, most: int) -> None:
    """Raises RequestError for what is typed and no text, and for a size that is not 1 to `most`."""
    _text("query", request.query)
    _within("size", request.size, 1, most)


def _text(name: str, value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise RequestError("this is no text", where=name, expected="valid UTF-8") from None


def _within(name: str, value: int, least: int, most: int, remedy: str | None = None) -> None:
    if not least <= value <= most:
        what = f"{value} items" if name == "items" else f"{name} is {value}"
        raise RequestError(what, where=name, expected=f"{least} to {most}", remedy=remedy)
