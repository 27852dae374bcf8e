"""Who asks: a key, or what somebody signed with one, becomes a Caller, who can reach so far and no further."""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from pathlib import Path
from typing import Annotated, NoReturn

import jwt
import msgspec
from msgspec import Meta

from shopkeeper.engine.filters import narrowed
from shopkeeper.errors import SettingsError
from shopkeeper.keys import Key, KeyStore, Rate, Role
from shopkeeper.server.bodies import Id, Text
from shopkeeper.server.refusals import Refused
from shopkeeper.vocabulary import Event, Request

ALGORITHM = "HS256"
CLOCK_SKEW_S = 5.0  # by which the clock of whoever signs may differ from ours
LOOK_AGAIN_S = 0.25  # how often keys.json is looked at for changes
_PICTURE_MAC = 16  # bytes

_log = logging.getLogger(__name__)


class Claims(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a signed key says. Each claim narrows what its parent may; an unknown one is refused, as a misspelt
    restriction would restrict nothing."""

    exp: float
    nbf: float | None = None
    iat: float | None = None
    jti: str | None = None
    filter: Text = ""
    user: Id | None = None
    surfaces: Annotated[tuple[Id, ...], Meta(max_length=100)] | None = None
    roles: tuple[Role, ...] | None = None
    rate: Rate | None = None


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """How far whoever asks may reach. `key` is the id of the key, "" in a shop without keys. `filter`, `user` and
    `surfaces` bind every request; `signed` tells apart the keys that were signed with one key."""

    key: str = ""
    roles: frozenset[Role] = frozenset(Role)
    filter: str = ""
    user: str | None = None
    surfaces: tuple[str, ...] | None = None
    rate: float | None = None
    signed: str = ""
    signed_rate: float | None = None

    def bind(self, request: Request) -> Request:
        """The request as this caller may ask it. Raises Refused, and RequestError for a filter that cannot be read."""
        if self.surfaces is not None and request.surface not in self.surfaces:
            raise Refused(403, "surface", f"this key does not reach {request.surface!r}", where="surface")
        bound = msgspec.structs.replace(request, user=self._self(request.user))
        return msgspec.structs.replace(bound, filter=narrowed(request.filter, self.filter)) if self.filter else bound

    def bind_event(self, event: Event) -> Event:
        """The event as this caller may tell of it. Raises Refused."""
        return event if self.user is None else msgspec.structs.replace(event, user=self._self(event.user))

    def _self(self, user: str | None) -> str | None:
        if self.user is None:
            return user
        if user not in (None, self.user):
            raise Refused(403, "user", "this key speaks for another user", where="user")
        return self.user


class KeyRing:
    """The keys of a shop as a server holds them: what changes in keys.json holds here within a second.

    A shop in which no key was ever made asks for none. Once there was one, a file that is missing or cannot be read
    opens nothing.
    """

    def __init__(self, directory: Path) -> None:
        self._store = KeyStore(directory)
        self._keys: dict[str, Key] = {}
        self._seen: tuple[int, ...] | None = None
        self._look_at = 0.0
        self._broken = self.guarded = False

    @property
    def asks(self) -> bool:
        """Whether a key is needed here."""
        self._look()
        return self.guarded

    def caller(self, text: str) -> Caller:
        """Who holds this key. Raises Refused for one that is not known or no longer valid."""
        self._look()
        if self._broken:
            raise Refused(503, "not ready", "the keys of this shop cannot be read", remedy="See the server's log.")
        if text.count(".") == 2:
            return self._signed(text)
        key = self._keys.get(text.split("_", 2)[1] if text.count("_") >= 2 else "")
        if key is None or not key.matches(text):
            _unknown("this key is not known here")
        _require_valid(key)
        return Caller(key=key.id, roles=frozenset(key.roles), filter=key.filter, rate=key.rate)

    def name_of(self, caller: Caller) -> str:
        """What the audit calls a caller: the name of the key, and its id."""
        key = self._keys.get(caller.key)
        return f"{key.name} ({key.id})" if key and key.name else caller.key or "without a key"

    def sign_picture(self, caller: Caller, item: str) -> str:
        """What opens one item's picture, in its address, to whom the caller shows it; "" where no key is needed."""
        key = self._keys.get(caller.key)
        return f"{key.id}.{_picture_mac(key, item)}" if key else ""

    def picture_caller(self, signature: str, item: str) -> Caller:
        """Who showed this address to somebody. It reaches as far as the key, whose holder can sign, too. Raises
        Refused."""
        self._look()
        id_, _, mac = signature.partition(".")
        key = self._keys.get(id_)
        if key is None or not hmac.compare_digest(_picture_mac(key, item).encode(), mac.encode()):
            _unknown("this address is not signed by a key of this shop")
        _require_valid(key)
        return Caller(key=key.id, roles=frozenset(key.roles), filter=key.filter, rate=key.rate)

    def _signed(self, token: str) -> Caller:
        """A JSON Web Token whose header names its parent as `kid`, signed with the parent's hash."""
        try:
            parent = self._keys.get(jwt.get_unverified_header(token).get("kid", ""))
            if parent is None:
                _unknown("the key that signed this one is not known here")
            said = jwt.decode(
                token, parent.hash, algorithms=[ALGORITHM], leeway=CLOCK_SKEW_S, options={"require": ["exp"]}
            )
            claims = msgspec.convert(said, Claims)
        except jwt.ExpiredSignatureError:
            _unknown("the signed key has expired", remedy="Sign a new one.")
        except msgspec.ValidationError as error:
            _unknown(f"the signed key holds a claim that does not fit: {error}", expected=", ".join(CLAIMS))
        except (jwt.PyJWTError, ArithmeticError, TypeError, ValueError, RecursionError):
            _unknown(
                "the signed key is not valid", expected=f"a JSON Web Token signed by {ALGORITHM}, with exp and kid"
            )
        _require_valid(parent)
        return Caller(
            key=parent.id,
            roles=frozenset(parent.roles if Role.ADMIN not in parent.roles else Role) & _lent(claims.roles),
            filter=narrowed(claims.filter, parent.filter),
            user=claims.user,
            surfaces=claims.surfaces,
            rate=parent.rate,
            signed=claims.user or hashlib.sha256(token.encode()).hexdigest(),
            signed_rate=claims.rate,
        )

    def _look(self) -> None:
        """Read keys.json again when it changed, looking at most every LOOK_AGAIN_S."""
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + LOOK_AGAIN_S
        try:
            status = self._store.path.stat()
            seen: tuple[int, ...] = (status.st_mtime_ns, status.st_ino, status.st_size)
        except OSError:
            seen = ()
        if seen == self._seen:
            return
        try:
            keys = self._store.read()
        except SettingsError as error:
            _log.error("%s No key opens anything until then.", error)
            self._keys, self._broken, self.guarded = {}, True, True
        else:
            self._keys, self._broken = {key.id: key for key in keys}, False
            self.guarded = self.guarded or bool(keys)
        self._seen = seen


CLAIMS = Claims.__struct_fields__


def _lent(roles: tuple[Role, ...] | None) -> frozenset[Role]:
    """Whoever signs lends what the claim names, or all; never the role of an admin, which no filter binds, nor that of
    a merchandiser, who changes what everybody sees."""
    return frozenset(Role if roles is None else roles) - {Role.ADMIN, Role.MERCHANDISE}


def _picture_mac(key: Key, item: str) -> str:
    return hmac.digest(key.hash.encode(), b"picture:" + item.encode(), "sha256")[:_PICTURE_MAC].hex()


def _require_valid(key: Key) -> None:
    state = key.state(time.time())
    if state != "valid":
        _unknown(f"the key {key.id} is {state}", remedy="Ask the shop for a new one.")


def _unknown(what: str, **parts: str | None) -> NoReturn:
    raise Refused(401, "key", what, headers={"WWW-Authenticate": "Bearer"}, **parts)
