"""Whether a request can be answered as it was asked."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from shopkeeper.engine.ranking.statistics import Statistics
from shopkeeper.errors import RequestError, did_you_mean
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.settings import Surface
from shopkeeper.vocabulary import Request

MAX_SIZE, MAX_OFFSET, MAX_ITEMS = 500, 10_000, 1_000
POPULARITY = "popularity"


def surface_of(request: Request, surfaces: Mapping[str, Surface]) -> Surface:
    """The surface that a request speaks to.

    Raises RequestError for an unknown surface, for a query, items or a picture that the surface needs and the request
    lacks, for a query that is no text, and for a size or offset out of bounds.
    """
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
    if surface.needs == "query" and not request.query.strip():
        raise RequestError(f"{request.surface} needs a query", where="query", expected="some words")
    if surface.needs == "items" and not request.items:
        raise RequestError(f"{request.surface} needs items", where="items", expected="at least one item id")
    if surface.needs == "picture" and not request.picture and not request.items:
        raise RequestError(
            f"{request.surface} needs a picture", where="picture", expected="one, or an item id in items"
        )
    _within("size", request.size, 0, MAX_SIZE)
    _within("offset", request.offset, 0, MAX_OFFSET)
    _within("items", len(request.items), 0, MAX_ITEMS)
    return surface


def sort_values(sort: str, catalogue: Catalogue, statistics: Statistics) -> npt.NDArray[np.float64]:
    """float64 [n]: by which a request's items ascend; NaN, unknown values, stand last either way.

    Raises RequestError when `sort` names no number of the catalogue.
    """
    name = sort.removeprefix("-").strip()
    if name.casefold() == POPULARITY and name not in catalogue.numbers:
        values = np.asarray(statistics.interest, dtype=np.float64)
    elif name in catalogue.numbers:
        values = np.asarray(catalogue.numbers[name], dtype=np.float64)
    else:
        raise RequestError(
            f"items cannot be sorted by {name!r}",
            where="sort",
            expected='a field that holds numbers, "-" before it to descend, such as price, -price or -popularity',
            remedy=did_you_mean(name, [*catalogue.numbers, POPULARITY]),
        )
    return -values if sort.startswith("-") else values


def _text(name: str, value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise RequestError("this is no text", where=name, expected="valid UTF-8") from None


def _within(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        what = f"{value} items" if name == "items" else f"{name} is {value}"
        raise RequestError(what, where=name, expected=f"{least} to {most}")
