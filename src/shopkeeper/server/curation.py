"""Rules and synonyms: drafted, tried out, published; and who did what."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from fastapi import FastAPI, Query
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from shopkeeper.data.curation import By, Conflict, Curated, Kind, Line, RuleEntry, SynonymEntry
from shopkeeper.engine.preview import Preview
from shopkeeper.errors import RequestError
from shopkeeper.server import openapi
from shopkeeper.server.answers import bound, depicted
from shopkeeper.server.bodies import (
    PreviewBody,
    PublishBody,
    RevertBody,
    decode_preview,
    decode_publish,
    decode_revert,
    decode_rule,
    decode_synonym,
)
from shopkeeper.server.callers import Caller
from shopkeeper.server.doors import Doors, Merchant
from shopkeeper.server.intake import SearchBytes
from shopkeeper.server.openapi import Publication, Taken, answers
from shopkeeper.server.refusals import Json
from shopkeeper.settings import Rule, Synonym
from shopkeeper.shop import Shop

Version = Annotated[int | None, Query(ge=0, le=2**53, description="that which was changed; 0: it must be new")]
Comment = Annotated[str, Query(description="for the audit")]
KNOWN = (401, 403, 404, 429, 503)
REFUSALS = (*openapi.REFUSALS, 404, 409)


def add_routes(app: FastAPI, shop: Shop) -> None:
    def rule_of(body: bytes, id_: str) -> Rule:
        rule = decode_rule(body)
        if rule.id not in ("", id_):
            raise RequestError(f"the rule calls itself {rule.id!r}", where="id", expected=f"{id_!r}, or nothing")
        return rule

    rules = _Entries(Kind.RULE, RuleEntry, Rule, rule_of, openapi.RULE)
    _entries(app, shop, rules, openapi.RULE_ENTRY)
    synonyms = _Entries(Kind.SYNONYM, SynonymEntry, Synonym, lambda body, _: decode_synonym(body), openapi.SYNONYM)
    _entries(app, shop, synonyms, openapi.SYNONYM_ENTRY)
    _publishing(app, shop)
    _trying(app, shop)


class _Entries(msgspec.Struct, frozen=True):
    """What is kept at an address of its own each: the kind, how it is answered, and how a body is read."""

    kind: Kind
    answer: type[msgspec.Struct]
    struct: type[msgspec.Struct]
    read: Callable[[bytes, str], Any]
    example: msgspec.Struct


def _entries(app: FastAPI, shop: Shop, of: _Entries, example: msgspec.Struct) -> None:
    kind, place = of.kind, f"/v1/{of.kind}s"

    @app.get(place, name=f"{kind}s", responses=answers(list[of.answer], [example], refusals=(401, 403, 429, 503)))  # type: ignore[name-defined]
    def all_(_: Merchant) -> Response:
        """All that are drafted or published, by id."""
        return Json(shop.curation.entries(kind))

    @app.get(place + "/{id}", name=kind.value, responses=answers(of.answer, example, refusals=KNOWN))
    def one(_: Merchant, id: str) -> Response:  # noqa: A002 - the name in the address
        """One, as it is published and as it is drafted."""
        return Json(_known(lambda: shop.curation.entry(kind, id)))

    @app.put(
        place + "/{id}",
        name=f"write {kind}",
        responses=answers(of.answer, example, refusals=REFUSALS),
        openapi_extra=openapi.body(of.struct, of.example),
    )
    def write(
        http: HttpRequest,
        caller: Merchant,
        id: str,  # noqa: A002
        body: SearchBytes,
        version: Version = None,
        comment: Comment = "",
    ) -> Response:
        """Draft one, new or changed: it is in force once it is published. What is as it is published needs no draft."""
        said = of.read(body, id)
        shop.check_kept(id, said)
        return Json(shop.curation.write(kind, id, said, _by(http, caller, comment), version))

    @app.delete(place + "/{id}", name=f"remove {kind}", responses=answers(Taken, Taken(accepted=1), refusals=REFUSALS))
    def remove(
        http: HttpRequest,
        caller: Merchant,
        id: str,  # noqa: A002
        version: Version = None,
        comment: Comment = "",
    ) -> Response:
        """Draft that one goes with the next publication; what was never published goes at once."""
        _known(lambda: shop.curation.write(kind, id, None, _by(http, caller, comment), version))
        return Json(Taken(1))


def _publishing(app: FastAPI, shop: Shop) -> None:
    @app.post(
        "/v1/curation/publish",
        responses=answers(Publication, openapi.PUBLICATION),
        openapi_extra=openapi.body(PublishBody, openapi.PUBLISH),
    )
    def publish(http: HttpRequest, caller: Merchant, body: SearchBytes) -> Response:
        """Put all drafts in force, or those that are named, at once. Every answer follows within a second."""
        wanted = decode_publish(body)
        only = None
        if wanted.rules is not None or wanted.synonyms is not None:
            only = [(Kind.RULE, id_) for id_ in dict.fromkeys(wanted.rules or ())]
            only += [(Kind.SYNONYM, id_) for id_ in dict.fromkeys(wanted.synonyms or ())]
        return _in_force(shop, shop.curation.publish(_by(http, caller, wanted.comment), only))

    @app.post(
        "/v1/curation/revert",
        responses=answers(Publication, openapi.PUBLICATION),
        openapi_extra=openapi.body(RevertBody, openapi.REVERT),
    )
    def revert(http: HttpRequest, caller: Merchant, body: SearchBytes) -> Response:
        """Put in force again what an earlier publication had, as a new one; 0 for nothing at all. Drafts stay."""
        wanted = decode_revert(body)
        return _in_force(shop, shop.curation.revert(wanted.publication, _by(http, caller, wanted.comment)))

    @app.get("/v1/curation/audit", responses=answers(list[Line], [openapi.LINE], refusals=(401, 403, 429, 503)))
    def audit(
        _: Merchant,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
        before: Annotated[int | None, Query(ge=1, le=2**53, description="a place: older lines than this")] = None,
    ) -> Response:
        """Who did what, when, from what to what: the newest first."""
        return Json(shop.curation.audit(limit, before))


def _trying(app: FastAPI, shop: Shop) -> None:
    @app.post(
        "/v1/curation/preview",
        responses=answers(Preview, openapi.PREVIEW),
        openapi_extra=openapi.body(PreviewBody, openapi.TRY),
    )
    def preview(http: HttpRequest, caller: Merchant, body: SearchBytes) -> Response:
        """A request as it is answered now, and as it would be with all drafts published, and with the `rules` given
        here in the place of those of the same id. Nobody was shown it, as far as the shop learns."""
        asked = decode_preview(body)
        for rule in asked.rules:
            shop.check_rule(rule)
        found = shop.preview(bound(shop, caller, asked), caller.filter, asked.rules)
        now, then = (depicted(http, caller, slate) for slate in (found.now, found.then))
        return Json(msgspec.structs.replace(found, now=now, then=then))


def _in_force(shop: Shop, curated: Curated) -> Response:
    shop.published()
    return Json(Publication(curated.publication, rules=len(curated.rules), synonyms=len(curated.synonyms)))


def _by(http: HttpRequest, caller: Caller, comment: str) -> By:
    doors: Doors = http.app.state.doors
    return By(doors.ring.name_of(caller), comment)


def _known(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except Conflict:
        raise
    except RequestError as error:
        raise HTTPException(404, error.what) from None
