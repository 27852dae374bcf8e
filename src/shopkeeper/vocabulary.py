"""What every room speaks: Item, User, Event, Request, Slate, and the translation between ids and rows.

An *id* is the shop's own string. A *row* is our integer, the position of an item (or user) in a release.
The two never share a name: `item` and `item_id` are ids, `row` and `rows` are integers.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Annotated, Any, Literal, Protocol

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from msgspec import Meta

Rows = npt.NDArray[np.int32]
Scores = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Seconds = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int8]

UNKNOWN_ROW = -1

# A page makes links of these: none may run a script, and no path may lead elsewhere, as browsers read "//host".
_LINK = r"(https?://.*|/([^/\\\s].*)?)"
Link = Annotated[str, Meta(max_length=2_000, pattern=f"^{_LINK}$", description="an http address, or a path")]
Address = Annotated[str, Meta(max_length=2_000, pattern=f"^{_LINK}?$", description="http, a path, or nothing")]


class EventType(StrEnum):
    """What a person did. `code` is the int8 that arrays hold."""

    IMPRESSION = "impression"
    SEARCH = "search"
    VIEW = "view"
    FAVOURITE = "favourite"
    CART = "cart"
    UNCART = "uncart"
    PURCHASE = "purchase"
    RETURN = "return"
    RATING = "rating"
    REDEEM = "redeem"

    @property
    def code(self) -> int:
        return EVENT_CODES[self]


EVENT_CODES: dict[EventType, int] = {kind: code for code, kind in enumerate(EventType)}
EVENT_TYPES: tuple[EventType, ...] = tuple(EventType)
# The events by which a person shows interest in an item, and how much (relative, a view being 1).
INTEREST: dict[EventType, float] = {
    EventType.VIEW: 1.0,
    EventType.FAVOURITE: 2.0,
    EventType.CART: 3.0,
    EventType.PURCHASE: 4.0,
    EventType.RATING: 2.0,
    EventType.REDEEM: 2.0,
}


class Item(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A product, an article, a coupon: anything that can stand on a shelf. `price` is in `currency` units."""

    id: str
    title: str = ""
    description: str = ""
    brand: str | None = None
    categories: tuple[str, ...] = ()
    price: float | None = None
    currency: str | None = None
    stock: float | None = None
    available: bool = True
    image: str | None = None
    url: str | None = None
    launched: float | None = None
    attributes: dict[str, Any] = {}


class User(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A person the shop knows."""

    id: str
    attributes: dict[str, Any] = {}


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something a person did. `time` is in seconds since the epoch (UTC); `id` makes delivery idempotent."""

    id: str
    type: EventType
    time: float | None = None
    user: str | None = None
    session: str | None = None
    item: str | None = None
    query: str | None = None
    quantity: float | None = None
    price: float | None = None
    rating: float | None = None
    order: str | None = None
    slate: str | None = None
    position: int | None = None
    attributes: dict[str, Any] = {}


class Request(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a page asks for. Search is a surface with a query; a shelf is a surface without one.

    `items` are the anchors: the product looked at (similar), the cart's content (cart).
    `sort` are fields by commas, "-" before one for descending, or distance(location, latitude, longitude); empty is by
    relevance. `time` defaults to now. A `size` of 0 asks for the total and the facets alone. `after` is the `next` of
    an earlier answer: what follows it, and nothing that was shown. `group_by` names a field of which each value is
    shown once, by its best item, or "product" for the variants of one.

    `refinements` are what was chosen in facets: by field, values of which any may hold, or ranges of a number
    ("10..50", "10..<50", "..50", "50.."). They narrow as `filter` does, but a facet is counted as if its own did not.
    Of a facet, `max_values` are given, by `facet_order` ("count" or "alphabet"); of a field in `facet_queries` those
    that contain a text, of a number in `facet_ranges` these ranges.

    `segments` are what the shop calls its person, for rules with an audience. `verbatim` insists on the words of the
    query as they are written; `snippets` asks for the passages of the descriptions that hold them. `without` are the
    ids of chips that the shopper took away: their words are plain words again.

    `picture` is a file, as it is; `like`, by what of it, or of the anchors, the surface `picture` finds items.
    """

    surface: str = "search"
    query: str = ""
    user: str | None = None
    session: str | None = None
    items: tuple[str, ...] = ()
    filter: str = ""
    sort: str = ""
    size: int = 24
    offset: int = 0
    facets: tuple[str, ...] = ()
    refinements: dict[str, tuple[str, ...]] = {}
    max_values: int = 10
    facet_order: str = "count"
    facet_queries: dict[str, str] = {}
    facet_ranges: dict[str, tuple[str, ...]] = {}
    group_by: str = ""
    after: str = ""
    time: float | None = None
    device: str | None = None
    segments: tuple[str, ...] = ()
    verbatim: bool = False
    snippets: bool = False
    without: tuple[str, ...] = ()
    picture: bytes = b""
    like: Literal["all", "colour", "shape"] = "all"


class Reason(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why an item is there: the source that brought it, in words, with the source's rank (1 is first)."""

    source: str
    text: str
    rank: int | None = None


class Placement(msgspec.Struct, frozen=True, kw_only=True):
    """One item at one position (1 is first). `propensity` is the probability with which it was put there, between 0
    and 1: below 1 where the shop explores. `others`: how many more items match of the group that it stands for."""

    item: Item
    position: int
    score: float
    reasons: tuple[Reason, ...] = ()
    propensity: float = 1.0
    others: int = 0


class Snippet(msgspec.Struct, frozen=True):
    """A passage of a text, and where in it the words of the query stand: (begin, end) in characters, ascending."""

    text: str
    marks: tuple[tuple[int, int], ...] = ()


class FacetValue(msgspec.Struct, frozen=True):
    value: str
    count: int


class FacetRange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The items whose number lies in a range. `value` is the range as `Request.refinements` takes it: "10..<50"."""

    value: str
    count: int
    minimum: float | None = None
    maximum: float | None = None


class Banner(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a merchant shows above an answer: plain text, never HTML; an image and a link, each an http address or a
    path."""

    text: str = ""
    image: Address = ""
    link: Address = ""


class Facet(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the matching items divide by one field: counted values, of which there are `n_values`, and of a numeric field
    the least and the greatest number, their `mean` and `sum`, and ranges that ascend. Values of "category_path" are
    paths ("Home > Mugs"): the first level, and what lies directly below each node of a chosen path."""

    name: str
    values: tuple[FacetValue, ...] = ()
    n_values: int = 0
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    sum: float | None = None
    ranges: tuple[FacetRange, ...] = ()


class Chip(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the query was understood to ask for besides words: that `field` has `value`.

    `id` is what a request names in `without` to refuse it. `text` is query[start:end], the words that say so; empty
    where the query as a whole does. `confidence` is how likely the shopper means it, between 0 and 1. `applied` is one
    of "filter" (nothing else is shown), "boost" (what agrees stands higher) and "sort"; `filter` says the same in the
    filter language, and is empty for a sort.
    """

    id: str
    field: str
    value: str
    text: str = ""
    start: int = 0
    end: int = 0
    confidence: float
    applied: str
    filter: str = ""


class Slate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An answer. `total` counts the items that match, or their groups; `timings` are milliseconds by stage. `matched`
    are the words in the placements' titles and brands by which they match the query, folded: what a page marks. `next`
    is what a request for the next page says in `after`; empty on the last. `rules` are the ids of the merchant's rules
    that held, `redirect` is where they send the person instead, "" for nowhere."""

    """An answer. `total` counts the items that match; `timings` are milliseconds by stage. `matched` are the words in
    the placements' titles and brands by which they match the query, folded: what a page marks. `corrected` is the query
    as it was read, where not as written; `did_you_mean` another one that may be meant; `dropped` are the words of the
    query that were passed over, as nothing has all of them; `snippets`, where they were asked for, are of the
    descriptions of the placements, in their order. `understood` is what the query asks for besides its words."""

    id: str
    surface: str
    placements: tuple[Placement, ...] = ()
    total: int = 0
    facets: tuple[Facet, ...] = ()
    matched: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    redirect: str = ""
    banners: tuple[Banner, ...] = ()
    corrected: str = ""
    did_you_mean: str = ""
    dropped: tuple[str, ...] = ()
    snippets: tuple[Snippet, ...] = ()
    understood: tuple[Chip, ...] = ()
    notes: tuple[str, ...] = ()
    next: str = ""
    release: str = ""
    variant: str = ""
    timings: dict[str, float] = {}
    candidates: dict[str, int] = {}


class Suggestion(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Words to search for. text[start:end] is what was typed, or stands for it (nothing where both are 0): the rest
    completes it. `category`: where to look for them, if not everywhere."""

    text: str
    start: int = 0
    end: int = 0
    category: str | None = None


class Suggested(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is offered to somebody who types, the best of each kind first. `recent` are this very person's searches;
    `products` hold what a line shows of an item: no description, no attributes."""

    query: str
    queries: tuple[Suggestion, ...] = ()
    products: tuple[Item, ...] = ()
    categories: tuple[Suggestion, ...] = ()
    brands: tuple[Suggestion, ...] = ()
    recent: tuple[Suggestion, ...] = ()
    release: str = ""


class Shown(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A slate as it was shown, for the log: items[i] stood at position `offset` + i + 1 with propensities[i]. total:
    how many matched, where no filter or facet narrowed them; dropped: words of the query that were passed over."""

    slate: str
    surface: str
    time: float
    items: tuple[str, ...]
    propensities: tuple[float, ...]
    offset: int = 0
    user: str | None = None
    session: str | None = None
    query: str = ""
    release: str = ""
    variant: str = ""
    total: int | None = None
    dropped: tuple[str, ...] = ()


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The shop's newer word on one item: the whole `item`, or else that it is `deleted`, or else the figures that are
    not None. `time` is in seconds since the epoch (UTC)."""

    id: str
    time: float
    item: Item | None = None
    deleted: bool = False
    price: float | None = None
    stock: float | None = None
    available: bool | None = None

    def then(self, later: Change) -> Change:
        """What holds after a later word on the same item: a whole item or a deletion replaces all, figures are laid
        over what was said before, and nothing but a whole item brings back what was deleted."""
        if later.item is not None or later.deleted:
            return later
        if self.deleted:
            return self
        if self.item is not None:
            return msgspec.structs.replace(self, time=later.time, item=later.applied_to(self.item))
        return msgspec.structs.replace(self, time=later.time, **later.figures)

    @property
    def figures(self) -> dict[str, Any]:
        """Those that are told. Stock decides whether an item can be had, where nothing else does."""
        told = {name: said for name in ("price", "stock", "available") if (said := getattr(self, name)) is not None}
        return {"available": told["stock"] > 0, **told} if "stock" in told else told

    def news_of(self, known: Item) -> Change:
        """The same word to one who knows the item: figures alone, perhaps none, where it tells nothing else anew."""
        if self.item is None:
            return self
        told = {name: getattr(self.item, name) for name in ("price", "stock", "available")}
        forgotten = any(said is None and getattr(known, name) is not None for name, said in told.items())
        if forgotten or msgspec.structs.replace(known, **told) != self.item:
            return self
        new = any(said != getattr(known, name) for name, said in told.items())
        return Change(id=self.id, time=self.time, **(told if new else {}))

    def applied_to(self, item: Item) -> Item:
        """The item after the change, where it is no deletion."""
        return self.item or msgspec.structs.replace(item, **self.figures)


class Explanation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why an item stands where it stands, or why it is absent.

    `verdict` is one of "shown", "ranked", "filtered", "not a candidate", "unknown item"; `text` says it in a sentence.
    `understood` is what the query was understood to ask for besides its words.
    """

    item: str
    surface: str
    verdict: str
    text: str
    rank: int | None = None
    score: float | None = None
    reasons: tuple[Reason, ...] = ()
    features: dict[str, float] = {}
    understood: tuple[Chip, ...] = ()


class Ids:
    """Translates between ids (strings) and rows (integers). Order is that of the ids given; duplicates are an error.

    texts: large_string [n], by row. hashes uint32 [n], ascending, and by_hash int32 [n], the row of each: how an id is
    found. All three can lie in mapped files, so that millions of ids are there at once and take no memory of their own.
    """

    __slots__ = ("by_hash", "hashes", "texts")

    def __init__(self, ids: Iterable[str]) -> None:
        self.texts: pa.LargeStringArray = pa.array(ids, pa.large_string())
        if len(self.texts.unique()) != len(self.texts):
            raise ValueError("ids must be unique")
        hashes = np.fromiter(map(id_hash, self), np.uint32, len(self.texts))
        self.by_hash: Rows = np.argsort(hashes, kind="stable").astype(np.int32)
        self.hashes: npt.NDArray[np.uint32] = hashes[self.by_hash]

    @classmethod
    def found_by(cls, texts: pa.LargeStringArray, hashes: npt.NDArray[np.uint32], by_hash: Rows) -> Ids:
        """Of the arrays that another one had."""
        ids = cls.__new__(cls)
        ids.texts, ids.hashes, ids.by_hash = texts, hashes, by_hash
        return ids

    def __len__(self) -> int:
        return len(self.texts)

    def __contains__(self, id_: object) -> bool:
        return isinstance(id_, str) and self.row(id_) != UNKNOWN_ROW

    def __iter__(self) -> Iterator[str]:
        return iter(self.texts.to_pylist())

    def row(self, id_: str) -> int:
        """The row of an id, UNKNOWN_ROW (-1) when it is not known."""
        return next((row for row in self.rows_hashed(id_hash(id_)) if self.id(row) == id_), UNKNOWN_ROW)

    def rows_hashed(self, hash_: int) -> Iterator[int]:
        """The rows of which the ids have this `id_hash`."""
        at = int(self.hashes.searchsorted(np.uint32(hash_)))
        while at < len(self.hashes) and self.hashes[at] == hash_:
            yield int(self.by_hash[at])
            at += 1

    def rows(self, ids: Iterable[str]) -> Rows:
        """int32 [len(ids)] in the caller's order; UNKNOWN_ROW (-1) marks unknown ids."""
        return np.fromiter(map(self.row, ids), dtype=np.int32)

    def id(self, row: int) -> str:
        return str(self.texts[row])

    def ids(self, rows: Sequence[int] | Rows) -> list[str]:
        return [self.id(row) for row in rows]


def id_hash(id_: str) -> int:
    """32 bits."""
    return zlib.crc32(id_.encode(errors="surrogatepass"))  # what is no text is asked for, and not found


class Progress(Protocol):
    """Told how far long work has come: `done` of `total` in `stage`; a total of 0 is not known yet. After ": ", a stage
    may say how it stands: what precedes is the stage."""

    def __call__(self, stage: str, done: int, total: int) -> None: ...


def silent(stage: str, done: int, total: int) -> None:
    """The progress that nobody watches."""
