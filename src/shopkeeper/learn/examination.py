"""How likely people are to look at each place of a list: what a click there is worth as evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shopkeeper.data.duck import connect
from shopkeeper.learn.requests import Asked
from shopkeeper.learn.searches import with_events
from shopkeeper.vocabulary import Ids

ROUNDS = 50
FEWEST_SHOWN = 200  # at a place; what lies beyond is taken to be like the last place that has them
FEWEST_MOVED, FEWEST_PLACES = 200, 3  # at a place, by chance; first places that have them, for swaps to tell anything
LEAST = 0.1  # so that no single click counts more than ten times

Chances = npt.NDArray[np.float64]


class Examination(NamedTuple):
    """looked: float64 [places], the chance that each place is looked at, against the first; swapped: of how many of the
    first places it is known from what chance put there, 0 none."""

    looked: Chances
    swapped: int = 0


def examination_of(tables: Path) -> Examination | None:
    """From the impressions under `tables`; None where there are too few. Of the first places from what chance exchanged
    there, where it did so often enough; of the others from items that stood at several places for reasons of their own
    (a price, a fashion), which may be reasons to click as well."""
    if not any(tables.glob("events/*/*.parquet")):
        return None
    by_swaps, by_pairs = (_counts(tables, name) for name in ("swaps.sql", "examination.sql"))
    enough = _often(by_swaps.column("position").to_numpy(), by_swaps.column("moved").to_numpy(), FEWEST_MOVED)
    harvested = estimate_examination(by_pairs)
    moved = estimate_examination(by_swaps.drop_columns("moved")) if enough >= FEWEST_PLACES else None
    if moved is None:
        return None if harvested is None else Examination(harvested)
    return joined(moved[:enough], harvested)


def joined(moved: Chances, harvested: Chances | None) -> Examination:
    """What swaps tell of the first places, and behind them the other curve, as high where they meet."""
    known = len(moved)
    if harvested is None or len(harvested) <= known:
        return Examination(moved, known)
    behind = harvested[known:] * (moved[-1] / harvested[known - 1])
    return Examination(np.clip(np.concatenate((moved, behind)), LEAST, 1.0), known)


def _counts(tables: Path, name: str) -> pa.Table:
    with with_events(tables) as database:
        statement = files("shopkeeper.learn").joinpath(name).read_text(encoding="utf-8")
        return database.sql(statement).to_arrow_table()


def _often(positions: npt.NDArray[np.int32], counts: npt.NDArray[np.int64], fewest: int) -> int:
    """How many of the first places have so many."""
    totals = np.append(np.bincount(positions - 1, counts), 0)
    return int(np.argmin(totals >= fewest))


def estimate_examination(counts: pa.Table) -> Chances | None:
    """float64 [places], of the first 1: the chance that place p is looked at, against the first. None where even the
    first two places were seldom shown.

    counts: int columns pair, position, shown, acted: how often a pair was shown at a position and acted on. A pair is
    what is wanted alike wherever it stands: a query and an item, or what has one place by its score and was exchanged
    by chance with another (Joachims, Swaminathan & Schnabel, "Unbiased learning-to-rank with biased feedback", WSDM
    2017). By the position-based model (Richardson et al., WWW 2007) acted = shown · examined(position) · wanted(pair)
    in expectation, fitted as a Poisson model with an effect for each pair: what tells places apart is that the same
    pair stood at several (Agarwal et al., "Estimating position bias without intrusive interventions", WSDM 2019).
    """
    pair, place, shown, acted = (counts.column(name).to_numpy().astype(np.int64) for name in counts.column_names)
    place = place - 1
    places = _often(place + 1, shown, FEWEST_SHOWN)
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


def weigh(asked: Sequence[Asked], looked_at: Chances, tables: Path, items: Ids) -> list[Asked]:
    """The same requests, each weighing the mean over its wanted items of one over the chance that their place in the
    list was looked at (inverse propensity scoring, Joachims et al., WSDM 2017); 1 where no place is known."""
    places = _places(tables, sorted({one.slate for one in asked}))
    weighed = []
    for one in asked:
        known = [places[key] for item in items.ids(one.rows) if (key := (one.slate, item)) in places]
        looked = looked_at[np.minimum(known, len(looked_at)) - 1] if known else np.ones(1)
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
