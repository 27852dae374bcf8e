"""What comes in over HTTP: bytes → the vocabulary, strictly, with a sentence for everything that does not fit."""

from __future__ import annotations

import time as clock
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from shopkeeper.engine.paging import MAX_TOKEN
from shopkeeper.errors import RequestError, did_you_mean, expected_in_words, read_misfit
from shopkeeper.settings import MATCHES, Rule, Synonym
from shopkeeper.vocabulary import Event, EventType, Item, Link, Request

MAX_EVENTS = MAX_CHANGES = 1_000
CLOCK_SKEW_S = 3_600.0  # by which a sender's clock may be ahead of ours

Id = Annotated[str, Meta(min_length=1, max_length=400)]
Text = Annotated[str, Meta(max_length=2_000)]
Moment = Annotated[float, Meta(ge=0.0, le=4_102_444_800.0, description="seconds since the epoch, UTC; until 2100")]
Amount = Annotated[float, Meta(ge=-1e12, le=1e12)]
Price = Annotated[float, Meta(ge=0.0, le=1e12)]
LongText = Annotated[str, Meta(max_length=100_000)]
Label = Annotated[str, Meta(min_length=1, max_length=400)]
Attribute = bool | Amount | Text | Annotated[list[bool | Amount | Text], Meta(max_length=100)] | None


class SearchBody(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A search or a shelf to fill. The address decides the surface. `picture` is a file as base64."""

    query: Text = ""
    filter: Text = ""
    sort: Text = ""
    refinements: Annotated[dict[Label, tuple[Label, ...]], Meta(max_length=100)] = msgspec.field(default_factory=dict)
    max_values: Annotated[int, Meta(ge=0, le=1_000)] = 10
    facet_order: Literal["count", "alphabet"] = "count"
    facet_queries: Annotated[dict[Label, Text], Meta(max_length=100)] = msgspec.field(default_factory=dict)
    facet_ranges: Annotated[dict[Label, tuple[Label, ...]], Meta(max_length=100)] = msgspec.field(default_factory=dict)
    group_by: Text = ""
    after: Annotated[str, Meta(max_length=MAX_TOKEN)] = ""
    time: Moment | None = None
    without: Annotated[tuple[Text, ...], Meta(max_length=20)] = ()
    segments: Annotated[tuple[Label, ...], Meta(max_length=100)] = ()


class PreviewBody(SearchBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A search or a shelf, and rules to try out besides the drafts that are kept."""

    rules: Annotated[tuple[Rule, ...], Meta(max_length=100)] = ()


class PublishBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which drafts to put in force, by id; all, where nothing is named."""

    rules: Annotated[tuple[str, ...], Meta(max_length=10_000)] | None = None
    synonyms: Annotated[tuple[str, ...], Meta(max_length=10_000)] | None = None
    comment: Text = ""


class RevertBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The publication to go back to."""

    publication: Annotated[int, Meta(ge=0, le=2**53)]
    comment: Text = ""


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


class ItemBody(Item, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that the shop says of one item now, or that it is gone: {"id": …, "deleted": true}. Without `available`, an
    item can be had unless its stock is 0."""

    id: Id
    title: Text = ""
    description: LongText = ""
    brand: Label | None = None
    categories: Annotated[tuple[Label, ...], Meta(max_length=20)] = ()
    price: Price | None = None
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")] | None = None
    stock: Amount | None = None
    available: bool | None = None  # type: ignore[assignment]
    image: Link | None = None
    url: Link | None = None
    launched: Moment | None = None
    attributes: Annotated[dict[Label, Attribute], Meta(max_length=200)] = msgspec.field(default_factory=dict)
    deleted: bool = False


class StockBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What changes by the hour, of an item that is known otherwise: at least one of the three."""

    id: Id
    stock: Amount | None = None
    price: Price | None = None
    available: bool | None = None


Body = TypeVar("Body", bound=msgspec.Struct)
Decoded = TypeVar("Decoded")

_search = msgspec.json.Decoder(SearchBody)
_events = msgspec.json.Decoder(Annotated[list[EventBody], Meta(max_length=MAX_EVENTS)])
_event = msgspec.json.Decoder(EventBody)
_rule = msgspec.json.Decoder(Rule)
_synonym = msgspec.json.Decoder(Synonym)
_preview = msgspec.json.Decoder(PreviewBody)
_publish = msgspec.json.Decoder(PublishBody)
_revert = msgspec.json.Decoder(RevertBody)
_items = msgspec.json.Decoder(Annotated[list[ItemBody], Meta(max_length=MAX_CHANGES)])
_item = msgspec.json.Decoder(ItemBody)
_stocks = msgspec.json.Decoder(Annotated[list[StockBody], Meta(max_length=MAX_CHANGES)])
_stock = msgspec.json.Decoder(StockBody)


def decode_search(body: bytes) -> SearchBody:
    """Raises RequestError; an empty body asks for the defaults."""
    return _decode(_search, body or b"{}", SearchBody)


def decode_rule(body: bytes) -> Rule:
    """Raises RequestError."""
    return _decode(_rule, body, Rule)


def decode_synonym(body: bytes) -> Synonym:
    """Raises RequestError."""
    return _decode(_synonym, body, Synonym)


def decode_preview(body: bytes) -> PreviewBody:
    """Raises RequestError."""
    return _decode(_preview, body, PreviewBody)


def decode_publish(body: bytes) -> PublishBody:
    """Raises RequestError; an empty body is for all drafts."""
    return _decode(_publish, body or b"{}", PublishBody)


def decode_revert(body: bytes) -> RevertBody:
    """Raises RequestError."""
    return _decode(_revert, body, RevertBody)


def decode_events(body: bytes) -> list[EventBody]:
    """One event or a list of up to MAX_EVENTS. Raises RequestError."""
    events = _one_or_many(body, _event, _events, EventBody)
    latest = clock.time() + CLOCK_SKEW_S
    for event in events:
        if event.time is not None and event.time > latest:
            raise RequestError(
                f"the event {event.id!r} lies in the future", where="time", expected="seconds since the epoch, UTC"
            )
    return events


def decode_items(body: bytes) -> list[ItemBody]:
    """One item or a list of up to MAX_CHANGES. Raises RequestError."""
    items = _one_or_many(body, _item, _items, ItemBody)
    for item in items:
        if item.deleted and item != ItemBody(id=item.id, deleted=True):
            raise RequestError(
                f"{item.id!r} is deleted, and described as well", where="deleted", expected="the id alone"
            )
    return items


def decode_stock(body: bytes) -> list[StockBody]:
    """One item's figures or a list of up to MAX_CHANGES. Raises RequestError."""
    figures = _one_or_many(body, _stock, _stocks, StockBody)
    for each in figures:
        if each == StockBody(id=each.id):
            raise RequestError(
                f"nothing is said of {each.id!r}", where="body", expected="stock, price or available, besides the id"
            )
    return figures


def _one_or_many(
    body: bytes, one: msgspec.json.Decoder[Body], many: msgspec.json.Decoder[list[Body]], kind: type[Body]
) -> list[Body]:
    return _decode(many, body, kind) if body.lstrip()[:1] == b"[" else [_decode(one, body, kind)]


def _decode(decoder: msgspec.json.Decoder[Decoded], body: bytes, kind: type[msgspec.Struct]) -> Decoded:
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
        choices = EventType if kind is EventBody else MATCHES
        return RequestError(message, where=where, expected="one of " + ", ".join(choices))
    return RequestError("the value does not fit", where=where, expected=expected_in_words(message))
