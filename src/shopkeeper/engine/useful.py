"""Which of hundreds of attributes are worth a facet: those that divide an answer best."""

from __future__ import annotations

import re
from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from shopkeeper.release.catalogue import Catalogue
from shopkeeper.release.facts import IMPLIED, PATH
from shopkeeper.release.fields import Codes, LabelMap, fold_text
from shopkeeper.vocabulary import Mask, Rows

Positions = npt.NDArray[np.int64]

MAX_USEFUL = 8
SEEN_VALUES = 10  # of a field: a shopper who looks for the eleventh searches for it
SAMPLED = 2_000  # items by which fields are chosen; they are counted over all
RAREST = 1 / 200  # a value of fewer items says little of how an answer divides
KNOWN = 0.1
ALIKE = 0.85
LONGEST, FEW = 40, 3  # characters, and commas
MEASURES = re.compile(r"-?[\d.]+( ?\D{0,3} ?(-|–|to|/) ?-?[\d.]+\D{0,3}|( ?[x×*] ?[\d.]+){2,}\D{0,3})", re.IGNORECASE)
FIRST = ("category", "brand")  # what shoppers look for first, where it divides at all


def useful(catalogue: Catalogue, rows: Rows, chosen: Collection[str] = ()) -> list[str]:
    """The at most MAX_USEFUL fields that divide rows int32 [k] best, and those of `chosen`, names folded, as whoever
    chose must be able to choose otherwise: price, category and brand first, then by worth.

    A field is worth the entropy of its SEEN_VALUES most frequent values: little where few items know it, where all say
    the same, and where each says something else. Left out are fields that fewer than KNOWN of the items have, those
    whose values are no words that people choose by, and those that divide as one of more worth does.
    """
    sample = rows[:: max(1, len(rows) // SAMPLED)]
    best = _best(catalogue.labels, sample)
    prices = catalogue.prices[sample]
    names = ["price"] if np.unique(prices[~np.isnan(prices)]).size > 1 or "price" in chosen else []
    names += [name for name in FIRST if name in best or name in chosen]
    if PATH in catalogue.labels and ("category" in names or PATH in chosen):
        names = [name for name in names if name != "category" or name in chosen]
        names.insert(names.index("price") + 1 if "price" in names else 0, PATH)
    names += [name for name in best if name not in (*FIRST, *IMPLIED)]
    shown = names[:MAX_USEFUL]
    missing = set(chosen) - set(map(fold_text, shown))
    return [*shown, *(name for name in catalogue.field_names if fold_text(name) in missing)] if missing else shown


def _best(labels: LabelMap, sample: Rows) -> list[str]:
    """The label fields, by worth."""
    owners, codes = labels.gather(sample)
    found, at, counts = np.unique(codes, return_inverse=True, return_counts=True)
    fields = labels.field_of(found)
    positions = _by_worth(fields, counts, len(sample), len(labels))
    own_fields = fields[at]
    kept: dict[str, Rows] = {}
    for position in sorted(positions, key=lambda position: labels.names[position] not in FIRST):
        name = labels.names[position]
        mine = np.flatnonzero(own_fields == position)
        said = np.full(len(sample), -1, np.int32)
        said[owners[mine]] = codes[mine]
        if name not in FIRST:
            if name in IMPLIED or not _is_chosen_by(labels, found, counts, fields == position):
                continue
            if any(_divides_alike(said, other) for other in kept.values()):
                continue
        kept[name] = said
        if len(kept) == MAX_USEFUL + len(FIRST):
            break
    return list(kept)


def _by_worth(fields: Positions, counts: Positions, n_items: int, n_fields: int) -> list[int]:
    """The positions of the fields that are worth anything, of values that stand in `fields` and are held `counts`
    times, both int64 [v]."""
    known = np.bincount(fields, counts, minlength=n_fields) / max(1, n_items)
    common = counts >= max(2.0, RAREST * n_items)
    owners, counts = fields[common], counts[common]
    by_field = np.lexsort((-counts, owners))
    owners, shares = owners[by_field], counts[by_field] / max(1, n_items)
    places = np.arange(len(owners)) - np.searchsorted(owners, owners)  # a value's place within its field
    worth = np.bincount(owners, np.where(places < SEEN_VALUES, -shares * np.log(shares), 0.0), minlength=n_fields)
    worth[(np.bincount(owners, minlength=n_fields) < 2) | (known < KNOWN)] = 0.0
    best: list[int] = np.argsort(-worth, kind="stable")[: np.count_nonzero(worth > 0.0)].tolist()
    return best


def _is_chosen_by(labels: LabelMap, codes: Codes, counts: Positions, own: Mask) -> bool:
    """Whether most of a field's frequent values are numbers or short words: nobody chooses by "-20 - 40", by
    "370 x 139 x 19.6", by a sentence or by a long list."""
    top = np.flatnonzero(own)[np.argsort(-counts[own], kind="stable")[:SEEN_VALUES]]
    texts = labels.texts_of(codes[top])
    plain = sum(len(text) <= LONGEST and text.count(",") < FEW and MEASURES.fullmatch(text) is None for text in texts)
    return 2 * plain > len(texts)


def _divides_alike(one: Rows, other: Rows) -> bool:
    """Whether the values (int32 [k], -1 none) of most items that have both follow from each other."""
    both = np.flatnonzero((one >= 0) & (other >= 0))
    if 2 * len(both) < min(np.count_nonzero(one >= 0), np.count_nonzero(other >= 0)):
        return False
    pairs, counts = np.unique(one[both].astype(np.int64) << 32 | other[both], return_counts=True)
    return all(_purity(values, counts) >= ALIKE * len(both) for values in (pairs >> 32, pairs & 0xFFFFFFFF))


def _purity(values: Positions, counts: Positions) -> int:
    """How many items have, with one of `values` [p], what most with that value have."""
    _, at = np.unique(values, return_inverse=True)
    most = np.zeros(len(values), np.int64)
    np.maximum.at(most, at, counts)
    return int(most.sum())
