"""What comes in over HTTP: bytes → the vocabulary, strictly, with a sentence for everything that does not fit."""

from __future__ import annotations

import time as clock
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta
from starlette.requests import Request as HttpRequest

from shopkeeper.errors import RequestError, did_you_mean, expected_in_words, read_misfit
from shopkeeper.vocabulary import Event, EventType, Request

MAX_BODY_BYTES = 4_000_000
MAX_EVENTS = 1_000
CLOCK_SKEW_S = 3_600.0  # by which a sender's clock may be ahead of ours

Id = Annotated[str, Meta(min_length=1, max_length=400)]
Text = Annotated[str, Meta(max_length=2_000)]
Moment = Annotated[float, Meta(ge=0.0, le=4_102_444_800.0, description="seconds since the epoch, UTC; until 2100")]
Amount = Annotated[float, Meta(ge=-1e12, le=1e12)]


class SearchBody(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A search or a shelf to fill. The address decides the surface."""

    query: Text = ""
    filter: Text = ""
    time: Moment | None = None


class EventBody(Event, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something a person did. Sent again with the same id, it counts once."""

    id: Id
    time: Moment | None = None
    user: Id | None = None
    session: Id | None = None
    item: Id | None = None
    query: Text | None = None
    quantity: Amount | None = None
    price: Amount | None = None
    rating: Amount | None = None
    position: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    attributes: Annotated[dict[str, Any], Meta(max_length=100)] = msgspec.field(default_factory=dict)


Body = TypeVar("Body")

_search = msgspec.json.Decoder(SearchBody)
_events = msgspec.json.Decoder(Annotated[list[EventBody], Meta(max_length=MAX_EVENTS)])
_event = msgspec.json.Decoder(EventBody)


async def read_body(http: HttpRequest) -> bytes:
    """The body, up to MAX_BODY_BYTES. Raises RequestError when it is longer."""
    parts: list[bytes] = []
    size = 0
    async for part in http.stream():
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise RequestError("the body is too long", where="body", expected=f"at most {MAX_BODY_BYTES:,} bytes")
        parts.append(part)
    return b"".join(parts)


def decode_search(body: bytes) -> SearchBody:
    """Raises RequestError; an empty body asks for the defaults."""
    return _decode(_search, body or b"{}", SearchBody)


def decode_events(body: bytes) -> list[EventBody]:
    """One event or a list of up to MAX_EVENTS. Raises RequestError."""
    many = body.lstrip()[:1] == b"["
    events = _decode(_events, body, EventBody) if many else [_decode(_event, body, EventBody)]
    latest = clock.time() + CLOCK_SKEW_S
    for event in events:
        if event.time is not None and event.time > latest:
            raise RequestError(
                f"the event {event.id!r} lies in the future", where="time", expected="seconds since the epoch, UTC"
            )
    return events


def _decode(decoder: msgspec.json.Decoder[Body], body: bytes, kind: type[msgspec.Struct]) -> Body:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _misfit(error, kind) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RequestError(f"not valid JSON ({error})", where="body", expected="a JSON object") from None
    except RecursionError:
        raise RequestError("nested too deeply", where="body", expected="a plain JSON object") from None


def _misfit(error: msgspec.ValidationError, kind: type[msgspec.Struct]) -> RequestError:
    keys, message = read_misfit(error)
    where = ".".join(keys) or "body"
    names = kind.__struct_fields__
    if "unknown field" in message:
        name = message.split("`")[1]
        return RequestError(
            f"unknown field {name!r}", where=where, remedy=did_you_mean(name, names) or f"Known: {', '.join(names)}."
        )
    if "missing required field" in message:
        return RequestError(f"the field {message.split('`')[1]!r} is missing", where=where)
    if message.startswith("Invalid enum value"):
        return RequestError(message, where=where, expected="one of " + ", ".join(EventType))
    return RequestError("the value does not fit", where=where, expected=expected_in_words(message))
