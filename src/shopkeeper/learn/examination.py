"""How likely people are to look at each place of a list: what a click there is worth as evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shopkeeper.data.duck import connect
from shopkeeper.learn.requests import Asked
from shopkeeper.vocabulary import Ids

ROUNDS = 50
FEWEST_SHOWN = 200  # at a place; what lies beyond is taken to be like the last place that has them
LEAST = 0.1  # so that no single click counts more than ten times

Examination = npt.NDArray[np.float64]


def examination_of(tables: Path) -> Examination | None:
    """From the impressions under `tables`; None where there are too few."""
    if not any(tables.glob("events/*/*.parquet")):
        return None
    with connect() as database:
        database.read_parquet(str(tables / "events" / "*" / "*.parquet"), union_by_name=True).create_view("events")
        statement = files("shopkeeper.learn").joinpath("examination.sql").read_text(encoding="utf-8")
        return estimate_examination(database.sql(statement).to_arrow_table())


def estimate_examination(counts: pa.Table) -> Examination | None:
    """float64 [places], of the first 1: the chance that place p is looked at, against the first. None where even the
    first two places were seldom shown.

    counts: int columns pair, position, shown, acted: how often a pair (query, item) was shown at a position and acted
    on. By the position-based model (Richardson et al., WWW 2007) acted = shown · examined(position) · wanted(pair) in
    expectation, fitted as a Poisson model with an effect for each pair: what tells places apart is that the same pair
    stood at several (Agarwal et al., "Estimating position bias without intrusive interventions", WSDM 2019).
    """
    pair, place, shown, acted = (counts.column(name).to_numpy().astype(np.int64) for name in counts.column_names)
    place = place - 1
    totals = np.bincount(place, shown, minlength=2)
    enough = totals >= FEWEST_SHOWN
    places = len(enough) if enough.all() else int(np.argmin(enough))
    if places < 2:
        return None
    kept = place < places
    pair, place, shown, acted = pair[kept], place[kept], shown[kept], acted[kept]
    examined, by_place, by_pair = np.ones(places), np.bincount(place, acted, places), np.bincount(pair, acted)
    for _ in range(ROUNDS):
        wanted = by_pair / np.maximum(np.bincount(pair, shown * examined[place]), 1e-9)
        examined = by_place / np.maximum(np.bincount(place, shown * wanted[pair], places), 1e-9)
        examined /= max(float(examined[0]), 1e-9)
    return np.clip(examined, LEAST, 1.0)


def weigh(asked: Sequence[Asked], examination: Examination, tables: Path, items: Ids) -> list[Asked]:
    """The same requests, each weighing the mean over its wanted items of one over the chance that their place in the
    list was looked at (inverse propensity scoring, Joachims et al., WSDM 2017); 1 where no place is known."""
    places = _places(tables, sorted({one.slate for one in asked}))
    weighed = []
    for one in asked:
        known = [places[key] for item in items.ids(one.rows) if (key := (one.slate, item)) in places]
        looked = examination[np.minimum(known, len(examination)) - 1] if known else np.ones(1)
        weighed.append(replace(one, weight=float((1 / looked).mean())))
    return weighed


def _places(tables: Path, slates: Sequence[str]) -> dict[tuple[str, str], int]:
    """(slate_id, item_id) → position, from 1, of what was shown in these lists."""
    with connect() as database:
        database.read_parquet(str(tables / "events" / "*" / "*.parquet"), union_by_name=True).create_view("events")
        database.register("slates", pa.table({"slate_id": pa.array(slates, pa.string())}))
        shown = database.sql(
            """SELECT slate_id, item_id, min(position) FROM events SEMI JOIN slates USING (slate_id)
            WHERE item_id IS NOT NULL AND position >= 1 GROUP BY slate_id, item_id"""
        ).fetchall()
    return {(slate, item): position for slate, item, position in shown}
