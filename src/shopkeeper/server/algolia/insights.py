"""Algolia's Insights events → events of this shop.

A click is a view of the item, a conversion is by its subtype a cart or a purchase, and without one a cart. `queryID` is
the slate, whose answers are impressions already: a view that lists what a page showed is passed over. The view of one
object is that of its own page.

An event is known by what it says, so that it counts once however often it is sent; one that says no time, by the second
in which it came.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from shopkeeper.errors import RequestError
from shopkeeper.server.algolia.door import read_list
from shopkeeper.server.algolia.params import who
from shopkeeper.server.bodies import decode_events
from shopkeeper.vocabulary import Event, EventType

MAX_EVENTS, MAX_OBJECTS = 1_000, 20
OF_ITSELF = "instantsearch"  # the type of what InstantSearch tells of how a page is built
SHOWN = "Hits Viewed"  # as InstantSearch names what it showed by itself

_SUBTYPES = {"addToCart": EventType.CART, "purchase": EventType.PURCHASE}
_TYPES = ("click", "view", "conversion")


class Told(NamedTuple):
    events: list[Event]
    passed_over: int


def read_insights(said: Mapping[str, Any]) -> Told:
    """Raises RequestError for the first event that does not fit."""
    told, passed_over, now = list[dict[str, Any]](), 0, round(time.time())
    for at, event in enumerate(read_list(said, "events", MAX_EVENTS)):
        kind = _kind(event, f"events.{at}")
        if kind is None:
            passed_over += 1
        else:
            told.extend(_each({**event, "timestamp": event.get("timestamp") or 1_000 * now}, kind, f"events.{at}"))
    if len(told) > MAX_EVENTS:
        raise RequestError(f"{len(told):,} objects", where="events", expected=f"at most {MAX_EVENTS:,} in all")
    return Told(list(decode_events(msgspec.json.encode(told))) if told else [], passed_over)


def _kind(event: Mapping[str, Any], where: str) -> EventType | None:
    """None: nothing that this shop keeps."""
    kind, ids = event.get("eventType"), event.get("objectIDs")
    if kind == OF_ITSELF:
        return None
    if kind not in _TYPES:
        raise RequestError(f"unknown type {kind!r}", where=f"{where}.eventType", expected=" or ".join(_TYPES))
    if not event.get("userToken") and not event.get("authenticatedUserToken"):
        raise RequestError("nobody is named", where=f"{where}.userToken", expected="a text")
    if not ids:
        if not event.get("filters"):
            raise RequestError("nothing is named", where=f"{where}.objectIDs", expected="objectIDs, or filters")
        return None
    if not isinstance(ids, list) or len(ids) > MAX_OBJECTS or not all(isinstance(id_, str) for id_ in ids):
        raise RequestError(
            "the value does not fit", where=f"{where}.objectIDs", expected=f"at most {MAX_OBJECTS} texts"
        )
    if kind == "view":
        return EventType.VIEW if len(ids) == 1 and event.get("eventName") != SHOWN else None
    return EventType.VIEW if kind == "click" else _SUBTYPES.get(str(event.get("eventSubtype")), EventType.CART)


def _each(event: Mapping[str, Any], kind: EventType, where: str) -> Iterator[dict[str, Any]]:
    """An event for each object."""
    user, session = who(str(event.get("authenticatedUserToken") or event.get("userToken")))
    positions, data = event.get("positions") or (), event.get("objectData") or ()
    if not isinstance(positions, list | tuple) or not isinstance(data, list | tuple):
        raise RequestError("the value does not fit", where=where, expected="lists of positions and objectData")
    moment = event["timestamp"]
    for at, id_ in enumerate(event["objectIDs"]):
        bought = data[at] if at < len(data) and isinstance(data[at], dict) else {}
        told = {
            "type": kind,
            "time": moment / 1_000.0 if isinstance(moment, int | float) else None,
            "user": user,
            "session": session,
            "item": id_,
            "slate": bought.get("queryID") or event.get("queryID"),
            "position": positions[at] if at < len(positions) else None,
            "price": _number(bought.get("price")),
            "quantity": _number(bought.get("quantity")),
        }
        yield {"id": _id(event, at), **{name: value for name, value in told.items() if value is not None}}


def _id(event: Mapping[str, Any], at: int) -> str:
    """Of an event with its time, and the place of an object in it."""
    said = msgspec.json.encode([sorted((name, str(value)) for name, value in event.items()), at])
    return f"insights-{hashlib.blake2b(said, digest_size=16).hexdigest()}"


def _number(said: Any) -> float | None:
    try:
        return None if isinstance(said, bool) else float(said)
    except (TypeError, ValueError):
        return None
