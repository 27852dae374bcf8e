"""The requests that held-back events stand for: what a page would have asked, and what the person did next.

A surface's need says what its requests look like:

nothing  the person at some moment of a visit; wanted is what is new to them in the rest of the visit
items    an item looked at, and the next one that is new in the visit; for the surface "cart", what lay in the basket
         when an item was first looked at that was later put into it, and that item
query    a search, and what was clicked, put into the cart or bought from it
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.resources import files

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shopkeeper.data.duck import connect
from shopkeeper.data.schema import TIME
from shopkeeper.data.tables import Tables
from shopkeeper.engine.context import places_among
from shopkeeper.engine.interest import interest_of
from shopkeeper.learn.split import Part
from shopkeeper.settings import Surface
from shopkeeper.vocabulary import INTEREST, EventType, Ids, Request, Rows, Scores

Places = npt.NDArray[np.int64]  # of events

RETURNED = INTEREST[EventType.FAVOURITE]  # what a purchase is worth that was sent back: wanted, and not kept
FOLLOWED = {EventType.VIEW: "clicked", EventType.CART: "carted", EventType.PURCHASE: "bought"}
BASKET = (EventType.CART.code, EventType.PURCHASE.code)


@dataclass(frozen=True)
class Asked:
    """A request and its answer: rows int32 [w], unique, what the person wanted; gains float32 [w], the INTEREST of
    what they did with it, RETURNED for what was bought from a shelf and sent back (or a judge's grade). slate: the list
    that they were shown, "" unknown; `weight` counters that they saw some of it only for its place. judged: int32 rows
    that people have graded, where they have: the others are not known to be wrong."""

    request: Request
    rows: Rows
    gains: Scores
    slate: str = ""
    weight: float = 1.0
    judged: Rows | None = None


def requests_of(
    name: str, surface: Surface, part: Part, actors: Ids, items: Ids, *, limit: int, seed: int
) -> list[Asked]:
    """At most `limit` requests to a surface that needs no query, in order of time (by chance without a clock), a seeded
    sample where there are more."""
    if surface.sources == ("recent",):
        return []  # it shows what was seen already, and what comes next is no question to it
    generator = np.random.default_rng(seed)
    asking = _Asking(name, part, actors, items, generator)
    asked: list[Asked] = []
    if surface.needs == "nothing":
        asked = asking.visits(limit)
    elif surface.needs == "items":
        asked = asking.baskets(limit) if name == "cart" else asking.next_items(limit)
    mixed = [asked[at] for at in generator.permutation(len(asked))]
    return sorted(mixed, key=lambda one: one.request.time or 0.0)


def searches_of(name: str, searches: pa.Table, part: Part, items: Ids, *, limit: int, seed: int) -> list[Asked]:
    """The searches (schema SEARCHES) within the part's time that led to something, a seeded sample of at most `limit`,
    in order of time. Without a clock, searches have no time, and none belongs to a part."""
    if not part.all.has_clock or not len(searches):
        return []
    times = pc.divide(searches.column("time").cast(pa.int64()).cast(pa.float64()), 1e6).to_numpy()
    last = float(part.all.times[part.held].max())
    inside = np.flatnonzero((times >= part.now) & (times <= last))
    generator = np.random.default_rng(seed)
    asked: list[Asked] = []
    for at in generator.permutation(inside):
        if len(asked) == limit:
            break
        found = searches.slice(at, 1).to_pylist()[0]
        deeds = [(item, kind) for kind, column in FOLLOWED.items() for item in found[column]]
        rows = items.rows(item for item, _ in deeds)
        known, worth = rows >= 0, np.array([INTEREST[kind] for _, kind in deeds], np.float32)
        if known.any():
            request = Request(surface=name, query=found["query"], user=found["actor"], time=float(times[at]))
            asked.append(Asked(request, *_best(rows[known], worth[known]), slate=found["slate_id"] or ""))
    return sorted(asked, key=lambda one: one.request.time or 0.0)


def judgements_of(judgements: pa.Table, items: Ids) -> list[Asked]:
    """One search for each query that people have graded; wanted is what was not given the lowest grade."""
    queries = np.asarray(judgements.column("query").to_pylist(), dtype=object)
    rows = items.rows(judgements.column("item_id").to_pylist())
    grades = judgements.column("grade").to_numpy().astype(np.float32)
    grades -= grades.min() if len(np.unique(grades)) > 1 else 0
    asked = []
    order = np.argsort(queries, kind="stable")
    order = order[rows[order] >= 0]
    ends = np.flatnonzero(queries[order][1:] != queries[order][:-1]) + 1
    for here in np.split(order, ends) if len(order) else ():
        query = queries[here[0]]
        judged, first = np.unique(rows[here], return_index=True)
        gains = grades[here][first]
        if (gains > 0).any():
            request = Request(surface="search", query=str(query))
            asked.append(Asked(request, judged[gains > 0], gains[gains > 0], judged=judged))
    return asked


def with_visits(asked: Sequence[Asked], tables: Tables) -> list[Asked]:
    """The same requests, each with the session and the device of what was done at its moment, where they are known:
    served requests say both, and what a visitor did before signing in is found by the session."""
    times = np.array([one.request.time or np.nan for one in asked])
    places = np.flatnonzero(~np.isnan(times))
    moments = pa.table(
        {
            "place": places,
            "actor": pa.array([asked[at].request.user for at in places.tolist()], pa.string()),
            "time": pa.array(np.rint(times[places] * 1e6).astype(np.int64)).cast(TIME),
        }
    )
    statement = files("shopkeeper.learn").joinpath("moments.sql").read_text(encoding="utf-8")
    with connect() as database:
        database.register("events", tables.events(["actor", "time", "session_id", "attributes"]))
        database.register("asked", moments)
        said = {place: told for place, *told in database.sql(statement).fetchall()}
    known = [said.get(at, (None, None)) for at in range(len(asked))]
    return [
        replace(one, request=msgspec.structs.replace(one.request, session=session, device=device))
        for one, (session, device) in zip(asked, known, strict=True)
    ]


class _Asking:
    """Makes the requests of one surface from one part."""

    def __init__(self, name: str, part: Part, actors: Ids, items: Ids, generator: np.random.Generator) -> None:
        self.name, self.part, self.actors, self.items, self.generator = name, part, actors, items, generator
        self.all = part.all
        persons = self.all.sessions.max(initial=-1) + 1 + self.all.users  # who has no visits makes one
        self.visits_of = np.where(self.all.sessions >= 0, self.all.sessions, persons)
        _, at, key = np.unique(self._keys(np.arange(len(self.all))), return_index=True, return_inverse=True)
        self.first = at[key]  # of each event, the first event of the same item in the same visit
        back = part.history.of_types((EventType.RETURN,))
        self.returned, at = np.unique(self._owned(back.users, back.items), return_inverse=True)
        self.returned_last = np.full(len(self.returned), -np.inf)
        np.maximum.at(self.returned_last, at, back.times)

    def _keys(self, events: Places) -> Places:
        """One number for each pair of a visit and an item."""
        return self.visits_of[events].astype(np.int64) * len(self.items) + self.all.items[events]

    def _owned(self, users: Rows, items: Rows) -> Places:
        """One number for each pair of a person and an item."""
        return users.astype(np.int64) * len(self.items) + items

    def _worth(self, events: Places) -> Scores:
        """float32 [k]: how much each event is worth."""
        codes, times = self.all.codes[events], self.all.times[events]
        at = places_among(self.returned, self._owned(self.all.users[events], self.all.items[events]))
        back = (codes == EventType.PURCHASE.code) & (at >= 0)
        back[back] = self.returned_last[at[back]] > times[back]
        return np.where(back, np.float32(RETURNED), interest_of(codes))

    def visits(self, limit: int) -> list[Asked]:
        held = np.flatnonzero(self.part.held)
        begins, lengths = _runs(self.all.users[held], self.visits_of[held])
        asked = []
        for run in self._sample(len(begins), limit):
            visit = held[begins[run] : begins[run] + lengths[run]]
            moment = self.all.times[visit[self.generator.integers(len(visit))]]
            at = int(visit[np.argmax(self.all.times[visit] == moment)])  # what happens at once is not yet history
            before = self.all.items[self.all.of(int(self.all.users[at])).start : at]
            rest = visit[(visit >= at) & (interest_of(self.all.codes[visit]) > 0)]
            new = rest[~np.isin(self.all.items[rest], before)]
            if len(new):
                asked.append(self._asked(at, new))
        return asked

    def next_items(self, limit: int) -> list[Asked]:
        held = np.flatnonzero(self.part.held)
        held = held[held > 0]
        together = (self.visits_of[held] == self.visits_of[held - 1]) & (self.first[held] == held)
        pairs = held[together & (interest_of(self.all.codes[held]) > 0)]
        chosen = pairs[self._sample(len(pairs), limit)]
        return [self._asked(int(at), np.array([at]), self.all.items[at - 1 : at]) for at in chosen]

    def baskets(self, limit: int) -> list[Asked]:
        """From each visit (or order) with a basket, one item that came into sight when another lay in it. Later the
        answer would be before everyone's eyes."""
        inside = np.flatnonzero(np.isin(self.all.codes, BASKET) & (self.all.sessions >= 0))
        _, entered = np.unique(self._keys(inside), return_index=True)  # by visit, and by item
        entries = inside[entered]
        begins, lengths = _runs(self.visits_of[entries], self.visits_of[entries])
        several = np.flatnonzero(lengths > 1)
        asked: list[Asked] = []
        for run in several[self.generator.permutation(len(several))]:
            if len(asked) == limit:
                break
            basket = entries[begins[run] : begins[run] + lengths[run]]
            for entry in self.generator.permutation(basket[self.part.held[basket]]):
                at = int(self.first[entry])
                there = basket[(basket != entry) & ((basket < at) | (self.all.times[basket] <= self.all.times[at]))]
                if len(there):
                    wanted = np.array([entry])
                    asked.append(self._asked(at, wanted, self.all.items[there]))
                    break
        return asked

    def _sample(self, n: int, limit: int) -> Places:
        chosen = np.arange(n) if n <= limit else self.generator.choice(n, limit, replace=False)
        return np.sort(chosen)

    def _asked(self, at: int, wanted: Places, anchors: Rows | None = None) -> Asked:
        """The request just before event `at`, for the items of the events `wanted`."""
        rows, gains = _best(self.all.items[wanted], self._worth(wanted))
        time = float(self.all.times[at])
        request = Request(
            surface=self.name,
            user=self.actors.id(int(self.all.users[at])),
            items=tuple(self.items.ids(anchors)) if anchors is not None else (),
            time=self.part.now if np.isnan(time) else time,
        )
        return Asked(request, rows, gains)


def _best(rows: Rows, gains: Scores) -> tuple[Rows, Scores]:
    """Each row once, with the most that was done with it."""
    unique, at = np.unique(rows, return_inverse=True)
    most = np.zeros(len(unique), np.float32)
    np.maximum.at(most, at, gains)
    return unique, most


def _runs(first: Rows, second: Rows) -> tuple[Places, Places]:
    """Where runs of equal (first, second) begin, and how long they are."""
    if not len(first):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    begins = np.flatnonzero(np.append(True, (first[1:] != first[:-1]) | (second[1:] != second[:-1])))
    return begins, np.diff(np.append(begins, len(first)))
