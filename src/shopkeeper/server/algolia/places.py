"""Where records are, and what is near: `_geoloc`, `aroundLatLng`, `aroundRadius`, `insideBoundingBox`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
    if not isinstance(first, dict):
        return None
    degrees = {name: first.get(name) for name in ("lat", "lng")}
    numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in degrees.values())
    return degrees if numbers and place_of(*map(str, degrees.values())) else None


def location_of(catalogue: Catalogue) -> str | None:
    """The location by which items are near: `_geoloc` of records, or the shop's own; None where no item says one."""
    parts = [GEOLOC, PLAIN]
    found = next((name for name in parts if all(f"{name}.{part}" in catalogue.numbers for part in PARTS)), None)
    return found or (PLAIN if all(part in catalogue.numbers for part in PARTS) else None)


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
    metres = int(radius) if isinstance(radius, str) and radius.isdecimal() else radius
    if isinstance(metres, bool) or not isinstance(metres, int | float) or not 0 <= metres <= MAX_METRES:
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
    fields = _fields(location, catalogue)
    return Either(tuple(Every((*_between(fields[0], *box[::2]), *_between(fields[1], *box[1::2]))) for box in boxes))


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
    return isinstance(said, list) and len(said) == 4 and all(isinstance(edge, int | float) for edge in said)


def _fields(location: str, catalogue: Catalogue) -> tuple[str, ...]:
    own = tuple(f"{location}.{part}" for part in PARTS)
    return own if all(name in catalogue.numbers for name in own) else PARTS


def _between(field: str, one: float, other: float) -> tuple[Condition, Condition]:
    low, high = sorted((one, other))
    return Compares(field, ">=", f"{low:.10g}"), Compares(field, "<=", f"{high:.10g}")
