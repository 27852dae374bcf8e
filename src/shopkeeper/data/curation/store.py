"""Curation: what merchandisers say of a shop, rules and synonyms, as drafts and as published. To go back is to publish
again what once was."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

import msgspec

from shopkeeper.data.curation.file import create
from shopkeeper.errors import DataError, RequestError
from shopkeeper.settings import Rule, Synonym

FILE = "curation.sqlite"
# What was published as of a publication.
_AS_OF = """SELECT kind, id, version, body FROM kept WHERE body IS NOT NULL AND publication = (
    SELECT max(publication) FROM kept AS newer
    WHERE newer.kind = kept.kind AND newer.id = kept.id AND newer.publication <= ?
) ORDER BY kind, id"""
_NEWEST = "SELECT coalesce(max(number), 0) FROM publications"
_INSERT_AUDIT = (
    "INSERT INTO audit (time, who, deed, kind, id, before, after, comment, publication)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class Kind(StrEnum):
    RULE = "rule"
    SYNONYM = "synonym"

    @property
    def struct(self) -> type[msgspec.Struct]:
        return Rule if self is Kind.RULE else Synonym


class Conflict(RequestError):
    """Somebody else has changed it meanwhile."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A rule or synonym: `published` as it is in force, `draft` as it is to be. What is "removed" goes with the next
    publication. `version` is sent back by whoever changes it."""

    id: str
    version: int
    state: Literal["published", "new", "changed", "removed"]


class RuleEntry(Entry, frozen=True, kw_only=True, omit_defaults=True):
    draft: Rule | None = None
    published: Rule | None = None


class SynonymEntry(Entry, frozen=True, kw_only=True, omit_defaults=True):
    draft: Synonym | None = None
    published: Synonym | None = None


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of the audit: who did what, when (seconds since the epoch), from what to what. `deed` is "draft" or
    "remove", or else "publish" or "revert", of which `publication` is the number."""

    place: int
    time: float
    who: str
    deed: str
    kind: str
    id: str
    before: msgspec.Raw | None = None
    after: msgspec.Raw | None = None
    comment: str = ""
    publication: int | None = None


class Curated(msgspec.Struct, frozen=True):
    """What is said of a shop, as of a publication."""

    publication: int = 0
    rules: tuple[Rule, ...] = ()
    synonyms: tuple[Synonym, ...] = ()


class By(NamedTuple):
    """Who changes something, and why, for the audit."""

    who: str
    comment: str = ""


class _Row(NamedTuple):
    version: int
    body: str | None


_Key = tuple[str, str]  # kind and id
_Rows = dict[_Key, _Row]
Result = TypeVar("Result")


class Curation:
    """Of one shop, for many threads, and for many processes that each open it for themselves. The file is made by the
    first change; a change is on the disk, whole, when its method returns, or was not made.

    All methods raise DataError when the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None

    def close(self) -> None:
        with self._lock:
            self._closed()

    # --- reading ---

    def publication(self) -> int:
        """The number of the last publication, 0 before the first. Costs microseconds."""
        return self._read(_newest, 0)

    def published(self) -> Curated:
        """What is in force."""

        def read(connection: sqlite3.Connection) -> Curated:
            connection.execute("BEGIN")
            with connection:
                number = _newest(connection)
                return _curated(number, _as_of(connection, number))

        return self._read(read, Curated())

    def drafted(self) -> Curated:
        """What would be in force if all drafts were published now."""

        def read(connection: sqlite3.Connection) -> Curated:
            connection.execute("BEGIN")
            with connection:
                number = _newest(connection)
                return _curated(number, dict(sorted({**_as_of(connection, number), **_drafts(connection)}.items())))

        return self._read(read, Curated())

    def entries(self, kind: Kind) -> list[Entry]:
        """By id."""

        def read(connection: sqlite3.Connection) -> list[Entry]:
            connection.execute("BEGIN")
            with connection:
                number = _newest(connection)
                published, drafts = _as_of(connection, number), _drafts(connection)
            keys = sorted(key for key in {**published, **drafts} if key[0] == kind)
            return [_entry(key, published.get(key), drafts.get(key)) for key in keys]

        return self._read(read, [])

    def entry(self, kind: Kind, id_: str) -> Entry:
        """Raises RequestError for one that is not there."""
        found = next((entry for entry in self.entries(kind) if entry.id == id_), None)
        if found is None:
            raise RequestError(f"there is no {kind} {id_!r}")
        return found

    def audit(self, limit: int = 100, before: int | None = None) -> list[Line]:
        """The newest lines, the newest first; those before a place."""

        def read(connection: sqlite3.Connection) -> list[Line]:
            select = (
                f"SELECT {', '.join(Line.__struct_fields__)} FROM audit WHERE place < ? ORDER BY place DESC LIMIT ?"
            )
            return [_line(row) for row in connection.execute(select, (before or 2**62, limit))]

        return self._read(read, [])

    # --- writing ---

    def write(
        self, kind: Kind, id_: str, body: Rule | Synonym | None, by: By, version: int | None = None
    ) -> Entry | None:
        """Keep a draft; None is that the entry is to go. What is as it is published needs no draft, and has none then.

        version: that which the change was made to, 0 for what must be new; None overrules whoever came between.
        Returns None for what is gone. Raises Conflict where the version is another, and RequestError for removing what
        is not there.
        """
        return self._write(lambda connection: _draft(connection, (kind.value, id_), body, by, version))

    def write_all(self, said: Mapping[tuple[Kind, str], Rule | Synonym], by: By) -> list[tuple[Kind, str]]:
        """Keep all of these drafts, or none; returns those that say anything else than what is in force."""

        def work(connection: sqlite3.Connection) -> list[tuple[Kind, str]]:
            entries = {key: _draft(connection, key, body, by, None) for key, body in said.items()}
            return [key for key, entry in entries.items() if entry is not None and entry.state != "published"]

        return self._write(work)

    def put(self, kind: Kind, said: Mapping[str, Rule | Synonym | None], by: By, *, whole: bool = False) -> bool:
        """Put these in force at once, None for one that is to go; whole: in the place of all that are in force. Returns
        whether anything changed. Raises Conflict where one of them has a draft, which somebody is at."""

        def work(connection: sqlite3.Connection) -> bool:
            published = [id_ for of, id_ in _as_of(connection, _newest(connection)) if of == kind]
            given = {id_: body for id_, body in said.items() if body is not None or id_ in published}
            given = {**dict.fromkeys(published if whole else ()), **given}
            if at := next((id_ for of, id_ in _drafts(connection) if of == kind and id_ in given), None):
                remedy = "Publish or discard the draft first."
                raise Conflict(f"somebody has drafted the {kind} {at!r} otherwise", where="objectID", remedy=remedy)
            for id_, body in given.items():
                _draft(connection, (kind.value, id_), body, by, None)
            changed = {key: row for key, row in _drafts(connection).items() if key[0] == kind and key[1] in given}
            if changed:
                _put_in_force(connection, by, "publish", changed)
            return bool(changed)

        return self._write(work)

    def publish(self, by: By, only: Sequence[tuple[Kind, str]] | None = None) -> Curated:
        """Put all drafts in force, or only these, at once. Raises RequestError where there is nothing to publish, and
        for one of these that has no draft."""

        def work(connection: sqlite3.Connection) -> Curated:
            drafts = _drafts(connection)
            chosen = list(drafts) if only is None else [(kind.value, id_) for kind, id_ in only]
            if missing := [f"{kind} {id_!r}" for kind, id_ in chosen if (kind, id_) not in drafts]:
                raise RequestError(f"there is no draft of {', '.join(missing)}", where="only")
            if not chosen:
                raise RequestError("there is nothing to publish", remedy="All that was drafted is in force already.")
            return _put_in_force(connection, by, "publish", {key: drafts[key] for key in chosen})

        return self._write(work)

    def revert(self, to: int, by: By) -> Curated:
        """Put in force again what a publication had, 0 for nothing at all. Drafts stay. Raises RequestError for a
        publication that was never made, or that has what is in force."""

        def work(connection: sqlite3.Connection) -> Curated:
            newest = _newest(connection)
            if not 0 <= to <= newest:
                raise RequestError(
                    f"there is no publication {to}", where="publication", expected=f"one of 0 to {newest}"
                )
            now, then = _as_of(connection, newest), _as_of(connection, to)
            changed = {
                key: then.get(key, _Row(0, None))
                for key in sorted({**now, **then})
                if now.get(key, _Row(0, None)).body != then.get(key, _Row(0, None)).body
            }
            if not changed:
                raise RequestError(f"what publication {to} had is in force", where="publication")
            return _put_in_force(connection, by, "revert", changed)

        return self._write(work)

    # --- the file ---

    def _read(self, read: Callable[[sqlite3.Connection], Result], nothing: Result) -> Result:
        with self._told("the rules and synonyms cannot be read"), self._lock:
            connection = self._opened(make=False)
            return nothing if connection is None else read(connection)

    def _write(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        with self._told("the change could not be kept"), self._lock:
            connection = self._opened(make=True)
            assert connection is not None
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                return work(connection)

    def _opened(self, *, make: bool) -> sqlite3.Connection | None:
        """A connection to the file that is there now; another may have been put in its place."""
        try:
            status = self.path.stat()
            file = (status.st_dev, status.st_ino)
        except FileNotFoundError:
            file = None
        if file is None or file != self._file:
            self._closed()
        if self._connection is None and (file or make):
            self._connection = create(self.path)
            status = self.path.stat()
            self._file = (status.st_dev, status.st_ino)
        return self._connection

    def _closed(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = self._file = None

    @contextlib.contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, msgspec.MsgspecError, UnicodeError) as error:
            remedy = "See that the disk has room and may be written; if the file is damaged, move it aside."
            raise DataError(f"{what} ({error})", where=str(self.path), remedy=remedy) from error


def _newest(connection: sqlite3.Connection) -> int:
    return int(connection.execute(_NEWEST).fetchone()[0])


def _as_of(connection: sqlite3.Connection, publication: int) -> _Rows:
    return _rows(connection.execute(_AS_OF, (publication,)))


def _drafts(connection: sqlite3.Connection) -> _Rows:
    return _rows(connection.execute("SELECT kind, id, version, body FROM drafts ORDER BY kind, id"))


def _row(connection: sqlite3.Connection, table: str, key: _Key, which: str = "") -> _Row | None:
    found = connection.execute(f"SELECT version, body FROM {table} WHERE kind = ? AND id = ? {which}", key).fetchone()
    return _Row(*found) if found else None


def _rows(found: Iterable[tuple[str, str, int, str | None]]) -> _Rows:
    return {(kind, id_): _Row(version, body) for kind, id_, version, body in found}


def _tell(
    connection: sqlite3.Connection,
    by: By,
    deed: str,
    key: _Key,
    before: str | None,
    after: str | None,
    publication: int | None = None,
) -> int:
    """Write a line of the audit; its place."""
    line = (time.time(), by.who, deed, *key, before, after, by.comment, publication)
    place = connection.execute(_INSERT_AUDIT, line).lastrowid
    assert place is not None
    return place


def _draft(
    connection: sqlite3.Connection, key: _Key, body: Rule | Synonym | None, by: By, version: int | None
) -> Entry | None:
    """See Curation.write."""
    what, text = f"{key[0]} {key[1]!r}", None if body is None else _text(body)
    kept = _row(connection, "kept", key, "ORDER BY publication DESC LIMIT 1")
    published = kept if kept and kept.body is not None else None
    now = _row(connection, "drafts", key) or published
    if version is not None and version != (now.version if now else 0):
        raise Conflict(
            f"the {what} has been changed by somebody else meanwhile",
            where="version",
            expected=str(now.version if now else 0),
            remedy="Read it again, and make the change to what it is now.",
        )
    if text is None and (now is None or now.body is None):
        raise RequestError(f"there is no {what}")
    place = _tell(connection, by, "remove" if text is None else "draft", key, now and now.body, text)
    connection.execute("DELETE FROM drafts WHERE kind = ? AND id = ?", key)
    draft = None
    if text != (published.body if published else None):
        draft = _Row(place, text)
        connection.execute("INSERT INTO drafts VALUES (?, ?, ?, ?)", (*key, place, text))
    return _entry(key, published, draft) if published or draft else None


def _put_in_force(connection: sqlite3.Connection, by: By, deed: str, changed: _Rows) -> Curated:
    before = _as_of(connection, _newest(connection))
    number = connection.execute("INSERT INTO publications (time) VALUES (?)", (time.time(),)).lastrowid
    assert number is not None
    for key, row in changed.items():
        was = before.get(key)
        place = _tell(connection, by, deed, key, was.body if was else None, row.body, number)
        version = row.version if deed == "publish" else place
        connection.execute("INSERT INTO kept VALUES (?, ?, ?, ?, ?)", (*key, number, version, row.body))
        if deed == "publish":
            connection.execute("DELETE FROM drafts WHERE kind = ? AND id = ?", key)
    return _curated(number, _as_of(connection, number))


def _curated(publication: int, rows: _Rows) -> Curated:
    said: dict[Kind, list[Any]] = {kind: [] for kind in Kind}
    for (kind, id_), row in rows.items():
        if row.body is not None:
            said[Kind(kind)].append(_struct(kind, id_, row.body))
    return Curated(publication, tuple(said[Kind.RULE]), tuple(said[Kind.SYNONYM]))


def _entry(key: _Key, published: _Row | None, draft: _Row | None) -> Entry:
    kind, id_ = key
    state: Any = "published"
    if draft is not None:
        state = "removed" if draft.body is None else "changed" if published else "new"
    now = draft or published
    assert now is not None
    entry = RuleEntry if kind == Kind.RULE else SynonymEntry
    return entry(
        id=id_,
        version=now.version,
        state=state,
        draft=_struct(kind, id_, draft.body) if draft and draft.body is not None else None,
        published=_struct(kind, id_, published.body) if published and published.body is not None else None,
    )


def _line(row: tuple[Any, ...]) -> Line:
    fields = {name: value for name, value in zip(Line.__struct_fields__, row, strict=True) if value is not None}
    for name in ("before", "after"):
        if name in fields:
            fields[name] = msgspec.Raw(fields[name].encode())
    return Line(**fields)


def _struct(kind: str, id_: str, body: str) -> Any:
    struct = msgspec.json.decode(body, type=Kind(kind).struct)
    return msgspec.structs.replace(struct, id=id_) if isinstance(struct, Rule) else struct


def _text(body: Rule | Synonym) -> str:
    plain = msgspec.structs.replace(body, id="") if isinstance(body, Rule) else body
    return msgspec.json.encode(plain).decode()
