"""API keys: who may do what. A shop keeps their hashes, in keys.json; and whoever holds one can sign narrower ones."""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from secrets import token_hex, token_urlsafe
from typing import Annotated

import msgspec
from msgspec import Meta

from shopkeeper.data.durable import sync
from shopkeeper.engine.filters import compile_filter
from shopkeeper.errors import RequestError, SettingsError

FILE = "keys.json"
PREFIX = "shop"  # of every key, so that people and scanners of secrets know one when they see it

MAX_RATE = 1_000_000.0
Rate = Annotated[float, Meta(gt=0.0, le=MAX_RATE)]


class Role(StrEnum):
    """What a key opens: answers and items; the taking in of events; rules and synonyms; everything."""

    SEARCH = "search"
    EVENTS = "events"
    MERCHANDISE = "merchandise"
    ADMIN = "admin"


class Key(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A key as it is kept. `hash` is the SHA-256 (hex) of the key, which is shown once and kept nowhere.

    A plain, fast hash is right here: salt and slowness protect passwords, which can be guessed, and nobody guesses
    256 random bits. Moments are seconds since the epoch, UTC; `rate` is requests a second.
    """

    id: str
    hash: str
    roles: tuple[Role, ...]
    created: float
    name: str = ""
    filter: str = ""
    expires: float | None = None
    rate: Rate | None = None
    revoked: float | None = None

    def matches(self, text: str) -> bool:
        """Whether `text` is this key; in a time that says nothing of how much of it was right."""
        return hmac.compare_digest(self.hash, hashed(text))

    def state(self, now: float) -> str:
        """ "revoked", "expired" or "valid"."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= now else "valid"


def hashed(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


class KeyStore:
    """The keys of one shop, in `keys.json` of its directory, readable by its owner alone: with a hash, one can sign.

    Revoked keys stay listed. The file is replaced whole, so that whoever reads it sees all of a change or none.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE

    def read(self) -> list[Key]:
        """All keys, the oldest first. Raises SettingsError when the file cannot be read."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=list[Key])
        except FileNotFoundError:
            return []
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise SettingsError(
                f"the keys cannot be read ({error})",
                where=str(self.path),
                remedy="Put back a copy of the file, or move it aside and make new keys.",
            ) from None

    def create(
        self,
        roles: Sequence[Role],
        *,
        name: str = "",
        filter: str = "",  # noqa: A002 - the field's name
        expires: float | None = None,
        rate: float | None = None,
    ) -> tuple[Key, str]:
        """A new key as it is kept, and its text, which is shown once. Raises SettingsError."""
        _require_sense(roles, filter, rate)
        with self._changing() as keys:
            id_ = token_hex(4)
            text = f"{PREFIX}_{id_}_{token_urlsafe(32)}"
            key = Key(
                id=id_,
                hash=hashed(text),
                roles=tuple(dict.fromkeys(roles)),
                created=time.time(),
                name=name,
                filter=filter,
                expires=expires,
                rate=rate,
            )
            keys.append(key)
        return key, text

    def revoke(self, id_: str) -> Key:
        """Every server refuses the key, and what was signed with it, within a second. Raises SettingsError."""
        with self._changing() as keys:
            for place, key in enumerate(keys):
                if key.id == id_:
                    keys[place] = msgspec.structs.replace(key, revoked=key.revoked or time.time())
                    return keys[place]
            raise SettingsError(f"there is no key {id_!r}", where=str(self.path), remedy="See: shopkeeper keys list")

    @contextmanager
    def _changing(self) -> Iterator[list[Key]]:
        """The keys, to be changed by one at a time; kept at the end, unless it ends in an error."""
        try:
            with self.path.with_suffix(".lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                keys = self.read()
                yield keys
                new = self.path.with_suffix(".new")
                new.unlink(missing_ok=True)
                with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                    file.write(msgspec.json.format(msgspec.json.encode(keys)) + b"\n")
                sync(new)
                new.replace(self.path)
                sync(self.path.parent)
        except OSError as error:
            raise SettingsError(
                f"the keys cannot be kept ({error.strerror or error})",
                where=str(self.path),
                remedy="The shop's directory must be there, and you must be allowed to write to it.",
            ) from None


def _require_sense(roles: Sequence[Role], filter: str, rate: float | None) -> None:  # noqa: A002 - the field's name
    if not roles:
        raise SettingsError("a key needs a role", expected="one of " + ", ".join(Role))
    if rate is not None and not 0.0 < rate <= MAX_RATE:
        raise SettingsError(f"a rate of {rate:g}", where="rate", expected=f"requests a second, up to {MAX_RATE:,.0f}")
    if filter and Role.ADMIN in roles:
        raise SettingsError("an admin key sees everything, so a filter would not bind it", where="filter")
    if filter and Role.MERCHANDISE in roles:
        raise SettingsError(
            "a merchandise key's rules hold for everybody, so a filter would not bind it", where="filter"
        )
    try:
        compile_filter(filter)
    except RequestError as error:
        raise SettingsError(error.what, where="filter", expected=error.expected, remedy=error.remedy) from None
