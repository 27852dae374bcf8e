"""The doors of a shop: who may come in through which, how often, and from where."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Security
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import Request as HttpRequest

from shopkeeper.errors import SettingsError
from shopkeeper.keys import Role
from shopkeeper.server.callers import Caller, KeyRing
from shopkeeper.server.limits import Buckets, neighbourhood, retry_after
from shopkeeper.server.refusals import Refused, is_algolia
from shopkeeper.settings import ServerSettings
from shopkeeper.shop import Shop
from shopkeeper.shop_toml import read_settings

BURST_S = 2.0  # a key that was silent may ask this many seconds' worth at once
PICTURES = 25.0  # pictures that an answer may bring along: they count apart, so many for one
FAILURES, FAILURES_PER_S = 20.0, 0.2  # wrong keys from one address that are answered one by one

# What Algolia's clients send, as headers or in the address; the first is the key, the others say nothing here.
ALGOLIA_KEY = "x-algolia-api-key"
ALGOLIA_HEADERS = (ALGOLIA_KEY, "x-algolia-application-id", "x-algolia-agent", "x-algolia-usertoken")

_bearer = HTTPBearer(scheme_name="Bearer", description="A key, or one signed with it (a JWT).", auto_error=False)
_header = APIKeyHeader(name="X-API-Key", scheme_name="ApiKey", description="The same keys.", auto_error=False)


class Doors:
    """What the doors of one shop remember, in each process. Each of `workers` processes grants its part of a rate."""

    def __init__(self, shop: Shop, workers: int = 1) -> None:
        self.ring = KeyRing(shop.directory)
        self._shop = shop
        self._buckets = Buckets()
        self._share = 1.0 / workers

    @property
    def settings(self) -> ServerSettings:
        """Those of today: they may change while the shop is open."""
        return self._shop.settings.server

    def admit(self, http: HttpRequest, key: str | None, role: Role) -> Caller:
        """Whoever comes with this key, if it opens what `role` names. Raises Refused."""
        if not self.ring.asks:
            self._require_neighbour(http)
            return Caller()
        caller = self._known(http, lambda: self.ring.caller(key)) if key else _no_key()
        http.state.caller = caller
        _require_role(caller, role)
        self._count(caller)
        return caller

    def admit_picture(self, http: HttpRequest, key: str | None, signature: str, item: str) -> Caller:
        """Whoever asks for a picture by an address that was signed for it, or with a key. Raises Refused."""
        if not signature or not self.ring.asks:
            return self.admit(http, key, Role.SEARCH)
        caller = self._known(http, lambda: self.ring.picture_caller(signature, item))
        http.state.caller = caller
        _require_role(caller, Role.SEARCH)
        self._take(f"{caller.key} pictures", PICTURES * (caller.rate or self.settings.key_rate))
        return caller

    def admit_scraper(self, http: HttpRequest, key: str | None) -> None:
        """An admin, or a program on this machine: not what a proxy on this machine passes on. Raises Refused."""
        if not key and is_local(http):
            return
        self.admit(http, key, Role.ADMIN)

    def _known(self, http: HttpRequest, look: Callable[[], Caller]) -> Caller:
        """A right key is let in whatever others at its address did; wrong ones are soon told to wait."""
        try:
            return look()
        except Refused as error:
            if error.status == 401:
                address = neighbourhood(http.client.host if http.client else "")
                wait = self._buckets.take(f"failed {address}", FAILURES_PER_S * self._share, FAILURES)
                if wait:
                    raise Refused(
                        429, "failures", "too many wrong keys came from there", headers=retry_after(wait)
                    ) from None
            raise

    def _count(self, caller: Caller) -> None:
        if caller.signed_rate is not None:
            self._take(f"{caller.key} signed {caller.signed}", caller.signed_rate)
        if caller.key:
            self._take(caller.key, caller.rate or self.settings.key_rate)

    def _take(self, bucket: str, rate: float) -> None:
        own = rate * self._share
        wait = self._buckets.take(bucket, own, max(1.0, BURST_S * own))
        if wait:
            raise Refused(
                429,
                "rate",
                "this key asks too often",
                expected=f"at most {rate:g} requests a second",
                headers=retry_after(wait),
            )

    def _require_neighbour(self, http: HttpRequest) -> None:
        """A shop without keys answers this machine; not the pages of strangers that its browsers have open."""
        if self.settings.open:
            return
        host = http.headers.get("host", "")
        if not _is_near(host):
            remedy = "Make a key with: shopkeeper keys create, or set server.open = true in shop.toml."
            raise Refused(403, "host", f"a shop without keys does not answer as {host!r}", where="Host", remedy=remedy)
        origin = http.headers.get("origin")
        if origin and origin.partition("://")[2] != host and origin not in self.settings.cors_origins:
            remedy = "List it in server.cors_origins of shop.toml."
            raise Refused(403, "origin", f"pages of {origin!r} may not ask here", where="Origin", remedy=remedy)


def _require_role(caller: Caller, role: Role) -> None:
    if role not in caller.roles and Role.ADMIN not in caller.roles:
        raise Refused(
            403,
            "role",
            f"this key does not open the door of {role.value!r}",
            expected=f"a key with the role {role.value}",
            remedy=f"Make one with: shopkeeper keys create --role {role.value}",
        )


def is_local(http: HttpRequest) -> bool:
    """Whether a program on this machine asks by itself, or a page of ours: what a proxy passes on names whom it speaks
    for, and a page of a stranger, open in a browser here, comes by the stranger's name."""
    passed_on = {"x-forwarded-for", "x-real-ip", "forwarded", "via"} & set(http.headers.keys())
    host, origin = http.headers.get("host", ""), http.headers.get("origin")
    near = http.client is not None and is_loopback(http.client.host) and _is_near(host)
    return near and not passed_on and (origin is None or origin.partition("://")[2] == host)


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_near(host: str) -> bool:
    """Whether no stranger can make a name (and port) lead here: it is an address, or has no dot."""
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return "." not in name
    return True


def require_keys(directory: Path, host: str) -> None:
    """Raises SettingsError where strangers can reach `host`, and the shop in `directory` would ask them for no key
    without saying that this is meant. (A shop whose settings cannot be read answers nobody.)"""
    if is_loopback(host) or KeyRing(directory).asks or _is_meant_open(directory):
        return
    raise SettingsError(
        f"the shop has no keys, and others can reach {host}: anyone could change it",
        where=str(directory),
        remedy=f"Make a key with: shopkeeper keys create --shop {directory} --role admin. "
        "Or, where that is meant, set open = true under [server] in shop.toml.",
    )


def _is_meant_open(directory: Path) -> bool:
    try:
        return read_settings(directory / "shop.toml").server.open
    except SettingsError:
        return True


def _no_key() -> Caller:
    raise Refused(
        401,
        "no key",
        "a key is needed here",
        expected="Authorization: Bearer KEY, or X-API-Key: KEY",
        headers={"WWW-Authenticate": "Bearer"},
    )


async def _key(
    http: HttpRequest,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    header: Annotated[str | None, Security(_header)],
) -> str | None:
    key = bearer.credentials if bearer else header
    if key is None and is_algolia(http):
        in_address = {name.lower(): value for name, value in http.query_params.items()}
        key = http.headers.get(ALGOLIA_KEY) or in_address.get(ALGOLIA_KEY)
    return key


SentKey = Annotated[str | None, Depends(_key)]


def _opens(role: Role) -> Callable[[HttpRequest, str | None], Awaitable[Caller]]:
    async def admit(http: HttpRequest, key: SentKey) -> Caller:
        doors: Doors = http.app.state.doors
        return doors.admit(http, key, role)

    return admit


async def _scrapes(http: HttpRequest, key: SentKey) -> None:
    http.app.state.doors.admit_scraper(http, key)


# What a route asks of whoever comes; the first of its parameters, so that no body is read for a stranger.
Searcher = Annotated[Caller, Depends(_opens(Role.SEARCH))]
Teller = Annotated[Caller, Depends(_opens(Role.EVENTS))]
Merchant = Annotated[Caller, Depends(_opens(Role.MERCHANDISE))]
Admin = Annotated[Caller, Depends(_opens(Role.ADMIN))]
Scraper = Annotated[None, Depends(_scrapes)]
