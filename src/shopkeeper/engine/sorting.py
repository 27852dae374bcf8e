"""The order that a request asks for: "-price, brand", or "distance(location, 48.85, 2.35)"."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shopkeeper.engine.geography import Place, distances, place_of
from shopkeeper.engine.ranking.statistics import Statistics
from shopkeeper.errors import RequestError, did_you_mean
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.release.fields import fold_texts
from shopkeeper.vocabulary import Rows, Seconds

POPULARITY, TITLE, DISTANCE = "popularity", "title", "distance"
MAX_KEYS = 5
PART = re.compile(r"(?:[^,()]|\([^()]*\))+")
FAR = re.compile(rf"{DISTANCE}\s*\(\s*(?P<name>[^,()]+),(?P<latitude>[^,()]+),(?P<longitude>[^,()]+)\)", re.IGNORECASE)


class Key(NamedTuple):
    """One of the fields by which items are sorted; `centre` where it is by the distance from there."""

    name: str
    descends: bool = False
    centre: Place | None = None


def first_sorted(sort: str, rows: Rows, needed: int, catalogue: Catalogue, statistics: Statistics) -> Rows:
    """The first `needed` of rows int32 [k], ascending, as `sort` has it, and perhaps more; equals stay in their order.
    Unknown values stand last either way.

    Raises RequestError when `sort` names what items cannot be sorted by.
    """
    first, *others = keys_of(sort, catalogue)
    values = _values(first, rows, catalogue, statistics)
    if 0 < needed < len(rows) // 4:
        edge = np.partition(values, needed - 1)[needed - 1]
        if not np.isnan(edge):
            kept = np.flatnonzero(values <= edge)  # every tie at the edge, as the other keys decide among them
            rows, values = rows[kept], values[kept]
    columns = [values, *(_values(key, rows, catalogue, statistics) for key in others)]
    return rows[np.lexsort(columns[::-1])]


def sort_values(sort: str, rows: Rows, catalogue: Catalogue, statistics: Statistics) -> Seconds:
    """float64 [k]: by which `first_sorted` has rows int32 [k] ascend before all else; NaN unknown. Raises
    RequestError."""
    return _values(keys_of(sort, catalogue)[0], rows, catalogue, statistics)


def keys_of(sort: str, catalogue: Catalogue) -> list[Key]:
    """Raises RequestError."""
    name = sort.removeprefix("-").strip()
    whole = Key(name, sort.startswith("-"))
    if _is_sortable(name, catalogue):  # whatever signs its name holds
        return [whole]
    keys = [_read(part.strip(), catalogue) for part in PART.findall(sort) if part.strip()]
    if not 0 < len(keys) <= MAX_KEYS:
        raise RequestError(f"a sort by {len(keys)} fields", where="sort", expected=f"1 to {MAX_KEYS} of them")
    return keys


def _read(part: str, catalogue: Catalogue) -> Key:
    name, descends = part.removeprefix("-").strip(), part.startswith("-")
    if _is_sortable(name, catalogue):
        return Key(name, descends)
    if far := FAR.fullmatch(name):
        centre = place_of(far["latitude"], far["longitude"])
        if centre is None:
            expected = "a latitude and a longitude, such as distance(location, 48.85, 2.35)"
            raise RequestError(f"{name!r} names no place on earth", where="sort", expected=expected)
        return Key(far["name"].strip(), descends, centre)
    raise RequestError(
        f"items cannot be sorted by {name!r}",
        where="sort",
        expected='fields by commas, "-" before one to descend, such as price, "-price, brand" or -popularity',
        remedy=did_you_mean(name, [*catalogue.field_names, POPULARITY, TITLE]),
    )


def _is_sortable(name: str, catalogue: Catalogue) -> bool:
    return name in catalogue.numbers or name in catalogue.labels or name.casefold() in (POPULARITY, TITLE)


def _values(key: Key, rows: Rows, catalogue: Catalogue, statistics: Statistics) -> Seconds:
    """float64 [k]: by which the rows ascend, NaN unknown."""
    if key.centre is not None:
        values = distances(catalogue, key.name, key.centre, rows, "sort")
    elif key.name in catalogue.numbers:
        values = catalogue.numbers.of(key.name, rows).astype(np.float64)
    elif key.name in catalogue.labels:
        values = _alphabetic(key.name, rows, catalogue)
    elif key.name.casefold() == TITLE:
        values = _ranks(fold_texts(pa.array(catalogue.names(rows), pa.string())))
    else:
        values = statistics.interest[rows].astype(np.float64)
    return -values if key.descends else values


def _alphabetic(name: str, rows: Rows, catalogue: Catalogue) -> Seconds:
    """By the first value that each row has of a label field."""
    labels = catalogue.labels[name]
    owners, codes = labels.of(rows)
    firsts = np.flatnonzero(np.diff(owners, prepend=-1))
    found, at = np.unique(codes[firsts], return_inverse=True)
    texts = pa.array([labels.values[code] for code in found.tolist()], pa.string())
    values = np.full(len(rows), np.nan)
    values[owners[firsts]] = _ranks(fold_texts(texts))[at]
    return values


def _ranks(texts: pa.Array) -> Seconds:
    """The place of each text among all: the same for equal ones."""
    ranks: Seconds = pc.rank(texts, tiebreaker="min").to_numpy().astype(np.float64)
    return ranks
