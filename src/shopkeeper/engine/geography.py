"""How far items are from a place on earth: great circles, by the haversine formula (Sinnott, 1984)."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from shopkeeper.errors import RequestError
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.vocabulary import Rows, Seconds

EARTH_KM = 6371.0088  # mean radius
UNITS_KM = {"m": 0.001, "km": 1.0, "mi": 1.609344}
LENGTH = re.compile(r"(?P<number>\d{1,9}(\.\d+)?)\s*(?P<unit>m|km|mi)?", re.ASCII)
# A location is two numbers: "location" is location.latitude and location.longitude, which an attribute "48.85, 2.35"
# or {"lat": 48.85, "lng": 2.35} of that name becomes, or, where the shop has no such attribute, its fields latitude and
# longitude.
PARTS = ("latitude", "longitude")
PLAIN = "location"


class Place(NamedTuple):
    """In degrees."""

    latitude: float
    longitude: float


def place_of(latitude: str, longitude: str) -> Place | None:
    """None for what is no place on earth."""
    try:
        place = Place(float(latitude), float(longitude))
    except ValueError:
        return None
    return place if abs(place.latitude) <= 90.0 and abs(place.longitude) <= 180.0 else None


def kilometres(text: str) -> float | None:
    """What a length such as "10 km", "500m" or "5 mi" comes to; None for what is none."""
    found = LENGTH.fullmatch(text.strip().casefold())
    return float(found["number"]) * UNITS_KM[found["unit"] or "km"] if found else None


def distances(catalogue: Catalogue, name: str, place: Place, rows: Rows, where: str) -> Seconds:
    """Kilometres of each of rows int32 [k] from a place: float64 [k], NaN where the location of an item is not known.

    Raises RequestError when `name` is no location.
    """
    latitudes, longitudes = (np.radians(catalogue.numbers.of(part, rows)) for part in _fields(catalogue, name, where))
    latitude, longitude = np.radians(place)
    half = np.sin((latitudes - latitude) / 2.0) ** 2
    half += np.cos(latitude) * np.cos(latitudes) * np.sin((longitudes - longitude) / 2.0) ** 2
    far: Seconds = 2.0 * EARTH_KM * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0)))
    return far


def _fields(catalogue: Catalogue, name: str, where: str) -> tuple[str, ...]:
    own = tuple(f"{name}.{part}" for part in PARTS)
    for fields in (own, PARTS) if name.casefold() == PLAIN else (own,):
        if all(field in catalogue.numbers for field in fields):
            return fields
    raise RequestError(
        f"{name!r} is no location",
        where=where,
        expected='an attribute such as "48.85, 2.35", or, for location, the fields latitude and longitude',
    )
