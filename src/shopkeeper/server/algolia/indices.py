"""Names of indices and their settings. A shop is one index, by whatever name; a replica is the same in another order.

What clients set is kept in `algolia.json` of the shop's directory, as it was said, and serves as the defaults of what
is asked there.
"""

from __future__ import annotations

import fcntl
import re
import threading
from collections.abc import Iterator, Mapping
from itertools import takewhile
from pathlib import Path
from typing import Any

import msgspec

from shopkeeper.data.durable import sync
from shopkeeper.engine.sorting import MAX_KEYS, POPULARITY
from shopkeeper.errors import DataError, RequestError
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.server.algolia.params import Params, convert, field_of

FILE = "algolia.json"
MAX_NAMES = 100
CUSTOM = "custom"
MOST_KEYS = MAX_KEYS - 1  # the last is for the distance from a place

_DEFAULTS = tuple(
    field.encode_name
    for field in msgspec.structs.fields(Params)
    if field.name not in ("query", "page", "offset", "length", "cursor", "user_token", "facet_query")
)
# What else is followed; all others are kept, come back, and change nothing.
HONOURED = (*_DEFAULTS, "attributesForFaceting", "replicas", "ranking", "customRanking")
_MODIFIED = re.compile(r"(?:filterOnly|searchable|afterDistinct)\((.*)\)")
_SORTED = re.compile(r"(asc|desc)\((.+)\)")


class Indices:
    """The settings of a shop's indices by name; what another process changes is known at the next look."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE
        self._known: dict[str, dict[str, Any]] = {}
        self._seen: tuple[int, ...] | None = None
        self._reading = threading.Lock()

    def settings(self, index: str) -> dict[str, Any]:
        """What was set of an index; of a replica without settings of its own, what its primary says but for the order.
        Raises DataError when the file cannot be read."""
        known = self._look()
        primary = _primary(index, known)
        inherited = (
            {name: said for name, said in known.get(primary, {}).items() if name in _DEFAULTS} if primary else {}
        )
        return {**inherited, **known.get(index, {})}

    def names(self) -> dict[str, str]:
        """Every index that was set, and every replica, with the name of its primary ("" for a primary). Raises
        DataError."""
        known = self._look()
        replicas = {bare(each): name for name, said in known.items() for each in said.get("replicas") or ()}
        return {**dict.fromkeys(known, ""), **replicas}

    def defaults(self, index: str) -> dict[str, Any]:
        """The parameters of whoever asks for nothing else. Raises DataError."""
        return {name: said for name, said in self.settings(index).items() if name in _DEFAULTS and said is not None}

    def unretrievable(self) -> tuple[str, ...]:
        """`unretrievableAttributes` of any index: all are the same shop, by whatever name it is asked. Raises
        DataError."""
        said = [each for known in self._look().values() for each in known.get("unretrievableAttributes") or ()]
        return tuple(dict.fromkeys(said))

    def facets(self, index: str) -> tuple[str, ...]:
        """`attributesForFaceting`, by name. Raises DataError."""
        return tuple(bare(each) for each in self.settings(index).get("attributesForFaceting") or ())

    def sort(self, index: str, catalogue: Catalogue) -> str:
        """How an index sorts, as Request.sort has it: as its own `ranking` begins, then, as a replica, as its
        `customRanking` says, or else as its name ends: "products_price_asc". Empty is by relevance. Raises DataError.
        """
        known = self._look()
        own = known.get(index, {})
        is_replica = bool(_primary(index, known))
        keys = [key for order in _orders(own, is_replica) if (key := _key(order, catalogue))]
        return ", ".join(list(dict.fromkeys(keys))[:MOST_KEYS]) or _named_sort(index, catalogue)

    def set(self, index: str, said: Mapping[str, Any]) -> list[str]:
        """Keep these settings over what was set before; gives the names that change nothing here. Raises RequestError
        for a value that does not fit, and DataError when the disk refuses."""
        convert({name: value for name, value in said.items() if name in _DEFAULTS and value is not None})
        for name in ("attributesForFaceting", "replicas", "ranking", "customRanking"):
            value = said.get(name)
            if value is not None and not (isinstance(value, list) and all(isinstance(each, str) for each in value)):
                raise RequestError("the value does not fit", where=name, expected="a list of texts")
        try:
            with self._path.with_suffix(".lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                known = dict(self._look())
                merged = {**known.get(index, {}), **said}
                known[index] = {name: value for name, value in merged.items() if value is not None}
                if len(known) > MAX_NAMES:
                    raise RequestError(f"more than {MAX_NAMES} indices", where=index, expected="the names of a few")
                new = self._path.with_suffix(".new")
                new.write_bytes(msgspec.json.format(msgspec.json.encode(known)) + b"\n")
                sync(new)
                new.replace(self._path)
        except OSError as error:
            raise DataError(f"the settings cannot be kept ({error.strerror or error})", where=str(self._path)) from None
        return [name for name in said if name not in HONOURED]

    def _look(self) -> dict[str, dict[str, Any]]:
        with self._reading:
            try:
                status = self._path.stat()
                seen: tuple[int, ...] = (status.st_mtime_ns, status.st_ino, status.st_size)
                if seen != self._seen:
                    self._known = msgspec.json.decode(self._path.read_bytes(), type=dict[str, dict[str, Any]])
                    self._seen = seen
            except FileNotFoundError:
                self._known, self._seen = {}, None
            except (OSError, msgspec.MsgspecError) as error:
                what = f"the settings of the indices cannot be read ({error})"
                raise DataError(what, where=str(self._path), remedy="Mend the file, or move it aside.") from None
            return self._known


def bare(name: str) -> str:
    """`brand` of "searchable(brand)", `products_cheap` of "virtual(products_cheap)"."""
    found = _MODIFIED.fullmatch(name) or re.fullmatch(r"virtual\((.*)\)", name)
    return found[1] if found else name


def _primary(index: str, known: Mapping[str, Mapping[str, Any]]) -> str:
    """The index of which this one is a replica; "" where it is none."""
    return next((name for name, said in known.items() if index in map(bare, said.get("replicas") or ())), "")


def _orders(own: Mapping[str, Any], is_replica: bool) -> Iterator[str]:
    """What an index sorts by before it asks for relevance; where that is something, behind it `customRanking`, as items
    of equal relevance are rare here."""
    ranking, custom = own.get("ranking") or [CUSTOM] * is_replica, own.get("customRanking") or ()
    first = list(takewhile(lambda order: order == CUSTOM or _SORTED.fullmatch(order), ranking))
    for order in first:
        yield from custom if order == CUSTOM else (order,)
    if first and CUSTOM not in first:
        yield from custom


def _key(order: str, catalogue: Catalogue) -> str:
    """ "-price" of "desc(price)"; empty for what nothing is sorted by."""
    found = _SORTED.fullmatch(order)
    field = found and (POPULARITY if found[2] == POPULARITY else field_of(catalogue, found[2]))
    if found is None or not (field == POPULARITY or field in catalogue.numbers or field in catalogue.labels):
        return ""
    return f"-{field}" if found[1] == "desc" else str(field)


def _named_sort(index: str, catalogue: Catalogue) -> str:
    """ "-price" of "products_price_desc": the longest name of a number that the index's name ends with."""
    base, _, direction = index.rpartition("_")
    if direction not in ("asc", "desc"):
        return ""
    fields = (field for field in (*catalogue.numbers, POPULARITY) if base.endswith(f"_{field}"))
    field = max(fields, key=len, default="")
    return f"-{field}" if field and direction == "desc" else field
