"""Records, one or thousands: read, written, deleted; each change is on the disk when it is answered."""

from __future__ import annotations

import contextlib
import fcntl
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

import msgspec
import numpy as np

from shopkeeper.engine.requests import MAX_SIZE
from shopkeeper.errors import DataError, RequestError
from shopkeeper.server.algolia.door import Asking, Door, read_list
from shopkeeper.server.algolia.objects import OBJECT_ID, id_of, item_of, picked, record_of
from shopkeeper.server.algolia.params import read_params, read_request
from shopkeeper.server.pictures import unpictured
from shopkeeper.vocabulary import Change, Item

MAX_OPERATIONS = 50_000  # in one batch
AT_ONCE = 10_000  # changes that are written together
LOCK = "records.lock"
_DELETED: dict[str, Any] = {}

_ADDS, _UPDATES = ("addObject", "updateObject"), ("partialUpdateObject", "partialUpdateObjectNoCreate")
_WHOLE_INDEX = "records are deleted one by one here, or all with the operation clear"


def batch(door: Door, by: Asking, said: Mapping[str, Any]) -> dict[str, Any]:
    """Operations in their order; of one record, each knows what those before it made. Raises RequestError for the first
    that does not fit; then none is done."""
    operations = read_list(said, "requests", MAX_OPERATIONS)
    partial = [
        body for each in operations if each.get("action") in _UPDATES and isinstance(body := each.get("body"), dict)
    ]
    with _turn(door, alone=bool(partial)):
        ids, changes = _made_of(door, by, operations, door.shop.newest(map(id_of, partial)) if partial else {})
        return {"taskID": _take(door, by, changes), "objectIDs": ids}


def _made_of(
    door: Door, by: Asking, operations: Sequence[Mapping[str, Any]], newest: Mapping[str, Item]
) -> tuple[list[str], list[Change]]:
    """The ids and the changes of operations; newest: the items that some of them change in part."""
    written: dict[str, dict[str, Any]] = {}  # by id, as it is in the end; _DELETED where it is gone
    ids, cleared = list[str](), False
    for at, operation in enumerate(operations):
        action, body = operation.get("action"), operation.get("body") or {}
        if not isinstance(body, dict):
            raise RequestError("the value does not fit", where=f"requests.{at}.body", expected="an object")
        if action == "clear":
            written, cleared = {}, True
        elif action == "delete":
            raise RequestError(
                "an index is the shop itself", where=f"requests.{at}.action", remedy=_WHOLE_INDEX.capitalize()
            )
        elif action == "deleteObject":
            written[id_of(body)] = _DELETED
        elif action in _ADDS:
            body = body if OBJECT_ID in body or action == "updateObject" else {OBJECT_ID: token_hex(10), **body}
            written[id_of(body)] = body
        elif action in _UPDATES:
            item = newest.get(id_of(body))
            known = written.get(id_of(body)) if id_of(body) in written or cleared else item and record_of(item)
            if known or action == "partialUpdateObject":
                written[id_of(body)] = updated(known or {}, body)
        else:
            expected = ", ".join((*_ADDS, *_UPDATES, "deleteObject", "clear"))
            raise RequestError(f"unknown action {action!r}", where=f"requests.{at}.action", expected=expected)
        ids += [] if action == "clear" else [id_of(body)]
    changes = _changes(by, written)
    return ids, [*(_everything(door, by) if cleared else ()), *changes]


def save(door: Door, by: Asking, record: Mapping[str, Any]) -> dict[str, Any]:
    """One record, new or in the place of the one that has its id. Raises RequestError."""
    whole = record if OBJECT_ID in record else {OBJECT_ID: token_hex(10), **record}
    with _turn(door):
        task = _take(door, by, _changes(by, {id_of(whole): whole}))
    return {"taskID": task, OBJECT_ID: id_of(whole), "updatedAt": now(), "createdAt": now()}


def update(door: Door, by: Asking, record: Mapping[str, Any], *, create: bool) -> dict[str, Any]:
    """Some attributes of one record. Raises RequestError."""
    id_ = id_of(record)
    with _turn(door, alone=True):
        known = door.shop.newest([id_]).get(id_)
        written = {id_: updated(record_of(known) if known else {}, record)} if known or create else {}
        return {"taskID": _take(door, by, _changes(by, written)), OBJECT_ID: id_, "updatedAt": now()}


def delete(door: Door, by: Asking, ids: Iterable[str]) -> dict[str, Any]:
    """Records that are there or not."""
    with _turn(door):
        return {"taskID": _take(door, by, _changes(by, dict.fromkeys(ids, _DELETED))), "deletedAt": now()}


def delete_matching(door: Door, by: Asking, said: Mapping[str, Any]) -> dict[str, Any]:
    """All records that the filters let through. Raises RequestError where there is no filter, and for an attribute that
    no item says: a search finds nothing by it, and `NOT` before a misspelt one would delete the whole shop."""
    catalogue = door.shop.engine().catalogue
    request = read_request(read_params(said), catalogue, "", (), known_alone=True)
    if not request.filter:
        raise RequestError("there is no filter", where="filters", expected="filters", remedy="To delete all, clear.")
    rows = np.flatnonzero(door.shop.engine().policies.masks.mask(request.filter)).astype(np.int32)
    ids = [id_ for id_ in catalogue.ids.ids(rows) if id_ in catalogue.ids]
    return delete(door, by, ids) | {"updatedAt": now()}


def clear(door: Door, by: Asking) -> dict[str, Any]:
    """Delete every record."""
    with _turn(door):
        return {"taskID": _take(door, by, _everything(door, by)), "updatedAt": now()}


def get(door: Door, by: Asking, said: Mapping[str, Any]) -> dict[str, Any]:
    """Records by their ids, None where there is none. Raises RequestError."""
    asked = read_list(said, "requests", 1_000)
    found = door.records(by, [id_of(each) for each in asked])
    wanted, barred = [tuple(each.get("attributesToRetrieve") or ("*",)) for each in asked], door.barred(by)
    return {"results": [record and picked(record, names, barred) for record, names in zip(found, wanted, strict=True)]}


def browse(door: Door, by: Asking, index: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that matches, some records at a time; `cursor` says where the next begin. Raises RequestError."""
    params = msgspec.structs.replace(
        read_params(said, {"hitsPerPage": MAX_SIZE}), unretrievable_attributes=door.barred(by)
    )
    engine = door.shop.engine()
    catalogue, after = engine.catalogue, _place(params.cursor, engine.release)
    request = by.caller.bind(read_request(params, catalogue, "", ()))
    rows = engine.matching(msgspec.structs.replace(request, size=0, offset=0), by.caller.filter)
    size = max(1, params.hits_per_page)
    begin = int(rows.searchsorted(after))
    page = rows[begin : begin + size]
    names = params.attributes_to_retrieve
    answer = {
        "hits": [
            picked(door.record(by, item), names, params.unretrievable_attributes) for item in catalogue.items(page)
        ],
        "nbHits": len(rows),
        "page": 0,
        "nbPages": -(-len(rows) // size),
        "hitsPerPage": size,
        "query": params.query,
        "params": "",
        "index": index,
        "processingTimeMS": 1,
    }
    more = begin + size < len(rows)
    return answer | ({"cursor": _cursor(int(page[-1]) + 1, engine.release)} if more else {})


def updated(record: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """The record with the attributes that are said anew; {"_operation": "Increment", "value": 1} changes one. Raises
    RequestError for an operation that is not known, or does not fit what is there."""
    new = {name: _operated(name, record.get(name), value) for name, value in said.items()}
    return {**record, **new}


def _operated(name: str, known: Any, said: Any) -> Any:
    if not isinstance(said, dict) or "_operation" not in said:
        return said
    operation, value = said["_operation"], said.get("value")
    listed = known if isinstance(known, list) else []
    if (
        operation in ("Increment", "Decrement")
        and isinstance(value, int | float)
        and isinstance(known or 0, int | float)
    ):
        return (known or 0) + (value if operation == "Increment" else -value)
    if operation == "Add" or (operation == "AddUnique" and value not in listed):
        return [*listed, value]
    if operation in ("AddUnique", "Remove"):
        return [each for each in listed if operation == "AddUnique" or each != value]
    expected = "Increment or Decrement of a number, Add, AddUnique or Remove of a list"
    raise RequestError(f"the operation {operation!r} does not fit", where=name, expected=expected)


@contextlib.contextmanager
def _turn(door: Door, *, alone: bool = False) -> Iterator[None]:
    """Held while records are written here, by any number of threads and processes together, or `alone` by one that
    writes what it makes of what it read. What comes by other doors (`/v1/items`, a mirror) does not wait for it. Raises
    DataError."""
    path = door.shop.directory / LOCK
    try:
        lock = path.open("a")
    except OSError as error:
        raise DataError(f"no records can be written ({error.strerror or error})", where=str(path)) from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield


def _changes(by: Asking, written: Mapping[str, Mapping[str, Any]]) -> list[Change]:
    now = time.time()
    return [
        Change(id=id_, time=now, item=unpictured(by.http, item_of(record)))
        if record is not _DELETED
        else Change(id=id_, time=now, deleted=True)
        for id_, record in written.items()
    ]


def _everything(door: Door, by: Asking) -> list[Change]:
    ids = door.shop.engine().catalogue.ids
    return _changes(by, {id_: _DELETED for id_ in ids if id_ in ids})


def _take(door: Door, by: Asking, changes: list[Change]) -> int:
    """Keep them; gives the number of the task, which is the place of the last in the log."""
    for begin in range(0, len(changes), AT_ONCE):
        taken = door.shop.change(changes[begin : begin + AT_ONCE])
        by.http.app.state.metrics.took_changes(taken)
    return door.shop.log.newest().changes


def _cursor(row: int, release: str) -> str:
    return urlsafe_b64encode(f"{row} {release}".encode()).decode()


def _place(cursor: str, release: str) -> int:
    """The row at which a cursor goes on."""
    if not cursor:
        return 0
    try:
        row, _, of = urlsafe_b64decode(cursor.encode()).decode().partition(" ")
        place = int(row)
    except ValueError:
        raise RequestError("this is no cursor", where="cursor", expected="that of an earlier answer") from None
    if of != release:
        raise RequestError(
            "the shop was trained anew meanwhile", where="cursor", remedy="Begin again, without a cursor."
        )
    return place


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
