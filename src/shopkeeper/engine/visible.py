"""What may be told to those who see only some of the items, as the filter of their key has it: nothing that only hidden
items have. `visible` is bool [n_items]; where it is None, everything is seen, and nothing done."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from shopkeeper.engine.filters import Masks
from shopkeeper.engine.sources.lexical import LexicalSource
from shopkeeper.engine.text import fold
from shopkeeper.engine.understanding import PRICE, Reading
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.vocabulary import Facet, Mask


def told_readings(readings: Sequence[Reading], visible: Mask | None, masks: Masks) -> Sequence[Reading]:
    """A price or an order follows from the words alone; the others say what some item has."""
    if visible is None:
        return readings
    return [
        each for each in readings if not each.filter or each.kind == PRICE or (masks.mask(each.filter) & visible).any()
    ]


def told_words(said: str, query: str, visible: Mask | None, text: LexicalSource) -> str:
    """The words, if some item has each of them that is not of the query; else none."""
    if visible is None or not said:
        return said
    own = set(fold(query).split())
    new = [word for word in fold(said).split() if word not in own]
    return said if all(text.matches(word, visible, 1, verbatim=True)[1] for word in new) else ""


def told_facets(facets: tuple[Facet, ...], visible: Mask | None, catalogue: Catalogue) -> tuple[Facet, ...]:
    """Of the values that are shown because they are chosen, those that some item has."""
    if visible is None:
        return facets
    return tuple(
        msgspec.structs.replace(
            facet,
            values=tuple(
                each
                for each in facet.values
                if each.count or visible[catalogue.labels.rows_with(facet.name, each.value)].any()
            ),
        )
        for facet in facets
    )
