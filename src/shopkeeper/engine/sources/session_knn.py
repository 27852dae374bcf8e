"""What people went on to in visits like this one: nearest neighbours among past sessions.

A session is like the present one where they share items: the later in the present one and the rarer an item, the more
it tells, the more so the shorter and the newer the past session. The likest then speak for what lies near to the
newest item that they share, behind it more than before it. After VMS-kNN (Ludewig and Jannach, "Evaluation of
session-based recommendation algorithms", UMUAI 2018) and STAN (Garg, Gupta, Malhotra, Vig and Shroff, "Sequence and
Time Aware Neighborhood for Session-based Recommendations", SIGIR 2019).

Sessions are found by the items in them: each item leads to the newest sessions that met it, and to no more than that,
so that an answer costs the same in a shop of a million sessions. A session is a visit, or all that a person did where
visits are not known.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta

from shopkeeper.engine.configured import Configured
from shopkeeper.engine.context import Candidates, Context, Material, ReleaseParts
from shopkeeper.engine.interest import decay, interest_of
from shopkeeper.engine.sources.together import Trail, trail_of
from shopkeeper.release.arrays import load_array, save_arrays
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.release.fields import places_of, starts_of
from shopkeeper.settings import Positive, Share, Tuned
from shopkeeper.vocabulary import INTEREST, Mask, Rows, Scores, Seconds

Integers = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]


class SessionKnnConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """newest: sessions that an item leads to; length: events of a session that are kept, the newest; neighbours: the
    likest sessions, which speak; look_back: events of the present session that are asked, the newest; recency: what
    each of them counts against the one after it; across: what an event before the present visit counts; rarity: the
    power of an item's rarity, log(1 + sessions / its sessions), in likeness; shrinkage: rarity that a past session is
    credited with, so that a short one is not like everything; half_life_days: after which a session counts half;
    nearness: by which an item one place further away from the shared one counts less; preceding: what one before it
    counts against one behind it; again: what an item counts that the present session has met itself."""

    newest: Positive = 1_000
    length: Positive = 50
    neighbours: Annotated[Positive, Tuned(50, 2_000, log=True)] = 500
    look_back: Positive = 20
    recency: Annotated[Share, Tuned(0.2, 1.0)] = 0.5
    across: Annotated[Share, Tuned(0.0, 1.0)] = 0.0
    rarity: Annotated[float, Meta(ge=0.0), Tuned(0.0, 2.0)] = 1.0
    shrinkage: Annotated[float, Meta(ge=0.0), Tuned(0.0, 100.0)] = 20.0
    half_life_days: Annotated[float, Meta(gt=0.0)] = 60.0
    nearness: Annotated[Share, Tuned(0.5, 1.0)] = 0.85
    preceding: Share = 0.7
    again: Share = 1.0


@dataclass(frozen=True)
class Sessions:
    """s past sessions, numbered from the one that ended first, and what leads to them.

    starts int64 [s + 1]: the items of session number r are items[starts[r]:starts[r + 1]], int32, old to new, each
    where it was met last; people int32 [s]: whose whole history it is, -1 for a visit; ended float64 [s]: seconds, NaN
    without a clock; sizes float32 [s]: the lengths of the sessions as vectors of rarity. leads int64 [n_items + 1]: the
    newest sessions that met item i are numbers[leads[i]:leads[i + 1]], int32, ascending, and its place in each is
    places[leads[i]:leads[i + 1]], int32. rarity float32 [n_items]: what it tells that two sessions share an item.
    """

    starts: Integers
    items: Rows
    people: Rows
    ended: Seconds
    sizes: Scores
    leads: Integers
    numbers: Rows
    places: Rows
    rarity: Scores

    @classmethod
    def build(cls, trail: Trail, n_items: int, config: SessionKnnConfig) -> Sessions:
        """Of everyone's events: each person's and visit's are a session."""
        owners, people, ended = _owners(trail)
        order = np.argsort(owners, kind="stable")
        owners, items = _once(owners[order], trail.items[order])
        seen = np.bincount(items, minlength=n_items)
        rarity = (np.log1p(len(people) / np.maximum(seen, 1)) ** config.rarity).astype(np.float32)
        sizes = np.sqrt(np.bincount(owners, rarity[items].astype(np.float64) ** 2, minlength=len(people)))
        kept = _last(owners, len(people), config.length)
        owners, items = owners[kept], items[kept]
        starts = starts_of(np.bincount(owners, minlength=len(people)))
        met = np.argsort(items, kind="stable")  # of each item the sessions, old to new
        met = met[_last(items[met], n_items, config.newest)]
        leads = starts_of(np.bincount(items[met], minlength=n_items))
        numbers, places = owners[met].astype(np.int32), (met - starts[owners[met]]).astype(np.int32)
        return cls(starts, items, people, ended, sizes.astype(np.float32), leads, numbers, places, rarity)

    def save(self, directory: Path) -> None:
        save_arrays(directory, {f.name: getattr(self, f.name) for f in fields(self)})

    @classmethod
    def load(cls, directory: Path) -> Sessions:
        """Memory-mapped."""
        return cls(**{f.name: load_array(directory, f.name) for f in fields(cls)})


def _owners(trail: Trail) -> tuple[Integers, Rows, Seconds]:
    """The session number of each event int64 [n]; `people` and `ended` of each session."""
    keys = trail.users.astype(np.int64) * (int(trail.visits.max(initial=0)) + 2) + trail.visits + 1
    _, first, owners = np.unique(keys, return_index=True, return_inverse=True)
    ended = np.full(len(first), -np.inf)
    np.maximum.at(ended, owners, np.nan_to_num(trail.times, nan=-np.inf))
    order = np.lexsort((first, ended))
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(len(order))
    ended = np.where(np.isfinite(ended), ended, np.nan)
    people = np.where(trail.visits[first] < 0, trail.users[first], -1)
    return number[owners], people[order].astype(np.int32), ended[order]


def _once(owners: Integers, items: Rows) -> tuple[Integers, Rows]:
    """The items of sessions, each but the last time that its session met it. owners: ascending."""
    order = np.lexsort((items, owners))
    owner, item = owners[order], items[order]
    last = np.append((owner[1:] != owner[:-1]) | (item[1:] != item[:-1]), True)[: len(order)]
    kept = np.sort(order[last])
    return owners[kept], items[kept]


def _last(groups: npt.NDArray[np.integer[Any]], n: int, limit: int) -> Mask:
    """Which entries are among the last `limit` of their group: groups [m], ascending, of n."""
    ends = np.cumsum(np.bincount(groups, minlength=n))
    kept: Mask = ends[groups] - np.arange(len(groups)) <= limit
    return kept


class _Near(NamedTuple):
    """The sessions most like the present one: numbers int32 [k], likeness float64 [k]; which of the asked items is the
    newest that each shares, int64 [k], and its place in the session, int32 [k]."""

    numbers: Rows
    likeness: Values
    shared: Integers
    places: Rows


class SessionNeighbours:
    """A fitted source."""

    def __init__(
        self, name: str, reason: str, sessions: Sessions, catalogue: Catalogue, config: SessionKnnConfig
    ) -> None:
        """reason: to which “with …” is added where an item is to be named."""
        self.name, self._reason, self._sessions = name, reason, sessions
        self._catalogue, self._config = catalogue, config

    def retrieve(self, context: Context, limit: int) -> Candidates:
        asked, weights = self._asked(context)
        _, spoken, strength = self._said(context, asked, weights)
        rows, at = np.unique(spoken, return_inverse=True)
        met = np.isin(rows, asked)
        scores = np.bincount(at, strength, minlength=len(rows)) * np.where(met, self._config.again, 1.0)
        return Candidates.within(context, rows, scores, limit)

    def reason(self, context: Context, row: int) -> str:
        return self.reasons(context, np.array([row], np.int32))[0]

    def reasons(self, context: Context, rows: Rows) -> list[str]:
        """Each names the shared item by which most was said for the row."""
        asked, weights = self._asked(context)
        shared, spoken, strength = self._said(context, asked, weights)
        told = np.isin(spoken, rows)
        keys, at = np.unique(spoken[told].astype(np.int64) * max(len(asked), 1) + shared[told], return_inverse=True)
        strengths = np.bincount(at, strength[told], minlength=len(keys))
        order = np.argsort(strengths, kind="stable")  # of each row, the strongest comes last
        row_of, item_of = np.divmod(keys[order], max(len(asked), 1))
        names = dict(zip(row_of.tolist(), self._catalogue.names(asked[item_of]), strict=True))
        return [f"{self._reason} with “{names[row]}”" if row in names else self._reason for row in rows.tolist()]

    def save(self, directory: Path) -> None:
        self._sessions.save(directory)

    def _asked(self, context: Context) -> tuple[Rows, Values]:
        """The items by which sessions are sought, each once, the newest first, and how much each counts."""
        if len(context.anchors):
            return context.anchors, np.ones(len(context.anchors))
        told = interest_of(context.history_codes) > 0
        present = np.arange(len(told)) >= len(told) - len(context.session)
        rows, present = context.history[told][::-1], present[told][::-1]
        _, first = np.unique(rows, return_index=True)
        newest = np.sort(first)[: self._config.look_back]
        weights = np.power(self._config.recency, np.arange(len(newest)), dtype=np.float64)
        if len(newest) and present[newest[0]]:
            weights *= np.where(present[newest], 1.0, self._config.across)
        return rows[newest][weights > 0], weights[weights > 0]

    def _near(self, context: Context, asked: Rows, weights: Values) -> _Near:
        sessions, config = self._sessions, self._config
        owners, links = places_of(sessions.leads, asked)
        numbers, first, at = np.unique(sessions.numbers[links], return_index=True, return_inverse=True)
        shared = np.bincount(at, (weights * sessions.rarity[asked].astype(np.float64) ** 2)[owners], len(numbers))
        likeness = shared / (sessions.sizes[numbers] + config.shrinkage)
        likeness *= decay(sessions.ended[numbers], context.now, config.half_life_days)
        if context.user >= 0:
            likeness[sessions.people[numbers] == context.user] = 0.0  # nobody is their own neighbour
        best = np.lexsort((-numbers, -likeness))[: config.neighbours]
        return _Near(numbers[best], likeness[best], owners[first[best]], sessions.places[links[first[best]]])

    def _said(self, context: Context, asked: Rows, weights: Values) -> tuple[Integers, Rows, Values]:
        """What the nearest sessions say: the shared item (a place in `asked`), the row spoken for, and how much."""
        near, config = self._near(context, asked, weights), self._config
        owners, places = places_of(self._sessions.starts, near.numbers)
        steps = places - self._sessions.starts[near.numbers][owners] - near.places[owners]
        strength = near.likeness[owners] * config.nearness ** np.abs(steps)
        strength *= np.where(steps < 0, config.preceding, 1.0)
        return near.shared[owners], self._sessions.items[places], strength


class SessionKnn(Configured[SessionKnnConfig]):
    """The recipe of the source `session_knn`."""

    name, learns_from_events = "session_knn", True
    reason = "met in visits like yours"
    config_type = SessionKnnConfig
    when = "short visits of people who are mostly strangers: nothing to train, and what was done an hour ago speaks"

    def fit(self, material: Material) -> SessionNeighbours:
        """Raises SettingsError."""
        config = self.configured(material.settings)
        trail = trail_of(material.interactions.of_types(INTEREST), material.now, config.half_life_days)
        sessions = Sessions.build(self._divided(trail), len(material.catalogue), config)
        return self._source(sessions, material.catalogue, config)

    def load(self, directory: Path, release: ReleaseParts) -> SessionNeighbours:
        config = self.configured(release.settings)
        return self._source(Sessions.load(directory), release.catalogue, config)

    def _source(self, sessions: Sessions, catalogue: Catalogue, config: SessionKnnConfig) -> SessionNeighbours:
        return SessionNeighbours(self.name, self.reason, sessions, catalogue, config)

    def _divided(self, trail: Trail) -> Trail:
        """Told apart by `visits` what makes one session."""
        return trail
