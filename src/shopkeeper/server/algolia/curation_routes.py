"""The routes of rules and synonyms. What a client saves is in force at once: no draft, and a line of the audit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from shopkeeper.data.curation import By, Kind
from shopkeeper.errors import RequestError
from shopkeeper.server.algolia.curation import OBJECT_ID, record_of_rule, record_of_synonym, rule_of, synonym_of
from shopkeeper.server.algolia.door import Asking, Door, read_body
from shopkeeper.server.algolia.params import field_of
from shopkeeper.server.algolia.records import now
from shopkeeper.server.doors import Merchant
from shopkeeper.server.intake import SearchBytes
from shopkeeper.server.refusals import Json
from shopkeeper.settings import Rule

MAX_ENTRIES = 5_000  # in one batch


class _Entries(NamedTuple):
    """The rules or the synonyms of a shop, as clients see them."""

    kind: Kind
    read: Callable[[Mapping[str, Any]], Any]
    show: Callable[[str, Any], dict[str, Any]]
    replacing: str  # the parameter by which a batch takes the place of all there were


def add_routes(app: FastAPI, door: Door) -> None:
    def read_rule(said: Mapping[str, Any]) -> Rule:
        catalogue = door.shop.engine().catalogue
        return rule_of(said, lambda attribute: field_of(catalogue, attribute))

    _routes(app, door, _Entries(Kind.RULE, read_rule, record_of_rule, "clearExistingRules"))
    _routes(app, door, _Entries(Kind.SYNONYM, synonym_of, record_of_synonym, "replaceExistingSynonyms"))


def _routes(app: FastAPI, door: Door, of: _Entries) -> None:
    place = f"/1/indexes/{{index}}/{of.kind}s"

    @app.post(f"{place}/search", include_in_schema=False)
    def search(_: Merchant, index: str, body: SearchBytes) -> Response:  # noqa: ARG001 - as the address has it
        said = read_body(body)
        words = str(said.get("query") or "").casefold()
        found = [record for record in _published(door, of).values() if words in str(record).casefold()]
        size, page = _number(said, "hitsPerPage", 20), _number(said, "page", 0)
        hits = found[page * size : (page + 1) * size]
        return Json({"hits": hits, "nbHits": len(found), "page": page, "nbPages": -(-len(found) // max(1, size))})

    @app.post(f"{place}/batch", include_in_schema=False)
    def batch(http: HttpRequest, caller: Merchant, index: str, body: SearchBytes) -> Response:  # noqa: ARG001
        said = read_body(b'{"all":%s}' % (body or b"[]"))["all"]
        if not isinstance(said, list) or not all(isinstance(each, dict) for each in said) or len(said) > MAX_ENTRIES:
            raise RequestError("the value does not fit", where="body", expected=f"up to {MAX_ENTRIES:,} objects")
        replacing = http.query_params.get(of.replacing) == "true"
        return _write(door, Asking(http, caller), of, {_id(each): of.read(each) for each in said}, all_=replacing)

    @app.post(f"{place}/clear", include_in_schema=False)
    def clear(http: HttpRequest, caller: Merchant, index: str) -> Response:  # noqa: ARG001
        return _write(door, Asking(http, caller), of, {}, all_=True)

    @app.put(f"{place}/{{id}}", include_in_schema=False)
    def save(http: HttpRequest, caller: Merchant, index: str, id: str, body: SearchBytes) -> Response:  # noqa: A002, ARG001
        return _write(door, Asking(http, caller), of, {_id({OBJECT_ID: id}): of.read(read_body(body))})

    @app.get(f"{place}/{{id}}", include_in_schema=False)
    def get(_: Merchant, index: str, id: str) -> Response:  # noqa: A002, ARG001
        found = _published(door, of).get(id)
        if found is None:
            raise HTTPException(404, "ObjectID does not exist")
        return Json(found)

    @app.delete(f"{place}/{{id}}", include_in_schema=False)
    def delete(http: HttpRequest, caller: Merchant, index: str, id: str) -> Response:  # noqa: A002, ARG001
        return _write(door, Asking(http, caller), of, {id: None})


def _published(door: Door, of: _Entries) -> dict[str, dict[str, Any]]:
    """Those in force, by id."""
    entries: list[Any] = door.shop.curation.entries(of.kind)
    return {entry.id: of.show(entry.id, entry.published) for entry in entries if entry.published is not None}


def _write(door: Door, by: Asking, of: _Entries, said: Mapping[str, Any], *, all_: bool = False) -> Response:
    """Put these in force, None for one that is to go; `all_`: in the place of all there were."""
    for id_, entry in said.items():
        if entry is not None:
            door.shop.check_kept(id_, entry)
    who = By(by.http.app.state.doors.ring.name_of(by.caller), "by a client of Algolia")
    if door.shop.curation.put(of.kind, said, who, whole=all_):
        door.shop.published()
    answer = {"taskID": door.shop.log.newest().changes, "updatedAt": now(), "deletedAt": now()}
    return Json(answer | ({"id": next(iter(said)), OBJECT_ID: next(iter(said))} if len(said) == 1 else {}))


def _id(said: Mapping[str, Any]) -> str:
    id_ = said.get(OBJECT_ID)
    if not isinstance(id_, str):
        raise RequestError("this cannot be an id", where=OBJECT_ID, expected="a string")
    return id_


def _number(said: Mapping[str, Any], name: str, usual: int) -> int:
    value = said.get(name, usual)
    if not isinstance(value, int) or not 0 <= value <= 1_000_000:
        raise RequestError("the value does not fit", where=name, expected="a whole number")
    return value
