"""What to offer while a query is typed."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import FastAPI, Query
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from shopkeeper.engine.suggesting import MAX_SUGGESTED
from shopkeeper.errors import RequestError
from shopkeeper.server import openapi
from shopkeeper.server.callers import Caller
from shopkeeper.server.doors import Searcher, is_local
from shopkeeper.server.openapi import Taken, answers
from shopkeeper.server.pictures import pictured
from shopkeeper.server.refusals import Json, Refused
from shopkeeper.shop import Shop
from shopkeeper.vocabulary import Request, Suggested

Typed = Annotated[str, Query(max_length=2_000)]
Who = Annotated[str | None, Query(min_length=1, max_length=400)]


def add_routes(app: FastAPI, shop: Shop) -> None:
    @app.get("/v1/suggest", responses=answers(Suggested, openapi.SUGGESTED))
    def suggest(
        http: HttpRequest,
        caller: Searcher,
        q: Typed = "",
        size: Annotated[int, Query(ge=1, le=MAX_SUGGESTED)] = 8,
        user: Who = None,
        session: Who = None,
        filter: Typed = "",  # noqa: A002 - the name in the address
    ) -> Response:
        """Queries, products, categories and brands for what is typed so far, and the person's own searches: `size` of
        each. Without `q`: what is wanted of late. Of the searches of `user`, none is told unless the key is signed for
        that user."""
        asked = caller.bind(Request(query=q, size=size, user=user, session=session, filter=filter))
        found = shop.engine().suggest(asked, caller.filter, proven=_is_proven(http, caller))
        shown = tuple(pictured(http, caller, item) for item in found.products)
        return Json(msgspec.structs.replace(found, products=shown))

    @app.delete("/v1/suggest/recent", responses=answers(Taken, openapi.FORGOTTEN))
    def forget(http: HttpRequest, caller: Searcher, q: Typed = "*", user: Who = None, session: Who = None) -> Response:
        """Suggest no more to this person that they searched for `q`; without it, whatever they searched for. The key is
        signed for `user`; else only what was searched for in `session` is forgotten."""
        who = _person(http, caller, user, session)
        shop.forget_searches(q, user=who.user, session=who.session)
        return Json(Taken(1))


def _is_proven(http: HttpRequest, caller: Caller) -> bool:
    """Whether the user who is named is known to ask: by a key signed for that user. A shop without keys believes what
    is asked from this machine."""
    return caller.user is not None or (not caller.key and is_local(http))


def _person(http: HttpRequest, caller: Caller, user: str | None, session: str | None) -> Request:
    who = caller.bind(Request(user=user, session=session))
    if not who.user and not who.session:
        raise RequestError("nobody is named", where="user", expected="a user or a session")
    if _is_proven(http, caller):
        return who
    if not who.session:
        raise Refused(
            403, "user", f"nothing says that {who.user!r} asks", where="user", expected="a key signed for that user"
        )
    return msgspec.structs.replace(who, user=None)
