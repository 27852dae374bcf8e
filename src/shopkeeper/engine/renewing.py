"""An engine after items came or changed, between one training and the next."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from shopkeeper.data.schema import items_table
from shopkeeper.engine.browsing import Overview
from shopkeeper.engine.context import FittedSource, Material, updated
from shopkeeper.engine.policies import Policies
from shopkeeper.release.catalogue import Catalogue
from shopkeeper.release.overlay import LiveCatalogue, lay_over
from shopkeeper.vocabulary import UNKNOWN_ROW, Change, Rows, Seconds

if TYPE_CHECKING:
    from shopkeeper.engine.pipeline import Engine

READ_AT_ONCE = 32  # new items whose meaning an update waits for: about a third of a second


def renewed(engine: Engine, changes: Sequence[Change]) -> Engine:
    """As `Engine.updated` has it."""
    changes = list(_news(engine.catalogue, changes))
    newer = copy.copy(engine)
    live = engine.catalogue if isinstance(engine.catalogue, LiveCatalogue) else lay_over(engine.catalogue)
    newer.catalogue = live = live.after(changes)
    newer.policies = Policies(live, engine.settings, engine.policies.rules.book)
    newer.overview = Overview(live)
    times = {change.id: change.time for change in changes if change.item is not None}
    newer.unread = (*(id_ for id_ in engine.unread if id_ not in times), *list(times)[READ_AT_ONCE:])
    _take_in(newer, live.ids.places(times), np.fromiter(times.values(), np.float64), engine.sources)
    return newer


def read_on(engine: Engine) -> Engine:
    """As `Engine.reading` has it."""
    newer = copy.copy(engine)
    newer.unread = engine.unread[READ_AT_ONCE:]
    reading = {name: source for name, source in engine.sources.items() if getattr(source, "reads_meaning", False)}
    rows = engine.catalogue.ids.rows(engine.unread[:READ_AT_ONCE])
    there = rows[rows >= 0]  # the others were deleted meanwhile
    _take_in(newer, there, np.full(len(there), np.nan), reading)
    return newer


def _news(catalogue: Catalogue, changes: Sequence[Change]) -> Iterator[Change]:
    """Without what is known: a shop that sends its whole catalogue every night changes prices and stocks."""
    spoken_of = set[str]()
    for change in changes:
        row = catalogue.ids.row(change.id)
        if change.item is not None and row != UNKNOWN_ROW and change.id not in spoken_of:
            change = change.news_of(catalogue.item(row))
        spoken_of.add(change.id)
        if change.item is not None or change.deleted or change.figures:
            yield change


def _take_in(engine: Engine, rows: Rows, times: Seconds, sources: Mapping[str, FittedSource]) -> None:
    """Let `sources` know the items int32 [k], which came or changed at `times` float64 [k]. One that is deleted
    already counts as any other that is: it is known, and cannot be had."""
    if not len(rows):
        return
    changed = Material(
        engine.catalogue,
        items_table(engine.catalogue.items(rows)),
        engine.interactions.where(np.zeros(len(engine.interactions), np.bool_)),
        time.time(),
        engine.settings,
        engine.encoder,
        READ_AT_ONCE,
        times,
    )
    engine.statistics = engine.statistics.updated(engine.catalogue, rows, times)
    engine.sources = engine.sources | {
        name: updated(source, changed, rows, engine.n_released) for name, source in sources.items()
    }
