"""What all of these routes share: the shop and its indices, how bodies are read, how whoever asks is held to a key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
from starlette.requests import Request as HttpRequest

from shopkeeper.errors import RequestError
from shopkeeper.keys import Role
from shopkeeper.server.algolia.indices import Indices
from shopkeeper.server.algolia.objects import record_of
from shopkeeper.server.algolia.params import Params, read_params
from shopkeeper.server.callers import Caller
from shopkeeper.server.metrics import ShopMetrics
from shopkeeper.server.pictures import pictured
from shopkeeper.shop import Shop
from shopkeeper.vocabulary import Item, Request, Slate

MAX_REQUESTS = 100  # in one body


class Asking(NamedTuple):
    """Who asks, and by which request."""

    http: HttpRequest
    caller: Caller


@dataclass(frozen=True)
class Door:
    """One shop, as Algolia's clients see it."""

    shop: Shop
    indices: Indices

    def slate(self, by: Asking, request: Request, *, log: bool) -> Slate:
        """The answer to whoever asks, within what the key shows; `log`: whether it is shown to a person."""
        bound, within = by.caller.bind(request), by.caller.filter
        if within and bound.items:
            bound = msgspec.structs.replace(bound, items=tuple(self.shop.passing(bound.items, within)))
        browsing = bound.surface == "search" and not bound.query.strip()
        slate = self.shop.browse(bound, within) if browsing else self.shop.answer(bound, within)
        metrics: ShopMetrics = by.http.app.state.metrics
        if log and slate.placements:
            self.shop.show(bound, slate)
            metrics.showed(slate)
        metrics.looked_up(self.shop.engine)
        return slate

    def params(self, by: Asking, index: str, said: Mapping[str, Any]) -> Params:
        """What is asked of an index, by whoever asks. Raises RequestError."""
        params = read_params(said, self.indices.defaults(index))
        return msgspec.structs.replace(params, unretrievable_attributes=self.barred(by))

    def barred(self, by: Asking) -> tuple[str, ...]:
        """The attributes that are not shown to whoever asks; to an admin's key, all are."""
        return () if by.caller.key and Role.ADMIN in by.caller.roles else self.indices.unretrievable()

    def record(self, by: Asking, item: Item) -> dict[str, Any]:
        """An item as clients see it."""
        return record_of(pictured(by.http, by.caller, item))

    def records(self, by: Asking, ids: list[str]) -> list[dict[str, Any] | None]:
        """Those of these ids, None where there is none that the key shows."""
        catalogue = self.shop.engine().catalogue
        shown = set(self.shop.passing(ids, by.caller.filter))
        return [self.record(by, catalogue.item(catalogue.ids.row(id_))) if id_ in shown else None for id_ in ids]


def read_body(body: bytes) -> dict[str, Any]:
    """A JSON object, whatever type it says it is; empty where there is none. Raises RequestError."""
    try:
        said = msgspec.json.decode(body or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RequestError(f"not valid JSON ({error})", where="body", expected="a JSON object") from None
    except RecursionError:
        raise RequestError("nested too deeply", where="body", expected="a plain JSON object") from None
    if not isinstance(said, dict):
        raise RequestError("this is no object", where="body", expected="a JSON object")
    return said


def read_list(said: Mapping[str, Any], name: str, most: int) -> list[dict[str, Any]]:
    """The objects that a body lists under a name. Raises RequestError."""
    listed = said.get(name)
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise RequestError("the value does not fit", where=name, expected="a list of objects")
    if len(listed) > most:
        raise RequestError(f"{len(listed):,} {name}", where=name, expected=f"at most {most:,}")
    return listed


def read_text(said: Mapping[str, Any], name: str) -> str:
    """Raises RequestError for what is no text."""
    value = said.get(name, "")
    if not isinstance(value, str):
        raise RequestError("the value does not fit", where=name, expected="a text")
    return value
