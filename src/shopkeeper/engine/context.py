"""What a source, a ranker and a policy are given, and what a source gives back: arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shopkeeper.engine.encoder import Encoder
from shopkeeper.engine.meaning import Meanings, read_items
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.release.interactions import Interactions
from shopkeeper.settings import Settings
from shopkeeper.vocabulary import Chip, Codes, Mask, Request, Rows, Scores, Seconds

if TYPE_CHECKING:
    from shopkeeper.engine.policies.matching import ReadRule


class Candidates(NamedTuple):
    """What a source proposes, best first: rows int32 [n], unique; scores float32 [n], descending, any scale."""

    rows: Rows
    scores: Scores

    @classmethod
    def none(cls) -> Candidates:
        return cls(np.empty(0, np.int32), np.empty(0, np.float32))

    @classmethod
    def within(cls, context: Context, rows: Rows, scores: npt.NDArray[np.number[Any]], limit: int) -> Candidates:
        """The `limit` best of unique rows int32 [n] with scores [n] that score above 0, are allowed, and no anchors."""
        found = (scores > 0.0) & ~np.isin(rows, context.anchors)
        if context.allowed is not None:
            found &= context.allowed[rows]
        return cls.top(rows[found], scores[found], limit)

    @classmethod
    def top(cls, rows: npt.NDArray[np.integer[Any]], scores: npt.NDArray[np.number[Any]], limit: int) -> Candidates:
        """The `limit` best of unique rows [n] with scores [n], ties by row."""
        if len(rows) > limit > 0:
            floor = np.partition(scores, -limit)[-limit]
            kept = np.flatnonzero(scores >= floor)  # every tie at the edge, so that the cut does not depend on the sort
            rows, scores = rows[kept], scores[kept]
        order = np.lexsort((rows, -scores))[: max(limit, 0)]
        return cls(rows[order].astype(np.int32), scores[order].astype(np.float32))


def positions_of(sought: Rows, rows: Rows) -> npt.NDArray[np.int64]:
    """Where each of sought int32 [k] stands in unique rows int32 [n], -1 where it does not: int64 [k]."""
    if not len(rows):
        return np.full(len(sought), -1)
    order = np.argsort(rows, kind="stable")
    at = order[np.minimum(np.searchsorted(rows, sought, sorter=order), len(rows) - 1)]
    return np.where(rows[at] == sought, at, -1)


def places_among(known: npt.NDArray[np.integer[Any]], rows: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.int64]:
    """Where each of rows int [k] stands in known int [n], unique and ascending; -1 where it does not: int64 [k]."""
    if not len(known):
        return np.full(len(rows), -1)
    at = np.minimum(np.searchsorted(known, rows), len(known) - 1)
    return np.where(known[at] == rows, at, -1)


def first_of(order: Rows, limit: int, keep: Callable[[Rows], Mask]) -> Rows:
    """The first `limit` of rows int32 [n] that `keep` lets through, looking no further than it must."""
    found, begin, size = [order[:0]], 0, 4 * limit
    while limit > 0 and begin < len(order):
        block = order[begin : begin + size]
        found.append(block[keep(block)][:limit])
        limit, begin, size = limit - len(found[-1]), begin + size, 4 * size
    return np.concatenate(found)


@dataclass(frozen=True)
class Context:
    """A request whose ids have become rows, with what its person did before `now`. Histories run from old to new.

    history, history_codes, history_times: int32, int8 (EventType.code), float64 (seconds; NaN without a clock), [h];
    session: int32 [s], the items of the present session, a suffix of what `history` holds;
    anchors: int32 [a], the known rows of `request.items`;
    passing: bool [n_items], what the phrases and excluded words of the query leave; None: everything;
    allowed: the same of all that may stand there, by filters and availability too. Sources must obey it;
    visible: bool [n_items] or None (everything): what whoever asks may know of at all, as the filter of the key has it;
    rules: the merchant's that hold for it, the first to be heard first; None where nobody has looked yet;
    understood: what the query asks for besides the words that `request.query` has left; notes: what to say of that;
    corrected: these words as they were read, where some are misspelt, else "".
    """

    request: Request
    now: float
    user: int
    history: Rows
    history_codes: Codes
    history_times: Seconds
    session: Rows
    anchors: Rows
    passing: Mask | None = None
    allowed: Mask | None = None
    visible: Mask | None = None
    rules: Sequence[ReadRule] | None = None
    understood: tuple[Chip, ...] = ()
    notes: tuple[str, ...] = ()
    corrected: str = ""

    @property
    def meant(self) -> str:
        """The query, for what goes by more than its words."""
        return self.corrected or self.request.query

    @property
    def wordless(self) -> bool:
        """Whether all that the query said was understood, and no word of it is left to look for."""
        return bool(self.understood) and not self.request.query


class Source(Protocol):
    """Proposes candidates. Built-in ones and a user's own enter by the same door: the entry points of
    the group `shopkeeper.sources`, whose objects are `SourceRecipe`s.

    It may offer `retrieve_all(contexts, limit) -> list[Candidates]`, where many requests together cost less."""

    name: str

    def retrieve(self, context: Context, limit: int) -> Candidates:
        """At most `limit` candidates within `context.allowed`; none when the source has nothing to say."""
        ...

    def reason(self, context: Context, row: int) -> str:
        """Why this source brought `row`, in a few words for a shopper ("because you viewed …")."""
        ...


def retrieve_all(source: Source, contexts: Sequence[Context], limit: int) -> list[Candidates]:
    """`source.retrieve` of each request, by its own `retrieve_all` where it has one."""
    at_once: Callable[[Sequence[Context], int], list[Candidates]] | None = getattr(source, "retrieve_all", None)
    return at_once(contexts, limit) if at_once else [source.retrieve(context, limit) for context in contexts]


def reasons_of(source: Source, context: Context, rows: Rows) -> list[str]:
    """`source.reason` of each of rows int32 [k]. A source may offer `reasons(context, rows)`, which looks once for
    what all rows have in common; the others are asked row by row."""
    at_once: Callable[[Context, Rows], list[str]] | None = getattr(source, "reasons", None)
    return at_once(context, rows) if at_once else [source.reason(context, row) for row in rows.tolist()]


def lookups_of(source: Source) -> tuple[int, int] | None:
    """Hits and misses of what a source remembers, by its own `lookups` where it has one."""
    count: Callable[[], tuple[int, int]] | None = getattr(source, "lookups", None)
    return count() if count else None


class Epoch(NamedTuple):
    """loss: the mean of its batches; figure: how good the model is on what it does not learn from, higher is better;
    seconds: since the beginning."""

    loss: float
    figure: float
    seconds: float


class Reached(NamedTuple):
    """How far a fit has come. figure: the best; finished: whether more time would change nothing; among: what it is a
    figure of, as only those of the same can be compared, and none where it is empty."""

    figure: float
    finished: bool
    among: str


@dataclass(frozen=True)
class Course:
    """What a fit that goes epoch by epoch keeps to. seconds: after which it pauses and gives what it has, if that is
    before the budget of the settings ends; tell: hears of each epoch by its number, the first being 1, and whatever it
    raises ends the fit; ended: hears how far it came, once.
    """

    seconds: float | None = None
    tell: Callable[[int, Epoch], None] = lambda number, epoch: None  # noqa: ARG005
    ended: Callable[[Reached], None] = lambda reached: None  # noqa: ARG005


@dataclass(frozen=True)
class Material:
    """What sources are fitted on: the shop as it was known at `now`.

    items: Arrow table of schema ITEMS; its row r is the catalogue's row r (for a source that is merely `updated`, that
    row of the catalogue which comes with it, told at `times` float64 [k]). interactions hold nothing from `now` or
    later. work: a folder in which a long fit may keep what it has learned so far, for whoever takes it up again;
    course: of the fit of the source of that name; like: another with the same texts, which are then read once;
    pictures: of items, batches of schema IMAGES, each time from the beginning.
    """

    catalogue: Catalogue
    items: pa.Table
    interactions: Interactions
    now: float
    settings: Settings
    encoder: Encoder | None = None
    read_first: int | None = None
    times: Seconds = field(default_factory=lambda: np.empty(0))
    work: Path | None = None
    course: Callable[[str], Course] = lambda name: Course()  # noqa: ARG005
    like: Material | None = None
    pictures: Callable[[], Iterator[pa.RecordBatch]] = lambda: iter(())

    @cached_property
    def meanings(self) -> Meanings | None:
        """What the encoder makes of the items (of the first `read_first`), computed once for all sources that ask; None
        without an encoder."""
        if self.like is not None:
            return self.like.meanings
        share = self.settings.encoder.max_unknown_share
        return None if self.encoder is None else read_items(self.items.slice(0, self.read_first), self.encoder, share)


class FittedSource(Source, Protocol):
    """A source that can be written into a release.

    It may offer `silent: str`, why it has nothing to say in this shop at all, "" where it has something; and
    `updated(changed: Material, rows: Rows) -> FittedSource`: itself after the items `changed.items`, which
    are rows int32 [k] of `changed.catalogue`, came or changed. Those that do not are asked about released items alone.
    """

    def save(self, directory: Path) -> None: ...


class OfRelease:
    """A source that knows the released items alone, the first `n` rows, and is asked about nothing else."""

    def __init__(self, source: FittedSource, n: int) -> None:
        self.name, self._source, self._n = source.name, source, n

    def retrieve(self, context: Context, limit: int) -> Candidates:
        return self._source.retrieve(self._of_release(context), limit)

    def reason(self, context: Context, row: int) -> str:
        return self._source.reason(self._of_release(context), row)

    def reasons(self, context: Context, rows: Rows) -> list[str]:
        return reasons_of(self._source, self._of_release(context), rows)

    def save(self, directory: Path) -> None:
        self._source.save(directory)

    def _of_release(self, context: Context) -> Context:
        known = context.history < self._n
        return replace(
            context,
            history=context.history[known],
            history_codes=context.history_codes[known],
            history_times=context.history_times[known],
            session=context.session[context.session < self._n],
            anchors=context.anchors[context.anchors < self._n],
            allowed=None if context.allowed is None else context.allowed[: self._n],
        )


def updated(source: FittedSource, changed: Material, rows: Rows, n_released: int) -> FittedSource:
    """The source after items came or changed."""
    update: Callable[[Material, Rows], FittedSource] | None = getattr(source, "updated", None)
    if update:
        return update(changed, rows)
    return source if isinstance(source, OfRelease) else OfRelease(source, n_released)


class SourceRecipe(Protocol):
    """How a source comes to be. Both ways return a source; a recipe itself retrieves nothing, so that "not fitted"
    cannot happen.

    learns_from_events: False when the fit reads the catalogue alone, so that a replay of the past need not refit it.
    It may offer `when: str`, a line on when to choose it, which `shopkeeper models` prints; `config_type`, the
    msgspec.Struct that [models.NAME] of shop.toml is read as; `check(settings)`, which raises SettingsError, before
    anything is fitted, for what its fit would refuse; and `in_epochs`, True where its fit keeps to
    its `Material.course`, with a checkpoint in `Material.work`: several such share the time of a training's first
    fit; and `reads_pictures`, True where other pictures are a reason to fit it anew.
    """

    name: str
    learns_from_events: bool

    def fit(self, material: Material) -> FittedSource: ...

    def load(self, directory: Path, release: ReleaseParts) -> FittedSource: ...


@dataclass(frozen=True)
class ReleaseParts:
    """What every loaded source may lean on."""

    catalogue: Catalogue
    interactions: Interactions
    settings: Settings
    encoder: Encoder | None = None
