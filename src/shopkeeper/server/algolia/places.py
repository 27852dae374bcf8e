"""Where records are, and what is near: `_geoloc`, `aroundLatLng`, `aroundRadius`, `insideBoundingBox`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

import numpy as np

from shopkeeper.engine.conditions import Compares, Condition, Either, Every, Within
from shopkeeper.engine.geography import PARTS, PLAIN, Place, distances, place_of
from shopkeeper.engine.sorting import DISTANCE
from shopkeeper.errors import RequestError
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.server.algolia.filters import NOTHING

GEOLOC = "_geoloc"
EVERYWHERE = "all"
MAX_METRES = 100_000_000


def place_said(said: Any) -> dict[str, float] | None:
    """The place that `_geoloc` says, of several the first, as the engine reads it; None where it says none."""
    first = said[0] if isinstance(said, list) and said else said
    latitude, longitude = (first.get("lat"), first.get("lng")) if isinstance(first, dict) else (None, None)
    if not (_is_number(latitude) and _is_number(longitude) and place_of(str(latitude), str(longitude))):
        return None
    return {"lat": latitude, "lng": longitude}


def location_of(catalogue: Catalogue) -> str | None:
    """The location by which items are near: `_geoloc` of records, or the shop's own; None where no item says one."""
    return next((name for name in (GEOLOC, PLAIN) if _fields(name, catalogue)), None)


def read_centre(said: str) -> Place | None:
    """aroundLatLng: "48.85, 2.35". Raises RequestError."""
    if not said.strip():
        return None
    latitude, _, longitude = said.partition(",")
    centre = place_of(latitude, longitude)
    if centre is None:
        what = f"{said[:60]!r} is no place on earth"
        raise RequestError(what, where="aroundLatLng", expected="a latitude and a longitude, such as 48.85, 2.35")
    return centre


def read_around(centre: Place | None, radius: Any, catalogue: Catalogue) -> Condition | None:
    """At most `radius` metres from there; None, or "all", does not narrow. Raises RequestError."""
    if centre is None or radius is None or radius == EVERYWHERE:
        return None
    metres = int(radius) if isinstance(radius, str) and radius.isdecimal() and len(radius) < 20 else radius
    if not _is_number(metres) or not 0 <= metres <= MAX_METRES:
        raise RequestError("the value does not fit", where="aroundRadius", expected='metres, or "all"')
    location = location_of(catalogue)
    return NOTHING if location is None else Within(location, centre, f"{round(metres)} m")


def read_boxes(said: Any, catalogue: Catalogue) -> Condition | None:
    """insideBoundingBox: [[latitude, longitude, latitude, longitude], …], two corners across from each other each.
    Raises RequestError."""
    if not said:
        return None
    boxes = said if isinstance(said, list) and isinstance(said[0], list) else [said]
    if not all(_is_box(box) for box in boxes):
        raise RequestError("this is no box", where="insideBoundingBox", expected="four numbers for each")
    location = location_of(catalogue)
    if location is None:
        return NOTHING
    latitude, longitude = _fields(location, catalogue)
    return Either(tuple(Every((*_between(latitude, *box[::2]), *_between(longitude, *box[1::2]))) for box in boxes))


def nearest_first(centre: Place | None, catalogue: Catalogue) -> str:
    """As Request.sort has it; empty where nobody asks for what is near, or nothing is anywhere."""
    location = location_of(catalogue) if centre is not None else None
    return f"{DISTANCE}({location}, {centre.latitude!r}, {centre.longitude!r})" if centre and location else ""


def metres_from(centre: Place, ids: Sequence[str], catalogue: Catalogue) -> list[int | None]:
    """How far these items are; None where it is not known."""
    location = location_of(catalogue)
    if location is None:
        return [None] * len(ids)
    kilometres = distances(catalogue, location, centre, catalogue.ids.rows(ids), "aroundLatLng")
    return [None if np.isnan(each) else round(1_000.0 * each) for each in kilometres.tolist()]


def _is_box(said: Any) -> bool:
    return isinstance(said, list) and len(said) == 4 and all(map(_is_number, said))


def _is_number(said: Any) -> TypeGuard[float]:
    return isinstance(said, int | float) and not isinstance(said, bool)


def _fields(location: str, catalogue: Catalogue) -> tuple[str, ...]:
    """Its latitude and longitude; none where no item says one."""
    own = tuple(f"{location}.{part}" for part in PARTS)
    known = (own, PARTS) if location == PLAIN else (own,)
    return next((fields for fields in known if all(name in catalogue.numbers for name in fields)), ())


def _between(field: str, one: float, other: float) -> tuple[Condition, Condition]:
    low, high = sorted((one, other))
    return Compares(field, ">=", f"{low:.10g}"), Compares(field, "<=", f"{high:.10g}")
